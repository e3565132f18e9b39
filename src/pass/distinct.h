/* What depends only on the token id at layer 0 - queries, keys and values before rotation, and
 * with a parallel residual the MLP - is computed once per distinct id of the chunk and then looked
 * up. */
#ifndef ATTEST_PASS_DISTINCT_H
#define ATTEST_PASS_DISTINCT_H

#include "base/error.h"
#include "model/config.h"

/* The distinct token ids of a chunk's sequences, and what layer 0 makes of each. */
struct distinct {
  size_t count, tokens;
  int32_t *ids;   /* [count] */
  int32_t *slots; /* [tokens] index into ids */
  float *qkv;     /* [count][attention_row_floats], not rotated; NULL = not in use */
  float *mlp;     /* [count][hidden]; NULL = not in use */
};

/* Bytes of the tables of a chunk, an upper bound. */
uint64_t distinct_bytes(const struct model_config *config, size_t tokens);

/* Finds the distinct ids (all < vocab). Owner: the caller, distinct_free. Errors: EXIT_RUN. */
int distinct_find(const struct model_config *config, const int32_t *tokens, size_t count,
                  struct distinct *distinct, struct error *error);
void distinct_free(struct distinct *distinct);

/* The slot of a token of the chunk; copies of sequences have their tokens. */
static inline size_t distinct_slot(const struct distinct *distinct, size_t token)
{
  return (size_t)distinct->slots[token % distinct->tokens];
}

/* Looking up pays when a good part of the tokens repeats; it never changes a bit. */
bool distinct_pays(const struct distinct *distinct, size_t tokens);

#endif
