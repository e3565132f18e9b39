/* The operations of the tape, their formulas and those of their adjoints. What a kernel computes is
 * stated in simd/kernels.h and simd/gemm.h, to the last fma.
 *
 * Notation: x value, dx its gradient, N rows. A product A B^T runs in blocks of 256 along k, one
 * fma chain a block, block sums added in order (gemm.h). Every function returns the new value; its
 * shape stands in brackets. Arrays and structures that are passed are copied unless said. */
#ifndef ATTEST_TAPE_OPERATIONS_H
#define ATTEST_TAPE_OPERATIONS_H

#include "tape/tape.h"

/* --- rows by number: op_rows.c --- */

/* y[i] = table[ids[i]], [count][columns]. ids is borrowed, read at every run, every id < rows of
 * the table. d_table: +0, then the rows of dy are added in the order of i (scatter_add). */
size_t tape_embed(struct tape *tape, size_t table, const int32_t *ids, size_t count);

/* y[i] = x[rows[i]], [count][columns], the same arithmetic with rows that are fixed. */
size_t tape_select_rows(struct tape *tape, size_t x, const int32_t *rows, size_t count);

/* y[rows[i]] = x[i] for each source in turn, all rows different; the other rows are +0.
 * dx[i] = dy[rows[i]]. */
struct tape_placed {
  size_t x;
  const int32_t *rows; /* [rows of x] */
};
size_t tape_place_rows(struct tape *tape, size_t rows, const struct tape_placed *sources,
                       size_t count);

/* y = a and under it b, [rows of both][columns]; da, db = their rows of dy. */
size_t tape_stack_rows(struct tape *tape, size_t a, size_t b);

/* --- element by element: op_elements.c --- */

/* y = (x[0] + x[1]) + x[2] ...; each dx = dy. At least one. */
size_t tape_add(struct tape *tape, const size_t *values, size_t count);

size_t tape_scale(struct tape *tape, size_t x, float factor); /* y = factor * x; dx = factor * dy */

/* y = mask ? given : x. Mask: one byte an element, [rows][columns], not 0 = replaced. dx = mask ?
 * +0 : dy; d_given = mask ? dy : +0. given TAPE_NONE: zeros. */
size_t tape_replace(struct tape *tape, size_t x, const unsigned char *mask, size_t given);

/* y = x, and then `write` may change what the mask names: called at every forward pass on the
 * caller's thread with every row of which some is named, in order. dx = mask ? +0 : dy. context is
 * borrowed. */
typedef void tape_write(void *context, size_t row, float *data);
size_t tape_rewrite(struct tape *tape, size_t x, const unsigned char *mask, tape_write *write,
                    void *context);

/* Of x as a vector of all its m elements, row by row, and y as one of n: z[i][j] = x[i] * y[j],
 * [m][n]. dx[i] = dot(dz[i], y); dy[j] = column_sum over i of x[i] * dz[i][j]. Neither is a view.
 */
size_t tape_outer(struct tape *tape, size_t x, size_t y);

/* y[j][i] = x[i][j]; dx likewise. For weights that are stored [in][out]. */
size_t tape_transpose(struct tape *tape, size_t x);

/* --- products: op_linear.c --- */

/* Rows [first, first + count) of a weight [out][in] and its bias [1][out]; bias TAPE_NONE = none.
 */
struct tape_part {
  size_t weight, bias;
  size_t first, count;
};

/* y = x W^T + b, [N][sum of counts], where W is the parts one under the other. dx = dy W: k = rows
 * of W in their order. dW = dy^T x: k = rows of x. db = column_sum of dy. */
size_t tape_linear(struct tape *tape, size_t x, const struct tape_part *parts, size_t count);

/* The same with the columns of one weight from `column` on, as many as x has: what a head's output
 * becomes in the projection of all heads. */
size_t tape_linear_columns(struct tape *tape, size_t x, const struct tape_part *part,
                           size_t column);

/* --- norms, clipping, activations: op_norm.c, op_activation.c; kernels of the same names --- */

/* gain [1][columns] and bias may be TAPE_NONE. d_gain = column_sum of the rows dy * h,
 * d_bias = column_sum of dy. */
size_t tape_layer_norm(struct tape *tape, size_t x, size_t gain, size_t bias, float eps);
size_t tape_rms_norm(struct tape *tape, size_t x, size_t gain, float eps);

/* Each of the `heads` equal parts of a row by itself: an rms norm, or a layer norm without bias.
 * One gain for all, whose d_gain is the column_sum over (row, head); or one for each. */
size_t tape_head_norm(struct tape *tape, size_t x, size_t heads, const size_t *gains, size_t count,
                      bool rms, float eps);
size_t tape_clip(struct tape *tape, size_t x, float limit); /* border included: gradient passes */
size_t tape_gelu(struct tape *tape, size_t x);
size_t tape_gelu_tanh(struct tape *tape, size_t x);

/* Row = gate | up side by side -> silu(gate) * up, [N][columns / 2]. */
size_t tape_silu_mul(struct tape *tape, size_t x);

/* --- attention: op_position.c, op_attention.c --- */

/* Rows are tokens: seq_len of each sequence. Query head h reads key-value head
 * h / (heads / kv_heads). */
struct tape_heads {
  size_t sequences, seq_len;
  size_t heads, kv_heads, head_dim;
  float scale; /* of scores; 0 = (float)(1 / sqrt(head_dim)) */
};

/* Rotates each head's first 2 * half dimensions to its position, [tokens][heads * head_dim]; pairs
 * (j, j + half), or interleaved (2j, 2j + 1). cosine, sine: [seq_len][half], borrowed. Columns from
 * `heads` heads on, if not 0, stay as they are. */
struct tape_rotation {
  size_t seq_len, head_dim, half;
  size_t heads;
  bool interleaved;
  const float *cosine, *sine;
};
size_t tape_rope(struct tape *tape, size_t x, const struct tape_rotation *rotation);

/* Scores [sequences * heads * seq_len][seq_len]: row (sequence, head, query), s = (q k) * scale,
 * the product over head_dim, scale = (float)(1 / sqrt(head_dim)); +0 for keys after the query. ds'
 * = ds * scale, +0 for keys after the query; dq = ds' K with k = keys; dk = ds'^T Q with k =
 * queries, the heads of a group added in order. */
size_t tape_scores(struct tape *tape, size_t queries, size_t keys, const struct tape_heads *heads);

/* Softmax over a row's keys up to its query, the last `window` of them if that is not 0; +0 for the
 * others, whose gradient is +0. */
size_t tape_causal_softmax(struct tape *tape, size_t scores, size_t seq_len, size_t window);

/* Head outputs side by side, [tokens][heads * head_dim]: o = P V with k = keys. dP = do V^T over
 * head_dim, +0 for keys after the query; dV = P^T do with k = queries, the heads of a group added
 * in order. */
size_t tape_mix(struct tape *tape, size_t pattern, size_t values, const struct tape_heads *heads);

/* --- experts: op_route.c, op_experts.c --- */

/* p = softmax of a row of logits [N][E]; the top_k largest are chosen, the lower index first among
 * equals. w [N][top_k] of the chosen, experts ascending: w = p, or p / S if `normalize`, S = sum of
 * the chosen p in that order. dp = dw, or (dw - sum of dw w) / S, the sum in that order, products
 * rounded; +0 for the others; d_logits by softmax_backward over all E. A row of logits that is not
 * finite chooses the first experts. */
size_t tape_route(struct tape *tape, size_t logits, size_t top_k, bool normalize);

/* The rows of x in the order of choices: by expert, then by token; [N * top_k][columns].
 * dx[n] = the gradients of its copies, added from +0, experts ascending. */
size_t tape_gather(struct tape *tape, size_t x, size_t route);

/* tape_linear of each expert's rows: parts[expert * per_expert + i], the same shapes for every
 * expert. k of dW counts from the expert's first row; an expert without rows has +0. */
size_t tape_expert_linear(struct tape *tape, size_t x, size_t route, const struct tape_part *parts,
                          size_t per_expert);

/* y[n] = fma(w, x[its row], y), experts ascending, from +0; [N][columns]. dx[row] = w * dy[n];
 * dw = dot(dy[n], x[row]). */
size_t tape_combine(struct tape *tape, size_t x, size_t route);

/* --- what reads a value, apart: op_apart.c --- */

/* Sums of gradients that a backward pass adds to: rows of the value are (group, repeat, position);
 * sums[group][part][position][columns] = sums + the gradient of each repeat in order. The caller's,
 * read and written at every backward pass. */
struct tape_collect {
  float *sums;
  size_t repeats, seq_len;
  size_t group_stride, part_stride; /* floats */
};

/* y = x, and its gradient is collected; dx = dy. */
size_t tape_fork(struct tape *tape, size_t x, const struct tape_collect *collect);

/* Queries, keys and values side by side, each with `heads` heads, [tokens][3 * heads * head_dim],
 * of what is computed from x without a gradient (`computed`, tape_constant): head h has those of
 * key-value head h / (heads / kv_heads). The gradient of x by way of each of these 3 * heads parts
 * is computed by itself, as if x were normed and projected for that part alone: with d the part's
 * columns of dy, through the norm over all heads of its kind where there is one (the other heads'
 * d being +0), d' = d W by the rows of W that it reads, k = rows (all of them behind such a norm),
 * then the norm's adjoint. dx = their sum, the last part first. Parts: query of head 0, 1 ...,
 * keys, values. */
struct tape_apart {
  size_t computed[3];    /* queries, keys, values as they go on */
  size_t before[2];      /* queries and keys before the norm over all heads; TAPE_NONE = none */
  size_t before_gain[2]; /* its gain */
  size_t gain;           /* of the norm in front; TAPE_NONE = none */
  bool norm, rms;        /* whether there is one */
  float eps;             /* of all these norms */
  const struct tape_part *parts; /* [count] of the projection */
  size_t count;
  size_t heads, kv_heads, head_dim;
};
size_t tape_read_apart(struct tape *tape, size_t x, const struct tape_apart *apart,
                       const struct tape_collect *collect);

/* --- losses: op_loss.c, op_router_loss.c --- */

/* Losses are numbers in double; tape_backward differentiates the sum of coefficient * loss (those
 * with coefficient 0 are computed and no more). Each function returns a handle for the two below.
 */

/* Sum over rows of cross_entropy(logits[n], targets[n]). targets: [N], borrowed, read at every run.
 * d_logits by cross_entropy_backward with (float)coefficient. weights: [N] factors of the rows'
 * losses in the gradient alone, borrowed; NULL = 1; the row's scale is their fp32 product. */
size_t tape_cross_entropy(struct tape *tape, size_t logits, const int32_t *targets,
                          const float *weights, double coefficient);

/* Sum of (x - target)^2, the difference in fp32, row sums by square_sum, rows added in order; dx =
 * (x - target) * (float)(2 coefficient). target: a constant. */
size_t tape_squared_error(struct tape *tape, size_t x, size_t target, double coefficient);

/* Sum of factor * x, both [N][columns]: rows' sums by dot, added in order in double; dx =
 * factor * (float)coefficient. factors: a constant. Any gradient to start from. */
size_t tape_weighted_sum(struct tape *tape, size_t x, size_t factors, double coefficient);

/* Load balancing: E * sum over e of f_e * mean of p_ne, f_e = the share of tokens that chose e, a
 * constant: the means added in token order in double. d_logits = softmax_backward of
 * dp_e = (float)(coefficient * E / N * f_e). */
size_t tape_load_balancing(struct tape *tape, size_t logits, size_t route, double coefficient);

/* Mean over tokens of z^2, z = log(sum of exp(logit)) in double as cross_entropy has it; d_logits =
 * (float)(coefficient * 2 / N * z) * p. */
size_t tape_router_z(struct tape *tape, size_t logits, size_t route, double coefficient);

/* The loss of the last forward pass; and of each row of a cross-entropy, [N]. */
double tape_loss(const struct tape *tape, size_t loss);
const double *tape_row_losses(const struct tape *tape, size_t loss);

#endif
