/* Published tables: the directories of a manifest hold trajectories, one of each model. */
#include "base/memory.h"
#include "files/fileset.h"
#include "study/kind.h"

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

static int load(struct manifest_run *run, size_t index, struct error *error)
{
  const struct manifest *m = run->manifest;
  struct trajectory *tables = &run->trajectories[index];
  if (run->sets[index])
    return trajectory_load_set(run->sets[index], tables, error);
  char *path = manifest_revision_path(m, &m->revisions[index], run->all->checkpoints, error);
  int status = path ? trajectory_load(path, tables, error) : error->code;
  free(path);
  return status;
}

static int obtain(struct manifest_run *run, size_t index, struct error *error)
{
  size_t tables = 0;
  int status = load(run, index, error);
  fileset_close(run->sets[index]);
  run->sets[index] = NULL;
  run->count += !status;
  for (size_t i = 0; i < run->count; i++)
    tables += run->trajectories[i].count;
  if (run->count == run->manifest->revision_count)
    journal_add(run->journal,
                (struct journal_entry){.event = JOURNAL_TABLES, .tables = {tables, run->count}});
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
