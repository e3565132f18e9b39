/* The inside of reproduction.h, shared by its files: one manifest on its way through, and what it
 * has to say to the journal. */
#ifndef ATTEST_STUDY_MANIFEST_RUN_H
#define ATTEST_STUDY_MANIFEST_RUN_H

#include "claims/published.h"
#include "manifest/manifest_verify.h"
#include "study/course_tasks.h"
#include "study/formation_tables.h"
#include "study/journal.h"
#include "study/references.h"
#include "study/reproduction.h"
#include "study/workdir.h"
#include "trajectory/circuit_course.h"

struct study_kind;

struct manifest_run {
  const struct reproduction *all;
  const struct study_kind *kind;
  struct journal *journal;
  struct journal_manifest *entry;     /* of this manifest */
  const struct manifest *manifest;    /* that of the entry */
  const struct parts_manifest *parts; /* of its shards, to be joined; NULL = it is run here */
  struct references references;
  struct workdir work;
  struct fileset **sets; /* [revision_count] of tables, verified and not yet read; owned */
  struct trajectory *trajectories; /* one of a screened model, several of published tables */
  size_t count;
  struct head_row **resampled;  /* [revision_count][resamples][heads] of the bootstrap, revision by
                                   revision of the trajectory; NULL = none; owned */
  struct course_tasks tasks;    /* of a manifest with circuits */
  struct circuit_course course; /* and what is found on them */
  struct published_tables tables;    /* what is published beside trajectories, or what training runs
                                        gave in the same form; may be none */
  struct formation_tables formation; /* the texts of the latter */
  size_t contradicted; /* findings of the verification: what was read is not what was pinned */
  size_t unpinned;     /* files that have no pin */
  size_t skipped;      /* revisions without figures, because their files failed verification */
  size_t comparisons;  /* with what stood there before: a golden, tables, a first run */
};

/* workdir_open of its work folder; says so where that discards work that was interrupted. Errors:
 * EXIT_RUN. */
int run_open_work(struct manifest_run *run, const char *checkpoints, struct error *error);

/* A check that failed, as one line. */
void run_fail(struct manifest_run *run, const char *line);

/* The same as callbacks of a verification, with the run as their context. */
void run_finding(void *run, const char *line);
void run_note(void *run, const char *line);

/* What was compared, which counts as a comparison. */
void run_compared(struct manifest_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Figures that were compared with nothing count for nothing: that is a failed check unless it is
 * allowed. */
void run_check_compared(struct manifest_run *run);

/* What a verification found: findings and unpinned files are counted, digests noted. */
void run_add_findings(struct manifest_run *run, size_t findings, size_t unpinned);
void run_add_digests(struct manifest_run *run, const char *checkpoints,
                     const struct manifest_revision *revision, const struct pinned_file *found);

/* What the shards have read, as far as it was not read here, too. */
void run_add_read(struct manifest_run *run, const struct parts_manifest *parts);

/* The digests of what it will compare with. */
void run_add_references(struct manifest_run *run);

/* Verifies all files of the manifest at once; `files` as in manifest_check. Errors: EXIT_INPUT,
 * EXIT_RUN. */
int run_verify(struct manifest_run *run,
               void (*files)(void *run, size_t revision, struct fileset *files),
               struct error *error);

#endif
