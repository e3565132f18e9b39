/* One screen: checkpoint -> forward pass -> observations -> a revision's figures. */
#ifndef ATTEST_STUDY_SCREENING_H
#define ATTEST_STUDY_SCREENING_H

#include "pass/runtime.h"
#include "probe/bootstrap.h"
#include "probe/protocol.h"
#include "study/outputs.h"
#include "trajectory/trajectory.h"

struct screening {
  struct protocol protocol;
  bool beyond_context; /* allow sequences longer than the model's context */
  const char *partial; /* where finished chunks are kept; the caller removes it once the figures
                          are safe. NULL = nowhere */
  bool (*may_save)(void *context, bool wait); /* asked before `partial` is written; `wait`: it is
                                                 the last chance. NULL = always */
  bool (*go_on)(void *context); /* asked while it computes; false stops it after the chunk of
                                   sequences at hand. NULL = to the end */
  void *context;                /* of may_save and go_on */
  const struct output *outputs; /* must not be files of the checkpoint */
  size_t output_count;
  const char *dump; /* directory for the .npy arrays of the first dump_n sequences; NULL = none */
  uint64_t dump_n;
  size_t resamples;            /* of the bootstrap over its sequences; 0 = none */
  struct bootstrap *bootstrap; /* gets it unless there is an error; owner: the caller */
};

/* Screens the checkpoint at `path` (checkpoint_open). `revision` gets shape and heads; its name is
 * "", step and tokens are 0. Owner: the caller, trajectory_revision_free. Tells of an
 * estimate by the notices of `runtime` and shows progress unless quiet. A run that was interrupted
 * or killed resumes from `partial`, to the same bits. Errors: EXIT_CHECK (go_on
 * stopped it), EXIT_INPUT, EXIT_RUN. */
int screening_run(const char *path, const struct screening *screening,
                  const struct runtime *runtime, struct revision *revision, struct error *error);

#endif
