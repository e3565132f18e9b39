/* One screen: checkpoint -> forward pass -> observations -> a revision's figures. */
#ifndef ATTEST_STUDY_SCREENING_H
#define ATTEST_STUDY_SCREENING_H

#include "pass/runtime.h"
#include "probe/bootstrap.h"
#include "probe/null_selectivity.h"
#include "probe/observe.h"
#include "probe/protocol.h"
#include "probe/sure.h"
#include "study/outputs.h"
#include "study/shard.h"
#include "trajectory/trajectory.h"

/* A part of a screen, of one shard. */
struct screen_part {
  struct shard_range range; /* its sequences, at least one */
  char identity[33];        /* gets that of the whole screen of this checkpoint (identity.h) */
};

struct screening {
  struct protocol protocol;
  bool beyond_context; /* allow sequences longer than the model's context */
  const char *partial; /* where finished chunks are kept; the caller removes it once the figures
                          are safe. NULL = nowhere */
  bool (*may_save)(void *context, bool wait); /* asked before `partial` is written; `wait`: it is
                                                 the last chance. NULL = always */
  bool (*go_on)(void *context); /* asked while it computes; false stops it after the chunk of
                                   sequences at hand. NULL = to the end */
  void *context;                /* of may_save, go_on and seen */
  const struct output *outputs; /* must not be files of the checkpoint */
  size_t output_count;
  const char *dump; /* directory for the .npy arrays of the first dump_n sequences; NULL = none */
  uint64_t dump_n;
  const char *part;              /* what is said of it where there are several; NULL = nothing */
  const struct batch *given;     /* in place of the protocol's, of its n and seq_len, with ids below
                                    its vocab_hi; NULL = none */
  const char *given_path;        /* for messages */
  bool random_tokens;            /* batch_create_random in place of the protocol's sequences */
  uint32_t null_seed;            /* of these, or of the nulls */
  size_t draws;                  /* nulls a head */
  struct null_selectivity *null; /* all zero; gets them (null_finish). Owner: the caller, null_free.
                                    NULL = none */
  bool keeps_whole;              /* more is to come: `partial` is written at the end, too */
  struct screen_part *only; /* these sequences alone: `seen` gets them and the revision its shape,
                               but no heads; without dump, nulls, looks and bootstrap. NULL = all */
  /* Shows what was observed, before it is freed. NULL = nobody. Errors end the screen. */
  int (*seen)(void *context, const struct observations *observations, struct error *error);
  size_t resamples;            /* of the bootstrap over its sequences; 0 = none */
  struct bootstrap *bootstrap; /* gets it unless there is an error; owner: the caller */
  double until_sure;           /* confidence with which a look may end it (sure.h); 0 = no looks */
  struct sureness *sureness;   /* gets what the last look said; owner: the caller, sureness_free */
};

/* What came of the looks. The figures are those of a screen of `seen` sequences, to the bit. */
struct sureness {
  int64_t seen; /* sequences */
  size_t count;
  struct sure_head *heads; /* [count]; all settled after the full batch */
};
void sureness_free(struct sureness *sureness);

/* Screens the checkpoint at `path` (checkpoint_open). `revision` gets shape and heads; its name is
 * "", step and tokens are 0. Owner: the caller, trajectory_revision_free. Tells of an
 * estimate by the notices of `runtime` and shows progress unless quiet. A run that was interrupted
 * or killed resumes from `partial`, to the same bits. Errors: EXIT_CHECK (go_on
 * stopped it), EXIT_INPUT, EXIT_RUN. */
int screening_run(const char *path, const struct screening *screening,
                  const struct runtime *runtime, struct revision *revision, struct error *error);

#endif
