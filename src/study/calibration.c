#include "study/calibration.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/quantile.h"
#include "probe/participation.h"
#include "trajectory/integral.h"

#include <stdio.h>
#include <stdlib.h>

const double calibration_thresholds[5] = {2, 10, 30, 50, 100};

static size_t count_heads(const struct calibrated *c)
{
  return (size_t)c->revision.n_layers * (size_t)c->revision.n_heads;
}

struct first_rows {
  struct observed *observed; /* [heads] */
  double *pr;
  struct error *errors;
};

static void measure_first(void *context, size_t head, int worker)
{
  (void)worker;
  const struct first_rows *first = context;
  const struct observed *o = &first->observed[head];
  int64_t rows = o->pr_rows < CALIBRATION_PUBLISHED_ROWS ? o->pr_rows : CALIBRATION_PUBLISHED_ROWS;
  (void)participation_ratio(o->outputs, rows, o->head_dim, &first->pr[head], &first->errors[head]);
}

struct seen {
  const struct runtime *runtime;
  double *pr; /* [heads]; owned by the caller of the screen */
};

/* While the head outputs are there: the participation ratio over as many rows as were published. */
static int see_outputs(void *context, const struct observations *observations, struct error *error)
{
  struct seen *seen = context;
  size_t heads = observations_heads(observations);
  static const char what[] = "participation ratios";
  struct first_rows first = {memory_alloc(heads, sizeof *first.observed, what, error), NULL, NULL};
  first.pr = first.observed ? memory_alloc(heads, sizeof *first.pr, what, error) : NULL;
  first.errors = first.pr ? memory_zeroed(heads, sizeof *first.errors, what, error) : NULL;
  int status = first.errors ? 0 : EXIT_RUN;
  for (size_t i = 0; i < heads && !status; i++)
    first.observed[i] = observations_of(observations, i);
  if (!status)
    threads_run(seen->runtime->threads, heads, measure_first, &first);
  for (size_t i = 0; i < heads && !status; i++)
    if ((status = first.errors[i].code))
      *error = first.errors[i];
  free(first.observed);
  free(first.errors);
  seen->pr = first.pr;
  return status;
}

static struct screening screening_of(const struct calibration *calibration)
{
  return (struct screening){.protocol = calibration->protocol,
                            .beyond_context = calibration->beyond_context,
                            .null_seed = calibration->seed,
                            .outputs = calibration->outputs,
                            .output_count = calibration->output_count,
                            .keeps_whole = true};
}

static int screen_protocol(const char *path, const struct calibration *calibration,
                           const struct runtime *runtime, struct calibrated *c, struct error *error)
{
  struct seen seen = {runtime, NULL};
  struct screening screening = screening_of(calibration);
  screening.partial = calibration->partial;
  screening.draws = calibration->draws;
  screening.null = &c->null;
  screening.seen = see_outputs;
  screening.context = &seen;
  screening.part = "1 of 2: the screen and its nulls";
  int status = screening_run(path, &screening, runtime, &c->revision, error);
  if (!status) {
    c->heads = memory_alloc(count_heads(c), sizeof *c->heads, "nulls of the heads", error);
    status = c->heads ? null_of_all(&c->null, &c->all, error) : EXIT_RUN;
  }
  for (size_t i = 0; !status && i < count_heads(c); i++)
    c->heads[i] =
        (struct calibrated_head){.null = null_of_head(&c->null, i), .published_pr = seen.pr[i]};
  free(seen.pr);
  null_drop(&c->null); /* the second pass has the memory for itself */
  return status;
}

static int see_tokens(void *context, const struct observations *observations, struct error *error)
{
  struct calibrated *c = context;
  return observations_digest(observations, c->tokens_sha256, error);
}

static int screen_random(const char *path, const struct calibration *calibration,
                         const struct runtime *runtime, struct calibrated *c, struct error *error)
{
  struct revision revision;
  struct screening screening = screening_of(calibration);
  if (screening.protocol.n > screening.protocol.pr_n)
    screening.protocol.n = screening.protocol.pr_n;
  screening.partial = calibration->partial_random;
  screening.output_count = 0; /* the files are those of the first part, which looked */
  screening.random_tokens = true;
  screening.seen = see_tokens;
  screening.context = c;
  screening.part = "2 of 2: random ids";
  int status = screening_run(path, &screening, runtime, &revision, error);
  if (status)
    return status;
  for (size_t i = 0; i < count_heads(c); i++)
    c->heads[i].null_pr = revision.heads[i].pr;
  trajectory_revision_free(&revision);
  return 0;
}

static void count_selectivities(struct calibrated *c, double *sorted)
{
  size_t heads = count_heads(c);
  for (size_t i = 0; i < heads; i++) {
    double real = c->revision.heads[i].selectivity[CLASS_INDUCTION];
    sorted[i] = real;
    c->above_p99 += real > c->all.p99;
    for (int t = 0; t < 5; t++)
      c->at_least[t] += real >= calibration_thresholds[t];
  }
  quantile_sort(sorted, heads);
  c->real_max = sorted[heads - 1];
  c->real_median = quantile_sorted(sorted, heads, 0.5);
}

static void count_pr(const struct calibrated *c, double pr, double own, struct pr_counts *counts)
{
  counts->max += pr > c->pr_max;
  counts->p99 += pr > c->pr_p99;
  counts->p95 += pr > c->pr_p95;
  counts->own += pr > own;
}

static void count_ratios(struct calibrated *c, double *sorted)
{
  size_t heads = count_heads(c);
  double sum = 0;
  for (size_t i = 0; i < heads; i++) {
    sorted[i] = c->heads[i].null_pr;
    sum += sorted[i];
  }
  quantile_sort(sorted, heads);
  c->pr_min = sorted[0];
  c->pr_max = sorted[heads - 1];
  c->pr_p99 = quantile_sorted(sorted, heads, 0.99);
  c->pr_p95 = quantile_sorted(sorted, heads, 0.95);
  c->pr_median = quantile_sorted(sorted, heads, 0.5);
  c->pr_mean = sum / (double)heads;
  for (size_t i = 0; i < heads; i++) {
    count_pr(c, c->revision.heads[i].pr, c->heads[i].null_pr, &c->same);
    count_pr(c, c->heads[i].published_pr, c->heads[i].null_pr, &c->published);
  }
}

int calibration_run(const char *path, const struct calibration *calibration,
                    const struct runtime *runtime, struct calibrated *calibrated,
                    struct error *error)
{
  *calibrated = (struct calibrated){0};
  double *sorted = NULL;
  int status = screen_protocol(path, calibration, runtime, calibrated, error);
  if (!status)
    status = screen_random(path, calibration, runtime, calibrated, error);
  if (!status) {
    sorted = memory_alloc(count_heads(calibrated), sizeof *sorted, "nulls of the heads", error);
    status = sorted ? 0 : EXIT_RUN;
  }
  if (status) {
    calibrated_free(calibrated);
    return status;
  }
  count_selectivities(calibrated, sorted);
  count_ratios(calibrated, sorted);
  free(sorted);
  return 0;
}

void calibrated_free(struct calibrated *calibrated)
{
  trajectory_revision_free(&calibrated->revision);
  null_free(&calibrated->null);
  free(calibrated->heads);
  *calibrated = (struct calibrated){0};
}

static const struct table_column columns[] = {
    {"layer", "layer", CELL_INTEGER},        {"head", "head", CELL_INTEGER},
    {"induction", "induction", CELL_NUMBER}, {"null_max", "null max", CELL_NUMBER},
    {"null_p99", "null p99", CELL_NUMBER},   {"null_p95", "null p95", CELL_NUMBER},
    {"null_median", "median", CELL_NUMBER},  {"pr", "pr", CELL_NUMBER},
    {"null_pr", "null pr", CELL_NUMBER},     {"published_pr", "pr of 500", CELL_NUMBER},
};

struct table calibrated_table(const struct calibrated *c)
{
  struct table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
  for (size_t i = 0; i < count_heads(c); i++) {
    const struct head_row *row = &c->revision.heads[i];
    const struct calibrated_head *head = &c->heads[i];
    const double figures[] = {row->selectivity[CLASS_INDUCTION],
                              head->null.max,
                              head->null.p99,
                              head->null.p95,
                              head->null.median,
                              row->pr,
                              head->null_pr,
                              head->published_pr};
    table_integer(&table, row->layer);
    table_integer(&table, row->head);
    for (size_t k = 0; k < sizeof figures / sizeof *figures; k++)
      table_number(&table, figures[k]);
  }
  return table;
}

static json_t *counts_json(const struct pr_counts *counts)
{
  return json_pack("{s:I, s:I, s:I, s:I}", "above_null_max", (json_int_t)counts->max,
                   "above_null_p99", (json_int_t)counts->p99, "above_null_p95",
                   (json_int_t)counts->p95, "above_own_null", (json_int_t)counts->own);
}

json_t *calibrated_json(const struct calibrated *c)
{
  json_t *at_least = json_object();
  for (int t = 0; t < 5; t++) {
    char key[16];
    snprintf(key, sizeof key, "%g", calibration_thresholds[t]);
    json_put(at_least, key, json_integer((json_int_t)c->at_least[t]));
  }
  json_t *selectivity = json_pack(
      "{s:I, s:I, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:o}", "draws", (json_int_t)c->null.draws,
      "valid", (json_int_t)c->null.valid, "positions_sha256", c->null.positions_sha256, "null_max",
      c->all.max, "null_p99", c->all.p99, "null_p95", c->all.p95, "null_median", c->all.median,
      "real_max", c->real_max, "real_median", c->real_median, "heads_above_null_p99",
      (json_int_t)c->above_p99, "heads_at_least", at_least);
  json_t *pr = json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o, s:I}", "tokens_sha256",
                         c->tokens_sha256, "null_min", c->pr_min, "null_max", c->pr_max, "null_p99",
                         c->pr_p99, "null_p95", c->pr_p95, "null_median", c->pr_median, "null_mean",
                         c->pr_mean, "heads", counts_json(&c->same), "heads_published",
                         counts_json(&c->published), "k_18_percent",
                         (json_int_t)integral_k18(count_heads(c)));
  return json_pack("{s:o, s:o}", "selectivity", selectivity, "participation_ratio", pr);
}
