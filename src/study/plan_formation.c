#include "study/plan_formation.h"

#include "study/formation_forecast.h"

static int forecast(const struct manifest *m, const struct plan *plan, size_t *runs,
                    struct formation_forecast *f, struct error *error)
{
  struct few_items items = {0};
  struct formation_runs all = {0};
  int status = formation_items_open(&m->formation, &items, error);
  if (!status)
    status = formation_runs_of(&m->formation, &all, error);
  const struct formation_work work = {
      .manifest = m, .items = &items, .kernels = plan->runtime->kernels};
  if (!status)
    status = formation_forecast_of(&work, &all, NULL, (size_t)threads_count(plan->runtime->threads),
                                   f, error);
  *runs = all.count;
  formation_runs_free(&all);
  few_items_close(&items);
  return status;
}

int plan_formation(const struct manifest *m, struct plan *plan, struct error *error)
{
  struct formation_forecast f;
  size_t runs;
  char memory[32];
  if (forecast(m, plan, &runs, &f, error))
    return error->code;
  if (!runs)
    plan_note(plan, "%s: no training runs, only toy models, which take no time", m->model);
  else
    plan_note(plan,
              "%s: %zu training runs, %.3g sequences: about %.0f s on %zu threads, %s of memory",
              m->model, runs, f.sequences, f.seconds, f.threads,
              text_bytes(memory, sizeof memory, f.bytes));
  return 0;
}
