#include "study/formation_forecast.h"

#include "base/text.h"

/* Of a run from its beginning. */
static double evaluations_of(const struct formation_run *run)
{
  return run->evaluate_every ? (double)run->sequences / (double)run->evaluate_every : 0;
}

int formation_forecast_of(const struct formation_work *work, const struct formation_runs *runs,
                          const bool *done, size_t threads, struct formation_forecast *forecast,
                          struct error *error)
{
  const struct formation_run *first = NULL;
  struct formation_cost cost;
  double evaluations = 0;
  *forecast = (struct formation_forecast){.threads = threads};
  for (size_t i = 0; i < runs->count; i++) {
    const struct formation_run *run = &runs->runs[i];
    if (done && done[i])
      continue;
    first = first ? first : run;
    forecast->left++;
    forecast->sequences += (double)run->sequences;
    evaluations += evaluations_of(run);
  }
  if (!first)
    return 0;
  if (formation_measure_cost(work, first, &cost, error))
    return error->code;
  double batch = (double)formation_recipe(&work->manifest->formation, first).batch;
  double seconds = forecast->sequences / batch * cost.update + evaluations * cost.evaluation;
  forecast->seconds = seconds / (double)threads;
  forecast->bytes = cost.bytes * threads;
  return 0;
}

int formation_check_memory(const char *manifest, size_t threads, uint64_t bytes, uint64_t memory,
                           struct error *error)
{
  char have[32], need[32];
  if (bytes <= memory)
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: --memory: %s is not enough; %s side by side take %s: allow as much or use "
                   "fewer --threads",
                   manifest, text_bytes(have, sizeof have, memory),
                   text_counted(threads, "run").text, text_bytes(need, sizeof need, bytes));
}
