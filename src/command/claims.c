#include "claims/claims.h"
#include "claims/paper.h"
#include "claims/published.h"

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
  struct published_tables tables; /* of at most one folder */
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

static int load_tables(struct loaded *loaded, const char *directory, struct error *error)
{
  if (loaded->tables.count)
    return error_set(error, EXIT_INPUT, "%s: a second folder of published tables; leave one out",
                     directory);
  return published_load(directory, papers, &loaded->tables, error);
}

/* Loads what a directory itself holds: a trajectory, published tables, or neither. */
static int load_own(struct loaded *loaded, const char *directory, bool *any, struct error *error)
{
  static const struct {
    const char *index;
    int (*load)(struct loaded *loaded, const char *directory, struct error *error);
  } kinds[] = {{"trajectory.json", load_one}, {PUBLISHED_INDEX, load_tables}};
  *any = false;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !*any; i++) {
    char *path = file_join(directory, kinds[i].index, error);
    if (!path)
      return error->code;
    *any = file_exists(path);
    free(path);
    if (*any && kinds[i].load(loaded, directory, error))
      return error->code;
  }
  return 0;
}

/* Every subdirectory with a trajectory or tables, in name order. */
static int load_children(struct loaded *loaded, const char *directory, bool *any,
                         struct error *error)
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
      status = child ? load_own(loaded, child, &holds, error) : error->code;
      *any = *any || holds;
    }
    free(child);
    free(entries[i]);
  }
  free(entries);
  return status;
}

static int load(struct loaded *loaded, const char *directory, struct error *error)
{
  bool any;
  if (load_own(loaded, directory, &any, error))
    return error->code;
  if (!any && load_children(loaded, directory, &any, error))
    return error->code;
  if (!any)
    return error_set(error, EXIT_INPUT,
                     "%s: holds no trajectory.json, and neither do its subdirectories", directory);
  return 0;
}

/* What tables of our own are, and what they do not stand for. */
static void say_tables(const struct published_tables *tables, struct text *text)
{
  if (tables->count && tables->kind == TRAJECTORY_TRAINED)
    text_add(text, "Tables of arXiv %s (trained)\n  %s\n  Caveat: %s\n", tables->paper->arxiv,
             tables->source, tables->caveat);
}

static int show(const struct claim_list *list, const struct published_tables *tables,
                const struct common_options *common, bool every, struct error *error)
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
    say_tables(tables, &text);
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
      "trajectory.json, or directories of such; with a folder of published tables (tables.json)\n"
      "among them every other figure of the text, too. Tables of arXiv 2404.07129, published or "
      "our\n"
      "own, alone. Exit code 1 when a figure is not reproduced.",
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
    if (loaded->tables.count)
      status = claims_add_tables(&loaded->tables, &claims, error);
    if (!status)
      status = show(&claims, &loaded->tables, &common, every, error);
    if (!status && claims_count(&claims, CLAIM_NOT_REPRODUCED))
      status = EXIT_CHECK;
    claims_free(&claims);
  }
  for (size_t i = 0; loaded && i < loaded->count; i++)
    trajectory_free(&loaded->all[i]);
  if (loaded)
    published_free(&loaded->tables);
  free(loaded);
  return status;
}
