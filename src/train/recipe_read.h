/* The parts of a recipe, shared by its files. */
#ifndef ATTEST_TRAIN_RECIPE_READ_H
#define ATTEST_TRAIN_RECIPE_READ_H

#include "train/recipe.h"

/* `where` names the recipe in messages. Errors: EXIT_INPUT. */
int recipe_read_data(const json_t *root, const char *where, struct data_settings *data,
                     struct error *error);
int recipe_read_optimizer(const json_t *root, const char *where,
                          struct optimizer_settings *optimizer, struct error *error);
int recipe_read_schedule(const json_t *root, const char *where, uint64_t steps,
                         struct schedule *schedule, struct error *error);

#endif
