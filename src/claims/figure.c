#include "claims/figure.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double half_unit(int decimals)
{
  static const double halves[] = {0.5, 0.05, 0.005, 0.0005, 0.00005};
  return halves[decimals] + 1e-12;
}

bool figure_rounds_to(double value, double published, int decimals)
{
  return fabs(value - published) <= half_unit(decimals);
}

/* The first of the paper's revisions that a figure needs and the trajectory lacks. */
static void find_missing(const struct subject *subject, enum figure_need need,
                         struct figure *figure)
{
  const struct trajectory *trajectory = subject->trajectory;
  if (!subject->named || !trajectory)
    return;
  for (size_t i = 0; i < subject->named->revision_count; i++) {
    const char *name = subject->named->revisions[i];
    bool named = strcmp(name, figure->revision) == 0;
    size_t found = trajectory_find(trajectory, name);
    if ((need != NEED_ONE || named) && found == trajectory->count) {
      snprintf(figure->missing, sizeof figure->missing, "revision %s is not in the trajectory",
               name);
      return;
    }
    if (need == NEED_THROUGH && named)
      return;
    /* What is "final" in a claim must be the paper's final revision. */
    if (need == NEED_ALL && i + 1 == subject->named->revision_count &&
        found + 1 != trajectory->count)
      snprintf(figure->missing, sizeof figure->missing, "the trajectory continues after %s", name);
  }
}

void figure_open(const struct subject *subject, const char *id, const char *name,
                 const char *revision, enum claim_unit unit, enum figure_need need,
                 struct figure *figure)
{
  *figure = (struct figure){id, name, revision, unit, NULL, subject->list->count, ""};
  figure->asserted = paper_find_asserted(subject->paper, subject->model, name, revision);
  find_missing(subject, need, figure);
}

static void number_text(char *out, size_t capacity, enum claim_unit unit, double value,
                        int decimals)
{
  if (unit == UNIT_FRACTION)
    snprintf(out, capacity, "%.*f %%", decimals > 2 ? decimals - 2 : 0, 100 * value);
  else if (unit == UNIT_TOKENS)
    snprintf(out, capacity, "%.*fB", decimals, value);
  else
    snprintf(out, capacity, "%.*f%s", decimals, value, unit == UNIT_RATIO ? "x" : "");
}

void figure_published_text(const struct asserted *asserted, enum claim_unit unit, char *out,
                           size_t capacity)
{
  char low[32], high[32];
  if (asserted->words) {
    snprintf(out, capacity, "%s", asserted->words);
    return;
  }
  enum claim_unit each = unit == UNIT_JUMP ? UNIT_FRACTION : unit;
  number_text(low, sizeof low, each, asserted->low, asserted->low_decimals);
  number_text(high, sizeof high, each, asserted->high, asserted->high_decimals);
  if (unit == UNIT_JUMP)
    snprintf(out, capacity, "%s -> %s", low, high);
  else if (asserted->low < asserted->high) /* the unit is written once: "0.3-2 %" */
    snprintf(out, capacity, "%.*s-%s", (int)strspn(low, "0123456789."), low, high);
  else
    snprintf(out, capacity, "%s", low);
}

void figure_percent_text(double fraction, char *out, size_t capacity)
{
  double percent = 100 * fraction;
  int decimals = percent >= 1 ? 1 : percent > 0 ? 2 : 0;
  snprintf(out, capacity, "%.*f %%", decimals, percent);
}

static void recomputed_text(char *out, size_t capacity, enum claim_unit unit, double value)
{
  if (unit == UNIT_FRACTION)
    figure_percent_text(value, out, capacity);
  else if (unit == UNIT_TOKENS && value > 0 && value < 0.01)
    snprintf(out, capacity, "%.4gM", 1000 * value);
  else if (unit == UNIT_TOKENS)
    snprintf(out, capacity, value < 1000 ? "%.4gB" : "%.0fB", value);
  else if (unit == UNIT_RATIO)
    snprintf(out, capacity, "%.4gx", value);
  else
    snprintf(out, capacity, "%.0f", value);
}

static double distance_to(const struct asserted *asserted, double value)
{
  return fmin(fabs(value - asserted->low), fabs(value - asserted->high));
}

static bool matches(const struct asserted *asserted, double value)
{
  return value >= asserted->low - half_unit(asserted->low_decimals) &&
         value <= asserted->high + half_unit(asserted->high_decimals);
}

/* The verdict of a reading on its own: reproduced, not reproduced, not evaluated. */
static void judge(const struct figure *figure, const struct finding *finding, struct claim_row *row)
{
  const struct asserted *asserted = figure->asserted;
  const char *missing = finding->missing;
  if (!missing && *figure->missing && !finding->conclusive)
    missing = figure->missing;
  if (!missing && !asserted)
    missing = "the paper gives no such figure for this model";
  bool holds = finding->holds;
  if (asserted && isfinite(finding->value) && isfinite(asserted->low)) {
    row->margin = distance_to(asserted, finding->value);
    holds = matches(asserted, finding->value);
  } else if (asserted) {
    row->margin = finding->margin;
  }
  if (missing) {
    row->verdict = CLAIM_NOT_EVALUATED;
    snprintf(row->missing, sizeof row->missing, "%s", missing);
  } else {
    row->verdict = holds ? CLAIM_REPRODUCED : CLAIM_NOT_REPRODUCED;
  }
}

static int reserve(struct claim_list *list, struct error *error)
{
  struct claim_row *rows = memory_grow(list->rows, list->count + 1, &list->capacity, sizeof *rows,
                                       "rows of claims", error);
  if (!rows)
    return error->code;
  list->rows = rows;
  return 0;
}

int figure_add(const struct subject *subject, const struct figure *figure,
               const struct finding *finding)
{
  struct claim_list *list = subject->list;
  const struct asserted *asserted = figure->asserted;
  if (finding->evidence->failed || reserve(list, subject->error)) {
    json_decref(finding->evidence->object);
    return error_set(subject->error, EXIT_RUN, "%s %s: out of memory for the rows of claims",
                     subject->model, figure->name);
  }
  struct claim_row row = {.paper = subject->paper,
                          .id = figure->id,
                          .model = subject->model,
                          .kind = subject->kind,
                          .figure = figure->name,
                          .revision = figure->revision,
                          .definition = finding->definition,
                          .stated = finding->stated,
                          .published = NAN,
                          .recomputed = finding->value,
                          .margin = NAN,
                          .evidence = finding->evidence->object,
                          .statement = "The paper gives no such figure for this model."};
  if (asserted) {
    row.statement = asserted->statement;
    figure_published_text(asserted, figure->unit, row.published_text, sizeof row.published_text);
    if (asserted->low == asserted->high)
      row.published = asserted->low;
  }
  if (isfinite(finding->value))
    recomputed_text(row.recomputed_text, sizeof row.recomputed_text, figure->unit, finding->value);
  else if (finding->words)
    snprintf(row.recomputed_text, sizeof row.recomputed_text, "%s", finding->words);
  snprintf(row.why, sizeof row.why, "%s", finding->why ? finding->why : "");
  judge(figure, finding, &row);
  list->rows[list->count++] = row;
  return 0;
}

void figure_close(const struct subject *subject, const struct figure *figure)
{
  struct claim_list *list = subject->list;
  char others[sizeof list->rows->under] = "";
  for (size_t i = figure->first; i < list->count; i++) {
    struct claim_row *row = &list->rows[i];
    if (row->stated || row->verdict != CLAIM_REPRODUCED)
      continue;
    row->verdict = CLAIM_UNDER_ANOTHER;
    snprintf(row->under, sizeof row->under, "%s", row->definition);
    size_t used = strlen(others);
    snprintf(others + used, sizeof others - used, "%s%s", used ? "; " : "", row->definition);
  }
  for (size_t i = figure->first; i < list->count; i++) {
    struct claim_row *row = &list->rows[i];
    if (!row->stated || !*others)
      continue;
    if (row->verdict == CLAIM_NOT_REPRODUCED)
      row->verdict = CLAIM_UNDER_ANOTHER;
    memcpy(row->under, others, sizeof others);
  }
}
