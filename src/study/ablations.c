#include "study/ablations.h"

#include "base/json.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SHOWN_HEADS 6 /* by name in aligned text; more are counted */

int ablations_take(struct ablations *a, struct conditions *conditions,
                   const struct ablation *ablation, int64_t n, size_t resamples,
                   struct error *error)
{
  size_t count = conditions->count;
  *a = (struct ablations){.n = n, .resamples = resamples};
  a->figures = memory_alloc(count, sizeof *a->figures, "ablations", error);
  a->summaries = memory_alloc(count, sizeof *a->summaries, "ablations", error);
  if (resamples && a->figures && a->summaries)
    a->intervals = memory_alloc(count, sizeof *a->intervals, "ablations", error);
  if (!a->figures || !a->summaries || (resamples && !a->intervals) ||
      (resamples && ablation_intervals(ablation, resamples, a->intervals, error))) {
    ablations_free(a);
    return error->code;
  }
  for (size_t i = 0; i < count; i++)
    ablation_figures(ablation, i, &a->figures[i]);
  a->summary_count = ablation_summaries(ablation, a->summaries);
  a->conditions = *conditions;
  *conditions = (struct conditions){0};
  return 0;
}

void ablations_free(struct ablations *a)
{
  conditions_free(&a->conditions);
  free(a->figures);
  free(a->summaries);
  free(a->intervals);
  *a = (struct ablations){0};
}

static const char *stream_of(const struct condition *c)
{
  if (!control_is_random(c->control))
    return NULL;
  return c->published ? "published" : "fresh";
}

const struct table_column ablations_columns[ABLATIONS_COLUMNS] = {
    {"revision", "revision", CELL_TEXT},
    {"condition", "condition", CELL_TEXT},
    {"control", "control", CELL_TEXT},
    {"stream", "stream", CELL_TEXT},
    {"seed", "seed", CELL_INTEGER},
    {"heads", "heads", CELL_TEXT},
    {"out_of_range", "out of range", CELL_TEXT},
    {"n", "n", CELL_INTEGER},
    {"top1", "top-1", CELL_INTEGER},
    {"top5", "top-5", CELL_INTEGER},
    {"cross_entropy", "cross-entropy", CELL_NUMBER},
    {"target_logit", "target logit", CELL_NUMBER},
};

static void add_heads(const struct head_set *set, struct table *table)
{
  struct text names = {0};
  head_set_print(set, ' ', &names);
  table->failed |= names.failed;
  table_text(table, names.data ? names.data : "");
  text_free(&names);
}

static void add_seed(const struct condition *c, struct table *table)
{
  if (control_is_random(c->control))
    table_integer(table, c->seed);
  else
    table_missing(table);
}

static void add_figures(const struct ablation_figures *f, struct table *table)
{
  if (f->missing) {
    table_missing(table);
    table_missing(table);
  } else {
    table_integer(table, (int64_t)f->top1);
    table_integer(table, (int64_t)f->top5);
  }
  table_number(table, f->missing ? NAN : f->cross_entropy);
  table_number(table, f->missing ? NAN : f->target_logit);
}

void ablations_rows(const struct ablations *a, const char *revision, struct table *table)
{
  for (size_t i = 0; i < a->conditions.count; i++) {
    const struct condition *c = &a->conditions.list[i];
    table_text(table, revision);
    table_text(table, c->name);
    table_text(table, control_name(c->control));
    table_text(table, stream_of(c));
    add_seed(c, table);
    add_heads(&c->heads, table);
    add_heads(&c->beyond, table);
    table_integer(table, a->n);
    add_figures(&a->figures[i], table);
  }
}

const struct table_column ablations_interval_columns[ABLATIONS_INTERVAL_COLUMNS] = {
    {"revision", NULL, CELL_TEXT},     {"condition", "condition", CELL_TEXT},
    {"control", "control", CELL_TEXT}, {"stream", NULL, CELL_TEXT},
    {"seed", "seed", CELL_INTEGER},    {"figure", "figure", CELL_TEXT},
    {"value", "value", CELL_NUMBER},   {"low", "low", CELL_NUMBER},
    {"high", "high", CELL_NUMBER},
};

#define INTERVALS 5 /* a condition */
#define SHOWN_INTERVALS 2

/* The first so many of every condition. */
static void add_intervals(const struct ablations *a, const char *revision, size_t shown,
                          struct table *table)
{
  static const char *const figures[INTERVALS] = {"top1", "top1_change", "top5", "cross_entropy",
                                                 "target_logit"};
  for (size_t i = 0; a->intervals && i < a->conditions.count; i++) {
    const struct condition *c = &a->conditions.list[i];
    const struct ablation_intervals *of = &a->intervals[i];
    const struct interval all[INTERVALS] = {of->top1, of->top1_change, of->top5, of->cross_entropy,
                                            of->target_logit};
    for (size_t f = 0; f < shown; f++) {
      table_text(table, revision);
      table_text(table, c->name);
      table_text(table, control_name(c->control));
      table_text(table, stream_of(c));
      add_seed(c, table);
      table_text(table, figures[f]);
      table_number(table, all[f].value);
      table_number(table, all[f].low);
      table_number(table, all[f].high);
    }
  }
}

void ablations_interval_rows(const struct ablations *a, const char *revision, struct table *table)
{
  add_intervals(a, revision, INTERVALS, table);
}

static struct table interval_table(const struct ablations *a, const char *revision, size_t shown)
{
  struct table table = {.columns = ablations_interval_columns,
                        .column_count = ABLATIONS_INTERVAL_COLUMNS};
  add_intervals(a, revision, shown, &table);
  return table;
}

static void show_intervals(const struct ablations *a, struct text *text)
{
  struct table table = interval_table(a, "", SHOWN_INTERVALS);
  text_add(text,
           "95 %% intervals over %zu resamples of the sequences; top1_change: against the "
           "baseline in the same resample:\n",
           a->resamples);
  table_aligned(&table, "  ", text);
  text->failed |= table.failed;
  table_free(&table);
}

static void add_heads_shown(const struct condition *c, const struct ablation_figures *f,
                            struct table *table)
{
  if (f->missing)
    table_text(table, c->control == CONTROL_CIRCUIT ? "none" : "none can be drawn");
  else if (c->heads.count > SHOWN_HEADS)
    table_text(table, text_counted(c->heads.count, "head").text);
  else
    add_heads(&c->heads, table);
}

static void show_figures(const struct ablations *a, struct text *text)
{
  static const struct table_column columns[] = {{"condition", "condition", CELL_TEXT},
                                                {"control", "control", CELL_TEXT},
                                                {"seed", "seed", CELL_INTEGER},
                                                {"heads", "heads", CELL_TEXT},
                                                {"top1", "top-1", CELL_INTEGER},
                                                {"top5", "top-5", CELL_INTEGER},
                                                {"cross_entropy", "cross-entropy", CELL_NUMBER},
                                                {"target_logit", "target logit", CELL_NUMBER}};
  struct table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
  for (size_t i = 0; i < a->conditions.count; i++) {
    const struct condition *c = &a->conditions.list[i];
    table_text(&table, c->name);
    table_text(&table, control_name(c->control));
    add_seed(c, &table);
    add_heads_shown(c, &a->figures[i], &table);
    add_figures(&a->figures[i], &table);
  }
  table_aligned(&table, "  ", text);
  text->failed |= table.failed;
  table_free(&table);
}

static const struct table_column summary_columns[] = {{"condition", "condition", CELL_TEXT},
                                                      {"control", "control", CELL_TEXT},
                                                      {"mean", "mean top-1", CELL_NUMBER},
                                                      {"sd", "sd", CELL_NUMBER},
                                                      {"min", "min", CELL_NUMBER},
                                                      {"max", "max", CELL_NUMBER},
                                                      {"p", "p", CELL_NUMBER}};

static struct table summary_table(const struct ablations *a)
{
  struct table table = {.columns = summary_columns,
                        .column_count = sizeof summary_columns / sizeof *summary_columns};
  for (size_t i = 0; i < a->summary_count; i++) {
    const struct control_summary *s = &a->summaries[i];
    table_text(&table, s->condition);
    table_text(&table, control_name(s->control));
    table_number(&table, s->mean);
    table_number(&table, s->sd);
    table_number(&table, s->min);
    table_number(&table, s->max);
    table_number(&table, s->p);
  }
  return table;
}

void ablations_text(const struct ablations *a, struct text *text)
{
  text_add(text, "sequences whose target comes first, or among five, of %lld:\n", (long long)a->n);
  show_figures(a, text);
  if (a->intervals)
    show_intervals(a, text);
  if (!a->summary_count)
    return;
  struct table table = summary_table(a);
  text_add(text, "controls by their top-1; p: as far from the baseline as the circuit:\n");
  table_aligned(&table, "  ", text);
  text->failed |= table.failed;
  table_free(&table);
}

static json_t *names_json(const struct head_set *set)
{
  json_t *names = json_array();
  char name[HEAD_NAME_SIZE];
  for (size_t i = 0; i < set->count; i++)
    json_add(names, json_string(head_name_format(&set->list[i], name)));
  return names;
}

static json_t *condition_json(const struct condition *c, const struct ablation_figures *f)
{
  const char *stream = stream_of(c);
  bool random = control_is_random(c->control);
  json_t *object =
      json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "condition", c->name, "control",
                control_name(c->control), "stream", stream ? json_string(stream) : json_null(),
                "seed", random ? json_integer(c->seed) : json_null(), "heads",
                names_json(&c->heads), "out_of_range", names_json(&c->beyond));
  json_put(object, "top1", f->missing ? json_null() : json_integer((json_int_t)f->top1));
  json_put(object, "top5", f->missing ? json_null() : json_integer((json_int_t)f->top5));
  json_put(object, "cross_entropy", f->missing ? json_null() : json_real(f->cross_entropy));
  json_put(object, "target_logit", f->missing ? json_null() : json_real(f->target_logit));
  return object;
}

json_t *ablations_json(const struct ablations *a, const char *model, const char *revision)
{
  struct table table = summary_table(a);
  json_t *conditions = json_array(), *summaries = table_json(&table);
  table_free(&table);
  for (size_t i = 0; i < a->conditions.count; i++)
    json_add(conditions, condition_json(&a->conditions.list[i], &a->figures[i]));
  json_t *all = json_pack("{s:s, s:s, s:I, s:o, s:o}", "model", model, "revision", revision, "n",
                          (json_int_t)a->n, "conditions", conditions, "summaries", summaries);
  if (!all || !a->intervals)
    return all;
  table = interval_table(a, revision, INTERVALS);
  json_put(all, "resamples", json_integer((json_int_t)a->resamples));
  json_put(all, "seed", json_integer(BOOTSTRAP_SEED));
  json_put(all, "intervals", table_json(&table));
  table_free(&table);
  return all;
}
