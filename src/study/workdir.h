/* Where `reproduce` keeps finished revisions, so that it can be killed and resumed, and its own
 * first run of real checkpoints, which a second run must equal to the bit:
 *
 *   WORK/attest.lock       while a run works in it
 *   WORK/<model>/current/  run.txt and a CSV a finished revision
 *   WORK/<model>/first/    run.txt, trajectory.json and CSVs of the first complete run */
#ifndef ATTEST_STUDY_WORKDIR_H
#define ATTEST_STUDY_WORKDIR_H

#include "base/lock.h"
#include "manifest/manifest.h"
#include "trajectory/trajectory.h"

struct workdir {
  char *root, *current, *first; /* owned */
  char *identity; /* what a run must share to be resumed: manifest, version, checkpoints; owned */
  bool replaced;  /* `current` held work of another identity, which was removed */
};

/* Prepares WORK/<model>/current: keeps it when it is of the same identity, else empties it. Owner:
 * the caller, workdir_close. WORK is locked first, unless `lock` is held already: one run at a
 * time; the caller releases it after its last manifest. Errors: EXIT_RUN (also: another run holds
 * it). */
int workdir_open(const char *work, const struct manifest *manifest, const char *checkpoints,
                 struct lock *lock, struct workdir *dir, struct error *error);
void workdir_close(struct workdir *dir);

/* Where something of a revision is kept, finished or not: new string, free(). NULL and EXIT_RUN. */
char *workdir_path(const struct workdir *dir, const char *name, const char *suffix,
                   struct error *error);

/* Removes `current`, after a complete run. */
int workdir_finish(const struct workdir *dir, struct error *error);

/* Loads the first complete run of the same manifest, *first (trajectory_files_free), or makes this
 * one the first (*is_first). Errors: EXIT_INPUT, EXIT_RUN. */
int workdir_first(const struct workdir *dir, const struct trajectory *trajectory, bool *is_first,
                  struct trajectory_files *first, struct error *error);

#endif
