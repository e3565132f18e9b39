/* Predicates as rows: each model judged, then counted over the seeds of a data set. */
#include "claims/arxiv_2404_07129/predicate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_DATA 4

/* What rows call a data set: static, as rows outlive the tables. */
static const char *const data_names[] = {"omniglot", "F", "gaussian", "file"};

struct count {
  size_t judged, holding, unjudged;
  double low, high;  /* of values; NAN: none has one */
  char failing[64];  /* seeds in which it does not hold */
  char missing[160]; /* of the first that was not judged */
};

static const char *text_cell(const struct published_table *table, size_t row, const char *column)
{
  return table->cells[row * table->schema->column_count + published_column(table->schema, column)];
}

static void add_failing(struct count *count, double seed)
{
  size_t used = strlen(count->failing);
  if (used + 12 < sizeof count->failing)
    snprintf(count->failing + used, sizeof count->failing - used, " %.0f", seed);
}

static void add_judged(struct count *count, const struct judged *judged, double seed)
{
  if (*judged->missing) {
    if (!count->unjudged++)
      snprintf(count->missing, sizeof count->missing, "%s", judged->missing);
    return;
  }
  count->judged++;
  count->holding += judged->holds;
  if (!judged->holds)
    add_failing(count, seed);
  if (isnan(judged->value))
    return;
  count->low = fmin(count->low, judged->value); /* of NAN and a number: the number */
  count->high = fmax(count->high, judged->value);
}

static json_t *judged_json(const struct judged *judged)
{
  if (*judged->missing)
    return json_pack("{s:s}", "missing", judged->missing);
  return json_pack("{s:b, s:o}", "holds", judged->holds, "value", evidence_number(judged->value));
}

static struct count judge_all(struct predicate_case *c, const struct predicate *predicate,
                              const struct predicate_reading *reading, struct evidence *evidence)
{
  struct count count = {.low = NAN, .high = NAN};
  size_t models = predicate->across ? 1 : c->count;
  c->limit = reading->limit;
  c->arguments = reading->arguments;
  evidence_put(evidence, "limit", evidence_number(reading->limit));
  for (c->index = 0; c->index < models; c->index++) {
    struct judged judged = {.value = NAN};
    reading->evaluate(c, &judged);
    const double seed = case_number(c, "models", "", "seed", NULL, &(struct judged){0});
    add_judged(&count, &judged, seed);
    evidence_put(evidence, predicate->across ? "all seeds" : case_model(c), judged_json(&judged));
  }
  return count;
}

static void add_range(const struct count *count, struct text *text)
{
  if (isnan(count->low))
    return;
  text_add(text, isinf(count->low) ? ": never" : ": %.4g", count->low);
  if (count->high > count->low)
    text_add(text, isinf(count->high) ? " to never" : " to %.4g", count->high);
}

/* "4 of 5 seeds (not 7): 0.93 to 0.98" */
static void count_text(const struct count *count, const struct predicate *predicate,
                       struct text *text)
{
  if (predicate->across)
    text_add(text, "%s", count->holding ? "yes" : "no");
  else
    text_add(text, "%zu of %zu seeds", count->holding, count->judged);
  if (*count->failing && !predicate->across && count->judged > 1)
    text_add(text, " (not%s)", count->failing);
  add_range(count, text);
  if (count->unjudged)
    text_add(text, "; %zu without data", count->unjudged);
}

static int add_reading(const struct subject *subject, const struct figure *figure,
                       const struct predicate *predicate, size_t index, struct predicate_case *c)
{
  const struct predicate_reading *reading = &predicate->readings[index];
  struct evidence evidence = evidence_start();
  struct text text = {0};
  const struct count count = judge_all(c, predicate, reading, &evidence);
  count_text(&count, predicate, &text);
  evidence.failed = evidence.failed || text.failed;
  const struct finding finding = {.definition = reading->definition,
                                  .stated = index == 0,
                                  .value = NAN,
                                  .words = count.judged ? text.data : NULL,
                                  .holds = count.holding == count.judged,
                                  .margin = NAN,
                                  .missing = count.judged ? NULL : count.missing,
                                  .evidence = &evidence};
  int status = figure_add(subject, figure, &finding);
  text_free(&text);
  if (status)
    return status;
  struct claim_row *row = &subject->list->rows[subject->list->count - 1];
  row->source = &predicate->source;
  row->basis = predicate->source.where;
  return 0;
}

static int add_predicate(const struct subject *subject, const struct predicate *predicate,
                         struct predicate_case *c)
{
  const struct asserted asserted = {
      .low = NAN, .high = NAN, .words = predicate->stated, .statement = predicate->figure};
  const struct figure figure = {.id = predicate->group,
                                .name = predicate->figure,
                                .revision = "",
                                .unit = UNIT_WORDS,
                                .asserted = &asserted,
                                .first = subject->list->count};
  for (size_t i = 0; i < PREDICATE_READINGS && predicate->readings[i].evaluate; i++)
    if (add_reading(subject, &figure, predicate, i, c))
      return subject->error->code;
  figure_close(subject, &figure);
  return 0;
}

/* The models of a data set; more than PREDICATE_MODELS are refused. */
static int gather(const struct published_table *models, const char *data,
                  const struct published_tables *tables, struct predicate_case *c,
                  struct error *error)
{
  *c = (struct predicate_case){.tables = tables};
  for (size_t row = 0; row < models->rows; row++) {
    if (strcmp(text_cell(models, row, "data"), data) != 0)
      continue;
    if (c->count == PREDICATE_MODELS)
      return error_set(error, EXIT_INPUT, "table models: more than %d seeds of data %s",
                       PREDICATE_MODELS, data);
    c->models[c->count++] = models->cells[row * models->schema->column_count];
  }
  return 0;
}

static int check_data(const struct published_table *models, struct error *error)
{
  for (size_t row = 0; row < models->rows; row++) {
    const char *data = text_cell(models, row, "data");
    bool known = false;
    for (size_t i = 0; i < MOST_DATA; i++)
      known = known || strcmp(data, data_names[i]) == 0;
    if (!known)
      return error_set(error, EXIT_INPUT,
                       "table models, row %zu: data is \"%.40s\", must be omniglot, F, gaussian or "
                       "file",
                       row + 1, data);
  }
  return 0;
}

int formation_predicates(const struct subject *whole, const struct published_tables *tables)
{
  static const struct predicate *const lists[] = {trained_predicates, course_predicates};
  const struct published_table *models = published_find(tables, "models");
  if (!models)
    return error_set(whole->error, EXIT_INPUT,
                     "tables of arXiv %s: there is no table models, which names what the others "
                     "are of",
                     tables->paper->arxiv);
  if (check_data(models, whole->error))
    return whole->error->code;
  for (size_t d = 0; d < MOST_DATA; d++) {
    struct subject subject = *whole;
    struct predicate_case c;
    subject.model = data_names[d];
    if (gather(models, data_names[d], tables, &c, whole->error))
      return whole->error->code;
    for (size_t l = 0; l < sizeof lists / sizeof *lists && c.count; l++)
      for (const struct predicate *predicate = lists[l]; predicate->group; predicate++)
        if (add_predicate(&subject, predicate, &c))
          return whole->error->code;
  }
  return 0;
}
