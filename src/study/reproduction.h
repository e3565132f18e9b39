/* Reproduction of one manifest: what it pins is verified, worked on, compared with what is known,
 * and the claims are evaluated. All that happens goes into the journal. */
#ifndef ATTEST_STUDY_REPRODUCTION_H
#define ATTEST_STUDY_REPRODUCTION_H

#include "base/lock.h"
#include "fetch/fetch.h"
#include "pass/runtime.h"
#include "study/curves.h"
#include "study/journal.h"
#include "study/parts.h"
#include "study/sharding.h"

struct reproduction {
  const struct runtime *runtime;
  const char *checkpoints; /* given on the command line; NULL = where the manifest says */
  const char *json;        /* is written at the end; NULL = none */
  const char *report;      /* so is this; NULL = none */
  const char *work;        /* for finished revisions */
  const struct fetch_options *stream; /* fetch each revision, work on it, delete it; NULL = no */
  size_t resamples;       /* of the bootstrap that tells which verdicts survive it; 0 = none */
  bool circuits_only;     /* a manifest of another kind is refused */
  const char *course_out; /* a directory for the files of a course of circuits; NULL = none */
  bool update_golden, allow_unpinned, allow_uncompared;
  struct sharding *sharding;   /* do the part of a shard and no more; NULL = all */
  const struct parts *parts;   /* of all shards, in place of screens; NULL = none */
  struct lock *lock;           /* on `work`, from the first model on; lock_release */
  struct journal *journal;     /* was started */
  struct study_curves *curves; /* gets those of training runs; NULL: nobody draws them */
};

/* Errors: EXIT_INPUT, EXIT_RUN. Failed checks are counted in the journal and are no errors. */
int reproduction_run(const struct reproduction *reproduction, const char *manifest_path,
                     struct error *error);

#endif
