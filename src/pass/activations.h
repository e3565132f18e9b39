/* The buffers of a forward pass. */
#ifndef ATTEST_PASS_ACTIVATIONS_H
#define ATTEST_PASS_ACTIVATIONS_H

#include "base/error.h"
#include "model/config.h"

/* Of what size the buffers are. */
struct activation_shape {
  const struct model_config *config;
  size_t seq_len;
  size_t chunk, batch; /* sequences */
  size_t threads;
  bool logits; /* whether they are needed */
};

#define LOGIT_STRIP 1024 /* of the LM head's rows are packed at a time */

/* `chunk`: a row for each token of a chunk; `batch`: for each token of a batch. All owned. */
struct activations {
  float *residual;  /* [chunk][hidden] the residual stream */
  float *normed;    /* [batch][hidden] what a projection reads */
  float *operand;   /* a projection's input, packed as operand A */
  float *qkv;       /* [batch][attention_row_floats] queries, keys and values */
  float *heads;     /* [batch][heads * head_dim] head outputs side by side */
  float *attention; /* [batch][hidden] after the output projection */
  float *ffn;       /* [batch][ffn]; gated: [batch][2 * ffn], gate and up side by side */
  float *mlp;       /* [batch][hidden] output of the MLP, or of one expert */
  float *scratch;   /* [threads][attention_scratch_floats] */
  float *logits;    /* [batch][LOGIT_STRIP]; NULL unless needed */
  /* Models with experts: */
  float *router;   /* [batch][experts] logits, then probabilities */
  float *mixed;    /* [chunk][hidden] weighted sum over a token's experts */
  float *routing;  /* [chunk][top_k] weights of a token's experts */
  int32_t *routed; /* [chunk][top_k] its experts, ascending */
  size_t *order;   /* [chunk * top_k] the choices (row * top_k + slot) sorted by expert */
  size_t *starts;  /* [experts + 1] first choice of each expert in `order` */
};

/* Owner: the caller, activations_free, also after an error. Errors: EXIT_RUN. */
int activations_create(const struct activation_shape *shape, struct activations *activations,
                       struct error *error);
void activations_free(struct activations *activations);

/* Bytes of all of them. */
uint64_t activations_bytes(const struct activation_shape *shape);

#endif
