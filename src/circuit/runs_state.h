/* The inside of clean and corrupted runs, shared by the files that work on them. */
#ifndef ATTEST_CIRCUIT_RUNS_STATE_H
#define ATTEST_CIRCUIT_RUNS_STATE_H

#include "circuit/metric.h"
#include "circuit/runs.h"
#include "tape/pass.h"

/* What one run of a batch leaves; rows are (pair, position). */
struct run_values {
  float *embedding; /* [rows][hidden] */
  float *heads;     /* [layers][rows][heads * head_dim] outputs before the projection */
  float *attention; /* [layers][rows][hidden] */
  float *mlp;       /* [layers][rows][hidden] */
};

enum run_kind { RUN_CORRUPTED, RUN_CLEAN, RUN_KINDS };

/* Pairs of one length. */
struct run_batch {
  const struct task_pair *const *pairs; /* [count] of runs->sorted */
  size_t first, count, seq_len;
  float *values; /* both runs'; NULL = not there at the moment */
  struct run_values run[RUN_KINDS];
};

struct circuit_runs {
  struct circuit_options options;
  const struct task *task;
  struct graph graph;
  struct parameters parameters;
  size_t *order;                   /* [pairs] pairs by length, those of one length as they come */
  const struct task_pair **sorted; /* [pairs] in that order */
  struct run_batch *batches;
  size_t batch_count;
  bool keeps;                /* every batch's values stay */
  uint64_t room;             /* bytes that may be used beside parameters and kept values */
  double *metric[RUN_KINDS]; /* [pairs] */
};

static inline const struct model_config *runs_config(const struct circuit_runs *runs)
{
  return &runs->parameters.model.config;
}

static inline size_t batch_rows(const struct run_batch *batch)
{
  return batch->count * batch->seq_len;
}

/* Sees to it that a batch's values are there; those of another batch may be gone then. Errors:
 * those of circuit_runs_create. */
int runs_load(struct circuit_runs *runs, struct run_batch *batch, struct error *error);

/* A pair's number in the task, of pair `i` of a batch. */
static inline size_t runs_pair(const struct circuit_runs *runs, const struct run_batch *batch,
                               size_t i)
{
  return runs->order[batch->first + i];
}

/* The batch of a pair, and the pair's number in it. */
struct run_batch *runs_find(const struct circuit_runs *runs, size_t pair, size_t *index);

/* Tells the caller how far a call is. */
void runs_progress(const struct circuit_runs *runs, double share);

/* Records the answers' part of the LM head as leaves. */
struct tape_part answers_part(const struct answers *answers, struct tape *tape, size_t hidden);

#endif
