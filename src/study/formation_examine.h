/* The examination of a few-shot model as rows of tables (formation_rows.h): of a training run of a
 * study, and of any run of a recipe (attest train --examine). Whatever clamp the model was trained
 * under, it is examined as it is: the only clamps are those of the measures (few_shot/examine.h).
 */
#ifndef ATTEST_STUDY_FORMATION_EXAMINE_H
#define ATTEST_STUDY_FORMATION_EXAMINE_H

#include "few_shot/examine.h"
#include "few_shot/recipe.h"

struct formation_examined {
  const char *model; /* the first cell of its rows */
  const struct kernels *kernels;
  const struct few_recipe *recipe; /* the evaluation set, items, seed and sequences are its */
  const struct few_data *data;
  const struct few_sizes *sizes;
  size_t stride; /* every so many of all training sequences, of which the wiring takes every 17th */
  bool wiring;   /* figure 11, too */
  few_examining *go_on;
  void *context;
};

/* What few_examine takes of it. */
struct few_examined formation_examined_by(const struct formation_examined *examined,
                                          const float *parameters);

/* All tables but runs and checkpoints; *found gets what they are made of. `sequences`: of training
 * so far. Errors: those of few_examine. */
int formation_examine(const struct formation_examined *examined, const float *parameters,
                      uint64_t sequences, struct few_examination *found, struct text *rows,
                      struct error *error);

/* The row of a checkpoint in table checkpoints, and its points of figures 3b and 12: what it shows
 * on the evaluation set fsl_train. Errors: those of few_measure. */
int formation_examine_checkpoint(const struct formation_examined *examined, const float *parameters,
                                 uint64_t sequences, struct text *rows, struct error *error);

#endif
