/* The weights of the layer at hand, widened and packed for the matrix products. */
#ifndef ATTEST_PASS_LAYER_WEIGHTS_H
#define ATTEST_PASS_LAYER_WEIGHTS_H

#include "pass/need.h"
#include "pass/packed.h"

/* NULL = absent; both NULL: a norm without parameters. */
struct norm {
  float *weight, *bias; /* [hidden] */
};

struct layer_weights {
  struct packed qkv;    /* queries, keys and values of all tokens; or only keys and values, */
  struct packed query;  /* with the queries of last tokens here */
  struct packed output; /* the output projection */
  struct packed router; /* [experts] */
  struct packed up;     /* gated: gate and up together; of one expert at a time */
  struct packed down;
  struct norm norm1, norm2; /* of attention and MLP: before them, or behind (branch_norms) */
  float *query_norm, *key_norm;
  float *vectors;           /* the norms' memory; owned */
  struct segment *segments; /* [3 * heads] scratch; owned */
};

/* What packing needs to know. */
struct packing {
  const struct model *model;
  const struct kernels *kernels;
  struct threads *threads;
};

/* Owner: the caller, layer_weights_free, also after an error. Errors: EXIT_RUN. */
int layer_weights_create(const struct model_config *config, struct layer_weights *weights,
                         struct error *error);
void layer_weights_free(struct layer_weights *weights);

/* Widens the norms and packs the projections that the steps need, but not the experts'. Errors:
 * EXIT_INPUT for a weight that is not finite, EXIT_RUN. */
int layer_weights_pack(const struct packing *packing, size_t layer, const struct need *need,
                       struct layer_weights *weights, struct error *error);

/* The rows of a layer's values, to segments[heads]; returns how many there are. */
size_t layer_weights_values(const struct model_config *config, const struct layer *layer,
                            struct segment *segments);

/* The norm after the last layer to norm1. Errors: EXIT_INPUT as above. */
int layer_weights_final_norm(const struct model *model, struct layer_weights *weights,
                             struct error *error);

/* Starts reading what the steps of a layer need, and an expert's weights. */
void layer_weights_fetch(const struct layer *layer, const struct need *need);
void layer_weights_fetch_expert(const struct expert *expert);

/* Bytes of all of them, an upper bound for every instruction set. */
uint64_t layer_weights_bytes(const struct model_config *config);

#endif
