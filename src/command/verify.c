#include "base/json.h"
#include "checkpoint/manifest.h"
#include "command/command.h"
#include "command/runtime.h"

#include <stdio.h>
#include <string.h>

#define MOST_MANIFESTS 64

struct finding {
  bool text;
  json_t *lines;
};

static void report(void *context, const char *line)
{
  struct finding *finding = context;
  if (finding->text)
    printf("  %s\n", line);
  json_array_append_new(finding->lines, json_string(line));
}

static int verify_one(const char *path, const char *checkpoints, bool text, json_t *all,
                      size_t *failures, struct error *error)
{
  struct manifest manifest;
  size_t failed, files = 0;
  if (manifest_load(path, &manifest, error))
    return error->code;
  struct finding finding = {text, json_array()};
  if (text)
    printf("%s: %s\n", path, manifest.model);
  int status = manifest_verify(&manifest, checkpoints, NULL, report, &finding, &failed, error);
  for (size_t i = 0; i < manifest.revision_count; i++)
    files += manifest.revisions[i].file_count;
  if (!status) {
    if (text)
      printf("  %zu files of %zu revisions: %zu failures\n", files, manifest.revision_count,
             failed);
    *failures += failed;
    json_array_append_new(all, json_pack("{s:s, s:s, s:I, s:I, s:O}", "manifest", path, "model",
                                         manifest.model, "files", (json_int_t)files, "failures",
                                         (json_int_t)failed, "findings", finding.lines));
  }
  json_decref(finding.lines);
  manifest_free(&manifest);
  return status;
}

int command_verify(int argc, char **argv, struct error *error)
{
  struct common_options common = {0};
  const char *checkpoints = NULL;
  const struct option_spec specs[] = {
      {"checkpoints", OPTION_STRING, &checkpoints, 0, 0, "DIR",
       "the checkpoints, if not where the manifest says"},
      COMMON_OPTIONS(&common),
  };
  const struct option_list list = {
      "verify MANIFEST... [OPTIONS]",
      "Checks the size and digests of every file that a manifest pins, and flags revisions with\n"
      "the same payload.",
      specs, sizeof specs / sizeof *specs};
  const char *paths[MOST_MANIFESTS];
  size_t used, failures = 0;
  bool help;
  if (options_parse(argc, argv, &list, paths, MOST_MANIFESTS, &used, &help, error) || help)
    return error->code;
  if (used == 0 || (checkpoints && used > 1))
    return error_set(error, EXIT_INPUT,
                     "verify: needs a manifest, and exactly one with --checkpoints; see --help");
  if (common_options_check(&common, error))
    return error->code;
  json_t *all = json_array();
  bool text = !common.quiet && !(common.json && strcmp(common.json, "-") == 0);
  int status = 0;
  for (size_t i = 0; i < used && !status; i++)
    status = verify_one(paths[i], checkpoints, text, all, &failures, error);
  if (!status && common.json) {
    json_t *object = json_pack("{s:O, s:I}", "manifests", all, "failures", (json_int_t)failures);
    status = json_write(common.json, object, error);
    json_decref(object);
  }
  json_decref(all);
  return status ? status : failures ? EXIT_CHECK : EXIT_HELD;
}
