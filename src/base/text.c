#define _GNU_SOURCE
#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool text_to_u64(const char *text, size_t length, uint64_t *value)
{
  uint64_t sum = 0;
  if (length == 0)
    return false;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9')
      return false;
    if (__builtin_mul_overflow(sum, 10, &sum) ||
        __builtin_add_overflow(sum, (uint64_t)(text[i] - '0'), &sum))
      return false;
  }
  *value = sum;
  return true;
}

bool text_to_double(const char *text, size_t length, double *value)
{
  char copy[64];
  if (length == 0 || length >= sizeof copy || text[0] == '+')
    return false;
  memcpy(copy, text, length);
  copy[length] = 0;
  if (strspn(copy, "+-0123456789.eE") != length)
    return false;
  char *end;
  double parsed = strtod(copy, &end); /* glibc rounds correctly, so %.17g comes back exactly */
  if (end != copy + length || !isfinite(parsed))
    return false;
  *value = parsed;
  return true;
}

bool text_to_size(const char *text, size_t length, uint64_t *bytes)
{
  static const char units[] = "KMGT";
  uint64_t scale = 1, number;
  if (length > 1) {
    const char *unit = strchr(units, text[length - 1]);
    if (unit && *unit) {
      scale = (uint64_t)1 << (10 * (unit - units + 1));
      length--;
    }
  }
  if (!text_to_u64(text, length, &number) || __builtin_mul_overflow(number, scale, &number))
    return false;
  *bytes = number;
  return true;
}

size_t text_utf8(const char *text, size_t size, uint32_t *code)
{
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* a shorter form exists below */
  const unsigned char *p = (const unsigned char *)text;
  if (size == 0)
    return 0;
  *code = *p;
  if (*p < 0x80)
    return 1;
  size_t length = *p < 0xC0 ? 0 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : *p < 0xF8 ? 4 : 0;
  if (length > size)
    return 0;
  *code = length ? *p & (0x7Fu >> length) : 0;
  for (size_t i = 1; i < length; i++) {
    if ((p[i] & 0xC0) != 0x80)
      return 0;
    *code = *code << 6 | (p[i] & 0x3Fu);
  }
  bool surrogate = *code >= 0xD800 && *code <= 0xDFFF;
  return *code < least[length] || *code > 0x10FFFF || surrogate ? 0 : length;
}

size_t text_printable(const char *text)
{
  uint32_t code;
  size_t length = text_utf8(text, strnlen(text, 4), &code);
  bool control = length && (code < 0x20 || (code >= 0x7F && code < 0xA0));
  bool hidden =
      length && ((code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069));
  return control || hidden ? 0 : length;
}

void text_skip_bom(const char **text, size_t *size)
{
  if (*size >= 3 && memcmp(*text, "\xEF\xBB\xBF", 3) == 0) {
    *text += 3;
    *size -= 3;
  }
}

void text_escape(char *out, size_t capacity, const char *in)
{
  size_t used = 0, length;
  for (; *in; in += length ? length : 1) {
    length = text_printable(in);
    size_t need = length ? length : 4;
    if (used + need >= capacity)
      break;
    if (length)
      memcpy(out + used, in, length);
    else
      snprintf(out + used, 5, "\\x%02X", (unsigned char)*in);
    used += need;
  }
  out[used] = 0;
}

void text_one_line(char *out, size_t capacity, const char *in)
{
  size_t used = 0, length;
  bool blank = false;
  for (; *in; in += length) {
    size_t printable = text_printable(in);
    length = printable ? printable : 1;
    if (!printable || *in == ' ') {
      blank = used > 0;
      continue;
    }
    if (used + blank + length + strlen("...") >= capacity) {
      strcpy(out + used, "...");
      return;
    }
    if (blank)
      out[used++] = ' ';
    blank = false;
    memcpy(out + used, in, length);
    used += length;
  }
  out[used] = 0;
}

void text_hide_users(char *text)
{
  for (char *at = text; (at = strstr(at, "://"));) {
    at += strlen("://");
    at += strspn(at, "/");
    size_t authority = strcspn(at, "/?# \t\r\n\"'<>");
    char *user = memrchr(at, '@', authority);
    if (user)
      memmove(at, user + 1, strlen(user + 1) + 1);
  }
}

struct shown text_shown(const char *in)
{
  struct shown shown;
  text_escape(shown.text, sizeof shown.text, in);
  return shown;
}

struct counted text_counted(size_t count, const char *noun)
{
  struct counted counted;
  snprintf(counted.text, sizeof counted.text, "%zu %.30s%s", count, noun, count == 1 ? "" : "s");
  return counted;
}

struct counted text_counted_in(size_t count, const char *noun, const char *plural)
{
  struct counted counted;
  snprintf(counted.text, sizeof counted.text, "%zu %.30s", count, count == 1 ? noun : plural);
  return counted;
}

bool text_is_label(const char *text)
{
  size_t length = strlen(text);
  if (length == 0 || length > 200 || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
    return false;
  for (const char *p = text; *p; p++)
    if (*p <= ' ' || *p > '~' || *p == '/' || *p == '\\')
      return false;
  return true;
}

static bool text_reserve(struct text *text, size_t more)
{
  if (text->failed)
    return false;
  size_t need = text->length + more + 1;
  if (need > text->capacity) {
    size_t capacity = text->capacity ? text->capacity : 256;
    while (capacity < need)
      capacity *= 2;
    char *data = realloc(text->data, capacity);
    if (!data) {
      text->failed = true;
      return false;
    }
    text->data = data;
    text->capacity = capacity;
  }
  return true;
}

void text_add(struct text *text, const char *format, ...)
{
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (length >= 0 && text_reserve(text, (size_t)length)) {
    vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
    text->length += (size_t)length;
  } else {
    text->failed = true;
  }
  va_end(again);
}

void text_add_double(struct text *text, double value)
{
  text_add(text, "%.17g", value);
}

size_t text_columns(const char *text)
{
  size_t columns = 0;
  for (; *text; text++)
    columns += ((unsigned char)*text & 0xC0) != 0x80;
  return columns;
}

void text_free(struct text *text)
{
  free(text->data);
  *text = (struct text){0};
}

bool text_ends_with(const char *text, const char *end)
{
  size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

const char *text_bytes(char *out, size_t capacity, uint64_t bytes)
{
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = (double)bytes;
  size_t unit = 0;
  while (value >= 1024 && unit < 6) {
    value /= 1024;
    unit++;
  }
  snprintf(out, capacity, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
  return out;
}

/* The next bytes of a text in quotes, or that there are none. */
static void quote_rest(char *out, size_t capacity, const char *text, size_t size)
{
  char start[25], shown[4 * sizeof start];
  size_t length = size < sizeof start - 1 ? size : sizeof start - 1;
  if (size == 0) {
    snprintf(out, capacity, "the end");
    return;
  }
  memcpy(start, text, length);
  start[length] = 0;
  text_escape(shown, sizeof shown, *start ? start : "\\x00");
  snprintf(out, capacity, "\"%s\"", shown);
}

bool text_differs(char *out, size_t capacity, const void *file, size_t file_size,
                  const void *expected, size_t expected_size)
{
  const char *there = file, *wanted = expected;
  char left[120], right[120];
  size_t at = 0, line = 1, start = 0;
  for (; at < file_size && at < expected_size && there[at] == wanted[at]; at++)
    if (there[at] == '\n') {
      line++;
      start = at + 1;
    }
  if (at == file_size && at == expected_size)
    return false;
  quote_rest(left, sizeof left, there + at, file_size - at);
  quote_rest(right, sizeof right, wanted + at, expected_size - at);
  snprintf(out, capacity, "line %zu, column %zu: %s in the file, %s expected", line, at - start + 1,
           left, right);
  return true;
}

size_t text_count_lines(const char *text, size_t size)
{
  size_t lines = 0;
  for (size_t i = 0; i < size; i++)
    lines += text[i] == '\n';
  return lines;
}
