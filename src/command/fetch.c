#include "fetch/fetch.h"

#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/options.h"
#include "base/text.h"
#include "command/command.h"
#include "command/terminal.h"
#include "fetch/http.h"
#include "manifest/tensor_list.h"
#include "study/outputs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fetch_command {
  const char *to, *revision, *json;
  bool dry_run;
  bool text; /* whether text goes to standard output */
  struct fetch_options options;
};

static const char *const states[] = {"left", "there", "fetched", "failed"};

static bool verified(const struct fetch_result *result)
{
  return result->state == FETCH_THERE || result->state == FETCH_FETCHED;
}

static const char *size_of(const struct fetch_result *result, char *out, size_t capacity)
{
  if (!result->has_bytes && !verified(result))
    return "unknown";
  return text_bytes(out, capacity, result->bytes);
}

/* Files and bytes known before the start; the directory may not exist yet. */
static void show_estimate(const struct fetch_command *command, const struct fetch_result *results,
                          size_t count)
{
  uint64_t bytes = 0;
  size_t unknown = 0;
  char size[32], room[32];
  uint64_t available;
  for (size_t i = 0; i < count; i++) {
    if (!results[i].has_bytes)
      unknown++;
    else if (__builtin_add_overflow(bytes, results[i].bytes, &bytes))
      bytes = UINT64_MAX;
  }
  printf("%s, %s", text_counted(count, "file").text, text_bytes(size, sizeof size, bytes));
  if (unknown)
    printf(" and %s of unknown size", text_counted(unknown, "file").text);
  if (file_free_bytes(file_is_directory(command->to) ? command->to : ".", &available))
    printf("; %s free on disk", text_bytes(room, sizeof room, available));
  printf("\n");
  fflush(stdout);
}

/* What the tensors alone take, where a manifest lists them: sizes of files may not be known. */
static int show_tensors(const struct manifest *manifest, size_t revisions, struct error *error)
{
  struct tensor_list list;
  char each[32], all[32];
  if (!manifest->tensors)
    return 0;
  if (tensor_list_load(manifest->tensors, &list, error))
    return error->code;
  uint64_t bytes = tensor_list_bytes(&list), total;
  if (__builtin_mul_overflow(bytes, revisions, &total))
    total = UINT64_MAX;
  printf("only tensors, by %s: %s a revision, %s in all\n", manifest->tensors,
         text_bytes(each, sizeof each, bytes), text_bytes(all, sizeof all, total));
  tensor_list_free(&list);
  return 0;
}

static void show_files(const struct fetch_result *results, size_t count, bool dry_run)
{
  char size[32];
  for (size_t i = 0; i < count; i++) {
    const struct fetch_result *result = &results[i];
    printf("  %s/%s  %s  %s\n", result->revision->name, result->file->path,
           size_of(result, size, sizeof size), dry_run ? "" : states[result->state]);
  }
}

/* What of a file without SHA-256 was checked all the same. */
static const char *checked_by(const struct pinned_file *file)
{
  if (*file->digest.xxh3_128)
    return file->has_bytes ? "checked only by size and XXH3-128" : "checked only by XXH3-128";
  return file->has_bytes ? "checked only by size" : "not checked against the manifest";
}

static void show_unpinned(const struct fetch_result *results, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    const struct fetch_result *result = &results[i];
    if (verified(result) && !pinned_file_pinned(result->file))
      printf("UNPINNED %s/%s: %s; found bytes %" PRIu64 ", sha256 %s, xxh3_128 %s\n",
             result->revision->name, result->file->path, checked_by(result->file), result->bytes,
             result->digest.sha256, result->digest.xxh3_128);
  }
}

static json_t *describe(const struct fetch_result *result)
{
  json_t *object = json_pack("{s:s, s:s, s:b}", "revision", result->revision->name, "path",
                             result->file->path, "pinned", (int)pinned_file_pinned(result->file));
  bool sized = result->has_bytes || verified(result);
  json_put(object, "state", json_string(states[result->state]));
  json_put(object, "bytes", sized ? json_integer((json_int_t)result->bytes) : json_null());
  if (verified(result)) {
    json_put(object, "sha256", json_string(result->digest.sha256));
    json_put(object, "xxh3_128", json_string(result->digest.xxh3_128));
  }
  if (result->state == FETCH_FAILED)
    json_put(object, "error", json_string(result->error.text));
  return object;
}

static int write_results(const char *path, const struct manifest *manifest,
                         const struct fetch_result *results, size_t count, struct error *error)
{
  json_t *files = json_array();
  for (size_t i = 0; i < count; i++)
    json_add(files, describe(&results[i]));
  json_t *object = json_pack("{s:s, s:s, s:o}", "manifest", text_shown(manifest->path).text,
                             "repository", manifest->repository, "files", files);
  int status = json_write(path, object, error);
  json_decref(object);
  return status;
}

/* One line for each failure. A failed check weighs most, then what is not on the server. */
static int conclude(const struct fetch_result *results, size_t count, bool dry_run)
{
  size_t left = 0;
  bool seen[4] = {false};
  for (size_t i = 0; i < count; i++) {
    const struct fetch_result *result = &results[i];
    left += result->state == FETCH_LEFT;
    if (result->state != FETCH_FAILED)
      continue;
    fprintf(stderr, "attest: %s\n", result->error.text);
    seen[result->error.code & 3] = true;
  }
  if (left && !dry_run)
    fprintf(stderr, "attest: incomplete: %zu of %s; run the same command again to resume\n", left,
            text_counted(count, "file").text);
  if (seen[EXIT_CHECK])
    return EXIT_CHECK;
  if (seen[EXIT_INPUT])
    return EXIT_INPUT;
  return seen[EXIT_RUN] || (left && !dry_run) || interrupt_requested() ? EXIT_RUN : EXIT_HELD;
}

static int carry_out(const struct fetch_command *command, const struct manifest *manifest,
                     struct error *error)
{
  const struct manifest_revision *only;
  struct fetch_result *results;
  size_t count;
  if (http_check_base(command->options.base, error) ||
      manifest_find(manifest, command->revision, &only, error) ||
      fetch_list(manifest, only, &results, &count, error))
    return error->code;
  interrupt_install();
  int status =
      command->text ? show_tensors(manifest, only ? 1 : manifest->revision_count, error) : 0;
  if (status) {
    free(results);
    return status;
  }
  if (command->dry_run) {
    status = fetch_sizes(manifest, &command->options, results, count, error);
  } else {
    if (command->text)
      show_estimate(command, results, count);
    status = fetch_files(manifest, command->to, &command->options, results, count, error);
  }
  if (!status && command->text) {
    show_files(results, count, command->dry_run);
    if (command->dry_run)
      show_estimate(command, results, count);
    else
      show_unpinned(results, count);
  }
  if (!status && command->json)
    status = write_results(command->json, manifest, results, count, error);
  if (!status)
    status = conclude(results, count, command->dry_run);
  free(results);
  return status;
}

int command_fetch(int argc, char **argv, struct error *error)
{
  struct fetch_command command = {.options = FETCH_DEFAULTS};
  struct fetch_options *options = &command.options;
  const struct option_spec specs[] = {
      {"to", OPTION_STRING, &command.to, 0, 0, "DIR", "where the files go; required"},
      {"revision", OPTION_STRING, &command.revision, 0, 0, "NAME",
       "only this revision; default: all"},
      {"dry-run", OPTION_FLAG, &command.dry_run, 0, 0, NULL,
       "print what would be fetched; sizes that are not pinned are asked of the server"},
      {"replace", OPTION_FLAG, &options->replace, 0, 0, NULL,
       "fetch files again that are there but wrong"},
      {"base", OPTION_STRING, &options->base, 0, 0, "URL",
       "address of the hub; default: " FETCH_BASE},
      {"parallel", OPTION_NUMBER, &options->parallel, 1, 8, "N", "files at a time; default: 2"},
      {"retries", OPTION_NUMBER, &options->retries, 0, 1000, "N",
       "retries of a file in a row before giving up; default: 5"},
      {"retry-wait", OPTION_NUMBER, &options->retry_wait, 1, 60000, "MS",
       "milliseconds before the first retry, doubled each time up to a minute; default: 1000"},
      {"stall-seconds", OPTION_NUMBER, &options->stall_seconds, 1, 3600, "S",
       "give up on a connection slower than 1 KiB/s for so many seconds; default: 60"},
      {"json", OPTION_STRING, &command.json, 0, 0, "FILE", "write the result as JSON; - = stdout"},
      {"quiet", OPTION_FLAG, &options->quiet, 0, 0, NULL, "print only errors"},
  };
  const struct option_list list = {
      "fetch MANIFEST --to DIR [OPTIONS]",
      "Fetches the files that a manifest pins from its repository on a hub and checks "
      "them.\nInterrupted downloads resume. A proxy is taken from the environment, a token for the "
      "hub\nfrom ~/.netrc.",
      specs, sizeof specs / sizeof *specs};
  const char *path;
  size_t used;
  bool help;
  if (options_parse(argc, argv, &list, &path, 1, &used, &help, error) || help)
    return error->code;
  if (used != 1 || !command.to || !*command.to)
    return error_set(error, EXIT_INPUT, "fetch: needs a manifest and --to DIR; see --help");
  if (command.json && file_check_writable(command.json, error))
    return error->code;
  options->notices = terminal_notices(options->quiet);
  command.text = !options->quiet && !(command.json && strcmp(command.json, "-") == 0);
  struct manifest manifest;
  if (manifest_load(path, &manifest, error))
    return error->code;
  const struct output json = {.option = "--json", .path = command.json};
  int status = outputs_spare_manifest(&json, 1, &manifest, command.to, error);
  if (!status)
    status = carry_out(&command, &manifest, error);
  manifest_free(&manifest);
  return status;
}
