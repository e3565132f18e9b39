/* Attention of many short sequences, which lie side by side in lanes: values are turned by a
 * quarter, so that a row holds one feature of all tokens. Every element has the bits that the
 * operations of rows (operations.h) give for it, and so have gradients, but where said; what
 * differs is where it lies, and the time.
 *
 * N sequences of T tokens; "across": [features][positions * N], column position * N + sequence. */
#ifndef ATTEST_TAPE_LANES_H
#define ATTEST_TAPE_LANES_H

#include "tape/operations.h"

/* Queries stand at the positions first_query, ..., seq_len - 1 alone: Q = seq_len - first_query of
 * them; keys and values at all. A pattern and its scores are [heads * Q * T][N]. */
struct tape_lanes {
  size_t sequences, seq_len; /* N; T <= LANES_MOST_ROWS */
  size_t first_query;
  size_t heads, head_dim; /* <= GEMM_BLOCK */
};

/* The row of a pattern, key <= query. */
static inline size_t tape_lanes_row(const struct tape_lanes *lanes, size_t head, size_t query,
                                    size_t key)
{
  size_t queries = lanes->seq_len - lanes->first_query;
  return (head * queries + query - lanes->first_query) * lanes->seq_len + key;
}

/* --- op_lanes_linear.c --- */

/* y = W x^T across, [rows of W][rows of x]: tape_linear without a bias, turned. */
size_t tape_linear_across(struct tape *tape, size_t x, size_t weight);

/* y = x^T W^T of x across, [columns of x][rows of W]: turned back. */
size_t tape_linear_back(struct tape *tape, size_t x, size_t weight);

/* --- op_lanes.c --- */

/* y[c][i] = table[ids[i]][c], across: tape_embed, turned. ids is borrowed, read at every run. */
size_t tape_embed_across(struct tape *tape, size_t table, const int32_t *ids, size_t count);

/* Rotates each head's interleaved pairs (2i, 2i + 1) of x across. cosine, sine: [seq_len][head_dim
 * / 2], copied; the columns of x are the positions from first_query on, or from 0. */
size_t tape_rope_across(struct tape *tape, size_t x, const struct tape_lanes *lanes, bool queries,
                        const float *cosine, const float *sine);

/* y [columns of x][width] = fill, but y[i][columns[k][i]] = x[rows[k]][i]. columns: `count` rows of
 * as many as x has columns, borrowed, read at every run; of one i all different. dx = dy there, +0
 * in rows that are not named. */
size_t tape_spread(struct tape *tape, size_t x, const size_t *rows, size_t count,
                   const int32_t *columns, size_t width, float fill);

/* --- op_lanes_attention.c --- */

/* s = (q k) * (float)(1 / sqrt(head_dim)) of queries [heads * head_dim][Q * N] and keys
 * [heads * head_dim][T * N]; +0 for keys after the query. */
size_t tape_scores_across(struct tape *tape, size_t queries, size_t keys,
                          const struct tape_lanes *lanes);

/* Softmax over the keys up to the query; +0 for the others, whose gradient is +0. */
size_t tape_softmax_across(struct tape *tape, size_t scores, const struct tape_lanes *lanes);

/* Head outputs [heads * head_dim][Q * N]. */
size_t tape_mix_across(struct tape *tape, size_t pattern, size_t values,
                       const struct tape_lanes *lanes);

#endif
