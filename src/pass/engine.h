/* Internal to the forward pass: buffers and the steps of a layer. */
#ifndef ATTEST_PASS_ENGINE_H
#define ATTEST_PASS_ENGINE_H

#include "pass/forward.h"
#include "pass/packed.h"
#include "pass/rope.h"

#include <stdatomic.h>
#include <stdbool.h>

/* A layer's norm weights and biases, widened; NULL = absent. */
struct layer_vectors {
  float *norm1, *norm1_bias, *norm2, *norm2_bias, *query_norm, *key_norm;
};

/* The distinct token ids of a chunk, and what layer 0 makes of each. */
struct distinct {
  size_t count;
  int32_t *ids;   /* [count] */
  int32_t *slots; /* [tokens of the chunk] index into ids */
  float *qkv;     /* [count][attention_row_floats], not rotated; NULL = not in use */
  float *mlp;     /* [count][hidden]; NULL without a parallel residual */
};

struct engine {
  const struct model *model;
  const struct model_config *config;
  const struct kernels *kernels;
  struct threads *threads;
  const struct forward_observer *observer;
  size_t seq_len;
  size_t chunk, batch; /* sequences */
  size_t first;        /* first sequence of the chunk */
  bool look_up;        /* whether the memory allows the tables of `distinct` */
  bool token_tables;   /* whether the layer at hand reads them */
  struct distinct distinct;
  struct rope rope;
  /* Packed weights of a layer: `up` holds gate and up together if gated; qkv is queries, keys and
   * values, in the last layer keys and values alone, with the queries in last_query. */
  struct packed qkv_weights, last_query, output, up, down, router;
  struct segment *segments; /* scratch of layer_pack */
  bool last;                /* the layer's output is not read: see layer_attention */
  size_t full;              /* sequences of the chunk whose residual stream is wanted */
  bool more;                /* whether another chunk follows */
  const struct forward_options *options; /* for progress */
  double work, worked;                   /* sequences times layers: all, and done */
  float *vectors;                        /* 6 vectors of `hidden` floats */
  struct layer_vectors layer;
  float *residual; /* [chunk * seq_len][hidden] */
  /* For the tokens of one batch: */
  float *normed;    /* [hidden] a row: what a projection reads; later the MLP's output */
  float *operand;   /* packed operand A */
  float *qkv;       /* [attention_row_floats] */
  float *heads_out; /* [hidden] */
  float *projected; /* [hidden] output of the attention projection */
  float *ffn;       /* [ffn], or [2 * ffn] with gate and up side by side */
  float *scratch;   /* attention, one part a thread */
  /* Experts, for the tokens of the chunk: */
  float *mixed;           /* [hidden] sum over the experts */
  int32_t *routed;        /* [top_k] expert of each choice, ascending */
  float *routing;         /* [top_k] its weight */
  size_t *order, *starts; /* choices sorted by expert; first of each expert, [experts + 1] */
  atomic_size_t damaged; /* first row of a batch with a value that is not finite; SIZE_MAX = none */
};

/* Says that so much work, in sequences times layers, is done. Of a layer with experts this share is
 * theirs. */
#define EXPERTS_SHARE 0.75
void engine_advance(struct engine *engine, double amount);

/* Rows of the embedding to the residual stream, from its start on; count fits 32 bits. */
struct embedded {
  int32_t id;
  uint32_t row; /* of the residual stream */
};
int engine_embed(struct engine *engine, const int32_t *ids, size_t count, struct error *error);

/* Calls row(context, index) for every index < rows, sixteen rows a task. */
typedef void engine_row(struct engine *engine, void *context, size_t row);
void engine_rows(struct engine *engine, size_t rows, engine_row *row, void *context);

/* The family's norm of one row; `second` picks the one before the MLP. y may be x. */
void engine_norm(const struct engine *engine, bool second, const float *x, float *y);

/* C[rows][w->n] = x[rows][w->k] W^T + bias, strides in floats; x is packed into engine->operand. */
void engine_product(struct engine *engine, const struct packed *w, const float *x, size_t stride,
                    size_t rows, float *c, size_t ldc);

/* The same of weights that are needed for these rows alone; uses `up`. Errors: EXIT_INPUT for a
 * weight that is not finite, EXIT_RUN. */
int engine_product_once(struct engine *engine, const struct segment *segments, size_t count,
                        const float *x, size_t stride, size_t rows, float *c, size_t ldc,
                        struct error *error);

/* EXIT_INPUT when a row was marked damaged since the last call, naming layer, `what`, sequence and
 * position; `first_row` is the row's number in the chunk that index 0 stands for. */
int engine_check(struct engine *engine, size_t layer, const char *what, size_t first_row,
                 struct error *error);
void engine_mark_damaged(struct engine *engine, size_t row);

/* Widens the layer's vectors and packs its projections (all but the experts'); starts reading the
 * weights that are needed next. Sets `last`: what the last layer adds to the residual stream is
 * read only when it is shown, else only keys and values, and the last query of each sequence, are
 * needed. */
int layer_pack(struct engine *engine, size_t layer, struct error *error);

/* Rows [row0, row0 + rows) of the residual stream -> their queries, keys and values before rotation
 * in `qkv`; and -> the MLP's output in `normed`. */
void layer_project_tokens(struct engine *engine, size_t row0, size_t rows);
void layer_mlp(struct engine *engine, size_t row0, size_t rows);

/* Bytes of the tables of a chunk, an upper bound. */
uint64_t distinct_bytes(const struct model_config *config, size_t tokens);

/* Finds the distinct ids (all < vocab). Owner: the caller, distinct_free. Errors: EXIT_RUN. */
int distinct_find(const struct model_config *config, const int32_t *tokens, size_t count,
                  struct distinct *distinct, struct error *error);
void distinct_free(struct distinct *distinct);
bool distinct_pays(const struct distinct *distinct, size_t tokens);

/* Fills the tables with the packed weights of layer 0; overwrites the residual stream. */
int distinct_compute(struct engine *engine, struct error *error);

/* Attention of `sequences` sequences from `sequence0` of the chunk: heads_out, shown to the
 * observer. In a last layer only the last position of each. */
int layer_attention(struct engine *engine, size_t layer, size_t sequence0, size_t sequences,
                    struct error *error);

/* Output projection and dense MLP of the same sequences: the residual stream moves on one layer.
 * With experts: output projection and routing alone. */
int layer_finish(struct engine *engine, size_t layer, size_t sequence0, size_t sequences,
                 struct error *error);

/* Routing of a batch, and the experts of a layer over all `rows` tokens of the chunk, whose
 * progress it tells. */
int experts_route(struct engine *engine, size_t layer, size_t row0, size_t rows,
                  struct error *error);
/* Starts reading an expert's weights. */
void experts_fetch(const struct expert *expert);
int experts_run(struct engine *engine, size_t layer, size_t rows, struct error *error);

#endif
