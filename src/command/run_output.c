#include "command/run_output.h"

#include "base/json.h"
#include "command/journal_json.h"
#include "command/report_output.h"
#include "report/machine.h"
#include "report/provenance.h"
#include "report/run_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The JSON of the journal, with where the run took place and what its trajectories are. */
static json_t *whole_json(const struct run_output *output, const struct reproduction *r,
                          struct error *error)
{
  json_t *all = journal_json(r->journal, r->runtime->kernels->name, error);
  json_t *run = all ? provenance_json(r->runtime, output->argc, output->argv, error) : NULL;
  json_t *trajectories = run ? run_trajectories_json(r->journal, error) : NULL;
  if (trajectories) {
    json_put(all, "run", run);
    json_put(all, "trajectories", trajectories);
    return all;
  }
  json_decref(run);
  json_decref(all);
  return NULL;
}

/* A copy of a trajectory for the report to own. */
static int copy(const struct trajectory *from, struct trajectory *to, struct error *error)
{
  *to = (struct trajectory){.model = strdup(from->model),
                            .source = strdup(from->source),
                            .caveat = strdup(from->caveat),
                            .kind = from->kind,
                            .revisions = calloc(from->count, sizeof *to->revisions)};
  bool whole = to->model && to->source && to->caveat && to->revisions;
  for (size_t i = 0; whole && i < from->count; i++) {
    const struct revision *r = &from->revisions[i];
    size_t bytes = (size_t)r->n_layers * (size_t)r->n_heads * sizeof *r->heads;
    struct revision *made = &to->revisions[to->count++];
    *made = *r;
    made->name = strdup(r->name);
    made->heads = malloc(bytes);
    whole = made->name && made->heads;
    if (whole)
      memcpy(made->heads, r->heads, bytes);
  }
  if (whole)
    return 0;
  trajectory_free(to);
  return error_set(error, EXIT_RUN, "report: out of memory");
}

static int add_trajectories(struct report *report, const struct journal *journal,
                            struct error *error)
{
  for (size_t i = 0; i < journal->claims_count; i++)
    for (size_t t = 0; t < journal->claims[i].trajectory_count; t++) {
      struct trajectory copied;
      if (copy(&journal->claims[i].trajectories[t], &copied, error) ||
          report_add_trajectory(report, &copied, error))
        return error->code;
    }
  return 0;
}

/* GitHub reads its workflow commands from either stream; a shell that pipes wants but one. */
static int annotate(const struct report *report, struct error *error)
{
  struct text text = {0};
  int status = machine_annotations(report, &text, error);
  if (!status)
    fputs(text.data, stderr);
  text_free(&text);
  return status;
}

static bool in_workflow(void)
{
  const char *actions = getenv("GITHUB_ACTIONS");
  return actions && strcmp(actions, "true") == 0;
}

/* A report of the run, and what is made of it. */
static int write_report(const char *path, const struct journal *journal, json_t *all,
                        struct error *error)
{
  struct report report = {0};
  const struct report_format *format;
  int status = report_add_run(&report, path ? path : "run", json_incref(all), error);
  if (!status)
    status = add_trajectories(&report, journal, error);
  if (!status && path && !report_format(NULL, path, &format, error))
    status = report_output(&report, format, false, path, error);
  if (!status && in_workflow())
    status = annotate(&report, error);
  report_free(&report);
  return status;
}

int run_output(const struct run_output *output, const struct reproduction *r, struct error *error)
{
  bool reports = output->report || in_workflow();
  if (!output->json && !reports && !output->work)
    return 0;
  json_t *all = whole_json(output, r, error);
  int status = all ? 0 : error->code;
  if (!status && output->json)
    status = json_write(output->json, all, error);
  if (!status && output->work)
    status = run_folder_write(output->work, r->journal, all, error);
  if (!status && reports)
    status = write_report(output->report, r->journal, all, error);
  json_decref(all);
  return status;
}
