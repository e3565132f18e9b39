#include "command/circuit_options.h"

#include "base/text.h"
#include "probe/bootstrap.h"
#include "task/task.h"

#include <stdio.h>
#include <string.h>

int circuit_options_parse(int argc, char **argv, struct circuit_command *c, bool *help,
                          struct error *error)
{
  const struct option_spec specs[] = {
      {"task", OPTION_STRING, &c->task, 0, 0, "FILE", "the task (attest task, docs/TASKS.md)"},
      {"out", OPTION_STRING, &c->out, 0, 0, "DIR",
       "gets edges.csv, circuits.csv, components.csv, circuit.json, circuit.dot and circuit.svg; "
       "new, empty or of the same run; of a manifest, a CSV a task, components.csv and "
       "circuits.json"},
      {"method", OPTION_STRING, &c->method, 0, 0, "eap|ig",
       "scores: eap, or ig with integrated gradients; default ig"},
      {"steps", OPTION_NUMBER, &c->steps, 1, ATTRIBUTION_MOST_STEPS, "M",
       "steps of ig; default 30, as published"},
      {"convention", OPTION_STRING, &c->convention, 0, 0, "first1|first0|midpoints",
       "points of ig: first1 (k/M, k = 1..M, as published; default), first0 (k = 0..M-1, as the "
       "library since 2025), midpoints"},
      {"choose", OPTION_STRING, &c->choose, 0, 0, "greedy|topn",
       "greedy, from the logits backwards (default), or topn"},
      {"threshold", OPTION_STRING, &c->threshold, 0, 0, "T",
       "least ratio of a circuit; default 0.8"},
      {"bound", OPTION_NUMBER, &c->bound, 1, 1000000000000, "EDGES",
       "edges at most; default: all (published: 1000 or 1600)"},
      {"n", OPTION_NUMBER, &c->n, 1, 1000000000000, "EDGES",
       "edges of the circuit of a fixed size, at most all; default 50"},
      {"pairs", OPTION_NUMBER, &c->pairs, 1, TASK_MAX_PAIRS, "N",
       "use the first N pairs of the task; default: all"},
      {"scan", OPTION_FLAG, &c->scan, 0, 0, NULL,
       "also find the least size that meets the threshold, by trying 1, 2, 3 ... edges"},
      {"oracle", OPTION_FLAG, &c->oracle, 0, 0, NULL,
       "also the exact effect of every single edge, by as many patched runs"},
      {"bootstrap", OPTION_NUMBER, &c->resamples, 1, BOOTSTRAP_MOST, "B",
       "from B resamples of the pairs, how often each edge is in the circuit, and intervals of its "
       "ratio; 200 is usual"},
      {"work", OPTION_STRING, &c->work, 0, 0, "DIR",
       "of a manifest: where finished revisions are kept for resuming; default attest-work"},
      {"checkpoints", OPTION_STRING, &c->checkpoints, 0, 0, "DIR",
       "of a manifest: directory of the checkpoints, if not where the manifest says"},
      {"allow-unpinned", OPTION_FLAG, &c->allow_unpinned, 0, 0, NULL,
       "of a manifest: files without a pin, too; everything then says UNPINNED"},
      {"allow-uncompared", OPTION_FLAG, &c->allow_uncompared, 0, 0, NULL,
       "of a manifest: do not fail a run that nothing is compared with"},
      COMMON_OPTIONS(&c->common)};
  const struct option_list list = {
      "circuit MODEL_DIR --task FILE --out DIR [OPTIONS] | circuit MANIFEST.json [OPTIONS]",
      "Finds the circuit of a model on a task (docs/CIRCUITS.md): scores every edge of the\n"
      "residual stream by edge attribution, chooses edges, prunes, and runs the model with all\n"
      "other edges corrupted. Ratio and normalised ratio of what is left of the metric stand side\n"
      "by side. Of a manifest, the circuits of all its revisions and how they change; its "
      "settings\n"
      "stand in the manifest. ^C or a kill can be resumed by the same command.",
      specs, sizeof specs / sizeof *specs};
  size_t used;
  if (options_parse(argc, argv, &list, &c->path, 1, &used, help, error) || *help)
    return error->code;
  return used == 1 ? 0
                   : error_set(error, EXIT_INPUT,
                               "circuit: MODEL_DIR or MANIFEST.json is missing; see --help");
}

static int read_method(const struct circuit_command *c, struct circuit_request *request,
                       struct error *error)
{
  const char *method = c->method ? c->method : "ig";
  const char *convention = c->convention ? c->convention : "first1";
  char name[ATTRIBUTION_NAME_SIZE];
  if (strcmp(method, "eap") == 0) {
    if (c->steps || c->convention)
      return error_set(error, EXIT_INPUT, "--%s: belongs to --method ig; eap has one point",
                       c->steps ? "steps" : "convention");
    return attribution_parse("eap", &request->method, error);
  }
  if (strcmp(method, "ig") != 0)
    return error_set(error, EXIT_INPUT, "--method %.60s: must be eap or ig", method);
  if (strcmp(convention, "first0") != 0 && strcmp(convention, "first1") != 0 &&
      strcmp(convention, "midpoints") != 0)
    return error_set(error, EXIT_INPUT, "--convention %.60s: must be first1, first0 or midpoints",
                     convention);
  snprintf(name, sizeof name, "ig%zu_%s", (size_t)(c->steps ? c->steps : CIRCUIT_STEPS),
           convention);
  return attribution_parse(name, &request->method, error);
}

int circuit_options_request(const struct circuit_command *c, struct circuit_request *request,
                            struct error *error)
{
  *request = (struct circuit_request){.rule = CHOICE_GREEDY,
                                      .threshold = SIZE_SEARCH_THRESHOLD,
                                      .bound = (size_t)c->bound,
                                      .n = (size_t)(c->n ? c->n : CIRCUIT_SIZE),
                                      .scan = c->scan};
  const char *t = c->threshold;
  if (t && (!text_to_double(t, strlen(t), &request->threshold) || !(request->threshold > 0)))
    return error_set(error, EXIT_INPUT, "--threshold %.60s: must be a number above 0", t);
  if (c->choose && strcmp(c->choose, "topn") == 0)
    request->rule = CHOICE_TOPN;
  else if (c->choose && strcmp(c->choose, "greedy") != 0)
    return error_set(error, EXIT_INPUT, "--choose %.60s: must be greedy or topn", c->choose);
  return read_method(c, request, error);
}
