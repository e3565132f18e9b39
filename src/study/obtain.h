/* One revision of a manifest on its way to its figures: fetched if it is streamed, verified,
 * screened; or resumed from an earlier run. */
#ifndef ATTEST_STUDY_OBTAIN_H
#define ATTEST_STUDY_OBTAIN_H

#include "fetch/fetch.h"
#include "pass/runtime.h"
#include "study/workdir.h"
#include "trajectory/trajectory.h"

struct obtaining {
  const struct manifest *manifest;
  const char *checkpoints; /* instead of where the manifest says; NULL = none */
  const struct runtime *runtime;
  const struct workdir *work;
  const struct fetch_options *stream; /* fetch each revision, screen it, delete it; NULL = the
                                         checkpoints are there */
  bool verified;                      /* the files were verified before, all of them */
  bool keep; /* a finished revision may be kept for resuming, if its files hold */

  manifest_report *finding, *note; /* of the verification */
  void *context;
};

struct obtained {
  bool resumed;
  bool left_out;             /* there are no figures: its files do not hold */
  size_t findings, unpinned; /* of the verification */
};

/* The files are hashed while the screen runs, which stops at its next chunk when they do not hold;
 * without complete pins they are hashed before, and their digests name what is kept. Findings are
 * reported as soon as they are known. Owner of `revision`: the caller, trajectory_revision_free;
 * nothing when it is left out. Errors: EXIT_CHECK (streamed files that are not what is pinned),
 * EXIT_INPUT, EXIT_RUN. */
int obtain_revision(const struct obtaining *obtaining, const struct manifest_revision *which,
                    struct revision *revision, struct obtained *obtained, struct error *error);

#endif
