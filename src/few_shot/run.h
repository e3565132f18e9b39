/* A training run of the few-shot model: a recipe (few_shot/recipe.h) on its way to a trained model.
 *
 *   DIR/identity.json            what the recipe stands for
 *   DIR/N.safetensors            the parameters after the first update at or after N sequences
 *   DIR/updates.csv              update,sequences,loss,grad_norm: of each batch, before its update
 *   DIR/evaluations.csv          sequences,set and the scores (measure.h) at each evaluation
 *   DIR/course.csv               of each set, when it was learned, its plateau (course.h)
 *   DIR/state.safetensors        all to go on from
 *
 * Killed anywhere and started again a run ends in the same bits. It can also be run in memory
 * alone, without DIR. One thread; several runs may go side by side. */
#ifndef ATTEST_FEW_SHOT_RUN_H
#define ATTEST_FEW_SHOT_RUN_H

#include "few_shot/measure.h"
#include "few_shot/recipe.h"

#define FEW_UPDATES_FILE "updates.csv"
#define FEW_COURSE_FILE "course.csv"

/* Of one update boundary. */
struct few_evaluation {
  uint64_t updates, sequences; /* done */
  struct few_scores sets[FEW_SETS];
};

struct few_update {
  double loss, grad_norm; /* of its batch, before the update */
};

/* Evaluations and updates so far, in order; owned by the run. */
struct few_log {
  struct few_update *updates; /* [update_count]: of update 1, 2, ... */
  size_t update_count;
  struct few_evaluation *evaluations; /* [evaluation_count], the first before any update */
  size_t evaluation_count;
};

/* Any may be NULL. Non-zero from `evaluated` ends the run with that code. */
struct few_run_events {
  void (*begun)(void *context, uint64_t updates); /* that an earlier run had done */
  /* After every evaluation, with the parameters as they are then. */
  int (*evaluated)(void *context, const struct few_evaluation *evaluation, const float *parameters,
                   struct error *error);
  bool (*updated)(void *context, uint64_t update, const struct few_update *record); /* false stops
                                                                             once it is saved */
  void *context;
};

struct few_run;

/* Plans a run; nothing is written. recipe and data are borrowed; `name` begins messages. Owner: the
 * caller, few_run_free, also after an error. Errors: EXIT_INPUT, EXIT_RUN. */
int few_run_create(const char *name, const struct few_recipe *recipe, const struct few_data *data,
                   const float *graft, const struct kernels *kernels, struct few_run **run,
                   struct error *error);
void few_run_free(struct few_run *run); /* NULL is allowed */

uint64_t few_run_bytes(const struct few_run *run);       /* of memory */
uint64_t few_run_disk(const struct few_run *run);        /* of DIR */
uint64_t few_run_updates(const struct few_run *run);     /* in all: sequences / batch, rounded up */
const char *few_run_identity(const struct few_run *run); /* SHA-256 of identity.json */

/* Seconds that an update and an evaluation take, measured; changes nothing. Errors: EXIT_INPUT. */
int few_run_time(struct few_run *run, double *update, double *evaluation, struct error *error);

/* Runs to the end, or until `updated` stops it, in the directory `out`, which is made, or goes on
 * there; NULL: in memory alone. Errors: EXIT_INPUT (`out` is another run's or holds something else;
 * a value that is not finite, with update and tensor), EXIT_RUN. */
int few_run(struct few_run *run, const char *out, const struct few_run_events *events,
            struct error *error);

/* Afterwards. */
const struct few_log *few_run_log(const struct few_run *run);
const float *few_run_parameters(const struct few_run *run);
uint64_t few_run_done(const struct few_run *run); /* updates */

/* Whether the boundary after so many updates, 0 to few_run_updates, has a checkpoint: its N. */
bool few_run_has_checkpoint(const struct few_run *run, uint64_t updates, uint64_t *n);

/* The parameters that a checkpoint DIR/N.safetensors holds, [few_parameters]. Errors: EXIT_INPUT
 * (not of these sizes, not finite), EXIT_RUN. */
int few_checkpoint_read(const char *path, const struct few_sizes *sizes, float *parameters,
                        struct error *error);
char *few_checkpoint_path(const char *out, uint64_t sequences, struct error *error); /* free() */

#endif
