#include "base/file_use.h"
#include "base/json.h"
#include "base/text.h"
#include "command/command.h"
#include "command/terminal.h"
#include "manifest/manifest_verify.h"
#include "pass/runtime.h"
#include "study/forecast.h"
#include "study/outputs.h"
#include "study/verified.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_MANIFESTS 64

struct verify_options {
  struct common_options common;
  const char *checkpoints, *pointers, *revision;
  bool allow_unpinned;
};

/* What is said of one manifest. */
struct saying {
  bool text, quiet;
  json_t *findings, *notes, *moves;
  struct text tensors; /* whose moves are being printed */
};

static void say_finding(void *context, const char *line)
{
  struct saying *saying = context;
  if (saying->text)
    printf("  FAILED: %s\n", line);
  if (saying->quiet)
    fprintf(stderr, "attest: %s\n", line);
  json_add(saying->findings, json_string(line));
}

static void say_note(void *context, const char *line)
{
  struct saying *saying = context;
  if (saying->text)
    printf("  %s\n", line);
  json_add(saying->notes, json_string(line));
}

/* The tensors are named above their columns' first row, and again when they change. */
static void print_moved(struct saying *saying, const char *before, const char *after,
                        const struct move_list *moves)
{
  struct text names = {0}, row = {0};
  for (size_t i = 0; i < moves->count; i++) {
    if (moves->moves[i].not_comparable)
      continue;
    text_add(&names, "    %s%s\n", moves->moves[i].tensor,
             moves->moves[i].sampled ? " (a sample of it)" : "");
    text_add(&row, " %8.3g", moves->moves[i].norm);
  }
  if (names.data && (!saying->tensors.data || strcmp(names.data, saying->tensors.data) != 0)) {
    printf("  relative change |W - W before| / |W before| of\n%s", names.data);
    text_free(&saying->tensors);
    saying->tensors = names;
    names = (struct text){0};
  }
  printf("    %-24s -> %-24s%s\n", before, after, row.data ? row.data : " nothing to compare");
  saying->tensors.failed |= names.failed || row.failed;
  text_free(&names);
  text_free(&row);
}

static void say_moved(void *context, const struct manifest_revision *before,
                      const struct manifest_revision *after, const struct move_list *moves)
{
  struct saying *saying = context;
  if (saying->text)
    print_moved(saying, before->name, after->name, moves);
  for (size_t i = 0; i < moves->count; i++) {
    const struct move *move = &moves->moves[i];
    json_add(saying->moves,
             json_pack("{s:s, s:s, s:s, s:o, s:b, s:b, s:b}", "from", before->name, "to",
                       after->name, "tensor", move->tensor, "relative_change",
                       isfinite(move->norm) && !move->not_comparable ? json_real(move->norm)
                                                                     : json_null(),
                       "identical", move->identical, "compared", !move->not_comparable, "sampled",
                       move->sampled));
  }
}

static size_t count_files(const struct manifest *manifest, const struct manifest_revision *only)
{
  size_t files = 0;
  for (size_t i = 0; i < manifest->revision_count; i++)
    if (!only || only == &manifest->revisions[i])
      files += manifest->revisions[i].file_count;
  return files;
}

static void summarise(const struct manifest_check *check, const struct manifest_result *result)
{
  struct text text = {0};
  printf("  %s of ", text_counted(count_files(check->manifest, check->only), "file").text);
  if (check->only)
    printf("revision %s alone: %s", check->only->name,
           text_counted(result->findings, "failure").text);
  else
    printf("%s: %s", text_counted(check->manifest->revision_count, "revision").text,
           text_counted(result->findings, "failure").text);
  verified_add_pins(&text, result);
  if (check->pointers)
    text_add(&text, "; as in the repository: %zu, no counterpart there: %zu",
             result->pointers_equal, result->pointers_missing);
  verified_add_tensors(&text, check, result);
  printf("%s\n", text.data ? text.data : "");
  text_free(&text);
}

static json_t *result_json(const struct manifest_check *check, const struct manifest_result *result)
{
  const struct manifest *manifest = check->manifest;
  const struct saying *saying = check->context;
  return json_pack("{s:s, s:s, s:s, s:s?, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:O, s:O, s:O}",
                   "manifest", text_shown(manifest->path).text, "model", manifest->model, "kind",
                   manifest->kind, "revision", check->only ? check->only->name : NULL, "files",
                   (json_int_t)count_files(manifest, check->only), "failures",
                   (json_int_t)result->findings, "unpinned", (json_int_t)result->unpinned,
                   "by_sha256", (json_int_t)result->by_sha256, "pointers_equal",
                   (json_int_t)result->pointers_equal, "pointers_missing",
                   (json_int_t)result->pointers_missing, "tensors", verified_tensors_json(result),
                   "findings", saying->findings, "notes", saying->notes, "moves", saying->moves);
}

/* Checks, and says what came of it. */
static int check_one(const struct manifest_check *check, bool text, json_t *all, size_t *failures,
                     struct error *error)
{
  struct manifest_result result;
  int status = manifest_verify(check, &result, error);
  if (!status && !file_use_check(error)) {
    if (text)
      summarise(check, &result);
    *failures += result.findings;
    json_add(all, result_json(check, &result));
  }
  manifest_result_free(&result);
  return error->code;
}

static int verify_one(const char *path, const struct verify_options *o, bool text, json_t *all,
                      size_t *failures, struct error *error)
{
  struct manifest manifest;
  const struct manifest_revision *only = NULL;
  if (manifest_load(path, &manifest, error))
    return error->code;
  const struct output json = {.option = "--json", .path = o->common.json};
  int status = outputs_spare_manifest(&json, 1, &manifest, o->checkpoints, error);
  if (!status)
    status = manifest_find(&manifest, o->revision, &only, error);
  struct saying saying = {text, o->common.quiet, json_array(), json_array(), json_array(), {0}};
  const struct manifest_check check = {.manifest = &manifest,
                                       .checkpoints = o->checkpoints,
                                       .only = only,
                                       .pointers = o->pointers,
                                       .allow_unpinned = o->allow_unpinned,
                                       .quiet = o->common.quiet,
                                       .finding = say_finding,
                                       .note = say_note,
                                       .moved = say_moved,
                                       .context = &saying};
  const struct notices notices = terminal_notices(o->common.quiet);
  if (text && !status)
    printf("%s: %s\n", text_shown(path).text, manifest.model);
  if (!status)
    forecast_digests(&manifest, o->checkpoints, only, &notices);
  if (!status)
    status = check_one(&check, text, all, failures, error);
  if (!status && saying.tensors.failed)
    status = error_set(error, EXIT_RUN, "%s: out of memory for its table", path);
  json_decref(saying.findings);
  json_decref(saying.notes);
  json_decref(saying.moves);
  text_free(&saying.tensors);
  manifest_free(&manifest);
  return status;
}

static int parse(int argc, char **argv, struct verify_options *o, const char **paths, size_t *used,
                 bool *help, struct error *error)
{
  const struct option_spec specs[] = {
      {"checkpoints", OPTION_STRING, &o->checkpoints, 0, 0, "DIR",
       "directory of the checkpoints, if not where the manifest says"},
      {"pointers", OPTION_STRING, &o->pointers, 0, 0, "DIR",
       "a git checkout with git-lfs pointers (GIT_LFS_SKIP_SMUDGE=1), laid out as the checkpoints: "
       "size and SHA-256 of every file must be those of the repository"},
      {"revision", OPTION_STRING, &o->revision, 0, 0, "NAME",
       "check only this revision; its tensors are not compared with those of others"},
      {"allow-unpinned", OPTION_FLAG, &o->allow_unpinned, 0, 0, NULL,
       "report files without a pin, but do not fail because of them"},
      COMMON_OPTIONS(&o->common),
  };
  const struct option_list list = {
      "verify MANIFEST... [OPTIONS]",
      "Checks the size and digests of every file that a manifest pins and the names, types and\n"
      "shapes of the tensors; flags unpinned files, git-lfs pointers in place of files,\n"
      "revisions with the same tensor files, and tensors that any two revisions have in common.",
      specs, sizeof specs / sizeof *specs};
  if (options_parse(argc, argv, &list, paths, MOST_MANIFESTS, used, help, error) || *help)
    return error->code;
  if (*used == 0 || ((o->checkpoints || o->pointers || o->revision) && *used > 1))
    return error_set(error, EXIT_INPUT,
                     "verify: needs a manifest, and exactly one with --checkpoints, --pointers or "
                     "--revision; see --help");
  return common_options_check(&o->common, error);
}

int command_verify(int argc, char **argv, struct error *error)
{
  struct verify_options o = {0};
  const char *paths[MOST_MANIFESTS];
  size_t used, failures = 0;
  bool help = false;
  if (parse(argc, argv, &o, paths, &used, &help, error) || help)
    return error->code;
  json_t *all = json_array();
  bool text = !o.common.quiet && !(o.common.json && strcmp(o.common.json, "-") == 0);
  int status = 0;
  for (size_t i = 0; i < used && !status; i++)
    status = verify_one(paths[i], &o, text, all, &failures, error);
  if (!status && o.common.json) {
    json_t *object = json_pack("{s:O, s:I}", "manifests", all, "failures", (json_int_t)failures);
    status = json_write(o.common.json, object, error);
    json_decref(object);
  }
  json_decref(all);
  return status ? status : failures ? EXIT_CHECK : EXIT_HELD;
}
