/* Numbers to and from text, and a growing text buffer. Locale-independent: the program never calls
 * setlocale. */
#ifndef ATTEST_BASE_TEXT_H
#define ATTEST_BASE_TEXT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Strict parsers: the whole of text[0..length) must be the number, without blanks or sign tricks.
 * false on anything else, including overflow. */
bool text_to_u64(const char *text, size_t length, uint64_t *value);  /* decimal digits */
bool text_to_double(const char *text, size_t length, double *value); /* finite, no hex, no inf */
bool text_to_size(const char *text, size_t length, uint64_t *bytes); /* 4096, 512K, 4G, 1T: 1024s */

/* Bytes of the UTF-8 character that text[0..size) begins with, and its code point; 0 at the end and
 * for what is not UTF-8. */
size_t text_utf8(const char *text, size_t size, uint32_t *code);

/* Goes past a UTF-8 byte order mark, which spreadsheets and editors of Windows put before a text.
 */
void text_skip_bom(const char **text, size_t *size);

/* Bytes of the printable UTF-8 character that a zero-terminated string begins with; 0 at its end,
 * for control characters (C1 among them), line separators, reversals of the direction of writing,
 * and whatever is not UTF-8. */
size_t text_printable(const char *text);

/* Copies a string with all that is not printable as \xNN: names from hostile files must not reach a
 * terminal as control sequences, nor JSON as anything but UTF-8. What does not fit whole is
 * dropped. */
void text_escape(char *out, size_t capacity, const char *in);

/* Copies a string as one line: blanks, line ends and all that is not printable become one blank
 * each run, none at the ends. Cut, with "..." at the end, where it does not fit; capacity >= 4. */
void text_one_line(char *out, size_t capacity, const char *in);

/* Takes user and password out of every address (SCHEME://USER:PASSWORD@HOST...) in a text, in
 * place.
 */
void text_hide_users(char *text);

/* Columns that a UTF-8 text takes on a terminal: its code points; nothing wide is ever printed. */
size_t text_columns(const char *text);

/* Where the bytes of a file first differ from those that were to be expected, for a message: "line
 * 3, column 7: \"1.5,0\" in the file, \"1.50,\" expected". Lines and columns (of bytes) count from
 * 1. Returns false, and leaves `out` alone, when nothing differs. */
bool text_differs(char *out, size_t capacity, const void *file, size_t file_size,
                  const void *expected, size_t expected_size);

/* The same as a value that lives to the end of the statement: printf("%s", text_shown(path).text).
 */
struct shown {
  char text[2048];
};
struct shown text_shown(const char *in);

/* "1 file", "3 files": a count and its noun, likewise to the end of the statement. The noun is in
 * the singular and at most 30 bytes long; its plural adds an s. */
struct counted {
  char text[56];
};
struct counted text_counted(size_t count, const char *noun);

/* The same with the plural, where it adds more than an s. */
struct counted text_counted_in(size_t count, const char *noun, const char *plural);

bool text_ends_with(const char *text, const char *end);

/* Whether this can be the name of a model or a revision, which are used in file names and in
 * columns of text: 1 to 200 visible ASCII characters without '/' and '\\', not "." or "..". */
bool text_is_label(const char *text);

/* Newlines in `size` bytes. */
size_t text_count_lines(const char *text, size_t size);

/* A string that grows; `failed` is set once and for all when memory runs out. Release with
 * text_free. */
struct text {
  char *data; /* zero-terminated once anything was added; NULL before */
  size_t length, capacity;
  bool failed;
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_double(struct text *text, double value); /* %.17g: reads back to the same bits */
void text_free(struct text *text);

/* "1.5 GiB", "12 kB"-like figures for messages: writes at most `capacity` bytes into `out`. */
const char *text_bytes(char *out, size_t capacity, uint64_t bytes);

#endif
