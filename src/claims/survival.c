#include "claims/survival.h"

#include "base/memory.h"
#include "base/quantile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SURVIVES 0.95
#define TAIL 0.025 /* on either side of the interval of a figure */

bool claim_survives(const struct claim_row *row)
{
  const struct claim_interval *i = &row->interval;
  return i->resamples && (double)i->same_verdict >= SURVIVES * (double)i->resamples;
}

const char *claim_no_interval(const struct claim_row *row)
{
  if (row->interval.resamples)
    return NULL;
  return row->kind == TRAJECTORY_PUBLISHED ? CLAIM_TABLES_ALONE : "no resamples were made";
}

static bool same_row(const struct claim_row *a, const struct claim_row *b)
{
  return strcmp(a->id, b->id) == 0 && strcmp(a->model, b->model) == 0 &&
         strcmp(a->figure, b->figure) == 0 && strcmp(a->revision, b->revision) == 0 &&
         strcmp(a->definition, b->definition) == 0;
}

/* The row of a resample; nearly always it stands in the same place. */
static const struct claim_row *find(const struct claim_list *list, const struct claim_row *row,
                                    size_t place)
{
  if (place < list->count && same_row(&list->rows[place], row))
    return &list->rows[place];
  for (size_t i = 0; i < list->count; i++)
    if (same_row(&list->rows[i], row))
      return &list->rows[i];
  return NULL;
}

/* What resample b says of every row; its figures to values[row][b], NAN without a number. */
static void count(struct claim_list *list, const struct claim_list *resampled, size_t b,
                  size_t resamples, double *values)
{
  for (size_t i = 0; i < list->count; i++) {
    struct claim_row *row = &list->rows[i];
    const struct claim_row *other = find(resampled, row, i);
    row->interval.same_verdict += other && other->verdict == row->verdict;
    row->interval.same_text += other && strcmp(other->recomputed_text, row->recomputed_text) == 0;
    values[i * resamples + b] = other ? other->recomputed : NAN;
  }
}

static void close_interval(struct claim_row *row, double *values, size_t resamples)
{
  struct claim_interval *interval = &row->interval;
  interval->resamples = resamples;
  interval->low = interval->high = NAN;
  for (size_t b = 0; b < resamples; b++)
    if (!isfinite(values[b]))
      return;
  quantile_sort(values, resamples);
  interval->low = quantile_sorted(values, resamples, TAIL);
  interval->high = quantile_sorted(values, resamples, 1 - TAIL);
}

/* Evaluates one resample: the trajectory with other heads. */
static int evaluate(const struct trajectory *sample, struct head_row *const *rows, size_t b,
                    struct revision *revisions, struct claim_list *list, struct error *error)
{
  struct trajectory *resampled = list->trajectories;
  *resampled = *sample;
  resampled->revisions = revisions;
  for (size_t r = 0; r < sample->count; r++) {
    revisions[r] = sample->revisions[r];
    size_t heads = (size_t)revisions[r].n_layers * (size_t)revisions[r].n_heads;
    revisions[r].heads = rows[r] + b * heads;
  }
  return claims_evaluate(resampled, 1, list, error);
}

static int evaluate_all(struct claim_list *list, struct head_row *const *rows, size_t resamples,
                        struct revision *revisions, double *values, struct error *error)
{
  for (size_t b = 0; b < resamples; b++) {
    struct trajectory resampled;
    struct claim_list one = {.trajectories = &resampled};
    if (evaluate(list->trajectories, rows, b, revisions, &one, error))
      return error->code;
    count(list, &one, b, resamples, values);
    claims_free(&one);
  }
  for (size_t i = 0; i < list->count; i++)
    close_interval(&list->rows[i], values + i * resamples, resamples);
  return 0;
}

int claims_survive(struct claim_list *list, struct head_row *const *rows, size_t resamples,
                   struct error *error)
{
  static const char what[] = "claims of the resamples";
  size_t revisions = list->trajectories->count;
  struct revision *copies = memory_alloc(revisions, sizeof *copies, what, error);
  double *values =
      copies ? memory_alloc(list->count, resamples * sizeof *values, what, error) : NULL;
  int status = values ? evaluate_all(list, rows, resamples, copies, values, error) : error->code;
  free(copies);
  free(values);
  return status;
}
