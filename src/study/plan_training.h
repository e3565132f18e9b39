/* What the training run of a recipe (attest train) takes, as a row of a plan. */
#ifndef ATTEST_STUDY_PLAN_TRAINING_H
#define ATTEST_STUDY_PLAN_TRAINING_H

#include "study/plan.h"

/* Whether the file at `path` is a recipe and no manifest; false also where it cannot be read. */
bool plan_is_recipe(const char *path);

/* Adds the row, which borrows `path`; a step is measured. Errors: EXIT_INPUT, EXIT_RUN. */
int plan_training(const char *path, struct plan *plan, struct error *error);

#endif
