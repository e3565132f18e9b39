/* Screens: every revision of a manifest is a checkpoint, whose heads are screened; together they
 * are one trajectory. */
#include "base/digest.h"
#include "base/progress.h"
#include "base/text.h"
#include "study/ablated_revisions.h"
#include "study/compare.h"
#include "study/forecast.h"
#include "study/kind.h"
#include "study/resampled.h"
#include "study/run_obtain.h"
#include "study/screening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The trajectory could be written but not read again. */
static int check_order(const struct manifest *m, struct error *error)
{
  for (size_t i = 1; i < m->revision_count; i++)
    if (!(m->revisions[i].tokens > m->revisions[i - 1].tokens))
      return error_set(error, EXIT_INPUT, "%s: revision %s has no more tokens than the one before",
                       m->path, m->revisions[i].name);
  return 0;
}

static int check(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  bool golden = !run->all->update_golden;
  if ((golden &&
       (references_check_verdicts(m, error) || references_golden(m, &run->references, error) ||
        references_ablations(m, &run->references, error))) ||
      references_published(m, &run->references, error) || check_order(m, error))
    return error->code;
  return run->parts ? parts_check(run->parts, m, error) : 0;
}

static int make_trajectory(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  struct trajectory *trajectory = run->trajectories;
  run->count = 1;
  trajectory->model = strdup(m->model);
  trajectory->source = strdup(m->source);
  trajectory->caveat = strdup(m->caveat);
  trajectory->revisions = calloc(m->revision_count, sizeof *trajectory->revisions);
  if (!trajectory->model || !trajectory->source || !trajectory->caveat || !trajectory->revisions)
    return error_set(error, EXIT_RUN, "%s: out of memory", m->path);
  run->resampled = calloc(m->revision_count, sizeof *run->resampled);
  if (!run->resampled)
    return error_set(error, EXIT_RUN, "%s: out of memory", m->path);
  if (trajectory_kind_parse(m->kind, &trajectory->kind))
    return error_set(error, EXIT_INPUT, "%s: kind \"%s\" is unknown", m->path, m->kind);
  return 0;
}

/* Of what shards have read, an archive is needed again only for ablations. */
static bool verifies(const struct manifest_run *run)
{
  return run->manifest->has_container &&
         (!run->parts || (run->manifest->ablation.circuit_count && !run->all->stream));
}

/* Checkpoints in a directory are verified one revision at a time, beside each screen. */
static int begin(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  const struct reproduction *all = run->all;
  if ((verifies(run) && run_verify(run, NULL, error)) || make_trajectory(run, error) ||
      run_open_work(run, all->checkpoints, error))
    return error->code;
  if (run->parts)
    run_add_read(run, run->parts);
  else
    forecast_screens(m, all->checkpoints, all->runtime);
  return 0;
}

/* A revision on its way to its figures. */
struct screen_work {
  const struct manifest_run *run;
  struct revision *revision;
  struct head_row **resampled; /* gets the rows of the bootstrap, if there is one */
};

static size_t resamples(const struct screen_work *work)
{
  return work->run->all->resamples;
}

/* Beside the figures of a revision that are kept in `path`. */
static char *resampled_path(const char *path, struct error *error)
{
  struct text text = {0};
  text_add(&text, "%s.resamples", path);
  if (!text.failed)
    return text.data;
  text_free(&text);
  error_set(error, EXIT_RUN, "%s: out of memory", path);
  return NULL;
}

static int make(void *context, const char *checkpoint, const struct work_watch *watch,
                struct error *error)
{
  const struct screen_work *work = context;
  struct bootstrap bootstrap = {.rows = NULL};
  const struct screening screening = {.protocol = work->run->manifest->protocol,
                                      .partial = watch->partial,
                                      .may_save = watch->may_save,
                                      .go_on = watch->go_on,
                                      .context = watch->context,
                                      .resamples = resamples(work),
                                      .bootstrap = &bootstrap};
  if (screening_run(checkpoint, &screening, work->run->all->runtime, work->revision, error))
    return error->code;
  if (resamples(work)) {
    *work->resampled = bootstrap.rows;
    bootstrap.rows = NULL;
  }
  bootstrap_free(&bootstrap);
  return 0;
}

static int load(void *context, const char *path, struct error *error)
{
  const struct screen_work *work = context;
  if (trajectory_read_csv(path, work->revision, error) || !resamples(work))
    return error->code;
  char *beside = resampled_path(path, error);
  if (!beside || resampled_read(beside, resamples(work), work->revision, work->resampled, error))
    trajectory_revision_free(work->revision);
  free(beside);
  return error->code;
}

static int store(void *context, const char *path, struct error *error)
{
  const struct screen_work *work = context;
  char *beside = resamples(work) ? resampled_path(path, error) : NULL;
  if (beside)
    (void)resampled_write(beside, *work->resampled, resamples(work), work->revision, error);
  free(beside);
  return error->code ? error->code : trajectory_write_csv(path, work->revision, error);
}

static void discard(void *context)
{
  const struct screen_work *work = context;
  trajectory_revision_free(work->revision);
  if (resamples(work)) {
    free(*work->resampled);
    *work->resampled = NULL;
  }
}

/* Its parts, which were verified where they were screened. */
static int join(struct manifest_run *run, const struct manifest_revision *m,
                struct revision *revision, struct error *error)
{
  struct bootstrap bootstrap = {.rows = NULL};
  if (parts_join(run->parts, run->manifest, m, run->all->runtime, run->all->resamples, &bootstrap,
                 revision, error))
    return error->code;
  run->resampled[run->trajectories->count] = bootstrap.rows;
  bootstrap.rows = NULL;
  bootstrap_free(&bootstrap);
  if (!verifies(run))
    run_add_findings(run, 0, manifest_unpinned(m));
  return 0;
}

/* A finished revision of an interrupted run, or a fresh screen. */
static int find_or_screen(struct manifest_run *run, const struct manifest_revision *m,
                          struct revision *revision, struct obtained *obtained, struct error *error)
{
  char suffix[64] = ".csv";
  if (run->all->resamples) /* a run without them has kept none */
    snprintf(suffix, sizeof suffix, ".bootstrap-%zu.csv", run->all->resamples);
  struct screen_work context = {run, revision, run->resampled + run->trajectories->count};
  const struct work work = {suffix, make, load, store, discard, &context};
  return run_obtain(run, m, &work, false, obtained, error);
}

/* Claims look at the same head in several revisions. */
static int check_shape(const struct manifest_run *run, const struct revision *revision,
                       struct error *error)
{
  const struct revision *first = &run->trajectories->revisions[0];
  if (revision->n_layers == first->n_layers && revision->n_heads == first->n_heads)
    return 0;
  return error_set(
      error, EXIT_INPUT,
      "%s: revision %s has %d layers of %d heads, revision %s has %d of %d; a manifest "
      "describes one model",
      run->manifest->path, revision->name, revision->n_layers, revision->n_heads, first->name,
      first->n_layers, first->n_heads);
}

/* The next revision of the trajectory is now that of the manifest. */
static int add_revision(struct manifest_run *run, const struct manifest_revision *m, char hash[33],
                        struct error *error)
{
  struct trajectory *trajectory = run->trajectories;
  struct revision *revision = &trajectory->revisions[trajectory->count++];
  size_t length;
  free(revision->name);
  revision->name = strdup(m->name);
  revision->step = m->step;
  revision->tokens = m->tokens;
  char *csv = revision->name ? trajectory_format_csv(revision, &length, error) : NULL;
  if (!csv)
    return error_set(error, EXIT_RUN, "%s: out of memory", m->name);
  digest_xxh3(csv, length, hash);
  free(csv);
  return check_shape(run, revision, error);
}

static int obtain(struct manifest_run *run, size_t index, struct error *error)
{
  const struct manifest_revision *m = &run->manifest->revisions[index];
  struct trajectory *trajectory = run->trajectories;
  struct revision *revision = &trajectory->revisions[trajectory->count];
  struct obtained obtained = {0};
  struct journal_entry entry = {.event = JOURNAL_REVISION, .text = m->name};
  double start = progress_clock();
  if ((run->parts ? join(run, m, revision, error)
                  : find_or_screen(run, m, revision, &obtained, error)) ||
      (!obtained.skipped && add_revision(run, m, entry.revision.xxh3_128, error)))
    return error->code;
  if (obtained.skipped)
    entry.event = JOURNAL_SKIPPED;
  run->skipped += obtained.skipped;
  entry.revision.resumed = obtained.resumed;
  entry.revision.joined = run->parts != NULL;
  entry.revision.seconds = progress_clock() - start;
  journal_add(run->journal, entry);
  return 0;
}

static int compare_complete(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  int status = 0;
  if (run->all->update_golden && m->golden)
    status = compare_write_golden(run, error);
  else if (m->golden)
    status = compare_golden(run, error);
  if (!status && m->published.directory)
    status = compare_published(run, error);
  if (!status && !m->golden)
    status = compare_first(run, error);
  if (!status)
    status = ablated_revisions(run, error);
  return status ? status : workdir_finish(&run->work, error);
}

/* Without all revisions; the finished ones are kept for the next run. */
static int compare_incomplete(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  journal_say(run->journal, JOURNAL_FOUND,
              "%zu of %zu revisions have no figures: no claims are evaluated%s", run->skipped,
              m->revision_count,
              m->golden ? " and nothing is compared with the golden trajectory" : "");
  journal_say(run->journal, JOURNAL_NOT_COMPARED,
              "%zu of %zu revisions, whose files failed verification; the claims%s%s", run->skipped,
              m->revision_count, m->golden ? "; the golden trajectory" : "",
              m->ablation.circuit_count ? "; ablations" : "");
  if (m->published.directory && run->trajectories->count && compare_published(run, error))
    return error->code;
  return m->golden ? 0 : compare_first(run, error);
}

static int compare(struct manifest_run *run, struct error *error)
{
  if (!run->manifest->has_container)
    journal_say(run->journal, JOURNAL_NOT_COMPARED,
                "tensors of different revisions: attest verify does that");
  return run->skipped ? compare_incomplete(run, error) : compare_complete(run, error);
}

const struct study_kind kind_screens = {
    .name = "screens",
    .content = MANIFEST_CHECKPOINTS,
    .streams = true,
    .check = check,
    .begin = begin,
    .obtain = obtain,
    .compare = compare,
};
