#include "base/json.h"
#include "command/command.h"
#include "command/reading.h"
#include "trajectory/head_rule.h"

#include <math.h>
#include <string.h>

#define FORMED 3 /* so many induction heads are a circuit (F3) */

struct sinks_options {
  struct common_options common;
  const char *sink, *induction;
};

/* Both counts of BOS heads, the induction circuit, and the induction heads of the overlap. */
struct rules {
  struct head_rule screen, best, induction, overlap;
};

static int parse(int argc, char **argv, struct sinks_options *o, const char **directory, bool *help,
                 struct error *error)
{
  const struct option_spec specs[] = {
      {"threshold", OPTION_STRING, &o->sink, 0, 0, "X",
       "first_token selectivity of a sink; default 30"},
      {"induction", OPTION_STRING, &o->induction, 0, 0, "X",
       "induction selectivity of a head of the circuit; default 50"},
      COMMON_OPTIONS(&o->common)};
  const struct option_list list = {
      "sinks TRAJECTORY [OPTIONS]",
      "Shows when attention sinks emerge in each layer of a trajectory, a directory with\n"
      "trajectory.json; which heads leave again; how sinks and induction heads overlap; and how\n"
      "much of the induction circuit lasts (Jaccard index).",
      specs, sizeof specs / sizeof *specs};
  size_t used;
  if (options_parse(argc, argv, &list, directory, 1, &used, help, error) || *help)
    return error->code;
  if (used != 1)
    return error_set(error, EXIT_INPUT, "sinks: TRAJECTORY is missing; see --help");
  return 0;
}

static int read_threshold(const char *option, const char *text, double *threshold,
                          struct error *error)
{
  if (!text || (text_to_double(text, strlen(text), threshold) && *threshold > 0))
    return 0;
  return error_set(error, EXIT_INPUT, "%s %s: must be a number above 0", option, text);
}

static const char *name_of(const struct trajectory *t, size_t revision)
{
  return revision < t->count ? t->revisions[revision].name : NULL;
}

static const struct table_column layer_columns[] = {
    {"layer", "layer", CELL_INTEGER},
    {"first_sink", "first sink", CELL_TEXT},
    {"first_sink_best_class", "of best class", CELL_TEXT},
    {"sinks", "sinks", CELL_INTEGER},
    {"sinks_best_class", "best class", CELL_INTEGER},
    {"induction", "induction", CELL_INTEGER},
    {"both", "both", CELL_INTEGER},
};

static size_t count_both(const struct rules *rules, const struct revision *revision, int layer)
{
  size_t both = 0;
  for (int head = 0; head < revision->n_heads; head++) {
    const struct head_row *row = &revision->heads[layer * revision->n_heads + head];
    both += head_rule_takes(&rules->screen, row) && head_rule_takes(&rules->induction, row);
  }
  return both;
}

/* Emergence, and what is there at the last revision. */
static struct table layers_table(const struct trajectory *t, const struct rules *rules)
{
  struct table table = {.columns = layer_columns,
                        .column_count = sizeof layer_columns / sizeof *layer_columns};
  const struct revision *last = &t->revisions[t->count - 1];
  for (int layer = 0; layer < last->n_layers; layer++) {
    table_integer(&table, layer);
    table_text(&table, name_of(t, head_rule_first(&rules->screen, t, layer, 1)));
    table_text(&table, name_of(t, head_rule_first(&rules->best, t, layer, 1)));
    table_integer(&table, (int64_t)head_rule_count(&rules->screen, last, layer));
    table_integer(&table, (int64_t)head_rule_count(&rules->best, last, layer));
    table_integer(&table, (int64_t)head_rule_count(&rules->induction, last, layer));
    table_integer(&table, (int64_t)count_both(rules, last, layer));
  }
  return table;
}

static const struct table_column revision_columns[] = {
    {"revision", "revision", CELL_TEXT},
    {"sinks", "sinks", CELL_INTEGER},
    {"share", "share", CELL_NUMBER},
    {"sinks_best_class", "best class", CELL_INTEGER},
    {"share_best_class", "share", CELL_NUMBER},
    {"induction", "induction", CELL_INTEGER},
    {"jaccard_last", "Jaccard with last", CELL_NUMBER},
    {"jaccard_previous", "with previous", CELL_NUMBER},
};

static struct table revisions_table(const struct trajectory *t, const struct rules *rules)
{
  struct table table = {.columns = revision_columns,
                        .column_count = sizeof revision_columns / sizeof *revision_columns};
  for (size_t r = 0; r < t->count; r++) {
    const struct revision *at = &t->revisions[r];
    double heads = (double)at->n_layers * (double)at->n_heads;
    size_t sinks = head_rule_count(&rules->screen, at, HEAD_RULE_ALL);
    size_t best = head_rule_count(&rules->best, at, HEAD_RULE_ALL);
    table_text(&table, at->name);
    table_integer(&table, (int64_t)sinks);
    table_number(&table, (double)sinks / heads);
    table_integer(&table, (int64_t)best);
    table_number(&table, (double)best / heads);
    table_integer(&table, (int64_t)head_rule_count(&rules->induction, at, HEAD_RULE_ALL));
    table_number(&table, head_rule_jaccard(&rules->induction, at, &t->revisions[t->count - 1]));
    table_number(&table, r ? head_rule_jaccard(&rules->induction, &t->revisions[r - 1], at) : NAN);
  }
  return table;
}

static const struct table_column leaving_columns[] = {
    {"layer", "layer", CELL_INTEGER},        {"head", "head", CELL_INTEGER},
    {"sink_at", "sink at", CELL_TEXT},       {"left_at", "not at", CELL_TEXT},
    {"back", "back at the last", CELL_FLAG},
};

/* Heads that were sinks and are not at some later revision. */
static struct table leaving_table(const struct trajectory *t, const struct rules *rules)
{
  struct table table = {.columns = leaving_columns,
                        .column_count = sizeof leaving_columns / sizeof *leaving_columns};
  const struct revision *first = &t->revisions[0];
  for (size_t i = 0; i < (size_t)first->n_layers * (size_t)first->n_heads; i++) {
    struct head_stay stay = head_rule_stay(&rules->screen, t, i);
    if (stay.left == t->count)
      continue;
    table_integer(&table, first->heads[i].layer);
    table_integer(&table, first->heads[i].head);
    table_text(&table, name_of(t, stay.taken));
    table_text(&table, name_of(t, stay.left));
    table_flag(&table, stay.back);
  }
  return table;
}

static json_t *stays_json(const struct head_stays *stays)
{
  return json_pack("{s:I, s:I, s:I}", "ever", (json_int_t)stays->ever, "left",
                   (json_int_t)stays->left, "not_back", (json_int_t)stays->gone);
}

/* How sinks and induction heads share the layers of the last revision. */
enum overlap { OVERLAP_BOTH, OVERLAP_NO_SINK, OVERLAP_INDUCTION_ONLY, OVERLAPS };
static const char *const overlap_names[OVERLAPS] = {"layers_with_both", "layers_without_sinks",
                                                    "layers_with_induction_only"};
static const char *const overlap_words[OVERLAPS] = {"layers with both", "without sinks",
                                                    "with induction heads only"};

static bool overlaps(const struct rules *rules, const struct revision *last, int layer,
                     enum overlap which)
{
  bool sinks = head_rule_count(&rules->screen, last, layer) > 0;
  bool induction = head_rule_count(&rules->overlap, last, layer) > 0;
  return which == OVERLAP_BOTH      ? sinks && induction
         : which == OVERLAP_NO_SINK ? !sinks
                                    : induction && !sinks;
}

static json_t *overlap_json(const struct rules *rules, const struct revision *last)
{
  json_t *all = json_object();
  json_put(all, "induction_threshold", json_real(rules->overlap.threshold));
  for (int which = 0; which < OVERLAPS; which++) {
    json_t *layers = json_array();
    for (int layer = 0; layer < last->n_layers; layer++)
      if (overlaps(rules, last, layer, (enum overlap)which))
        json_add(layers, json_integer(layer));
    json_put(all, overlap_names[which], layers);
  }
  return all;
}

static void overlap_text(const struct rules *rules, const struct revision *last, struct text *text)
{
  text_add(text, "sinks and induction heads (>= %gx):", rules->overlap.threshold);
  for (int which = 0; which < OVERLAPS; which++) {
    const char *none = " none";
    text_add(text, "%s %s:", which ? ";" : "", overlap_words[which]);
    for (int layer = 0; layer < last->n_layers; layer++)
      if (overlaps(rules, last, layer, (enum overlap)which)) {
        text_add(text, " %d", layer);
        none = "";
      }
    text_add(text, "%s", none);
  }
  text_add(text, "\n");
}

/* The three tables, and what they come to. */
struct report {
  struct table layers, revisions, leaving;
  struct head_stays screen, best;
  size_t formed;  /* the revision of the first FORMED induction heads */
  double jaccard; /* of the circuit then and at the last revision */
};

static json_t *to_json(const struct trajectory *t, const struct rules *rules,
                       const struct report *report)
{
  const char *formed = name_of(t, report->formed);
  json_t *all = json_object(), *circuit = json_object();
  reading_source_json(t, all);
  json_put(all, "threshold", json_real(rules->screen.threshold));
  json_put(all, "induction_threshold", json_real(rules->induction.threshold));
  json_put(all, "layers", table_json(&report->layers));
  json_put(all, "overlap", overlap_json(rules, &t->revisions[t->count - 1]));
  json_put(all, "revisions", table_json(&report->revisions));
  json_put(all, "leaving", table_json(&report->leaving));
  json_put(all, "stays", stays_json(&report->screen));
  json_put(all, "stays_best_class", stays_json(&report->best));
  json_put(circuit, "formed", formed ? json_string(formed) : json_null());
  json_put(circuit, "jaccard_last",
           formed && isfinite(report->jaccard) ? json_real(report->jaccard) : json_null());
  json_put(all, "circuit", circuit);
  return all;
}

static void to_text(const struct trajectory *t, const struct rules *rules,
                    const struct report *report, struct text *text)
{
  reading_source_text(t, text);
  text_add(text, "sinks (first_token >= %gx) and induction heads (>= %gx) of %s, by layer:\n",
           rules->screen.threshold, rules->induction.threshold, t->revisions[t->count - 1].name);
  table_aligned(&report->layers, "  ", text);
  overlap_text(rules, &t->revisions[t->count - 1], text);
  text_add(text, "by revision:\n");
  table_aligned(&report->revisions, "  ", text);
  if (report->formed < t->count)
    text_add(text,
             "  the first %d induction heads appear at %s; Jaccard with the last revision "
             "%.3f\n",
             FORMED, name_of(t, report->formed), report->jaccard);
  text_add(text,
           "heads that were ever a sink: %zu; not at some later revision: %zu, of these not "
           "back at the last: %zu (by best class: %zu, %zu, %zu)\n",
           report->screen.ever, report->screen.left, report->screen.gone, report->best.ever,
           report->best.left, report->best.gone);
  if (report->screen.left)
    table_aligned(&report->leaving, "  ", text);
}

static int run(const struct sinks_options *o, const struct trajectory *t, const struct rules *rules,
               struct error *error)
{
  struct text text = {0};
  struct report report = {layers_table(t, rules),
                          revisions_table(t, rules),
                          leaving_table(t, rules),
                          head_rule_stays(&rules->screen, t),
                          head_rule_stays(&rules->best, t),
                          head_rule_first(&rules->induction, t, HEAD_RULE_ALL, FORMED),
                          NAN};
  if (report.formed < t->count)
    report.jaccard = head_rule_jaccard(&rules->induction, &t->revisions[report.formed],
                                       &t->revisions[t->count - 1]);
  to_text(t, rules, &report, &text);
  json_t *json = to_json(t, rules, &report);
  if (report.layers.failed || report.revisions.failed || report.leaving.failed)
    text.failed = true;
  table_free(&report.layers);
  table_free(&report.revisions);
  table_free(&report.leaving);
  return reading_deliver(&o->common, json, &text, error);
}

int command_sinks(int argc, char **argv, struct error *error)
{
  struct sinks_options o = {0};
  struct rules rules = {{CLASS_FIRST_TOKEN, CLASS_THRESHOLD, false},
                        {CLASS_FIRST_TOKEN, CLASS_THRESHOLD, true},
                        {CLASS_INDUCTION, CIRCUIT_THRESHOLD, false},
                        {CLASS_INDUCTION, CLASS_THRESHOLD, false}};
  struct trajectory trajectory;
  const char *directory;
  bool help = false;
  if (parse(argc, argv, &o, &directory, &help, error) || help ||
      read_threshold("--threshold", o.sink, &rules.screen.threshold, error) ||
      read_threshold("--induction", o.induction, &rules.induction.threshold, error) ||
      reading_load(directory, &o.common, &trajectory, error))
    return error->code;
  rules.best.threshold = rules.screen.threshold;
  int status = run(&o, &trajectory, &rules, error);
  trajectory_free(&trajectory);
  return status;
}
