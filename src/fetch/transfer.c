#define _GNU_SOURCE
#include "fetch/transfer.h"

#include "base/sniff.h"
#include "base/text.h"
#include "fetch/kind.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum attempt stop(struct transfer *transfer, enum attempt verdict)
{
  transfer->verdict = verdict;
  return verdict;
}

bool transfer_has_pin(const struct pinned_file *file)
{
  return *file->digest.sha256 || *file->digest.xxh3_128;
}

void transfer_move(const struct transfer *transfer, int64_t change)
{
  transfer->download->progress(transfer->download->context, change);
}

/* Size of the whole file: pinned, or what the server says; false when nobody says. */
static bool whole_size(const struct transfer *transfer, const struct http_answer *answer,
                       uint64_t *bytes)
{
  if (transfer->file->has_bytes)
    *bytes = transfer->file->bytes;
  else if (answer->status == 206)
    *bytes = answer->range_total;
  else if (answer->has_length)
    *bytes = answer->length;
  else if (answer->has_hub_length)
    *bytes = answer->hub_length;
  else
    return false;
  return true;
}

/* What the server says of the file against the pins: a wrong file need not be fetched to the end.
 */
static int check_announced(const struct transfer *transfer, const struct http_answer *answer,
                           uint64_t bytes, struct error *error)
{
  const struct pinned_file *file = transfer->file;
  const char *url = transfer->download->url;
  bool other = (answer->status == 200 && answer->has_length && answer->length != bytes);
  uint64_t said = other ? answer->length : answer->hub_length;
  if (other || (answer->has_hub_length && answer->hub_length != bytes))
    return error_set(error, EXIT_CHECK,
                     "%s: the server has %" PRIu64 " bytes instead of %" PRIu64
                     "; is the revision's branch still the same?",
                     url, said, bytes);
  if (*file->digest.sha256 && *answer->hub_sha256 &&
      strcmp(file->digest.sha256, answer->hub_sha256) != 0)
    return error_set(error, EXIT_CHECK,
                     "%s: the server has SHA-256 %s instead of %s; is the revision's branch still "
                     "the same?",
                     url, answer->hub_sha256, file->digest.sha256);
  return 0;
}

static bool room_for(const char *final, uint64_t bytes, struct error *error)
{
  char *copy = strdup(final), need[32], free_bytes[32];
  char *slash = copy ? strrchr(copy, '/') : NULL;
  uint64_t room;
  if (slash)
    *slash = 0;
  bool known = copy && file_free_bytes(slash ? copy : ".", &room);
  free(copy);
  if (!known || room >= bytes)
    return true;
  error_set(error, EXIT_RUN, "%s: needs %s, but only %s are free on this disk", final,
            text_bytes(need, sizeof need, bytes), text_bytes(free_bytes, sizeof free_bytes, room));
  return false;
}

/* Whether the rest is of the version that the part is of: by its ETag, or by a digest that all the
 * bytes will be held against. */
static bool same_version(const struct transfer *transfer, const struct http_answer *answer)
{
  const struct part_version *version = &transfer->part.version;
  if (*version->sha256 && *answer->hub_sha256 && strcmp(version->sha256, answer->hub_sha256) != 0)
    return false;
  if (*version->etag && *answer->etag)
    return strcmp(version->etag, answer->etag) == 0;
  return transfer_has_pin(transfer->file) || *version->sha256;
}

/* 206: exactly the rest of the same version. */
static bool continues(const struct transfer *transfer, const struct http_answer *answer,
                      uint64_t bytes)
{
  const struct part *part = &transfer->part;
  return answer->has_range && part->size && answer->range_first == part->size &&
         answer->range_total == bytes && answer->range_last == bytes - 1 &&
         (!part->version.has_bytes || part->version.bytes == bytes) &&
         same_version(transfer, answer);
}

/* 200: the whole file, whatever was there before. */
static int restart(struct transfer *transfer, const struct http_answer *answer, uint64_t bytes)
{
  struct part_version version = {.has_bytes = true, .bytes = bytes};
  snprintf(version.etag, sizeof version.etag, "%s", answer->etag);
  snprintf(version.sha256, sizeof version.sha256, "%s", answer->hub_sha256);
  transfer_move(transfer, -(int64_t)transfer->part.size);
  return part_restart(&transfer->part, &version, transfer->error);
}

enum attempt transfer_accept(struct transfer *transfer, const struct http_answer *answer)
{
  const char *url = transfer->download->url;
  uint64_t bytes;
  transfer->accepted = true;
  if (answer->encoded) {
    error_set(transfer->error, EXIT_RUN,
              "%s: the server compresses its answer, which was not asked for", url);
    return stop(transfer, GIVEN_UP);
  }
  if (!whole_size(transfer, answer, &bytes)) {
    error_set(transfer->error, EXIT_RUN,
              "%s: the server does not say how long the file is, and the manifest does not", url);
    return stop(transfer, GIVEN_UP);
  }
  if (answer->status == 206 && !continues(transfer, answer, bytes)) {
    error_set(transfer->error, EXIT_RUN, "%s: the server sends another part than was asked for",
              url);
    return stop(transfer, AGAIN_FROM_SCRATCH);
  }
  transfer->limit = bytes;
  if (check_announced(transfer, answer, bytes, transfer->error) ||
      (answer->status == 200 && restart(transfer, answer, bytes)) ||
      !room_for(transfer->download->final, bytes - transfer->part.size, transfer->error))
    return stop(transfer, GIVEN_UP);
  return DONE;
}

int transfer_check_kind(const struct transfer *transfer, struct error *error)
{
  if (transfer_has_pin(transfer->file))
    return 0;
  return kind_check(transfer->download->url, transfer->file->path, transfer->part.path, error);
}

/* Once there are enough bytes to tell; those of another file are not kept. */
static bool is_of_kind(struct transfer *transfer, uint64_t before)
{
  uint64_t enough = transfer->limit < SNIFF_BYTES ? transfer->limit : SNIFF_BYTES;
  struct error ignored = {0};
  if (before >= enough || transfer->part.size < enough ||
      transfer_check_kind(transfer, transfer->error) == 0)
    return true;
  transfer_move(transfer, -(int64_t)transfer->part.size);
  part_restart(&transfer->part, &(struct part_version){0}, &ignored);
  return false;
}

int transfer_take(void *context, const struct http_answer *answer, const void *data, size_t size)
{
  struct transfer *transfer = context;
  uint64_t before;
  if (!transfer->accepted && transfer_accept(transfer, answer) != DONE) {
    if (transfer->error->code == EXIT_CHECK)
      kind_explain(transfer->file->path, data, size, transfer->error);
    return 1;
  }
  if (size > transfer->limit - transfer->part.size) {
    error_set(transfer->error, EXIT_CHECK, "%s: the server sends more than %" PRIu64 " bytes",
              transfer->download->url, transfer->limit);
    stop(transfer, GIVEN_UP);
    return 1;
  }
  before = transfer->part.size;
  if (part_add(&transfer->part, data, size, transfer->error)) {
    stop(transfer, GIVEN_UP);
    return 1;
  }
  transfer_move(transfer, (int64_t)size);
  if (is_of_kind(transfer, before))
    return 0;
  stop(transfer, GIVEN_UP);
  return 1;
}

bool download_refused(const struct http_answer *answer, const char *url, struct error *error)
{
  long status = answer->status;
  const char *said = answer->said, *before = *said ? "; the server says: " : "";
  if (status == 401 || status == 403)
    error_set(error, EXIT_RUN,
              "%s: no access (HTTP %ld): accept the model's conditions on the hub and put a token "
              "as the password in ~/.netrc%s%s",
              url, status, before, said);
  else if (status == 404 || status == 410)
    error_set(error, EXIT_INPUT, "%s: not on the server (HTTP %ld): no such revision or file%s%s",
              url, status, before, said);
  else
    error_set(error, EXIT_RUN, "%s: HTTP status %ld%s%s", url, status, before, said);
  return status < 500 && status != 408 && status != 425 && status != 429;
}
