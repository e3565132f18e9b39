/* Training runs of arXiv 2404.07129: carried out side by side, one thread a run, kept as they end,
 * and put together as tables for the claims and the golden. */
#include "base/file.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/progress.h"
#include "study/formation_figures.h"
#include "study/formation_forecast.h"
#include "study/formation_rows.h"
#include "study/kind.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* All runs of a manifest on their way. */
struct running {
  struct manifest_run *run;
  struct few_items items;
  struct formation_runs runs;
  struct formation_work work;
  struct text *rows;    /* [runs.count] */
  bool *done;           /* [runs.count] */
  size_t *order;        /* [runs.count]: as they are begun, the longest first */
  struct error *errors; /* [runs.count] */
  struct progress progress;
  double updates;
  pthread_mutex_t lock; /* on what follows, progress and updates */
  bool stopped;         /* one has failed */
};

/* Items and runs of a manifest that fit together; both are the caller's. */
static int open_runs(const struct manifest_formation *formation, struct few_items *items,
                     struct formation_runs *runs, struct error *error)
{
  int status = formation_items_open(formation, items, error);
  if (!status)
    status = formation_runs_of(formation, runs, error);
  return status ? status : formation_runs_check(formation, runs, items, error);
}

static int check(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  struct few_items items = {0};
  struct formation_runs runs = {0};
  int status = open_runs(&m->formation, &items, &runs, error);
  formation_runs_free(&runs);
  few_items_close(&items);
  if (status)
    return status;
  if (run->all->update_golden || !m->golden)
    return 0;
  return references_check_verdicts(m, error) ? error->code
                                             : formation_tables_check(m->golden, error);
}

/* --- side by side --- */

static bool go_on(void *context)
{
  struct running *r = context;
  pthread_mutex_lock(&r->lock);
  bool stopped = r->stopped;
  pthread_mutex_unlock(&r->lock);
  return !stopped && !interrupt_requested();
}

static void advanced(void *context, uint64_t updates)
{
  struct running *r = context;
  pthread_mutex_lock(&r->lock);
  r->updates += (double)updates;
  progress_update(&r->progress, r->updates);
  pthread_mutex_unlock(&r->lock);
}

static void carry_out(void *context, size_t index, int worker)
{
  struct running *r = context;
  size_t i = r->order[index];
  (void)worker;
  if (r->done[i] || !go_on(r))
    return;
  r->done[i] = !formation_carry_out(&r->work, &r->runs.runs[i], &r->rows[i], &r->errors[i]);
  pthread_mutex_lock(&r->lock);
  r->stopped = r->stopped || !r->done[i];
  pthread_mutex_unlock(&r->lock);
}

/* The first error by the order of runs, or an interruption. */
static int first_error(const struct running *r, size_t first, size_t end, struct error *error)
{
  for (size_t i = first; i < end; i++)
    if (r->errors[i].code) {
      const struct formation_run *run = &r->runs.runs[i];
      return error_set(error, r->errors[i].code, "%s, seed %u: %.700s", run->name, run->seed,
                       r->errors[i].text);
    }
  for (size_t i = first; i < end; i++)
    if (!r->done[i])
      return error_set(error, EXIT_RUN, "interrupted; run the same command again to resume");
  return 0;
}

/* Indices from first to end, those with the most updates first. */
static void sort_longest(const struct running *r, size_t first, size_t end)
{
  for (size_t i = first; i < end; i++) {
    size_t at = i;
    for (; at > first && r->runs.runs[r->order[at - 1]].sequences < r->runs.runs[i].sequences; at--)
      r->order[at] = r->order[at - 1];
    r->order[at] = i;
  }
}

struct part {
  struct running *running;
  size_t first;
};

static void carry_out_part(void *context, size_t index, int worker)
{
  const struct part *part = context;
  carry_out(part->running, part->first + index, worker);
}

static int carry_out_all(struct running *r, struct error *error)
{
  const size_t ends[] = {r->runs.independent, r->runs.count};
  size_t first = 0;
  for (int phase = 0; phase < 2; phase++) {
    struct part part = {r, first};
    sort_longest(r, first, ends[phase]);
    threads_run(r->run->all->runtime->threads, ends[phase] - first, carry_out_part, &part);
    if (first_error(r, first, ends[phase], error))
      return error->code;
    first = ends[phase];
  }
  return 0;
}

/* --- before --- */

static int find_kept(struct running *r, size_t *left, struct error *error)
{
  for (size_t i = 0; i < r->runs.count; i++) {
    if (formation_kept(&r->work, &r->runs.runs[i], &r->rows[i], &r->done[i], error))
      return error->code;
    double updates = (double)formation_updates(&r->work, &r->runs.runs[i]);
    r->updates += r->done[i] ? updates : 0;
    *left += !r->done[i];
  }
  return 0;
}

/* About how long it takes. An interrupted run counts as a whole: how far it came is known once it
 * goes on. */
static int say_forecast(struct running *r, struct error *error)
{
  const struct runtime *runtime = r->run->all->runtime;
  size_t threads = (size_t)threads_count(runtime->threads);
  struct formation_forecast f;
  if (formation_forecast_of(&r->work, &r->runs, r->done, threads, &f, error))
    return error->code;
  if (formation_check_memory(r->run->manifest->path, threads, f.bytes, runtime->memory, error))
    return error->code;
  journal_say(r->run->journal, JOURNAL_NOTICE,
              "%zu of %zu training runs are left, at most %.3g sequences: about %.0f s if nothing "
              "else runs on "
              "%s, %.0f MB",
              f.left, r->runs.count, f.sequences, f.seconds, text_counted(threads, "thread").text,
              (double)f.bytes / 1e6);
  return 0;
}

static int make_room(struct running *r, struct error *error)
{
  size_t count = r->runs.count;
  r->rows = memory_zeroed(count + 1, sizeof *r->rows, "rows of runs", error);
  r->done = r->rows ? memory_zeroed(count + 1, sizeof *r->done, "runs", error) : NULL;
  r->order = r->done ? memory_zeroed(count + 1, sizeof *r->order, "runs", error) : NULL;
  r->errors = r->order ? memory_zeroed(count + 1, sizeof *r->errors, "runs", error) : NULL;
  return r->errors ? 0 : error->code;
}

/* --- after --- */

/* What belongs to no run: models that were not examined, and toys. */
static int add_others(struct running *r, struct text *rows, struct error *error)
{
  const struct manifest_formation *f = &r->run->manifest->formation;
  char model[32];
  for (size_t i = 0; i < f->seed_count; i++) {
    formation_model_name(f, f->seeds[i], model);
    if (!f->figures[FORMATION_UNCLAMPED])
      formation_rows_model(model, formation_data_name(f->items), f->seeds[i], 0, NULL, rows);
    if (f->figures[FORMATION_TOY])
      formation_rows_toy(model, f->seeds[i], rows);
  }
  return rows->failed ? error_set(error, EXIT_RUN, "out of memory for toy models") : 0;
}

static int make_tables(struct running *r, struct error *error)
{
  struct manifest_run *run = r->run;
  const struct manifest *m = run->manifest;
  struct text made = {0};
  text_add(&made, "attest reproduce of the manifest %s, items %s", m->model,
           formation_data_name(m->formation.items));
  const struct formation_origin origin = {.path = m->path,
                                          .name = m->model,
                                          .made = made.data,
                                          .source = m->source,
                                          .caveat = m->caveat,
                                          .heads = few_recipe_default().heads};
  int status = made.failed ? error_set(error, EXIT_RUN, "%s: out of memory", m->path)
                           : formation_tables_make(&origin, r->rows, r->runs.count + 1,
                                                   &run->formation, run->all->curves, error);
  text_free(&made);
  return status;
}

static int put_together(struct running *r, struct error *error)
{
  struct manifest_run *run = r->run;
  size_t before = run->all->curves->count;
  if (add_others(r, &r->rows[r->runs.count], error) || make_tables(r, error))
    return error->code;
  formation_results(run->journal, run->all->curves, before);
  return formation_tables_parse(&run->formation, run->manifest, &run->tables, error);
}

static void say_done(const struct running *r, size_t left, double seconds)
{
  journal_say(
      r->run->journal, JOURNAL_DONE, "%s: %zu resumed as they had ended, %zu carried out in %.0f s",
      text_counted(r->runs.count, "training run").text, r->runs.count - left, left, seconds);
}

static int run_all(struct running *r, struct error *error)
{
  double start = progress_clock(), total = 0;
  size_t left = 0;
  if (find_kept(r, &left, error) || (left && say_forecast(r, error)))
    return error->code;
  for (size_t i = 0; i < r->runs.count; i++)
    total += (double)formation_updates(&r->work, &r->runs.runs[i]);
  progress_start(&r->progress, "training", total, r->run->all->runtime->quiet);
  progress_go_on(&r->progress, r->updates);
  int status = carry_out_all(r, error);
  progress_end(&r->progress);
  if (!status)
    say_done(r, left, progress_clock() - start);
  return status ? status : put_together(r, error);
}

static void stop(struct running *r)
{
  for (size_t i = 0; r->rows && i <= r->runs.count; i++)
    text_free(&r->rows[i]);
  free(r->rows);
  free(r->done);
  free(r->order);
  free(r->errors);
  formation_runs_free(&r->runs);
  few_items_close(&r->items);
  pthread_mutex_destroy(&r->lock);
}

static int begin(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  struct running r = {.run = run};
  pthread_mutex_init(&r.lock, NULL);
  int status = run_open_work(run, NULL, error);
  if (!status)
    status = open_runs(&m->formation, &r.items, &r.runs, error);
  if (!status)
    status = make_room(&r, error);
  r.work = (struct formation_work){.manifest = m,
                                   .items = &r.items,
                                   .dir = &run->work,
                                   .kernels = run->all->runtime->kernels,
                                   .go_on = go_on,
                                   .advanced = advanced,
                                   .context = &r};
  if (!status)
    status = run_all(&r, error);
  stop(&r);
  return status;
}

/* There are no revisions. */
static int obtain(struct manifest_run *run, size_t revision, struct error *error)
{
  (void)revision;
  return error_set(error, EXIT_INPUT, "%s: training runs have no revisions", run->manifest->path);
}

static int compare_tables(struct manifest_run *run, struct error *error)
{
  const char *golden = run->manifest->golden;
  char *difference;
  if (formation_tables_compare(&run->formation, golden, &difference, error))
    return error->code;
  if (difference)
    run_fail(run, difference);
  run_compared(run, "%s of training runs with %s%s",
               text_counted(run->formation.count, "table").text, golden,
               difference ? ": they differ" : " to the bit");
  free(difference);
  return 0;
}

static int compare(struct manifest_run *run, struct error *error)
{
  const char *golden = run->manifest->golden;
  int status = 0;
  if (!golden)
    journal_say(run->journal, JOURNAL_NOT_COMPARED, "training runs: the manifest names no golden");
  else if (run->all->update_golden)
    status = formation_tables_write(&run->formation, golden, error);
  else
    status = compare_tables(run, error);
  return status ? status : workdir_finish(&run->work, error);
}

const struct study_kind kind_formation = {
    .name = "formation",
    .content = MANIFEST_FORMATION,
    .streams = false,
    .check = check,
    .begin = begin,
    .obtain = obtain,
    .compare = compare,
};
