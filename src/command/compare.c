#include "base/file.h"
#include "base/file_use.h"
#include "base/json.h"
#include "base/text.h"
#include "command/command.h"
#include "pass/runtime.h"
#include "study/outputs.h"
#include "trajectory/trajectory.h"

#include <stdio.h>

static int compare_files(const char *a, const char *b, struct trajectory_difference *difference,
                         struct error *error)
{
  struct revision one, two;
  if (trajectory_read_csv(a, &one, error))
    return error->code;
  int status = trajectory_read_csv(b, &two, error);
  if (!status) {
    trajectory_compare_revisions(&one, &two, difference);
    trajectory_revision_free(&two);
  }
  trajectory_revision_free(&one);
  return status;
}

static int compare_directories(const char *a, const char *b,
                               struct trajectory_difference *difference,
                               struct trajectory_difference *provenance, struct error *error)
{
  struct trajectory one, two;
  if (trajectory_load(a, &one, error))
    return error->code;
  int status = trajectory_load(b, &two, error);
  if (!status) {
    trajectory_compare(&one, &two, difference);
    trajectory_compare_provenance(&one, &two, provenance);
    trajectory_free(&two);
  }
  trajectory_free(&one);
  return status;
}

int command_compare(int argc, char **argv, struct error *error)
{
  struct common_options common = {0};
  const struct option_spec specs[] = {COMMON_OPTIONS(&common)};
  const struct option_list list = {
      "compare A B [OPTIONS]",
      "Compares two trajectories bit for bit: two CSV files of one revision each, or two\n"
      "directories with trajectory.json. Names the first difference and its distance in ULP.",
      specs, sizeof specs / sizeof *specs};
  const char *paths[2];
  struct trajectory_difference difference = {0}, provenance = {0};
  size_t used;
  bool help;
  if (options_parse(argc, argv, &list, paths, 2, &used, &help, error) || help)
    return error->code;
  if (used != 2)
    return error_set(error, EXIT_INPUT, "compare: needs two trajectories; see --help");
  if (common_options_check(&common, error))
    return error->code;
  const struct output json = {.option = "--json", .path = common.json};
  if (file_is_directory(paths[0]) != file_is_directory(paths[1]))
    return error_set(error, EXIT_INPUT, "compare: one is a directory and the other is a file");
  int failed = file_is_directory(paths[0])
                   ? compare_directories(paths[0], paths[1], &difference, &provenance, error)
                   : compare_files(paths[0], paths[1], &difference, error);
  if (failed || file_use_check(error) || outputs_spare_read(&json, 1, error) ||
      outputs_spare_folder(&json, 1, paths[0], error) ||
      outputs_spare_folder(&json, 1, paths[1], error))
    return error->code;
  bool to_stdout = common.json && common.json[0] == '-' && !common.json[1];
  if (common.json) {
    json_t *all = json_pack("{s:s, s:s, s:b, s:s, s:s}", "a", text_shown(paths[0]).text, "b",
                            text_shown(paths[1]).text, "equal", !difference.found, "difference",
                            difference.where, "provenance", provenance.where);
    int status = all ? json_write(common.json, all, error)
                     : error_set(error, EXIT_RUN, "%s: out of memory or a path that is not UTF-8",
                                 common.json);
    json_decref(all);
    if (status)
      return status;
  }
  if (!common.quiet && !to_stdout)
    printf("%s\n", difference.found ? difference.where : "equal to the bit");
  if (!common.quiet && !to_stdout && provenance.found)
    printf("they do not say the same of where they come from: %s\n", provenance.where);
  return difference.found ? EXIT_CHECK : EXIT_HELD;
}
