/* Clamps: values that stand in the place of computed ones in every forward pass of training
 * ("artificial optogenetics", arXiv 2404.07129, section 4). Nothing flows back into what was
 * replaced; where the given value was computed from the parameters, the gradient flows there.
 *
 * Heads are bits of a mask, bit h = head h. All zero = no clamp. */
#ifndef ATTEST_FEW_SHOT_CLAMP_H
#define ATTEST_FEW_SHOT_CLAMP_H

#include "base/text.h"
#include "few_shot/layout.h"

/* What comes from a pass without any clamp. */
enum few_preserve {
  FEW_PRESERVE_NOTHING,
  FEW_PRESERVE_PATTERNS, /* attention patterns of both layers: the value path is cut */
  FEW_PRESERVE_VALUES,   /* values of both layers: queries and keys are cut */
  FEW_PRESERVE_BOTH      /* the direct path to the output is cut */
};

enum few_graft { FEW_GRAFT_NONE, FEW_GRAFT_LAYER0, FEW_GRAFT_LAYER1 };

struct few_clamp {
  /* Values := 0 at all positions for these heads of a layer; wins over `preserve`. */
  uint64_t ablate[FEW_LAYERS];
  enum few_preserve preserve;

  /* Heads of layer 0 whose pattern has `previous_strength` on t - 1 and the rest on t (row 0: 1 on
   * itself). */
  uint64_t previous;
  double previous_strength;

  /* Heads of layer 1 whose query row has `match_strength` on the label whose class is asked for and
   * the rest on the other label. */
  uint64_t match;
  double match_strength;

  /* Logits := -1e9 but for the two labels of the sequence, which get copy_head's scores (layer 1,
   * before the softmax) at positions 1 and 3; with perfect_layer0 those of its pass 1. */
  bool copy;
  size_t copy_head;

  /* Pass 1: the stream after layer 0 := the embeddings, those at 1, 2, 3 moved one to the right (0
   * and 4 keep their own). Pass 2: the stream after layer 0 := the embeddings, layer 1's patterns
   * := those of pass 1. */
  bool perfect_layer0;

  /* From other parameters of the same sizes, on the same sequences, as constants: the stream after
   * layer 0 (embeddings and layer 0 get a gradient of exactly 0); or all from layer 1's norm on,
   * its parameters, the final norm and the unembedding (which get exactly 0). */
  enum few_graft graft;
};

/* Whether the clamp makes sense for a model: heads that it has, strengths from 0 to 1, no two
 * clamps that would replace the same value in two ways. `where` begins the message. Errors:
 * EXIT_INPUT. */
int few_clamp_check(const char *where, const struct few_clamp *clamp, const struct few_sizes *sizes,
                    struct error *error);

/* Whether it takes a pass before the one that counts. */
bool few_clamp_two_passes(const struct few_clamp *clamp);

#endif
