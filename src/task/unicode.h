/* What tokenizers ask of Unicode, from the tables of utf8proc (a Debian package; its version, and
 * that of Unicode, is in docs/TASKS.md). Texts here are valid UTF-8. */
#ifndef ATTEST_TASK_UNICODE_H
#define ATTEST_TASK_UNICODE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* As the patterns of pre-tokenizers part characters: \p{L}, \p{N}, \s (the property White_Space),
 * and all others. */
enum unicode_class { UNICODE_LETTER, UNICODE_NUMBER, UNICODE_SPACE, UNICODE_OTHER };

/* The class of the character that text[0..size) begins with, size > 0, and its bytes. */
enum unicode_class unicode_class_at(const char *text, size_t size, size_t *bytes);

/* Bytes of \s that text[0..size) begins with, and ends with. */
size_t unicode_leading_space(const char *text, size_t size);
size_t unicode_trailing_space(const char *text, size_t size);

/* Where text[0..size) is no longer UTF-8; `size` = nowhere. */
size_t unicode_fault(const char *text, size_t size);

/* Normalization form C, to a new string of *length bytes, free(). Errors: EXIT_INPUT (more than
 * UNICODE_MOST_MARKS combining marks in a row, as no text has), EXIT_RUN. */
#define UNICODE_MOST_MARKS 4096
int unicode_nfc(const char *text, size_t size, char **out, size_t *length, struct error *error);

#endif
