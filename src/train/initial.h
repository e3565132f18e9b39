/* The parameters before the first step. */
#ifndef ATTEST_TRAIN_INITIAL_H
#define ATTEST_TRAIN_INITIAL_H

#include "base/random.h"
#include "model/parameters.h"

/* Standard deviations of normal draws. */
struct initial {
  double matrix;    /* times 1 / sqrt(inputs), and / sqrt(2 layers) where it writes the residual */
  double embedding; /* of tokens, also where it is the LM head, too, and of learned positions */
  double head;      /* of the LM head */
  double router;    /* of the experts' routers */
};

/* Parameters in the order of their list, elements row by row: those of a matrix (float)(sd * n), n
 * the next random_normal, sd in double; the factors of norms are 1 and biases 0, and draw nothing.
 */
void initial_fill(const struct initial *initial, struct random *random,
                  const struct parameters *parameters);

#endif
