/* Causal self-attention of a batch of sequences, from projected queries, keys and values. */
#ifndef ATTEST_PASS_ATTENTION_H
#define ATTEST_PASS_ATTENTION_H

#include "base/threads.h"
#include "gemm.h"
#include "model/config.h"
#include "pass/hook.h"

#include <stdint.h>

/* Where head h of a token finds its figures in a row of `qkv`: the queries of all heads, then the
 * keys, then the values of all key-value heads. */
struct head_offsets {
  size_t query, key, value;
};
struct head_offsets attention_offsets(const struct model_config *config, size_t head);

/* Floats in a row of head outputs side by side. */
size_t attention_heads_floats(const struct model_config *config);

/* Floats in a row of the projected queries, keys and values. */
size_t attention_row_floats(const struct model_config *config);

struct attention {
  const struct model_config *config;
  const struct kernels *kernels;
  size_t seq_len, sequences;
  size_t first_query;           /* attention only of positions >= this; 0 = all */
  const float *qkv;             /* [sequences * seq_len][attention_row_floats], rotated */
  float *out;                   /* [sequences * seq_len][attention_heads_floats] */
  float *scratch;               /* attention_scratch_floats a thread */
  const struct hook_set *hooks; /* shown scores, patterns and head outputs; NULL = none */
  size_t layer, first_sequence; /* for the hooks: sequence first_sequence + index of their part */
};

size_t attention_scratch_floats(const struct model_config *config, size_t seq_len);

/* Floating-point operations of scores and values, keys past a query not counted. */
uint64_t attention_operations(const struct model_config *config, size_t seq_len, size_t sequences,
                              bool last_query_alone);

/* For every query i and head: scores q_i k_j (a matrix product over head_dim), softmax of
 * score / sqrt(head_dim) over j <= i, or over the last `window` of them where the layer has one
 * (the softmax's lanes count from the first key that is seen), output = weights x values (a matrix
 * product over j <= i). */
void attention_run(const struct attention *attention, struct threads *threads);

#endif
