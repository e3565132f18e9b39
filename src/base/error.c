#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Names from hostile files must not reach a terminal as control sequences. */
static void escape_into(char *out, size_t capacity, const char *in)
{
  size_t used = 0;
  for (const unsigned char *p = (const unsigned char *)in; *p; p++) {
    int c1 = p[0] == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0;
    if (*p >= 0x20 && *p != 0x7F && !c1) {
      if (used + 2 > capacity)
        break;
      out[used++] = (char)*p;
    } else {
      if (used + 5 > capacity)
        break;
      snprintf(out + used, 5, "\\x%02X", *p);
      used += 4;
    }
  }
  out[used] = 0;
}

int error_set(struct error *error, int code, const char *format, ...)
{
  char raw[sizeof error->text];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(raw, sizeof raw, format, arguments);
  va_end(arguments);
  escape_into(error->text, sizeof error->text, raw);
  error->code = code;
  return code;
}

int error_prefix(struct error *error, const char *format, ...)
{
  char raw[2 * sizeof error->text];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(raw, sizeof error->text, format, arguments);
  va_end(arguments);
  size_t used = strlen(raw);
  snprintf(raw + used, sizeof raw - used, ": %s", error->text);
  escape_into(error->text, sizeof error->text, raw);
  return error->code;
}
