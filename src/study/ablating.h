/* One ablation study: checkpoint -> its screen, where circuits depend on it -> conditions ->
 * forward passes -> figures. */
#ifndef ATTEST_STUDY_ABLATING_H
#define ATTEST_STUDY_ABLATING_H

#include "pass/runtime.h"
#include "probe/protocol.h"
#include "study/ablations.h"
#include "study/outputs.h"
#include "study/selection.h"

struct ablating {
  struct protocol protocol;
  bool beyond_context; /* allow sequences longer than the model's context */
  const struct selection *selection;
  const struct batch *given;      /* in place of the protocol's, but for the screen; NULL = none */
  const char *given_path;         /* for messages */
  struct protocol given_protocol; /* its n, seq_len and, above its ids, vocab_hi */
  const char *partial;            /* where finished chunks are kept, and those of the screen; the */
  const char *partial_screen; /* caller removes them once the figures are safe. NULL = nowhere */
  bool (*may_save)(void *context, bool wait); /* as in struct screening */
  bool (*go_on)(void *context);
  void *context;
  const struct output *outputs; /* must not be files of the checkpoint */
  size_t output_count;
  size_t resamples; /* of the bootstrap over its sequences; 0 = none */
};

/* Runs it on the checkpoint at `path`. Tells of an estimate by the notices of `runtime` and shows
 * progress unless quiet. A run that was interrupted or killed resumes from `partial`, to the same
 * bits. Owner of `ablations`: the caller, ablations_free; nothing after an error. Errors:
 * EXIT_CHECK (go_on stopped it), EXIT_INPUT, EXIT_RUN. */
int ablating_run(const char *path, const struct ablating *ablating, const struct runtime *runtime,
                 struct ablations *ablations, struct error *error);

#endif
