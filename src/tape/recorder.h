/* The pieces of a pass while it is recorded, for tape/pass.c and for passes that are put together
 * otherwise. */
#ifndef ATTEST_TAPE_RECORDER_H
#define ATTEST_TAPE_RECORDER_H

#include "tape/op.h"
#include "tape/pass.h"

/* What they work with; borrowed but for the three lists. */
struct recorder {
  struct tape *tape;
  const struct tape_pass_input *input;
  const struct model_config *config;
  const struct model *model;
  struct tape_pass *pass;
  struct tape_part *parts; /* [3 * heads + 2 * experts] */
  size_t *gains;           /* [heads] */
  int32_t *positions;      /* [tokens] of each token */
};

/* The pass of `input`, with its lists and its leaves (those of `shared`, or NULL), ready to be
 * recorded; the same again without them. Errors: those of tape_pass_record. */
int recorder_start(struct recorder *r, const struct tape_pass *shared, struct error *error);
void recorder_end(struct recorder *r);

/* The leaf of a tensor of the model; TAPE_NONE where there is none. */
size_t recorder_leaf(const struct recorder *r, const struct tensor *tensor);

/* A matrix and its bias; of a layer, where a family may store it [in][out]. */
struct tape_part recorder_whole(const struct recorder *r, const struct linear *linear);
struct tape_part recorder_of_layer(const struct recorder *r, const struct linear *linear);

/* A site's value: replacements come before anything reads it, and its name for messages. */
size_t recorder_site(const struct recorder *r, enum site_kind kind, size_t layer, size_t value);

/* A name for a value that is no site; returns it. */
size_t recorder_named(const struct recorder *r, const char *what, size_t layer, size_t value);

/* The model's kind of norm. */
size_t recorder_norm(const struct recorder *r, size_t x, const struct tensor *gain,
                     const struct tensor *bias);

/* What attention or MLP read of the residual stream x: its norm, where the family has one there. */
size_t recorder_enter(const struct recorder *r, const char *what, size_t index, size_t x,
                      const struct tensor *gain, const struct tensor *bias);

/* The norm behind attention or MLP, where a family has it there. */
size_t recorder_norm_branch(const struct recorder *r, size_t x, const struct tensor *gain,
                            const struct tensor *bias);

/* Embedding, with positions where these are learned. */
size_t recorder_embed(const struct recorder *r);

/* Where the sums of a destination lie, of the first one where several follow each other. */
struct tape_collect recorder_collect(const struct recorder *r, size_t destination);

/* --- pass.c --- */

/* Final norm and logits of the residual stream x; returns the logits. */
size_t recorder_top(const struct recorder *r, size_t x);

/* --- record_attention.c --- */

/* The parts of the projection, queries, keys and values of all heads one under the other, to
 * r->parts; returns how many. */
size_t recorder_projection(const struct recorder *r, const struct layer *layer);

/* The norm of queries or keys: over all heads, or of each with the gain of all or its own; of these
 * there are `own`, each for the same number of heads. */
size_t recorder_norm_heads(const struct recorder *r, size_t x, const struct tensor *gain,
                           const struct tensor *const *gains, size_t heads, size_t own);

/* Rotates the first `heads` heads of x. */
size_t recorder_rotate(const struct recorder *r, size_t x, size_t heads);

/* Attention on the residual stream x: the values of its layer. Returns x normed. */
size_t recorder_attention(const struct recorder *r, size_t index, size_t x);

/* What scores are multiplied by. */
float recorder_scale(const struct model_config *config, size_t layer);

/* --- record_mlp.c --- */

/* The MLP, or the experts, of a normed x. */
size_t recorder_mlp(const struct recorder *r, const struct layer *layer, size_t index, size_t x);

#endif
