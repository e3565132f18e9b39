#include "probe/bootstrap.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/quantile.h"
#include "probe/participation.h"

#include <stdlib.h>
#include <string.h>

int resampler_start(uint32_t seed, int64_t n, struct resampler *resampler, struct error *error)
{
  static const char what[] = "resamples";
  *resampler = (struct resampler){.n = n};
  random_seed(&resampler->random, seed);
  resampler->counts = memory_alloc((size_t)n, sizeof *resampler->counts, what, error);
  resampler->drawn =
      resampler->counts ? memory_alloc((size_t)n, sizeof *resampler->drawn, what, error) : NULL;
  return resampler->drawn ? digester_start(&resampler->digester, error) : EXIT_RUN;
}

int resampler_next(struct resampler *r, struct error *error)
{
  memset(r->counts, 0, (size_t)r->n * sizeof *r->counts);
  for (int64_t i = 0; i < r->n; i++) {
    r->drawn[i] = random_integer(&r->random, 0, r->n);
    r->counts[r->drawn[i]]++;
  }
  return digester_add(r->digester, r->drawn, (size_t)r->n * sizeof *r->drawn, error);
}

int resampler_digest(struct resampler *resampler, char sha256[65], struct error *error)
{
  struct digest digest;
  if (digester_finish(resampler->digester, &digest, error))
    return error->code;
  memcpy(sha256, digest.sha256, sizeof digest.sha256);
  return 0;
}

void resampler_free(struct resampler *resampler)
{
  free(resampler->counts);
  free(resampler->drawn);
  digester_free(resampler->digester);
  *resampler = (struct resampler){.n = 0};
}

struct interval bootstrap_interval(double value, double *values, size_t count)
{
  quantile_sort(values, count);
  return (struct interval){value, quantile_sorted(values, count, BOOTSTRAP_TAIL),
                           quantile_sorted(values, count, 1 - BOOTSTRAP_TAIL)};
}

/* NULL = each once. */
static double counted_mean(const double *values, const uint32_t *counts, int64_t n)
{
  double sum = 0;
  for (int64_t i = 0; i < n; i++)
    sum += (double)(counts ? counts[i] : 1) * values[i];
  return sum / (double)n;
}

static int resample_means(const double *const *series, size_t count, struct resampler *resampler,
                          size_t resamples, double *means, struct interval *intervals,
                          struct error *error)
{
  for (size_t b = 0; b < resamples; b++) {
    if (resampler_next(resampler, error))
      return error->code;
    for (size_t s = 0; s < count; s++)
      means[s * resamples + b] = counted_mean(series[s], resampler->counts, resampler->n);
  }
  for (size_t s = 0; s < count; s++)
    intervals[s] = bootstrap_interval(counted_mean(series[s], NULL, resampler->n),
                                      means + s * resamples, resamples);
  return 0;
}

int bootstrap_means(const double *const *series, size_t count, int64_t n, size_t resamples,
                    struct interval *intervals, struct error *error)
{
  struct resampler resampler;
  int status = resampler_start(BOOTSTRAP_SEED, n, &resampler, error);
  double *means =
      status ? NULL : memory_alloc(count, resamples * sizeof *means, "resampled means", error);
  if (means)
    status = resample_means(series, count, &resampler, resamples, means, intervals, error);
  free(means);
  resampler_free(&resampler);
  return means ? status : EXIT_RUN;
}

const char *model_figure_name(enum model_figure figure)
{
  static const char *const names[] = {"share_first_token_ge_30", "share_first_token_best_class",
                                      "heads_induction_ge_10", "heads_induction_ge_30",
                                      "heads_induction_ge_50"};
  return names[figure];
}

static bool has_figure(enum model_figure figure, const struct head_row *row)
{
  double induction = row->selectivity[CLASS_INDUCTION];
  switch (figure) {
  case MODEL_SHARE_FIRST_TOKEN:
    return row->selectivity[CLASS_FIRST_TOKEN] >= CLASS_THRESHOLD;
  case MODEL_SHARE_FIRST_TOKEN_BEST:
    return row->class == CLASS_FIRST_TOKEN;
  case MODEL_INDUCTION_10:
    return induction >= 10;
  case MODEL_INDUCTION_30:
    return induction >= CLASS_THRESHOLD;
  default:
    return induction >= CIRCUIT_THRESHOLD;
  }
}

double model_figure(enum model_figure figure, const struct head_row *rows, size_t heads)
{
  size_t count = 0;
  for (size_t i = 0; i < heads; i++)
    count += has_figure(figure, &rows[i]);
  return figure <= MODEL_SHARE_FIRST_TOKEN_BEST ? (double)count / (double)heads : (double)count;
}

/* One resample on its way through the heads. */
struct run {
  const struct observations *observations;
  const struct head_row *sample; /* [heads] */
  struct resampler means, rows;
  double *scratch; /* [threads][scratch_size] */
  size_t scratch_size;
  struct head_row *out; /* [heads] */
  struct error *errors; /* [heads] */
};

static void resample_head(void *context, size_t index, int worker)
{
  const struct run *run = context;
  const struct observed observed = observations_of(run->observations, index);
  struct head_row *row = &run->out[index];
  double means[OBSERVED_FIGURES];
  observed_means(&observed, run->means.counts, means);
  observed_row(means, row);
  (void)participation_repeated(observed.outputs, observed.pr_rows, observed.head_dim,
                               run->rows.counts, run->scratch + (size_t)worker * run->scratch_size,
                               &row->pr, &run->errors[index]);
}

static int resample(struct run *run, struct bootstrap *b, struct threads *threads,
                    struct progress *progress, struct error *error)
{
  for (size_t k = 0; k < b->resamples; k++) {
    if (interrupt_requested())
      return error_set(error, EXIT_RUN, "stopped after %zu of %zu resamples", k, b->resamples);
    if (resampler_next(&run->means, error) || resampler_next(&run->rows, error))
      return error->code;
    run->out = b->rows + k * b->heads;
    threads_run(threads, b->heads, resample_head, run);
    for (size_t i = 0; i < b->heads; i++) {
      run->out[i].layer = run->sample[i].layer;
      run->out[i].head = run->sample[i].head;
      if (run->errors[i].code) {
        *error = run->errors[i];
        return error_prefix(error, "head %zu: resampled head outputs", i);
      }
    }
    if (progress)
      progress_update(progress, (double)(k + 1));
  }
  if (resampler_digest(&run->means, b->indices, error))
    return error->code;
  return resampler_digest(&run->rows, b->pr_indices, error);
}

static void head_intervals(struct bootstrap *b, const struct head_row *row, size_t head,
                           double *values)
{
  struct head_intervals *to = &b->head[head];
  const struct head_row *rows = b->rows + head;
  size_t kept = 0;
  for (int c = 0; c < CLASS_COUNT; c++) {
    for (size_t k = 0; k < b->resamples; k++)
      values[k] = rows[k * b->heads].selectivity[c];
    to->selectivity[c] = bootstrap_interval(row->selectivity[c], values, b->resamples);
  }
  for (size_t k = 0; k < b->resamples; k++) {
    values[k] = rows[k * b->heads].pr;
    kept += rows[k * b->heads].class == row->class;
  }
  const struct interval pr = bootstrap_interval(row->pr, values, b->resamples);
  to->pr = (struct interval){pr.value, 2 * pr.value - pr.high, 2 * pr.value - pr.low};
  to->class_kept = (double)kept / (double)b->resamples;
}

static int intervals(struct bootstrap *b, const struct head_row *rows, struct error *error)
{
  double *values = memory_alloc(b->resamples, sizeof *values, "resamples of a figure", error);
  if (!values)
    return EXIT_RUN;
  for (size_t i = 0; i < b->heads; i++)
    head_intervals(b, &rows[i], i, values);
  for (int f = 0; f < MODEL_FIGURES; f++) {
    for (size_t k = 0; k < b->resamples; k++)
      values[k] = model_figure((enum model_figure)f, b->rows + k * b->heads, b->heads);
    b->model[f] = bootstrap_interval(model_figure((enum model_figure)f, rows, b->heads), values,
                                     b->resamples);
  }
  free(values);
  return 0;
}

uint64_t bootstrap_bytes(const struct protocol *p, size_t heads, int head_dim, size_t resamples,
                         int threads)
{
  int64_t m = p->pr_n < p->n ? p->pr_n : p->n;
  size_t scratch = participation_scratch(m, head_dim), rows, total;
  size_t head = sizeof(struct head_intervals) + sizeof(struct error);
  if (__builtin_mul_overflow(scratch, (size_t)threads * sizeof(double), &scratch) ||
      __builtin_mul_overflow(heads, resamples * sizeof(struct head_row) + head, &rows) ||
      __builtin_add_overflow(rows, scratch, &total) ||
      __builtin_add_overflow(total, (size_t)(p->n + m) * 12, &total))
    return UINT64_MAX;
  return total;
}

static int prepare(struct run *run, struct bootstrap *b, int threads, struct error *error)
{
  static const char what[] = "resampled figures of the heads";
  const struct observed first = observations_of(run->observations, 0);
  run->scratch_size = participation_scratch(first.pr_rows, first.head_dim);
  if (resampler_start(BOOTSTRAP_SEED, first.n, &run->means, error) ||
      resampler_start(BOOTSTRAP_PR_SEED, first.pr_rows, &run->rows, error))
    return error->code;
  b->rows = memory_zeroed(b->heads, b->resamples * sizeof *b->rows, what, error);
  b->head = b->rows ? memory_alloc(b->heads, sizeof *b->head, what, error) : NULL;
  run->errors = b->head ? memory_zeroed(b->heads, sizeof *run->errors, what, error) : NULL;
  run->scratch =
      run->errors && run->scratch_size < SIZE_MAX / sizeof(double)
          ? memory_alloc((size_t)threads, run->scratch_size * sizeof(double), what, error)
          : NULL;
  return run->scratch ? 0 : EXIT_RUN;
}

int bootstrap_run(const struct observations *observations, const struct head_row *rows,
                  size_t resamples, struct threads *threads, struct progress *progress,
                  struct bootstrap *bootstrap, struct error *error)
{
  struct run run = {.observations = observations, .sample = rows};
  *bootstrap =
      (struct bootstrap){.resamples = resamples, .heads = observations_heads(observations)};
  int status = prepare(&run, bootstrap, threads_count(threads), error);
  if (!status)
    status = resample(&run, bootstrap, threads, progress, error);
  if (!status)
    status = intervals(bootstrap, rows, error);
  resampler_free(&run.means);
  resampler_free(&run.rows);
  free(run.scratch);
  free(run.errors);
  if (status)
    bootstrap_free(bootstrap);
  return status;
}

void bootstrap_free(struct bootstrap *bootstrap)
{
  free(bootstrap->rows);
  free(bootstrap->head);
  *bootstrap = (struct bootstrap){.resamples = 0};
}
