/* Models of a given shape with random weights, for runs where only shapes matter. */
#ifndef ATTEST_BENCH_BENCH_SHAPES_H
#define ATTEST_BENCH_BENCH_SHAPES_H

#include "model/inventory.h"
#include "pass/forward.h"

struct shape {
  const char *name;
  const char *family; /* its row in the table of families */
  enum dtype dtype;   /* of the published checkpoints */
  size_t layers, hidden, heads, ffn, vocab;
  size_t experts, top_k; /* olmoe */
  size_t kv_heads;       /* 0 = as heads */
};

#define SHAPES 3
extern const struct shape shapes_published[SHAPES]; /* the models of the paper */
#define FURTHER_SHAPES 2
extern const struct shape shapes_further[FURTHER_SHAPES]; /* others that people screen */
extern const struct shape shapes_small[SHAPES];           /* one of each family, for sweeps */

struct synthetic {
  struct inventory inventory;
  void *weights;  /* all tensors lie in this one buffer, over one another; owned */
  uint64_t bytes; /* of it */
  struct checkpoint *checkpoint;
  struct model model;
};

/* The configuration of a shape with all widths divided by `shrink`. Errors: EXIT_INPUT. */
int shape_config(const struct shape *shape, uint64_t shrink, struct model_config *config,
                 struct error *error);

/* Makes the model. Owner: the caller, synthetic_close, also after an error. Errors: EXIT_RUN. */
int synthetic_open(const struct shape *shape, uint64_t shrink, struct synthetic *synthetic,
                   struct error *error);
void synthetic_close(struct synthetic *synthetic);

/* A screen of `sequences` sequences of `seq_len` tokens by the first `layers` layers. */
struct trial {
  const struct synthetic *synthetic;
  size_t layers, sequences, seq_len;
  struct forward_options options; /* `reserved` is set by trial_run */
  double seconds, gflop;          /* results; seconds without those that `paused` tells of */
  const double *paused;           /* NULL = none */
};

/* Runs it as attest screen does: batch, forward pass, observations, their statistics. Errors:
 * EXIT_INPUT (--memory), EXIT_RUN. */
int trial_run(struct trial *trial, struct error *error);

/* GFLOP of a screen's forward pass, all tokens computed. */
double screen_gflop(const struct model_config *config, size_t sequences, size_t seq_len);

/* The same over one sequence, layers as given. */
double trial_gflop(const struct trial *trial, size_t layers);

#endif
