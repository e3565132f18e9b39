/* What of a pass somebody reads, or needs for what somebody reads: it follows only from the hooks.
 */
#ifndef ATTEST_PASS_NEED_H
#define ATTEST_PASS_NEED_H

#include "pass/forks.h"
#include "pass/hook.h"

/* Tokens of sequences [first, end) of a chunk (a part of the pass): all of them, or the last of
 * each. Row i of a buffer that has one for each of these tokens belongs to token rows_token(i). */
struct rows {
  size_t first, end;
  bool last;
};

static inline bool rows_any(const struct rows *rows)
{
  return rows->first < rows->end;
}

static inline size_t rows_count(const struct rows *rows, size_t seq_len)
{
  return (rows->end - rows->first) * (rows->last ? 1 : seq_len);
}

/* The token of row i, counted from the start of the chunk. */
static inline size_t rows_token(const struct rows *rows, size_t i, size_t seq_len)
{
  return rows->last ? (rows->first + i + 1) * seq_len - 1 : rows->first * seq_len + i;
}

/* The row of a token that is among them. */
static inline size_t rows_index(const struct rows *rows, size_t token, size_t seq_len)
{
  return rows->last ? token / seq_len - rows->first : token - rows->first * seq_len;
}

/* Those of sequences [first, end). */
struct rows rows_within(const struct rows *rows, size_t first, size_t end);

/* The steps of a layer in the order in which they are computed. One is computed when its own value
 * or that of a later step is read. */
enum step {
  STEP_KEYS,      /* keys and values, always of all tokens */
  STEP_QUERIES,   /* if of more than the last tokens: of all for which there are keys */
  STEP_HEADS,     /* scores, softmax, weights x values */
  STEP_ATTENTION, /* output projection */
  STEP_MLP,       /* MLP or experts, and the residual stream after the layer */
  STEPS
};

struct need {
  struct rows step[STEPS];
};

/* Of a layer, for a part of the pass; rows count the sequences of the portion. */
void need_layer(const struct hooks *hooks, const struct model_config *config, size_t layer,
                const struct portion *portion, struct need *need);

/* Of the embedding: all sequences of which, or of whose copies, anything is read. */
struct rows need_embedding(const struct hooks *hooks, const struct portion *portion);

/* Of the final norm (logits: false; what only the logits need is included), or of the logits. */
struct rows need_head(const struct hooks *hooks, bool logits, const struct portion *portion);

/* Whether layer 0 starts from what depends only on the token id (no learned positions), and all of
 * its queries are needed. */
bool need_token_tables(const struct hooks *hooks, const struct model_config *config,
                       const struct need *layer0);

/* Whether the MLP of layer 0 is needed for every token, too. */
bool need_mlp_table(const struct model_config *config, const struct need *layer0);

#endif
