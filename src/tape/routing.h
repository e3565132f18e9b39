/* Which experts the tokens chose in the last forward pass, for the operations that follow it. */
#ifndef ATTEST_TAPE_ROUTING_H
#define ATTEST_TAPE_ROUTING_H

#include "tape/op.h"

/* What tape_route keeps. */
struct route {
  size_t experts, top_k;
  bool normalize;
};

struct routing {
  size_t rows, experts, top_k;
  double *lse;          /* [rows] log(sum of exp(logit)) */
  size_t *order;        /* [rows * top_k] choices (row * top_k + slot) by expert, then by row */
  size_t *place;        /* [rows * top_k] where a choice stands in `order` */
  size_t *starts;       /* [experts + 1] an expert's first place */
  int32_t *chosen;      /* [rows][top_k] ascending */
  float *probabilities; /* [rows][experts] */
};

struct routing routing_of(const struct tape *tape, const struct tape_op *op);

/* The operation whose output `route` is, while recording; NULL, and a fault, where it is none. */
const struct tape_op *routing_op(struct tape *tape, size_t route);

#endif
