/* Published tables: the directories of a manifest hold trajectories, one of each model, and at most
 * one of them the tables of other figures. */
#include "base/memory.h"
#include "claims/paper.h"
#include "files/fileset.h"
#include "study/kind.h"
#include "study/published_results.h"

#include <stdlib.h>

static int check(struct manifest_run *run, struct error *error)
{
  if (run->all->update_golden)
    return 0;
  return references_check_verdicts(run->manifest, error);
}

/* Verified files stay open, to be read once. */
static void keep_open(void *context, size_t revision, struct fileset *files)
{
  struct manifest_run *run = context;
  run->sets[revision] = files;
}

static int begin(struct manifest_run *run, struct error *error)
{
  const struct manifest *m = run->manifest;
  run->sets = memory_zeroed(m->revision_count, sizeof *run->sets, m->path, error);
  return run->sets ? run_verify(run, keep_open, error) : error->code;
}

/* The verified files of a directory, or the directory where nothing was verified. */
static int open_set(struct manifest_run *run, size_t index, struct error *error)
{
  const struct manifest *m = run->manifest;
  if (run->sets[index])
    return 0;
  char *path = manifest_revision_path(m, &m->revisions[index], run->all->checkpoints, error);
  int status = path ? fileset_open(path, &run->sets[index], error) : error->code;
  free(path);
  return status;
}

static int load(struct manifest_run *run, struct fileset *set, struct error *error)
{
  if (!fileset_has(set, PUBLISHED_INDEX)) {
    int status = trajectory_load_set(set, &run->trajectories[run->count], error);
    run->count += !status;
    return status;
  }
  if (run->tables.count)
    return error_set(error, EXIT_INPUT, "%s: a second folder of published tables; leave one out",
                     set->path);
  return published_load_set(set, papers, &run->tables, error);
}

static void say_loaded(struct manifest_run *run)
{
  size_t tables = 0;
  for (size_t i = 0; i < run->count; i++)
    tables += run->trajectories[i].count;
  if (run->count)
    journal_add(run->journal,
                (struct journal_entry){.event = JOURNAL_TABLES, .tables = {tables, run->count}});
  if (run->tables.count)
    journal_say(run->journal, JOURNAL_FOUND, "%zu published tables of other figures loaded",
                run->tables.count);
}

static int obtain(struct manifest_run *run, size_t index, struct error *error)
{
  int status = open_set(run, index, error);
  if (!status)
    status = load(run, run->sets[index], error);
  fileset_close(run->sets[index]);
  run->sets[index] = NULL;
  if (!status && index + 1 == run->manifest->revision_count) {
    say_loaded(run);
    published_results(run->journal, &run->tables);
  }
  return status;
}

static void fail_about(struct manifest_run *run, const char *what, const struct trajectory *tables,
                       const char *found)
{
  struct error line;
  error_set(&line, EXIT_CHECK, "%s %.200s: %s", what, tables->model, found);
  run_fail(run, line.text);
}

/* Tables say themselves what they are. Their golden holds verdicts and no words of the manifest. */
static int compare(struct manifest_run *run, struct error *error)
{
  (void)error;
  for (size_t i = 0; i < run->count; i++) {
    const struct trajectory *tables = &run->trajectories[i];
    if (tables->kind != TRAJECTORY_PUBLISHED)
      fail_about(run, "the tables are not of kind published:", tables,
                 trajectory_kind_name(tables->kind));
    if (*tables->caveat && !*run->manifest->caveat)
      fail_about(run, "the manifest has no caveat, but its tables have one:", tables,
                 tables->caveat);
  }
  journal_say(run->journal, JOURNAL_NOT_COMPARED,
              "source and caveat of the manifest itself: its golden holds none");
  return 0;
}

const struct study_kind kind_tables = {
    .name = "tables",
    .content = MANIFEST_TABLES,
    .streams = false,
    .check = check,
    .begin = begin,
    .obtain = obtain,
    .compare = compare,
};
