/* Byte-level byte pair encoding (Sennrich et al. 2016; bytes as in GPT-2): the "model" of a
 * tokenizer.json. */
#ifndef ATTEST_TASK_BPE_H
#define ATTEST_TASK_BPE_H

#include "task/token_list.h"
#include "task/vocabulary.h"

#include <stdbool.h>

struct bpe_merge {
  uint64_t pair; /* left id, right id */
  int32_t rank;  /* its place in the file */
  int32_t id;    /* of what the two become */
};

/* All zero = nothing. Release with bpe_free. */
struct bpe {
  struct vocabulary vocabulary;
  struct bpe_merge *merges; /* sorted by pair */
  size_t merge_count;
  int32_t bytes[256];    /* ids; -1 = the vocabulary lacks this byte */
  bool ignore_merges;    /* a word that is a token is this token, whatever the merges say */
  struct bpe_work *work; /* reused from word to word */
};

/* Reads the model. Merges are "left right" or ["left", "right"]; of the same pair twice the later
 * one holds, as in the tokenizers library. Both parts and the result must be in the vocabulary and
 * no part be empty, so that every merge leaves fewer tokens and encoding ends. Errors: EXIT_INPUT
 * (what is not supported, by name; a damaged vocabulary or merge, with its number), EXIT_RUN. */
int bpe_read(const char *where, const json_t *model, struct bpe *bpe, struct error *error);
void bpe_free(struct bpe *bpe);

/* Adds the tokens of a word: from its bytes on, again and again the pair of neighbours of the
 * lowest rank, of equal ones the leftmost, becomes one token. size < 2^31 / 4. Errors: EXIT_INPUT
 * (a byte that the vocabulary lacks), EXIT_RUN. */
int bpe_encode(struct bpe *bpe, const char *word, size_t size, struct token_list *list,
               struct error *error);

#endif
