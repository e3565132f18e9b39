/* The passes of the few-shot model, recorded on a tape: inside model.c and record.c. */
#ifndef ATTEST_FEW_SHOT_RECORD_H
#define ATTEST_FEW_SHOT_RECORD_H

#include "few_shot/clamp.h"
#include "pass/rope.h"
#include "tape/lanes.h"

/* A layer of one pass: the last of each value after clamps, but `value` and `pattern` as computed;
 * TAPE_NONE where there is none. */
struct few_layer {
  size_t scores, pattern, value; /* across (tape/lanes.h) */
  size_t clamped_pattern;
  size_t residual; /* after the layer: all rows of layer 0, the last positions' of layer 1 */
};

/* What the caller fills before every run; all borrowed by the tape. */
struct few_inputs {
  float *items;            /* [item_rows][width] */
  int32_t *tokens;         /* [5 N] rows of the embeddings: items, then labels; by position */
  int32_t *shifted;        /* the same, positions 1, 2, 3 having those of 0, 1, 2 */
  int32_t *labels;         /* [2 N]: of positions 1 and 3 */
  int32_t *targets;        /* [N] */
  float *match, *previous; /* patterns given: of layer 1 (by sequence) and of layer 0 */
};

/* Values with a row an item, or a row an item and then one a label: limited to what a batch needs.
 */
#define FEW_LIMITED 16

struct few_recorded {
  size_t logits, loss;
  size_t by_item[FEW_LIMITED], by_token[FEW_LIMITED];
  size_t by_item_count, by_token_count;
  struct few_layer layers[FEW_LAYERS]; /* of the pass that counts */
};

struct few_recording {
  struct tape *tape;
  struct few_sizes sizes;
  const struct few_clamp *clamp;
  size_t sequences, item_rows;
  bool watched; /* patterns and scores can be read after a run */
  const struct few_inputs *inputs;
  const float *parameters, *graft;
  float *gradients; /* NULL: none */
  const struct rope *rope;
};

/* Records all that the loss depends on under the clamp, and no more. Mistakes and lack of memory
 * are told by tape_plan. */
void few_record(const struct few_recording *recording, struct few_recorded *recorded);

/* Lanes of a layer. */
struct tape_lanes few_lanes(const struct few_sizes *sizes, size_t sequences, size_t layer);

#endif
