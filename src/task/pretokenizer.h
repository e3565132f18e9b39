/* The "normalizer" and "pre_tokenizer" of a tokenizer.json: how a text becomes words. */
#ifndef ATTEST_TASK_PRETOKENIZER_H
#define ATTEST_TASK_PRETOKENIZER_H

#include "task/word_pattern.h"

#include "base/error.h"

#include <jansson.h>

#define PRETOKENIZER_STEPS 8

struct pretokenizer_step {
  const struct word_pattern *pattern; /* NULL = do not cut by one */
  bool digits, one_digit;             /* cut out numbers, each of them */
  bool prefix_space;                  /* a piece that does not begin with a blank gets one */
};

struct pretokenizer {
  bool nfc; /* the text, and the added tokens that say so, are brought to NFC */
  struct pretokenizer_step steps[PRETOKENIZER_STEPS];
  size_t count; /* the last one is ByteLevel */
};

/* Reads both from a tokenizer.json. Errors: EXIT_INPUT: what is not supported, by its name, and
 * what is. */
int pretokenizer_read(const char *where, const json_t *root, struct pretokenizer *p,
                      struct error *error);

/* Gets each word, in order; nonzero stops. */
typedef int (*pretokenizer_take)(void *context, const char *word, size_t size, struct error *error);

/* Cuts a piece of text, which was normalized, into words. Errors: those of `take`; EXIT_RUN. */
int pretokenizer_split(const struct pretokenizer *p, const char *text, size_t size,
                       pretokenizer_take take, void *context, struct error *error);

#endif
