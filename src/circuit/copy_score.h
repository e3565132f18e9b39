/* What a head's weights alone make of the tokens that it reads: its copy score (arXiv 2407.10827,
 * code; first of Wang et al., arXiv 2211.00593). */
#ifndef ATTEST_CIRCUIT_COPY_SCORE_H
#define ATTEST_CIRCUIT_COPY_SCORE_H

#include "circuit/runs.h"

/* Tokens as they stand in prompts. */
struct copy_cases {
  size_t count;
  const int32_t *tokens; /* [count] ids */
  const float *streams;  /* [count][hidden] the residual stream there after layer 0 */
};

#define COPY_TOP 5

/* For every head adds the number of cases whose own token is among the COPY_TOP largest logits of
 *   s W_U (W_O (W_V x + b_V)) + b_U,
 * x the stream, without norms and positions, W_V and b_V those of the head (of its group, where
 * heads share values), W_O its columns of the output projection, b_U only where the LM head has
 * one: with s = 1 to copied[layers * heads], with s = -1 to against[layers * heads]. Of equal
 * logits the lower id comes first. Clips and norms of values are no part of it.
 *
 * Arithmetic: three products (gemm.h); the one with W_O over all heads' columns, those of other
 * heads times +0; s and b_U come last, one plain add. Errors: EXIT_INPUT (a weight or logit that is
 * not finite), EXIT_RUN (also when interrupted). */
int copy_score_add(const struct model *model, const struct circuit_options *options,
                   const struct copy_cases *cases, size_t *copied, size_t *against,
                   struct error *error);

#endif
