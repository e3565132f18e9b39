/* The "vocab" of a byte-level BPE: tokens by their text and by their id. Their texts are written in
 * the alphabet of GPT-2, where a byte that is not printable stands as a letter of its own. */
#ifndef ATTEST_TASK_VOCABULARY_H
#define ATTEST_TASK_VOCABULARY_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define VOCABULARY_MAX_ID ((INT64_C(1) << 24) - 1)

struct vocabulary_token {
  const char *text; /* in the alphabet, zero-terminated */
  size_t size;
  int32_t id;
};

/* All zero = empty. Release with vocabulary_free. */
struct vocabulary {
  struct vocabulary_token *tokens; /* sorted by text */
  size_t count;
  char *texts;
  int32_t *by_id; /* [largest + 1]: index into tokens, -1 = none */
  int32_t largest;
};

/* From a JSON object of texts and ids. Errors: EXIT_INPUT (an id out of range, or twice), EXIT_RUN.
 */
int vocabulary_read(const char *where, const json_t *object, struct vocabulary *v,
                    struct error *error);
void vocabulary_free(struct vocabulary *v);

/* The id of a token by its text in the alphabet; -1 = none. */
int32_t vocabulary_find(const struct vocabulary *v, const char *text, size_t size);

/* The token of an id; NULL = none. */
const struct vocabulary_token *vocabulary_token(const struct vocabulary *v, int64_t id);

/* A byte in the alphabet. Returns its size, 1 or 2. */
size_t vocabulary_letter(unsigned char byte, char out[2]);

/* The bytes of a token's text, at most its size; what is not of the alphabet stays as it is.
 * Returns how many. */
size_t vocabulary_bytes(const char *text, size_t size, char *out);

#endif
