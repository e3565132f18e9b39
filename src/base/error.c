#include "base/error.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Names from hostile files must not reach a terminal as control sequences, nor JSON as anything but
 * UTF-8. What does not fit whole is left out. */
static void escape_into(char *out, size_t capacity, const char *in)
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
