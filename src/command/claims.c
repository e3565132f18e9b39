#include "claims/claims.h"
#include "claims/paper.h"
#include "claims/published.h"

#include "base/file.h"
#include "base/file_use.h"
#include "base/json.h"
#include "command/command.h"
#include "command/terminal.h"
#include "command/trajectories.h"
#include "pass/runtime.h"
#include "study/outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What tables of our own are, and what they do not stand for. */
static void say_tables(const struct published_tables *tables, struct text *text)
{
  if (tables->kind == TRAJECTORY_TRAINED)
    text_add(text, "Tables of arXiv %s (trained)\n  %s\n  Caveat: %s\n", tables->paper->arxiv,
             tables->source, tables->caveat);
}

static void say_course(const struct circuit_course *course, struct text *text)
{
  text_add(text, "Circuits of %s over %s (%s)\n  %s\n", course->model,
           text_counted(course->revision_count, "revision").text,
           trajectory_kind_name(course->kind), course->source);
  if (*course->caveat)
    text_add(text, "  Caveat: %s\n", course->caveat);
}

static int show(const struct claim_list *list, const struct trajectories *loaded,
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
    for (size_t i = 0; i < loaded->table_count; i++)
      say_tables(&loaded->tables[i], &text);
    for (size_t i = 0; i < loaded->course_count; i++)
      say_course(&loaded->courses[i].course, &text);
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
      "Evaluates what papers claim: F1 to F5 of arXiv 2606.02378 from trajectories (directories\n"
      "with a trajectory.json, or directories of such), and every other figure of its text where\n"
      "its published tables (tables.json) are among them; arXiv 2404.07129 and 2407.10827 from\n"
      "folders of tables, published or our own, the latter also from circuits over training\n"
      "(circuits.json). Exit code 1 when a figure is not reproduced.",
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
  struct trajectories *loaded = calloc(1, sizeof *loaded);
  int status = loaded ? 0 : error_set(error, EXIT_RUN, "claims: out of memory");
  for (size_t i = 0; i < used && !status; i++)
    status = trajectories_load(loaded, paths[i], error);
  if (!status)
    status = file_use_check(error);
  if (!status)
    status = outputs_spare_read(&json, 1, error);
  for (size_t i = 0; i < used && !status; i++)
    status = outputs_spare_folder(&json, 1, paths[i], error);
  if (!status)
    status = claims_evaluate(loaded->all, loaded->count, &claims, error);
  if (!status) {
    for (size_t i = 0; i < loaded->table_count && !status; i++)
      status = claims_add_tables(&loaded->tables[i], &claims, error);
    for (size_t i = 0; i < loaded->course_count && !status; i++)
      status = claims_add_course(&loaded->courses[i].course, &claims, error);
    if (!status)
      status = show(&claims, loaded, &common, every, error);
    if (!status && claims_count(&claims, CLAIM_NOT_REPRODUCED))
      status = EXIT_CHECK;
    claims_free(&claims);
  }
  if (loaded)
    trajectories_free(loaded);
  free(loaded);
  return status;
}
