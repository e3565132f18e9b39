/* NaN and infinities, which JSON does not have and Python's json module writes all the same. */
#ifndef ATTEST_BASE_JSON_LITERAL_H
#define ATTEST_BASE_JSON_LITERAL_H

#include <stdbool.h>
#include <stddef.h>

struct json_literal {
  int line;
  const char *key, *word; /* both lie in the text; key: the last one before it, length 0 = none */
  int key_length, word_length;
};

/* Finds the first NaN or infinity of a JSON text that stands outside its strings. */
bool json_literal_find(const char *text, size_t size, struct json_literal *found);

#endif
