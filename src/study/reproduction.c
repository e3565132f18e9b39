#include "study/reproduction.h"

#include "base/file.h"
#include "base/interrupt.h"
#include "files/fileset.h"
#include "study/evaluate.h"
#include "study/kind.h"

#include <stdlib.h>
#include <string.h>

static int check_update(const struct manifest_run *run, struct error *error)
{
  if (!run->all->update_golden || (!run->contradicted && !run->unpinned))
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: golden files not written: %zu checks of its files failed, %zu files are "
                   "unpinned; see them with attest verify",
                   run->manifest->path, run->contradicted, run->unpinned);
}

/* What must be there before pins are of any use, in one line. */
static void say_absent(struct manifest_run *run)
{
  const struct manifest *m = run->manifest;
  size_t tasks = 0, revisions = 0;
  struct error ignored = {0};
  for (size_t i = 0; i < m->circuits.task_count; i++)
    tasks += !file_exists(m->circuits.tasks[i].path);
  for (size_t i = 0; i < m->revision_count; i++) {
    char *path = manifest_revision_path(m, &m->revisions[i], run->all->checkpoints, &ignored);
    revisions += path && !file_exists(path);
    free(path);
  }
  if (tasks || revisions)
    journal_say(run->journal, JOURNAL_NOTE,
                "not there: %zu of %s (make them with attest task, such as %s), %zu of "
                "%s (get them with attest fetch, or with attest reproduce --stream)",
                tasks, text_counted(m->circuits.task_count, "task file").text,
                m->circuits.tasks[0].path, revisions,
                text_counted(m->revision_count, "revision").text);
}

/* Hours of work must not end in figures that count for nothing. */
static bool refuse_unpinned(struct manifest_run *run)
{
  const struct manifest *m = run->manifest;
  bool refused = false;
  if (run->all->allow_unpinned)
    return false;
  if (m->has_container && !pinned_file_pinned(&m->container)) {
    run_fail(run, "the archive is UNPINNED; pin it with attest pin, or use --allow-unpinned");
    run_add_findings(run, 0, 1);
    refused = true;
  }
  for (size_t i = 0; i < m->revision_count; i++) {
    size_t unpinned = manifest_unpinned(&m->revisions[i]);
    if (!unpinned)
      continue;
    if (!refused && m->content == MANIFEST_CIRCUITS)
      say_absent(run);
    journal_say(run->journal, JOURNAL_FAILURE,
                "revision \"%s\" is UNPINNED: %zu of %zu files; pin them with attest pin, or use "
                "--allow-unpinned",
                m->revisions[i].name, unpinned, m->revisions[i].file_count);
    run_add_findings(run, 0, unpinned);
    refused = true;
  }
  return refused;
}

static void say_verified(struct manifest_run *run)
{
  const struct manifest *m = run->manifest;
  size_t by_sha256 =
      m->has_container && pinned_file_pinned(&m->container) && !pinned_file_complete(&m->container);
  for (size_t i = 0; i < m->revision_count; i++)
    by_sha256 += manifest_by_sha256(&m->revisions[i]);
  if (m->content == MANIFEST_FORMATION)
    return; /* it reads no files that could be pinned */
  if (run->unpinned)
    journal_say(run->journal, JOURNAL_FOUND, "UNPINNED: %s; nobody vouches for what was read",
                text_counted(run->unpinned, "file").text);
  else if (!run->contradicted && by_sha256)
    journal_say(run->journal, JOURNAL_FOUND,
                "all files have their pinned SHA-256; %zu are not pinned by size or XXH3-128",
                by_sha256);
  else if (!run->contradicted)
    journal_say(run->journal, JOURNAL_FOUND,
                "all files have their pinned size, SHA-256 and XXH3-128");
}

static int check_outputs(const struct manifest_run *run, bool golden, struct error *error)
{
  const struct output outputs[] = {{.option = "--json", .path = run->all->json},
                                   {.option = "--report", .path = run->all->report}};
  return references_check_outputs(run->manifest, golden, run->all->checkpoints, outputs,
                                  sizeof outputs / sizeof *outputs, error);
}

/* What hours of work end with is looked at before they begin. */
static int check(struct manifest_run *run, struct error *error)
{
  const struct reproduction *all = run->all;
  if (check_outputs(run, !all->update_golden, error) ||
      references_tensors(run->manifest, &run->references, error))
    return error->code;
  if (run->kind->check(run, error))
    return error->code;
  run_add_references(run);
  return 0;
}

/* What is said of the revision in which a run was interrupted is not true of those before it. */
static int say_finished(const struct manifest *m, size_t at, struct error *error)
{
  static const char nothing[] = "interrupted; nothing was kept";
  if (strncmp(error->text, nothing, strlen(nothing)) != 0)
    return error->code;
  return error_set(error, EXIT_RUN,
                   "interrupted in %s, of which nothing was kept; run the same command again to "
                   "resume after %s",
                   m->revisions[at].name, m->revisions[at - 1].name);
}

static int obtain_all(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  for (size_t i = 0; i < m->revision_count; i++) {
    if (run->kind->obtain(run, i, error))
      return i ? say_finished(m, i, error) : error->code;
    if (interrupt_check_between(m->revisions[i].name, i + 1 == m->revision_count, error))
      return error->code;
  }
  return 0;
}

/* A shard compares with nothing, so it reads no more than the list of tensors. */
static int go_shard(struct manifest_run *run, struct error *error)
{
  if (check_outputs(run, true, error) ||
      references_tensors(run->manifest, &run->references, error) || sharding_run(run, error))
    return error->code;
  if (run->manifest->content == MANIFEST_CHECKPOINTS)
    say_verified(run);
  return 0;
}

/* Obtain, run, keep, compare: the same for every kind of study. */
static int go(struct manifest_run *run, struct error *error)
{
  if (refuse_unpinned(run))
    return 0;
  if (run->all->sharding)
    return go_shard(run, error);
  if (check(run, error) || run->kind->begin(run, error) || obtain_all(run, error) ||
      check_update(run, error))
    return error->code;
  say_verified(run);
  if (run->kind->compare(run, error))
    return error->code;
  if (run->skipped)
    return 0;
  if (evaluate_claims(run, error))
    return error->code;
  run_check_compared(run);
  return 0;
}

static int check_options(const struct reproduction *all, const struct manifest *manifest,
                         struct error *error)
{
  if (all->update_golden && !manifest->golden)
    return error_set(error, EXIT_INPUT, "--update-golden: %s names no golden", manifest->path);
  if (all->circuits_only && manifest->content != MANIFEST_CIRCUITS)
    return error_set(error, EXIT_INPUT,
                     "%s: has no \"circuits\"; run it with attest reproduce, or take a manifest "
                     "such as manifests/circuits/nursery-olmo.json",
                     manifest->path);
  if (all->stream &&
      (!manifest->repository || manifest->has_container || !kind_of(manifest)->streams))
    return error_set(error, EXIT_INPUT, "--stream: %s names no repository to fetch from",
                     manifest->path);
  return 0;
}

static int start(struct manifest_run *run, const char *path, struct error *error)
{
  struct manifest manifest;
  if (manifest_load(path, &manifest, error))
    return error->code;
  if (check_options(run->all, &manifest, error)) {
    manifest_free(&manifest);
    return error->code;
  }
  if (run->all->parts && parts_find(run->all->parts, &manifest, &run->parts, error)) {
    manifest_free(&manifest);
    return error->code;
  }
  run->kind = kind_of(&manifest);
  run->entry = journal_begin(run->journal, &manifest, error);
  if (!run->entry)
    return error->code;
  run->manifest = &run->entry->manifest;
  /* one more: manifests of training runs have no revisions */
  run->trajectories = calloc(run->manifest->revision_count + 1, sizeof *run->trajectories);
  return run->trajectories ? 0 : error_set(error, EXIT_RUN, "%s: out of memory", path);
}

static void end(struct manifest_run *run)
{
  size_t count = run->manifest ? run->manifest->revision_count : 0;
  for (size_t i = 0; run->trajectories && i < count; i++)
    trajectory_free(&run->trajectories[i]);
  for (size_t i = 0; run->sets && i < count; i++)
    fileset_close(run->sets[i]);
  for (size_t i = 0; run->resampled && i < count; i++)
    free(run->resampled[i]);
  free(run->resampled);
  free(run->trajectories);
  free(run->sets);
  published_free(&run->tables);
  circuit_course_free(&run->course);
  course_tasks_free(&run->tasks);
  formation_tables_free(&run->formation);
  references_free(&run->references);
  workdir_close(&run->work);
}

int reproduction_run(const struct reproduction *reproduction, const char *manifest_path,
                     struct error *error)
{
  struct manifest_run run = {.all = reproduction, .journal = reproduction->journal};
  int status = start(&run, manifest_path, error);
  if (!status)
    status = go(&run, error);
  if (!status) {
    journal_add(run.journal, (struct journal_entry){.event = JOURNAL_END});
    status = journal_check(run.journal, error);
  }
  end(&run);
  return status;
}
