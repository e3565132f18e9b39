/* Internal to the forward pass: its state, and the steps of a layer. */
#ifndef ATTEST_PASS_ENGINE_H
#define ATTEST_PASS_ENGINE_H

#include "pass/activations.h"
#include "pass/attention.h"
#include "pass/distinct.h"
#include "pass/forward.h"
#include "pass/layer_weights.h"
#include "pass/rope.h"

#include <stdatomic.h>

/* The chunk at hand. */
struct chunk {
  struct portion portion; /* of the pass, what is needed at all */
  bool more;              /* whether another chunk follows */
  bool token_tables;      /* whether the layer at hand reads those of `distinct` */
  struct distinct distinct;
  struct hook_set hooks; /* of the layer at hand */
  struct need need;      /* of the layer at hand; rows count from the chunk's first sequence */
};

struct engine {
  /* Fixed for a pass: */
  const struct model *model;
  const struct model_config *config; /* the model's */
  const struct kernels *kernels;
  struct threads *threads;
  const struct forward_options *options;
  struct forward_plan plan;
  size_t n, seq_len;
  struct rope rope;
  /* Moving: */
  struct chunk chunk;
  struct layer_weights weights;
  struct activations act;
  double work, worked;   /* sequences, with their copies, times own layers: all, and done */
  uint64_t operations;   /* floating-point operations done */
  atomic_size_t damaged; /* first token of the chunk with a value that is not finite, or SIZE_MAX */
};

/* The buffers of a pass that is cut like this. */
struct activation_shape activation_shape(const struct model_config *config,
                                         const struct forward_options *options, size_t seq_len,
                                         size_t chunk, size_t batch);

/* A layer goes over its tokens in batches. Buffers of keys, queries, values and head outputs have a
 * row for each token of the batch; those of the later steps one for each row of the step. */
struct batch_rows {
  size_t layer;
  size_t first, sequences; /* of the chunk */
  struct rows step[STEPS]; /* the chunk's need, cut to the batch */
};

/* Tokens first, first + stride, ... of the chunk. */
struct span {
  size_t first, stride, count;
};

struct span span_of(const struct engine *engine, const struct rows *rows);

/* Reports progress, in sequences times layers. Of a layer with experts this share
 * is theirs. */
#define EXPERTS_SHARE 0.75
void engine_advance(struct engine *engine, double amount);

/* The rows of the embedding to the residual stream, from its start on; count fits 32 bits. Errors:
 * EXIT_INPUT for a value that is not finite, EXIT_RUN. */
struct embedded {
  int32_t id;
  uint32_t row; /* of the residual stream */
};
int engine_embed(struct engine *engine, const int32_t *ids, size_t count, struct error *error);

/* Adds the learned positions, if the model has some, to the first `count` tokens of the residual
 * stream: embedding + position, one plain add an element. Errors as above. */
int engine_add_positions(struct engine *engine, size_t count, struct error *error);

/* Calls row(engine, context, index) for every index < rows, sixteen rows a task. */
typedef void engine_row(struct engine *engine, const void *context, size_t row);
void engine_rows(struct engine *engine, size_t rows, engine_row *row, const void *context);

/* residual [token of the span][hidden] -> norm -> normed [count][hidden]. The family's norm of one
 * row: y may be x. */
void engine_norm(const struct engine *engine, const struct norm *norm, const float *x, float *y);
void engine_norm_rows(struct engine *engine, const struct norm *norm, const struct span *span);

/* What attention or MLP reads: the same, or the residual stream as it is where the norms stand
 * behind them; and that norm, in place. buffer [rows][hidden] */
void engine_enter_rows(struct engine *engine, const struct norm *norm, const struct span *span);
void engine_norm_buffer(struct engine *engine, const struct norm *norm, float *buffer, size_t rows);

/* C[rows][w->n] = x[rows][w->k] W^T + bias, strides in floats. */
void engine_product(struct engine *engine, const struct packed *w, const float *x, size_t stride,
                    size_t rows, float *c, size_t ldc);

/* The same of weights that are needed only for these rows; `w` lends its memory. Errors:
 * EXIT_INPUT for a weight that is not finite, EXIT_RUN. */
int engine_product_once(struct engine *engine, struct packed *w, const struct segment *segments,
                        size_t count, const float *x, size_t stride, size_t rows, float *c,
                        size_t ldc, struct error *error);

/* Marks a token of the chunk; and EXIT_INPUT when one was marked, naming layer (SIZE_MAX = after
 * the last), `what`, sequence and position. */
void engine_mark_damaged(struct engine *engine, size_t token);
int engine_check(struct engine *engine, size_t layer, const char *what, struct error *error);

/* Shows the hooks what one site has for these rows: sequence i of them at data + i * step, its
 * rows (all positions, or the last) `stride` floats apart, elements [first, first + count). */
struct shown_rows {
  struct site site;
  const struct rows *rows;
  float *data;
  size_t step, stride, first, count;
};
void engine_show(struct engine *engine, const struct shown_rows *shown);

/* The same for a buffer with a row of `hidden` floats for each of the rows, one after another; and
 * for the residual stream. `layer` counts where the kind has one. */
void engine_show_buffer(struct engine *engine, enum site_kind kind, size_t layer,
                        const struct rows *rows, float *data);
void engine_show_residual(struct engine *engine, enum site_kind kind, size_t layer,
                          const struct rows *rows);

/* Runs one layer, whose weights are packed, over the chunk: the residual stream moves on by it. */
int layer_run(struct engine *engine, size_t layer, struct error *error);

/* Steps that the tables of layer 0 are made with. residual [token of the span][hidden] -> qkv
 * [count][attention_row_floats], normed and clipped but not rotated; -> mlp [count][hidden]. */
void layer_project(struct engine *engine, const struct span *span);
void layer_mlp(struct engine *engine, const struct span *span);

/* Makes them with the packed weights of layer 0, if that pays; overwrites the residual stream.
 * Errors: EXIT_INPUT for a value that is not finite, EXIT_RUN. */
int distinct_compute(struct engine *engine, const int32_t *tokens, size_t count,
                     struct error *error);

/* Rows [row0, ...) of the chunk's need of the MLP: residual stream -> routed, routing. Then the
 * experts over all of them: residual stream + weighted sums. They tell their own progress. */
int experts_route(struct engine *engine, const struct batch_rows *batch, struct error *error);
int experts_run(struct engine *engine, size_t layer, struct error *error);

/* Final norm and logits, as far as they are needed. */
int logits_run(struct engine *engine, struct error *error);

#endif
