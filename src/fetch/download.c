#define _GNU_SOURCE
#include "fetch/download.h"

#include "base/interrupt.h"
#include "base/text.h"
#include "fetch/kind.h"
#include "fetch/retry.h"
#include "fetch/transfer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GAIN ((uint64_t)1 << 20) /* bytes that make an attempt worth it */

/* --- one attempt -------------------------------------------------------------------------------
 */

/* Without pins only a strong ETag tells that the rest belongs to the same version. */
static bool resumable(const struct transfer *transfer)
{
  const struct part_version *version = &transfer->part.version;
  return transfer->part.size && (transfer_has_pin(transfer->file) || *version->etag);
}

static enum attempt judge_status(struct transfer *transfer, const struct http_answer *answer)
{
  const char *url = transfer->download->url;
  if (answer->status == 200 || answer->status == 206) {
    /* an empty body never came by */
    if (!transfer->accepted && transfer_accept(transfer, answer) != DONE)
      return transfer->verdict;
    if (transfer->part.size == transfer->limit)
      return DONE;
    error_set(transfer->error, EXIT_RUN,
              "%s: the server ends after %" PRIu64 " of %" PRIu64 " bytes", url,
              transfer->part.size, transfer->limit);
    return AGAIN;
  }
  bool lasting = download_refused(answer, url, transfer->error);
  transfer->wait = answer->wait;
  if (answer->status == 416 && transfer->part.size)
    return AGAIN_FROM_SCRATCH;
  return lasting ? GIVEN_UP : AGAIN;
}

static enum attempt attempt(struct transfer *transfer)
{
  struct part *part = &transfer->part;
  struct http_answer answer;
  bool resume = resumable(transfer);
  struct http_request request = {.url = transfer->download->url,
                                 .offset = resume ? part->size : 0,
                                 .if_range = *part->version.etag ? part->version.etag : NULL,
                                 .body = transfer_take,
                                 .context = transfer};
  transfer->accepted = false;
  transfer->verdict = INTERRUPTED;
  switch (http_get(transfer->download->http, &request, &answer, transfer->error)) {
  case HTTP_ANSWERED:
    return judge_status(transfer, &answer);
  case HTTP_BROKEN:
    return AGAIN;
  case HTTP_REFUSED:
    return GIVEN_UP;
  default:
    return transfer->verdict;
  }
}

static int forget(struct transfer *transfer)
{
  transfer_move(transfer, -(int64_t)transfer->part.size);
  return part_restart(&transfer->part, &(struct part_version){0}, transfer->error);
}

/* Whether all bytes are there before anything is asked for. */
static bool complete(const struct transfer *transfer)
{
  const struct part *part = &transfer->part;
  if (transfer->file->has_bytes)
    return part->size == transfer->file->bytes && (part->size || transfer_has_pin(transfer->file));
  return part->version.has_bytes && part->size && part->size == part->version.bytes &&
         (transfer_has_pin(transfer->file) || *part->version.etag || *part->version.sha256);
}

/* Attempts until the bytes are there. */
static enum attempt bring(struct transfer *transfer)
{
  struct retry retry;
  retry_start(&retry, transfer->download);
  transfer->longest = transfer->part.size;
  while (!complete(transfer)) {
    transfer->wait = 0;
    enum attempt end = interrupt_requested() ? INTERRUPTED : attempt(transfer);
    if (end != AGAIN && end != AGAIN_FROM_SCRATCH)
      return end;
    if (transfer->part.size >= transfer->longest + GAIN) {
      transfer->longest = transfer->part.size;
      retry_start(&retry, transfer->download);
    }
    if (!retry_again(&retry, transfer->wait, transfer->error) ||
        (end == AGAIN_FROM_SCRATCH && forget(transfer)))
      return GIVEN_UP;
  }
  return DONE;
}

/* --- the whole file ----------------------------------------------------------------------------
 */

/* Size and digests against the pins, as far as pinned. */
static int check_pins(const char *path, const struct pinned_file *file, uint64_t bytes,
                      const struct digest *digest, struct error *error)
{
  if (file->has_bytes && bytes != file->bytes)
    return error_set(error, EXIT_CHECK, "%s: %" PRIu64 " bytes instead of %" PRIu64, path, bytes,
                     file->bytes);
  if (*file->digest.sha256 && strcmp(digest->sha256, file->digest.sha256) != 0)
    return error_set(error, EXIT_CHECK, "%s: SHA-256 is %s instead of %s", path, digest->sha256,
                     file->digest.sha256);
  if (*file->digest.xxh3_128 && strcmp(digest->xxh3_128, file->digest.xxh3_128) != 0)
    return error_set(error, EXIT_CHECK, "%s: XXH3-128 is %s instead of %s", path, digest->xxh3_128,
                     file->digest.xxh3_128);
  return 0;
}

static void say_once_more(const struct transfer *transfer)
{
  char line[sizeof transfer->error->text + 100];
  snprintf(line, sizeof line, "%s; fetching it once more", transfer->error->text);
  transfer->download->notice(transfer->download->context, line);
}

static int check_part(struct transfer *transfer, struct fetch_result *result)
{
  const char *sha256 = transfer->part.version.sha256;
  result->bytes = transfer->part.size;
  if (part_finish(&transfer->part, &result->digest, transfer->error) ||
      check_pins(transfer->download->url, transfer->file, result->bytes, &result->digest,
                 transfer->error))
    return transfer->error->code;
  if (*sha256 && strcmp(sha256, result->digest.sha256) != 0)
    return error_set(transfer->error, EXIT_CHECK, "%s: SHA-256 is %s, the server promised %s",
                     transfer->download->url, result->digest.sha256, sha256);
  return transfer_check_kind(transfer, transfer->error);
}

/* Wrong bytes are fetched once more from scratch: the disk or the wire may have had its day. */
static enum attempt bring_right(struct transfer *transfer, struct fetch_result *result)
{
  for (int tries = 0; tries < 2; tries++) {
    enum attempt end = bring(transfer);
    if (end != DONE)
      return end;
    int status = check_part(transfer, result);
    if (!status)
      return DONE;
    if (status != EXIT_CHECK || forget(transfer))
      return GIVEN_UP;
    if (tries == 0)
      say_once_more(transfer);
  }
  return GIVEN_UP;
}

/* A file under its final name is right, or must be cleared away by its owner. */
static void check_there(const struct download *download, struct fetch_result *result)
{
  struct error *error = &result->error;
  if (part_digest_file(download->final, &result->bytes, &result->digest, error))
    result->state = interrupt_requested() ? FETCH_LEFT : FETCH_FAILED;
  else if (check_pins(download->final, result->file, result->bytes, &result->digest, error) ||
           (!transfer_has_pin(result->file) &&
            kind_check(download->final, result->file->path, download->final, error))) {
    char line[sizeof error->text];
    snprintf(line, sizeof line, "%s", error->text);
    error_set(error, EXIT_CHECK, "%.800s; remove it, or fetch it again with --replace", line);
    result->state = FETCH_FAILED;
  } else {
    result->state = FETCH_THERE;
    part_remove(download->final);
    download->progress(download->context, (int64_t)result->bytes);
  }
}

static void fetch(const struct download *download, struct fetch_result *result)
{
  struct transfer transfer = {.download = download, .file = result->file, .error = &result->error};
  enum attempt end = GIVEN_UP;
  bool ours = part_open(download->final, &transfer.part, &result->error) == 0;
  if (ours) {
    transfer_move(&transfer, (int64_t)transfer.part.size);
    bool usable = transfer.part.size == 0 || resumable(&transfer) || complete(&transfer);
    bool longer = result->file->has_bytes && transfer.part.size > result->file->bytes;
    end = (!usable || longer) && forget(&transfer) ? GIVEN_UP : bring_right(&transfer, result);
  } else if (interrupt_requested()) {
    end = INTERRUPTED;
  }
  if (end == DONE && part_publish(&transfer.part, &result->error))
    end = GIVEN_UP;
  if (end == GIVEN_UP && ours && transfer.part.size == 0 && transfer.part.fd >= 0) {
    unlink(transfer.part.path); /* empty: nothing worth keeping */
    unlink(transfer.part.about);
  }
  part_close(&transfer.part);
  result->state = end == DONE ? FETCH_FETCHED : end == INTERRUPTED ? FETCH_LEFT : FETCH_FAILED;
}

void download_file(const struct download *download, struct fetch_result *result)
{
  struct stat info;
  if (lstat(download->final, &info) == 0) {
    check_there(download, result);
    if (result->state != FETCH_FAILED || result->error.code != EXIT_CHECK ||
        !download->options->replace)
      return;
  }
  result->error = (struct error){0};
  fetch(download, result);
  if (result->state == FETCH_FETCHED)
    result->has_bytes = true;
  if (result->state != FETCH_FAILED)
    result->error = (struct error){0}; /* of attempts that did not matter in the end */
}

static int no_body(void *context, const struct http_answer *answer, const void *data, size_t size)
{
  (void)context, (void)answer, (void)data, (void)size;
  return 1;
}

static enum attempt ask_size(const struct download *download, struct fetch_result *result,
                             uint64_t *wait)
{
  struct http_request request = {.url = download->url, .head = true, .body = no_body};
  struct http_answer answer;
  enum http_end end = http_get(download->http, &request, &answer, &result->error);
  *wait = answer.wait;
  if (end != HTTP_ANSWERED)
    return end == HTTP_BROKEN ? AGAIN : end == HTTP_REFUSED ? GIVEN_UP : INTERRUPTED;
  if (answer.status != 200 && !(answer.status / 100 == 3 && answer.has_hub_length))
    return download_refused(&answer, download->url, &result->error) ? GIVEN_UP : AGAIN;
  result->has_bytes = answer.has_hub_length || answer.has_length;
  result->bytes = answer.has_hub_length ? answer.hub_length : answer.length;
  return DONE;
}

void download_size(const struct download *download, struct fetch_result *result)
{
  struct retry retry;
  uint64_t wait;
  enum attempt end;
  retry_start(&retry, download);
  do
    end = interrupt_requested() ? INTERRUPTED : ask_size(download, result, &wait);
  while (end == AGAIN && retry_again(&retry, wait, &result->error));
  if (end == AGAIN || end == GIVEN_UP)
    result->state = FETCH_FAILED;
  else
    result->error = (struct error){0}; /* of tries that did not matter in the end */
}
