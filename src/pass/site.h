/* The values of a forward pass by name. L and H are numbers from 0, or * for all of them.
 *
 *   embedding                 [hidden]       the residual stream before layer 0
 *   layers.L.attention.H.query, .key, .value [head_dim]  as the attention reads them: normed,
 *                                            clipped, rotated; H of keys and values counts the
 *                                            key-value heads, fewer with grouped queries
 *   layers.L.attention.H.scores [position + 1]  q k / sqrt(head_dim), before the softmax; those
 *                                            before a sliding window are not read
 *   layers.L.attention.H.pattern [position + 1] after the softmax: the weight of every position up
 *                                            to the query's own; the later ones' are 0
 *   layers.L.attention.H.output [head_dim]   weights x values: the head's part of what the output
 *                                            projection reads
 *   layers.L.attention.output [hidden]       after the output projection and its bias, and the
 *                                            norm of the branch where a family has one
 *   layers.L.mlp.output       [hidden]       of the MLP (and the norm of its branch), or the
 *                                            weighted sum over the experts
 *   layers.L.residual         [hidden]       the residual stream after layer L (before it: that of
 *                                            layer L - 1, or the embedding)
 *   final_norm                [hidden]       after the norm that follows the last layer
 *   logits                    [vocab]
 *
 * Each exists once for every sequence and position. */
#ifndef ATTEST_PASS_SITE_H
#define ATTEST_PASS_SITE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum site_kind {
  SITE_EMBEDDING,
  SITE_KEY,
  SITE_VALUE,
  SITE_QUERY,
  SITE_SCORES,
  SITE_PATTERN,
  SITE_HEAD_OUTPUT,
  SITE_ATTENTION_OUTPUT,
  SITE_MLP_OUTPUT,
  SITE_RESIDUAL,
  SITE_FINAL_NORM,
  SITE_LOGITS
};

#define SITE_ALL SIZE_MAX /* every layer, every head */

struct site {
  enum site_kind kind;
  size_t layer, head; /* 0 where the kind has none */
};

bool site_has_layer(enum site_kind kind);
bool site_has_head(enum site_kind kind);

/* Errors: EXIT_INPUT for what is not one of the names above, with all of them. */
int site_parse(const char *name, struct site *site, struct error *error);

#define SITE_NAME_SIZE 80

/* The name; returns `name`. */
const char *site_format(const struct site *site, char name[SITE_NAME_SIZE]);

#endif
