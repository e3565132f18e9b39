#include "task/unicode.h"

#include "base/text.h"

#include <stdbool.h>
#include <utf8proc.h>

/* White_Space is the separators (Zs, Zl, Zp) and these controls: TAB to CR, and NEL. */
static enum unicode_class class_of(uint32_t code)
{
  if ((code >= 0x09 && code <= 0x0D) || code == 0x85)
    return UNICODE_SPACE;
  switch (utf8proc_category((utf8proc_int32_t)code)) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
    return UNICODE_LETTER;
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_NO:
    return UNICODE_NUMBER;
  case UTF8PROC_CATEGORY_ZS:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP:
    return UNICODE_SPACE;
  default:
    return UNICODE_OTHER;
  }
}

enum unicode_class unicode_class_at(const char *text, size_t size, size_t *bytes)
{
  uint32_t code = 0;
  *bytes = text_utf8(text, size, &code);
  if (*bytes == 0) { /* never in valid text; a byte goes on all the same */
    *bytes = 1;
    return UNICODE_OTHER;
  }
  return class_of(code);
}

size_t unicode_leading_space(const char *text, size_t size)
{
  size_t at = 0, bytes;
  while (at < size && unicode_class_at(text + at, size - at, &bytes) == UNICODE_SPACE)
    at += bytes;
  return at;
}

size_t unicode_trailing_space(const char *text, size_t size)
{
  size_t end = size, bytes;
  while (end > 0) {
    size_t at = end - 1;
    while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80)
      at--;
    if (unicode_class_at(text + at, end - at, &bytes) != UNICODE_SPACE)
      break;
    end = at;
  }
  return size - end;
}

size_t unicode_fault(const char *text, size_t size)
{
  size_t at = 0, bytes;
  uint32_t code;
  while (at < size && (bytes = text_utf8(text + at, size - at, &code)) > 0)
    at += bytes;
  return at;
}

/* utf8proc sorts a run of marks in time that grows with its square. */
static bool has_long_run(const char *text, size_t size)
{
  size_t marks = 0, bytes;
  uint32_t code = 0;
  for (size_t at = 0; at < size && marks <= UNICODE_MOST_MARKS; at += bytes) {
    bytes = text_utf8(text + at, size - at, &code);
    marks = utf8proc_get_property((utf8proc_int32_t)code)->combining_class ? marks + 1 : 0;
    bytes = bytes ? bytes : 1;
  }
  return marks > UNICODE_MOST_MARKS;
}

int unicode_nfc(const char *text, size_t size, char **out, size_t *length, struct error *error)
{
  utf8proc_uint8_t *composed = NULL;
  if (has_long_run(text, size))
    return error_set(error, EXIT_INPUT,
                     "a text with more than %d combining marks in a row cannot be normalized",
                     UNICODE_MOST_MARKS);
  utf8proc_ssize_t bytes = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)size,
                                        &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  if (bytes < 0)
    return error_set(error, EXIT_RUN, "a text of %zu bytes cannot be normalized: %s", size,
                     utf8proc_errmsg(bytes));
  *out = (char *)composed;
  *length = (size_t)bytes;
  return 0;
}
