/* The "added_tokens" of a tokenizer.json: texts that are a token of their own wherever they stand,
 * cut out before anything else. */
#ifndef ATTEST_TASK_ADDED_TOKENS_H
#define ATTEST_TASK_ADDED_TOKENS_H

#include "task/vocabulary.h"

#include <stdbool.h>

struct added_token {
  char *content, *pattern; /* as written; as looked for: normalized where the tokens of a set are */
  size_t size;             /* of the pattern */
  int32_t id;
  bool lstrip, rstrip; /* takes the spaces before it, after it */
  bool normalized, special;
  const struct added_token *prefix; /* the longest other one before it in the same part that its
                                       pattern begins with; of equal ones the first; NULL = none */
  size_t order; /* in which one of several with the same pattern counts: special ones first */
};

/* All zero = none. Release with added_tokens_free. */
struct added_tokens {
  struct added_token *tokens; /* first those that are looked for in the text as it is, then those
                                 in the normalized one; each part sorted by pattern */
  const struct added_token **by_id;
  size_t raw, count;
};

/* Reads the list. An id must be that of the vocabulary if the text is in it, and of no other token
 * otherwise. `nfc`: texts are normalized. Errors: EXIT_INPUT, EXIT_RUN. */
int added_tokens_read(const char *where, const json_t *root, const struct vocabulary *vocabulary,
                      bool nfc, struct added_tokens *added, struct error *error);
void added_tokens_free(struct added_tokens *added);

/* A token in text[0..size): from `begin` to `end`, spaces that it strips included; its own text
 * ends at `own_end`, from where on the next one is looked for. */
struct added_match {
  const struct added_token *token; /* NULL = there is none */
  size_t begin, own_end, end;
};

/* The first token after a match, at first {0}: of several at one place the longest. Only spaces
 * that no token before has taken can be stripped. As in the tokenizers library a token may stand in
 * the spaces that the one before has stripped: it counts, and they go on after it. */
struct added_match added_tokens_find(const struct added_tokens *added, bool normalized,
                                     const char *text, size_t size, struct added_match after);

/* By id, and by text; NULL = none. */
const struct added_token *added_tokens_by_id(const struct added_tokens *added, int64_t id);
const struct added_token *added_tokens_by_text(const struct added_tokens *added, const char *text);

#endif
