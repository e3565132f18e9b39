/* What the files of a run share (run.h). */
#ifndef ATTEST_FEW_SHOT_RUN_PARTS_H
#define ATTEST_FEW_SHOT_RUN_PARTS_H

#include "few_shot/adam.h"
#include "few_shot/run.h"
#include "train/state_parts.h"

struct few_run {
  const char *name; /* in messages */
  const struct few_recipe *recipe;
  const struct few_data *data;
  const float *graft;
  const struct kernels *kernels;
  struct few_sizes sizes;
  float *parameters, *gradients;
  struct few_adam adam;
  struct few_model *model;
  struct few_model *evaluators[FEW_SETS]; /* sets with tables of the same size share one */
  struct few_sequence *sets;              /* [FEW_SETS][evaluation_sequences] */
  struct few_sequence *batch;
  struct random random; /* after `drawn` batches of the training stream */
  uint64_t drawn;
  struct few_log log;
  uint8_t (*kept)[DIGEST_XXH3_BYTES]; /* [kept_count]: of the checkpoints' files, in order */
  size_t kept_count;
  size_t update_room, evaluation_room, kept_room;
  struct text canonical;
  char identity[TRAIN_IDENTITY_BYTES + 1];
};

/* Sequences of a run's first `updates` updates, and whether a boundary is the first at or after a
 * multiple of `every`, the beginning included; never for 0. */
uint64_t few_run_sequences(const struct few_run *run, uint64_t updates);
bool few_run_due(const struct few_run *run, uint64_t updates, uint64_t every);

/* Whether the parameters after so many updates are kept as a checkpoint. */
bool few_run_keeps(const struct few_run *run, uint64_t updates);

/* Makes room in the log. Errors: EXIT_RUN. */
int few_log_reserve(struct few_run *run, size_t updates, size_t evaluations, struct error *error);

/* All sets, with the parameters as they are. Errors: EXIT_INPUT (not finite). */
int few_run_evaluate(struct few_run *run, struct few_evaluation *evaluation, struct error *error);

/* The files of DIR: logs and state; the checkpoint of a boundary. Errors: EXIT_RUN. */
int few_run_save(struct few_run *run, const char *out, struct error *error);
int few_run_checkpoint(struct few_run *run, const char *out, uint64_t updates, struct error *error);

/* Goes to where the state file in `out` is, if there is one. Errors: EXIT_INPUT, EXIT_RUN. */
int few_run_load(struct few_run *run, const char *out, struct error *error);

#endif
