/* Which heads a study ablates: named ones, circuits by threshold from the figures of a screen, or
 * the first of a ranking; and the controls of each. */
#ifndef ATTEST_STUDY_SELECTION_H
#define ATTEST_STUDY_SELECTION_H

#include "circuit/condition.h"
#include "trajectory/trajectory.h"

struct selection {
  const struct head_set *heads; /* the circuit, of this name; NULL = circuits by threshold */
  const char *name;
  const struct threshold_circuit *circuits; /* [circuit_count] these */
  size_t circuit_count;
  bool published; /* their matched-random controls come from the published stream */
  const struct revision *screened; /* whose figures count; NULL = those of the model itself, if any
                                      do */
  struct control_choice controls;
  bool as_published; /* heads that the model lacks are left out in silence */
};

/* The baseline, the circuits and their controls, for a model of this grid; `own` are the figures of
 * the model's own screen, if they are asked for. Owner: the caller, conditions_free, also after an
 * error. Errors: EXIT_INPUT: figures of a model of another shape, a head that the model lacks, or a
 * threshold that the published stream does not know; EXIT_RUN. */
int selection_conditions(const struct selection *selection, const struct head_grid *grid,
                         const struct revision *own, struct conditions *conditions,
                         struct error *error);

/* Whether the model's own screen is needed. */
bool selection_screens(const struct selection *selection);

/* The first k heads by the integral of their participation ratios over training, the heads of a
 * layer together; floor in units of 1e9 tokens. Owner: the caller, head_set_free. Errors:
 * EXIT_INPUT (there are not as many heads), those of integral_rank. */
int selection_top(const struct trajectory *trajectory, size_t k, double floor,
                  struct head_set *heads, struct error *error);

#endif
