/* What sources add to the residual stream, and how that meets gradients. */
#ifndef ATTEST_CIRCUIT_CONTRACT_H
#define ATTEST_CIRCUIT_CONTRACT_H

#include "circuit/runs_state.h"

/* Heads through their own columns of the output projection of a layer, without its bias:
 * to[heads][rows][hidden] of x [rows][heads * head_dim], the heads `stride` floats apart. Products
 * over head_dim (gemm.h). Errors: EXIT_RUN. */
int project_heads(const struct circuit_runs *runs, size_t layer, const float *x, size_t rows,
                  float *to, size_t stride, struct error *error);

/* What the sources add in a run of a pair of a batch, whose values are there, from a position on:
 * values[sources][seq_len - from][hidden]. Errors: EXIT_RUN. */
int batch_sources(const struct circuit_runs *runs, const struct run_batch *batch, size_t pair,
                  enum run_kind kind, size_t from, float *values, struct error *error);

/* The scores of a pair of a batch, edges[edges]: differences (corrupted - clean) times
 * sums[destinations][seq_len][hidden], divided by (float)steps. The differences are there for one
 * layer at a time. Errors: EXIT_INPUT (not finite), EXIT_RUN. */
int contract_pair(const struct circuit_runs *runs, const struct run_batch *batch, size_t pair,
                  const float *sums, size_t steps, float *edges, struct error *error);

#endif
