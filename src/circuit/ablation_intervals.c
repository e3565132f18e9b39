#include "circuit/ablation_intervals.h"

#include "base/memory.h"
#include "circuit/ablation_state.h"

#include <math.h>
#include <stdlib.h>

enum series { TOP1, TOP5, TOP1_CHANGE, CROSS_ENTROPY, TARGET_LOGIT, SERIES };

/* What each sequence shows under a condition, to series[SERIES][n]. Hits count n, so that their
 * mean is the number of sequences, exactly. */
static void show(const struct ablation *a, size_t condition, double *series)
{
  size_t n = (size_t)a->batch->n;
  double unit = (double)n;
  for (size_t i = 0; i < n; i++) {
    const struct target *target = ablation_target(a, condition, i);
    int32_t rank = target_rank(target);
    int32_t before = target_rank(&a->targets[i]); /* the first set is the baseline */
    series[TOP1 * n + i] = rank == 0 ? unit : 0;
    series[TOP5 * n + i] = rank < TARGET_TOP ? unit : 0;
    series[TOP1_CHANGE * n + i] = series[TOP1 * n + i] - (before == 0 ? unit : 0);
    series[CROSS_ENTROPY * n + i] = target_cross_entropy(target);
    series[TARGET_LOGIT * n + i] = (double)target->logit;
  }
}

static int resample(const struct ablation *a, size_t condition, size_t resamples, double *values,
                    struct ablation_intervals *to, struct error *error)
{
  const double *series[SERIES];
  struct interval got[SERIES];
  const struct interval none = {NAN, NAN, NAN};
  *to = (struct ablation_intervals){none, none, none, none, none};
  if (!ablation_target(a, condition, 0))
    return 0;
  show(a, condition, values);
  for (int s = 0; s < SERIES; s++)
    series[s] = values + (size_t)s * (size_t)a->batch->n;
  if (bootstrap_means(series, SERIES, a->batch->n, resamples, got, error))
    return error->code;
  *to = (struct ablation_intervals){got[TOP1], got[TOP5], got[TOP1_CHANGE], got[CROSS_ENTROPY],
                                    got[TARGET_LOGIT]};
  return 0;
}

int ablation_intervals(const struct ablation *a, size_t resamples,
                       struct ablation_intervals *intervals, struct error *error)
{
  const struct conditions *all = a->conditions;
  double *values =
      memory_alloc((size_t)a->batch->n, SERIES * sizeof *values, "resampled conditions", error);
  if (!values)
    return EXIT_RUN;
  int status = 0;
  for (size_t i = 0; !status && i < all->count; i++)
    status = resample(a, i, resamples, values, &intervals[i], error);
  free(values);
  return status;
}
