/* The patterns that cut a text into words in published byte-level tokenizers, by the text of the
 * regular expression. Written out by hand and not given to a regex engine: a hostile file cannot
 * make them slow, and there is no other dialect's reading of them. */
#ifndef ATTEST_TASK_WORD_PATTERN_H
#define ATTEST_TASK_WORD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

struct word_pattern {
  const char *name;        /* of a model that has it */
  const char *expression;  /* as tokenizer.json spells it */
  bool caseless;           /* contractions: 's, 't, 're, 've, 'm, 'll, 'd also in capitals */
  bool any_before_letters; /* any one character that is no letter, number, CR or LF goes with the
                              letters after it; else a blank alone, which goes with numbers, too */
  unsigned most_digits;    /* numbers in a word; 0 = all */
  bool line_ends;          /* CR and LF go with the signs before them, and end a word of spaces */
};

/* The pattern with this expression; NULL = unknown. */
const struct word_pattern *word_pattern_find(const char *expression);

/* That of GPT-2, which pre-tokenizers of type ByteLevel have built in. */
const struct word_pattern *word_pattern_gpt2(void);

/* Bytes of the first match in text[0..size), which always begins at 0: every character is in some
 * alternative. size > 0; the result is 1 to size. */
size_t word_pattern_match(const struct word_pattern *pattern, const char *text, size_t size);

#endif
