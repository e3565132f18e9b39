#include "base/json.h"
#include "base/memory.h"
#include "claims/arxiv_2606_02378/measure.h"
#include "claims/arxiv_2606_02378/rise.h"
#include "command/command.h"
#include "command/reading.h"
#include "command/show_course.h"
#include "command/show_few_shot.h"
#include "command/terminal.h"
#include "few_shot/training.h"
#include "report/head_map.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct show_options {
  struct common_options common;
  const char *revision, *head, *series;
};

static int parse(int argc, char **argv, struct show_options *o, const char **directory, bool *help,
                 struct error *error)
{
  const struct option_spec specs[] = {
      {"revision", OPTION_STRING, &o->revision, 0, 0, "NAME",
       "the revision whose heads are shown; default: the last"},
      {"head", OPTION_STRING, &o->head, 0, 0, "LAYER.HEAD",
       "the story of one head over all revisions: 4.4, or L4H4"},
      {"series", OPTION_STRING, &o->series, 0, 0, "bos|induction|pr",
       "a chart over training: bos (share of BOS heads by both definitions), induction (heads of "
       ">= "
       "50x and >= 30x), pr (median of all heads and of the final induction heads)"},
      COMMON_OPTIONS(&o->common)};
  const struct option_list list = {
      "show TRAJECTORY [OPTIONS]",
      "Shows a trajectory, a directory with trajectory.json, in the terminal: the map of a\n"
      "revision's heads, layers by heads, a letter a class; one head over the revisions; or a\n"
      "chart. Of circuits over training (circuits.json): the circuits of every task; with\n"
      "--revision or --head, what heads do. Of a few-shot run (attest train): when it learned.",
      specs, sizeof specs / sizeof *specs};
  size_t used;
  if (options_parse(argc, argv, &list, directory, 1, &used, help, error) || *help)
    return error->code;
  if (used != 1)
    return error_set(error, EXIT_INPUT, "show: TRAJECTORY is missing; see --help");
  if (!!o->revision + !!o->head + !!o->series > 1)
    return error_set(error, EXIT_INPUT,
                     "show: --revision, --head and --series cannot be combined; give one");
  return 0;
}

/* The number that *at begins with, which it then goes past; false when there is none. */
static bool read_number(const char **at, int most, int *value)
{
  uint64_t number;
  size_t digits = 0;
  while (isdigit((unsigned char)(*at)[digits]))
    digits++;
  if (!text_to_u64(*at, digits, &number) || number >= (uint64_t)most)
    return false;
  *value = (int)number;
  *at += digits;
  return true;
}

/* "4.4" or "L4H4". */
static int find_head(const struct trajectory *t, const char *name, size_t *head,
                     struct error *error)
{
  const struct revision *first = &t->revisions[0];
  const char *at = name;
  int layer, number;
  bool letters = *at == 'L' || *at == 'l';
  at += letters;
  if (read_number(&at, first->n_layers, &layer) &&
      (letters ? *at == 'H' || *at == 'h' : *at == '.') && *++at &&
      read_number(&at, first->n_heads, &number) && !*at) {
    *head = (size_t)layer * (size_t)first->n_heads + (size_t)number;
    return 0;
  }
  return error_set(
      error, EXIT_INPUT,
      "--head %s: must be LAYER.HEAD or L4H4; %s has layers 0 to %d with heads 0 to %d",
      text_shown(name).text, t->model, first->n_layers - 1, first->n_heads - 1);
}

static json_t *begin_json(const struct trajectory *t)
{
  json_t *all = json_object();
  reading_source_json(t, all);
  return all;
}

static int show_map(const struct show_options *o, const struct trajectory *t,
                    const struct text_look *look, struct text *text, json_t *json,
                    struct error *error)
{
  size_t index;
  if (reading_revision(t, o->revision, &index, error))
    return error->code;
  const struct revision *revision = &t->revisions[index];
  text_add(text, "heads of %s (%.6g tokens, in units of 1e9):\n", revision->name, revision->tokens);
  head_map(revision, look, text);
  struct table table = trajectory_table(revision);
  json_put(json, "revision", json_string(revision->name));
  json_put(json, "heads", table_json(&table));
  text->failed = text->failed || table.failed;
  table_free(&table);
  return 0;
}

static void add_crossing(const struct trajectory *t, size_t head, struct text *text)
{
  static const double thresholds[] = {CLASS_THRESHOLD, CIRCUIT_THRESHOLD};
  for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++) {
    size_t at = rise_crossing(t, head, CLASS_INDUCTION, thresholds[i]);
    text_add(text, "  induction first >= %gx: %s\n", thresholds[i],
             at < t->count ? t->revisions[at].name : "never");
  }
}

static int show_head(const struct show_options *o, const struct trajectory *t,
                     const struct text_look *look, struct text *text, json_t *json,
                     struct error *error)
{
  size_t head;
  if (find_head(t, o->head, &head, error))
    return error->code;
  const struct head_row *row = &t->revisions[0].heads[head];
  text_add(text, "head L%dH%d, from %s to %s:\n", row->layer, row->head, t->revisions[0].name,
           t->revisions[t->count - 1].name);
  head_sparks(t, head, look, text);
  add_crossing(t, head, text);
  struct table table = head_story(t, head);
  table_aligned(&table, "  ", text);
  json_put(json, "layer", json_integer(row->layer));
  json_put(json, "head", json_integer(row->head));
  json_put(json, "revisions", table_json(&table));
  text->failed = text->failed || table.failed;
  table_free(&table);
  return 0;
}

static double share(const struct revision *r, bool best_class)
{
  return (double)measure_bos(r, best_class, r->n_layers) / (double)measure_heads(r);
}

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Median PR of the heads of a revision that have an induction selectivity of at least `threshold`
 * at the last; room[heads]. NAN without any. */
static double median(const struct trajectory *t, size_t r, double threshold, double *room)
{
  const struct revision *last = &t->revisions[t->count - 1];
  size_t count = 0;
  for (size_t i = 0; i < measure_heads(last); i++)
    if (last->heads[i].selectivity[CLASS_INDUCTION] >= threshold &&
        isfinite(t->revisions[r].heads[i].pr))
      room[count++] = t->revisions[r].heads[i].pr;
  qsort(room, count, sizeof *room, ascending);
  return count ? (room[count / 2] + room[(count - 1) / 2]) / 2 : NAN;
}

static const struct {
  const char *name;
  struct chart chart;
} series[] = {
    {"bos", {"share of BOS heads", {"screen, >= 30x", "best class"}, {NULL}, true}},
    {"induction", {"induction heads", {">= 50x", ">= 30x"}, {NULL}, false}},
    {"pr",
     {"participation ratio", {"median of all heads", "of final induction heads"}, {NULL}, false}},
};

#define ALL_SERIES (sizeof series / sizeof *series)

static double measure(const struct trajectory *t, size_t r, size_t which, bool second, double *room)
{
  const struct revision *revision = &t->revisions[r];
  if (which == 0)
    return share(revision, second);
  if (which == 1)
    return (double)measure_induction(revision, second ? CLASS_THRESHOLD : CIRCUIT_THRESHOLD);
  return median(t, r, second ? CLASS_THRESHOLD : 0, room);
}

/* values[2][revisions], then room for a median. */
static int chart(const struct trajectory *t, size_t which, double *values,
                 const struct text_look *look, struct text *text, json_t *json, struct error *error)
{
  struct chart made = series[which].chart;
  json_t *list = json_array();
  for (size_t r = 0; r < t->count; r++) {
    json_t *row =
        json_pack("{s:s, s:f}", "revision", t->revisions[r].name, "tokens", t->revisions[r].tokens);
    for (size_t s = 0; s < CHART_SERIES; s++) {
      double value = measure(t, r, which, s == 1, values + CHART_SERIES * t->count);
      values[s * t->count + r] = value;
      json_put(row, made.names[s], isfinite(value) ? json_real(value) : json_null());
    }
    json_add(list, row);
  }
  json_put(json, series[which].name, list);
  for (size_t s = 0; s < CHART_SERIES; s++)
    made.values[s] = values + s * t->count;
  return head_chart(t, &made, look, text, error);
}

static int show_series(const struct show_options *o, const struct trajectory *t,
                       const struct text_look *look, struct text *text, json_t *json,
                       struct error *error)
{
  size_t which = 0;
  while (which < ALL_SERIES && strcmp(series[which].name, o->series) != 0)
    which++;
  if (which == ALL_SERIES)
    return error_set(error, EXIT_INPUT, "--series %s: must be bos, induction or pr",
                     text_shown(o->series).text);
  double *values = memory_zeroed(CHART_SERIES * t->count + measure_heads(&t->revisions[0]),
                                 sizeof *values, t->model, error);
  int status = values ? chart(t, which, values, look, text, json, error) : error->code;
  free(values);
  return status;
}

int command_show(int argc, char **argv, struct error *error)
{
  struct show_options o = {0};
  struct trajectory t;
  struct text text = {0};
  const char *directory;
  bool help = false;
  if (parse(argc, argv, &o, &directory, &help, error) || help)
    return error->code;
  if (few_training_is_folder(directory))
    return o.revision || o.head || o.series
               ? error_set(error, EXIT_INPUT,
                           "show: --revision, --head and --series are of trajectories; %s is a "
                           "few-shot run",
                           directory)
               : show_few_shot(directory, &o.common, error);
  if (show_check(directory, error))
    return error->code;
  if (show_is_course(directory))
    return o.series ? error_set(error, EXIT_INPUT,
                                "--series: is of trajectories; %s holds circuits over training",
                                directory)
                    : show_course(directory, &o.common, o.revision, o.head, error);
  if (reading_load(directory, &o.common, &t, error))
    return error->code;
  const struct summary_style style = terminal_style();
  const struct text_look look = {style.utf8, style.colour, terminal_width()};
  json_t *json = begin_json(&t);
  reading_source_text(&t, &text);
  int status = o.head     ? show_head(&o, &t, &look, &text, json, error)
               : o.series ? show_series(&o, &t, &look, &text, json, error)
                          : show_map(&o, &t, &look, &text, json, error);
  if (!status) {
    status = reading_deliver(&o.common, json, &text, error);
  } else {
    json_decref(json);
    text_free(&text);
  }
  trajectory_free(&t);
  return status;
}
