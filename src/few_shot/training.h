/* A recipe's file and all that it names, as a run. */
#ifndef ATTEST_FEW_SHOT_TRAINING_H
#define ATTEST_FEW_SHOT_TRAINING_H

#include "few_shot/run.h"
#include "pass/runtime.h"

struct few_training {
  const char *path; /* of the recipe, borrowed */
  uint64_t memory;  /* what it may take, bytes */
  char *folder;     /* from which its paths count */
  struct few_recipe recipe;
  struct few_data data;
  float *graft; /* [few_parameters], if the clamp takes from a checkpoint */
  struct few_run *run;
};

/* Whether the file at `path` is such a recipe. Errors: EXIT_INPUT (missing, too large), EXIT_RUN.
 */
int few_training_is(const char *path, bool *is, struct error *error);

/* Whether a directory is that of a few-shot run, by its log. Takes no memory of its own. */
bool few_training_is_folder(const char *directory);

/* Reads the recipe, its items and the checkpoint that it grafts, and plans the run; nothing is
 * written. path and runtime are borrowed. Owner: the caller, few_training_close, also after an
 * error. Errors: EXIT_INPUT (the recipe, its files, what does not fit together, a budget of memory
 * that is too small), EXIT_RUN. */
int few_training_open(const char *path, const struct runtime *runtime,
                      struct few_training *training, struct error *error);
/* Puts what the clamp grafts, if anything, where the run's or a checkpoint's own stands in
 * `parameters`: the model as it was trained. */
void few_training_complete(const struct few_training *training, float *parameters);
void few_training_close(struct few_training *training);

#endif
