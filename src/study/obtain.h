/* One revision of a manifest on its way to its result: fetched if it is streamed, verified, worked
 * on; or resumed from an earlier run. What is made of it is the caller's business. */
#ifndef ATTEST_STUDY_OBTAIN_H
#define ATTEST_STUDY_OBTAIN_H

#include "fetch/fetch.h"
#include "pass/runtime.h"
#include "study/workdir.h"

/* For work in pieces: where it may keep what is finished, and whether it should go on. */
struct work_watch {
  const char *partial; /* the file for finished pieces; NULL = nothing is kept */
  bool (*may_save)(void *context, bool wait); /* asked before `partial` is written; `wait`: it is
                                                 the last chance */
  bool (*go_on)(void *context);               /* asked now and then; false = stop */
  void *context;
};

/* What is made of a revision's files. Errors: EXIT_CHECK (go_on stopped it), EXIT_INPUT,
 * EXIT_RUN. */
struct work {
  const char *suffix; /* of the file that the result is kept in: ".csv" */
  int (*make)(void *context, const char *checkpoint, const struct work_watch *watch,
              struct error *error);
  int (*load)(void *context, const char *path, struct error *error);
  int (*store)(void *context, const char *path, struct error *error);
  void (*discard)(void *context); /* the result, made or loaded */
  void *context;
};

struct obtaining {
  const struct manifest *manifest;
  const struct tensor_list *tensors; /* that it names, read before; NULL = none */
  const char *checkpoints;           /* instead of where the manifest says; NULL = none */
  const struct runtime *runtime;
  const struct workdir *dir;
  const struct work *work;
  const struct fetch_options *stream; /* fetch each revision, work on it, delete it; NULL = the
                                         checkpoints are there */
  bool verified;                      /* the files were verified before, all of them */
  bool keep; /* a finished revision may be kept for resuming, if its files hold */

  manifest_report *finding, *note; /* of the verification */
  /* What it read: found[file_count] with the digests, incomplete where a file was not read. */
  void (*digests)(void *context, const char *checkpoints, const struct manifest_revision *revision,
                  const struct pinned_file *found);
  void *context; /* of the three */
};

struct obtained {
  bool resumed;
  bool skipped;              /* there is no result: its files failed verification */
  size_t findings, unpinned; /* of the verification */
};

/* The files are hashed while the work goes on, which is told to stop when they do not hold; without
 * complete pins they are hashed before, and their digests name what is kept. Findings are reported
 * as soon as they are known. The result is the caller's, with work->discard, but for a revision
 * that is skipped or fails. Errors: EXIT_CHECK (streamed files that are not what is pinned),
 * EXIT_INPUT, EXIT_RUN. */
int obtain_revision(const struct obtaining *obtaining, const struct manifest_revision *which,
                    struct obtained *obtained, struct error *error);

#endif
