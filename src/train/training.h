/* A training run: a recipe on its way to checkpoints.
 *
 *   DIR/identity.json       what the recipe stands for (train_recipe_canonical)
 *   DIR/stepN/              a checkpoint for every revision: model.safetensors (F32), config.json
 *   DIR/steps.csv           what every step showed (log.h)
 *   DIR/state.safetensors   all to go on from (state.h)
 *
 * Killed anywhere and started again a run ends in the same bits. It stops where a loss, a gradient
 * or a parameter is not finite, with the last state kept. */
#ifndef ATTEST_TRAIN_TRAINING_H
#define ATTEST_TRAIN_TRAINING_H

#include "pass/runtime.h"
#include "tape/model.h"
#include "train/recipe.h"
#include "train/state.h"

struct training {
  const char *path; /* of the recipe, borrowed */
  const struct runtime *runtime;
  struct train_recipe recipe;
  char *folder;      /* of the recipe */
  char *config_json; /* of the checkpoints */
  struct data data;
  struct parameters parameters;
  struct optimizer optimizer;
  struct tape_model *model;
  int32_t *tokens; /* of a batch */
  struct train_log log;
  struct text canonical;
  char identity[TRAIN_IDENTITY_BYTES + 1];
  uint64_t bytes;      /* of memory */
  uint64_t disk_bytes; /* of DIR */
};

/* Reads a recipe and all it names, and plans the run; nothing is written. Kept: path, runtime.
 * Owner: the caller, training_close, also after an error. Errors: EXIT_INPUT (the recipe, its
 * files, what does not fit together, a budget that is too small with the least that would do),
 * EXIT_RUN. */
int training_open(const char *path, const struct runtime *runtime, struct training *training,
                  struct error *error);
void training_close(struct training *training);

/* Seconds that a step takes, by the loss and gradients of the first batch, which change nothing.
 * Errors: EXIT_INPUT, EXIT_RUN. */
int training_time(struct training *training, double *seconds, struct error *error);

/* Called after steps; false stops the run once its state is saved. */
struct training_events {
  void (*begun)(void *context, uint64_t done); /* steps that an earlier run had done */
  bool (*stepped)(void *context, uint64_t step, const struct train_record *record);
  void *context;
};

/* Runs to the end in `out`, which is made, or goes on there; *done: steps at the end. A stopped run
 * returns 0. Errors: EXIT_INPUT (`out` is another run's or holds something else; a value that is
 * not finite, with step, tensor and element), EXIT_RUN. */
int training_run(struct training *training, const char *out, const struct training_events *events,
                 uint64_t *done, struct error *error);

/* The directory of a revision, "OUT/stepN": free(). NULL and EXIT_RUN. */
char *training_revision(const char *out, uint64_t step, struct error *error);

#endif
