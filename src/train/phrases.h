/* Documents of recurring phrases, the text on which the nursery's models grow: synthetic, and such
 * that copying what came before pays, which is what induction heads do. docs/TRAINING.md says which
 * numbers are drawn in which order. */
#ifndef ATTEST_TRAIN_PHRASES_H
#define ATTEST_TRAIN_PHRASES_H

#include "base/random.h"

#include <stddef.h>

#define PHRASES_MOST 64 /* phrases of a document */
#define PHRASE_MOST 256 /* tokens of a phrase */

/* Inclusive. */
struct span {
  int64_t low, high;
};

struct phrases {
  int64_t begin, separator; /* the first token of every document; what ends a phrase */
  struct span plain;        /* all other tokens */
  double share;             /* of documents made of phrases; the others copy spans of themselves */
  struct span count;        /* phrases of a document */
  struct span length;       /* plain tokens of a phrase */
  double stray;             /* share of positions that hold a plain token in between */
  double copy;              /* chance, at a plain token, that a span follows instead */
  int64_t copy_least;       /* tokens of a span: this and an exponential ... */
  double copy_mean;         /* ... of this mean, its whole part */
};

/* The next document, tokens[size]; size >= 1. */
void phrases_document(const struct phrases *phrases, struct random *random, int32_t *tokens,
                      size_t size);

#endif
