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

/* Which part comes from other parameters: all up to a layer's output, or all from its norm on. */
enum few_graft {
  FEW_GRAFT_NONE,
  FEW_GRAFT_LAYER0,       /* embeddings and layer 0 */
  FEW_GRAFT_LAYER1,       /* layer 1, final norm and unembedding */
  FEW_GRAFT_UNTIL_LAYER1, /* embeddings and both layers */
  FEW_GRAFT_FROM_LAYER0,  /* both layers, final norm and unembedding */
  FEW_GRAFT_UNEMBEDDING   /* final norm and unembedding */
};

/* The parts that a graft may take. */
enum few_stage { FEW_STAGE_EMBEDDINGS, FEW_STAGE_LAYER0, FEW_STAGE_LAYER1, FEW_STAGE_UNEMBEDDING };

struct few_clamp {
  /* Values := 0 at all positions for these heads of a layer; wins over `preserve`. */
  uint64_t ablate[FEW_LAYERS];
  enum few_preserve preserve;

  /* Heads of layer 0 whose pattern has `previous_strength` on t - 1 and the rest on t (row 0: 1 on
   * itself); with previous_labels only in the rows of the labels, 1 and 3. Wins over `preserve`. */
  uint64_t previous;
  double previous_strength;
  bool previous_labels;

  /* Heads of layer 1 whose query row has `match_strength` on the label whose class is asked for and
   * the rest on the other label. Wins over `preserve`. */
  uint64_t match;
  double match_strength;

  /* Logits := -1e9 but for the two labels of the sequence, which get copy_head's scores (layer 1,
   * before the softmax) at positions 1 and 3, of a pass without any clamp; with perfect_layer0
   * those of its pass 1. */
  bool copy;
  size_t copy_head;

  /* Pass 1: the stream after layer 0 := the embeddings, those at 1, 2, 3 moved one to the right (0
   * and 4 keep their own). Pass 2: the stream after layer 0 := the embeddings, layer 1's patterns
   * := those of pass 1. */
  bool perfect_layer0;

  /* From other parameters of the same sizes, on the same sequences, as constants, which get a
   * gradient of exactly 0; so do one's own parameters of that part. What comes before a graft is
   * trained through it. */
  enum few_graft graft;
};

/* Whether the clamp makes sense for a model: heads that it has, strengths from 0 to 1, no two
 * clamps that would replace the same value in two ways. `where` begins the message. Errors:
 * EXIT_INPUT. */
int few_clamp_check(const char *where, const struct few_clamp *clamp, const struct few_sizes *sizes,
                    struct error *error);

/* Whether a graft takes this part. */
bool few_graft_takes(enum few_graft graft, enum few_stage stage);

/* Whether it takes a pass before the one that counts. */
bool few_clamp_two_passes(const struct few_clamp *clamp);

#endif
