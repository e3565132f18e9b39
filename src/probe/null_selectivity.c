#include "probe/null_selectivity.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/quantile.h"
#include "base/random.h"
#include "probe/observe.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char what[] = "nulls of the heads";

uint64_t null_bytes(size_t layers, size_t heads, int64_t n, int64_t seq_len, size_t draws,
                    size_t room)
{
  uint64_t all, positions, sums, patterns, total;
  if (__builtin_mul_overflow(layers, heads, &all) ||
      __builtin_mul_overflow(draws, (uint64_t)n * sizeof(int32_t), &positions) ||
      __builtin_mul_overflow(draws, all * 2 * sizeof(double), &sums) || /* and null_of_all's */
      __builtin_mul_overflow(room, (uint64_t)seq_len * sizeof(float), &patterns) ||
      __builtin_mul_overflow(patterns, all, &patterns) ||
      __builtin_add_overflow(positions, sums, &total) ||
      __builtin_add_overflow(total, patterns, &total))
    return UINT64_MAX;
  return total;
}

static bool is_valid(const struct batch *batch, int64_t sequence)
{
  return batch->b_position[sequence] >= 0;
}

static int32_t draw_position(struct random *random, int64_t seq_len, int32_t ab)
{
  int64_t p;
  do
    p = random_integer(random, 1, seq_len - 1);
  while (p >= seq_len - BATCH_RESERVED_END || p == ab || p == ab + 1);
  return (int32_t)p;
}

/* Draws all positions and takes their digest, draw by draw. */
static int draw(struct null_selectivity *null, uint32_t seed, struct error *error)
{
  const struct batch *batch = null->batch;
  struct random random;
  struct digester *digester;
  struct digest digest;
  int64_t *wide = memory_alloc(null->valid, sizeof *wide, what, error);
  if (!wide || digester_start(&digester, error)) {
    free(wide);
    return error->code;
  }
  random_seed(&random, seed);
  int status = 0;
  for (size_t d = 0; d < null->draws && !status; d++) {
    size_t at = 0;
    for (int64_t i = 0; i < batch->n; i++)
      if (is_valid(batch, i)) {
        wide[at] = draw_position(&random, batch->seq_len, batch->ab[i]);
        null->positions[at * null->draws + d] = (int32_t)wide[at];
        at++;
      }
    status = digester_add(digester, wide, at * sizeof *wide, error);
  }
  if (!status && !(status = digester_finish(digester, &digest, error)))
    memcpy(null->positions_sha256, digest.sha256, sizeof digest.sha256);
  digester_free(digester);
  free(wide);
  return status;
}

int null_create(const struct batch *batch, size_t layers, size_t heads, size_t draws, uint32_t seed,
                size_t room, struct null_selectivity *null, struct error *error)
{
  *null = (struct null_selectivity){
      .batch = batch, .layers = layers, .heads = heads, .draws = draws, .room = room};
  for (int64_t i = 0; i < batch->n; i++)
    null->valid += is_valid(batch, i);
  if (null->valid == 0)
    return error_set(error, EXIT_INPUT,
                     "no sequence is valid (b occurs once in it), so that induction has no "
                     "null; use more sequences or a larger --vocab");
  size_t all = layers * heads, length = (size_t)batch->seq_len;
  null->positions = memory_alloc(draws * null->valid, sizeof *null->positions, what, error);
  if (null->positions)
    null->values = memory_zeroed(all * draws, sizeof *null->values, what, error);
  if (null->values)
    null->patterns = memory_alloc(all * room * length, sizeof *null->patterns, what, error);
  int status = null->patterns ? draw(null, seed, error) : EXIT_RUN;
  if (status)
    null_free(null);
  return status;
}

void null_drop(struct null_selectivity *null)
{
  free(null->positions);
  free(null->values);
  free(null->patterns);
  null->positions = NULL;
  null->values = NULL;
  null->patterns = NULL;
}

void null_free(struct null_selectivity *null)
{
  null_drop(null);
  *null = (struct null_selectivity){0};
}

static void read_pattern(void *context, const struct hook_value *value, const float *pattern)
{
  struct null_selectivity *null = context;
  size_t head = value->site.layer * null->heads + value->site.head;
  size_t length = (size_t)null->batch->seq_len, at = value->sequence - null->taken;
  memcpy(null->patterns + (head * null->room + at) * length, pattern, length * sizeof *pattern);
}

struct hook null_hook(struct null_selectivity *null)
{
  return (struct hook){.site = {SITE_PATTERN, SITE_ALL, SITE_ALL},
                       .positions = {.kind = POSITIONS_LAST},
                       .read = read_pattern,
                       .context = null};
}

struct take {
  struct null_selectivity *null;
  size_t done, before; /* `before`: valid sequences in front of `taken` */
};

static void take_head(void *context, size_t head, int worker)
{
  (void)worker;
  const struct take *take = context;
  struct null_selectivity *null = take->null;
  size_t length = (size_t)null->batch->seq_len, valid = take->before;
  double *sums = null->values + head * null->draws;
  for (size_t i = null->taken; i < take->done; i++) {
    const float *pattern = null->patterns + (head * null->room + i - null->taken) * length;
    if (!is_valid(null->batch, (int64_t)i))
      continue;
    const int32_t *positions = null->positions + valid++ * null->draws;
    for (size_t d = 0; d < null->draws; d++)
      sums[d] += (double)pattern[positions[d]];
  }
}

void null_take(struct null_selectivity *null, struct threads *threads, size_t done)
{
  struct take take = {null, done, 0};
  for (size_t i = 0; i < null->taken; i++)
    take.before += is_valid(null->batch, (int64_t)i);
  threads_run(threads, null->layers * null->heads, take_head, &take);
  null->taken = done;
}

void null_finish(struct null_selectivity *null, const struct head_row *rows)
{
  for (size_t head = 0; head < null->layers * null->heads; head++) {
    double *values = null->values + head * null->draws, baseline = rows[head].baseline;
    for (size_t d = 0; d < null->draws; d++)
      values[d] =
          values[d] / (double)null->valid / (baseline > BASELINE_FLOOR ? baseline : BASELINE_FLOOR);
    quantile_sort(values, null->draws);
  }
  null->batch = NULL;
}

static struct null_quantiles quantiles_of(const double *sorted, size_t count)
{
  return (struct null_quantiles){sorted[count - 1], quantile_sorted(sorted, count, 0.99),
                                 quantile_sorted(sorted, count, 0.95),
                                 quantile_sorted(sorted, count, 0.5)};
}

struct null_quantiles null_of_head(const struct null_selectivity *null, size_t head)
{
  return quantiles_of(null->values + head * null->draws, null->draws);
}

int null_of_all(const struct null_selectivity *null, struct null_quantiles *all,
                struct error *error)
{
  size_t count = null->layers * null->heads * null->draws;
  double *sorted = memory_alloc(count, sizeof *sorted, what, error);
  if (!sorted)
    return EXIT_RUN;
  memcpy(sorted, null->values, count * sizeof *sorted);
  quantile_sort(sorted, count);
  *all = quantiles_of(sorted, count);
  free(sorted);
  return 0;
}
