/* A patched run while it is recorded: what each node's value is, and what destinations read. */
#ifndef ATTEST_CIRCUIT_PATCHING_H
#define ATTEST_CIRCUIT_PATCHING_H

#include "circuit/runs_state.h"
#include "tape/recorder.h"

/* Whose value a node has, or a destination reads: that of a run that is there, or of this one. */
enum whose { OF_CORRUPTED = RUN_CORRUPTED, OF_CLEAN = RUN_CLEAN, OF_THIS, WHOSE };

/* The attention of a layer as some destinations read it. */
struct mixed {
  const unsigned char *heads; /* [heads] enum whose; owned by the list */
  size_t value;
};

/* What some destinations read: another one plus attention and MLP of a layer (TAPE_NONE: without
 * it). */
struct stream {
  size_t before, attention, mlp, value;
};

struct patch_layer {
  size_t heads[RUN_KINDS]; /* values [rows][heads * head_dim]; TAPE_NONE = not yet, as all */
  size_t attention[WHOSE]; /* [rows][hidden]; of this run where it was computed whole */
  size_t mlp[WHOSE];       /* [rows][hidden] */
  enum whose mlp_whose;
  struct mixed *mixed;    /* [mixed_count] */
  struct stream *streams; /* [stream_count] */
  size_t mixed_count, stream_count;
};

/* Pairs [first, first + count) of a batch. */
struct patching {
  struct circuit_runs *runs;
  const struct run_batch *batch;
  size_t first, count;
  const unsigned char *kept;   /* [edges] */
  const unsigned char *needed; /* [sources] whether logits depend on a node by kept edges */
  struct tape *tape;
  struct recorder recorder;
  size_t embedding[RUN_KINDS];
  struct patch_layer *layers; /* [layers] */
  enum whose *head_whose;     /* [layers * heads] */
  size_t *head_value;         /* [layers * heads] outputs [rows][head_dim] of this run */
  size_t *differences;        /* [layers * heads][WHOSE][WHOSE] projected; TAPE_NONE = not yet */
  unsigned char *read;        /* [heads] scratch */
  bool failed;                /* out of memory */
};

/* --- patch_streams.c --- */

/* Whose residual stream a destination reads: all of it of one run, or something of this one. */
enum whose patch_reads(const struct patching *p, size_t destination);

/* The value that it reads, [rows][hidden]; equal ones are the same value. */
size_t patch_stream(struct patching *p, size_t destination);

/* --- patch_nodes.c --- */

/* Heads and MLP of a layer. */
void patch_heads(struct patching *p, size_t layer);
void patch_mlp(struct patching *p, size_t layer);

#endif
