#include "claims/claims.h"

#include "base/file.h"
#include "base/file_use.h"
#include "base/json.h"
#include "command/command.h"
#include "command/terminal.h"
#include "pass/runtime.h"
#include "study/outputs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_TRAJECTORIES 64

struct loaded {
  struct trajectory all[MOST_TRAJECTORIES];
  size_t count;
};

static int load_one(struct loaded *loaded, const char *directory, struct error *error)
{
  if (loaded->count == MOST_TRAJECTORIES)
    return error_set(error, EXIT_INPUT, "%s: more than %d trajectories", directory,
                     MOST_TRAJECTORIES);
  if (trajectory_load(directory, &loaded->all[loaded->count], error))
    return error->code;
  loaded->count++;
  return 0;
}

static int holds_trajectory(const char *directory, bool *holds, struct error *error)
{
  char *path = file_join(directory, "trajectory.json", error);
  if (!path)
    return error->code;
  *holds = file_exists(path);
  free(path);
  return 0;
}

/* Every subdirectory with a trajectory.json, in name order. */
static int load_children(struct loaded *loaded, const char *directory, struct error *error)
{
  struct dirent **entries;
  int count = scandir(directory, &entries, NULL, alphasort);
  int status = 0;
  if (count < 0)
    return error_set(error, errno == ENOENT || errno == ENOTDIR ? EXIT_INPUT : EXIT_RUN,
                     "%s: cannot be read: %s", directory, error_reason(errno));
  for (int i = 0; i < count; i++) {
    bool holds = false;
    char *child = NULL;
    if (!status && entries[i]->d_name[0] != '.') {
      child = file_join(directory, entries[i]->d_name, error);
      status = child ? holds_trajectory(child, &holds, error) : error->code;
      if (!status && holds)
        status = load_one(loaded, child, error);
    }
    free(child);
    free(entries[i]);
  }
  free(entries);
  return status;
}

static int load(struct loaded *loaded, const char *directory, struct error *error)
{
  bool holds = false;
  size_t before = loaded->count;
  if (holds_trajectory(directory, &holds, error))
    return error->code;
  if (holds)
    return load_one(loaded, directory, error);
  if (load_children(loaded, directory, error))
    return error->code;
  if (loaded->count == before)
    return error_set(error, EXIT_INPUT,
                     "%s: holds no trajectory.json, and neither do its subdirectories", directory);
  return 0;
}

static int show(const struct claim_list *list, const struct common_options *common, bool every,
                struct error *error)
{
  int status = 0;
  bool to_stdout = common->json && strcmp(common->json, "-") == 0;
  if (common->json) {
    json_t *all = claims_json(list, error);
    status = all ? json_write(common->json, all, error) : error->code;
    json_decref(all);
  }
  if (!status && !common->quiet && !to_stdout) {
    struct text text = {0};
    const struct summary_style style = terminal_style();
    claims_text(list, every, &text);
    summary_text(list, 1, &style, &text);
    text_add(&text, "%s\n",
             every ? "Evidence of each row: --json FILE."
                   : "All readings of each figure: --all; the evidence of each row: --json FILE.");
    if (text.failed)
      status = error_set(error, EXIT_RUN, "claims: out of memory");
    else
      fputs(text.data ? text.data : "", stdout);
    text_free(&text);
  }
  return status;
}

int command_claims(int argc, char **argv, struct error *error)
{
  struct common_options common = {0};
  bool every = false;
  const struct option_spec specs[] = {
      {"all", OPTION_FLAG, &every, 0, 0, NULL,
       "show every reading of each figure, not only the one that the paper states"},
      COMMON_OPTIONS(&common)};
  const struct option_list list = {
      "claims DIR... [OPTIONS]",
      "Evaluates the claims F1 to F5 of arXiv 2606.02378 from trajectories: directories with a\n"
      "trajectory.json, or directories of such. Exit code 1 when a figure is not reproduced.",
      specs, sizeof specs / sizeof *specs};
  const char *paths[MOST_TRAJECTORIES];
  struct claim_list claims;
  size_t used;
  bool help;
  if (options_parse(argc, argv, &list, paths, MOST_TRAJECTORIES, &used, &help, error) || help)
    return error->code;
  if (used == 0)
    return error_set(error, EXIT_INPUT, "claims: DIR is missing; see --help");
  if (common_options_check(&common, error))
    return error->code;
  const struct output json = {.option = "--json", .path = common.json};
  struct loaded *loaded = calloc(1, sizeof *loaded);
  int status = loaded ? 0 : error_set(error, EXIT_RUN, "claims: out of memory");
  for (size_t i = 0; i < used && !status; i++)
    status = load(loaded, paths[i], error);
  if (!status)
    status = file_use_check(error);
  if (!status)
    status = outputs_spare_read(&json, 1, error);
  if (!status)
    status = claims_evaluate(loaded->all, loaded->count, &claims, error);
  if (!status) {
    status = show(&claims, &common, every, error);
    if (!status && claims_count(&claims, CLAIM_NOT_REPRODUCED))
      status = EXIT_CHECK;
    claims_free(&claims);
  }
  for (size_t i = 0; loaded && i < loaded->count; i++)
    trajectory_free(&loaded->all[i]);
  free(loaded);
  return status;
}
