#include "base/error.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *error, int code, const char *format, ...)
{
  char raw[sizeof error->text];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(raw, sizeof raw, format, arguments);
  va_end(arguments);
  text_hide_users(raw);
  text_escape(error->text, sizeof error->text, raw);
  error->code = code;
  return code;
}

const char *error_reason(int reason)
{
  switch (reason) {
  case ENOMEM:
    return "out of memory";
  case ENOSPC:
    return "the disk is full";
  case EDQUOT:
    return "the disk quota is used up";
  default:
    return strerror(reason);
  }
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
  text_hide_users(raw);
  text_escape(error->text, sizeof error->text, raw);
  return error->code;
}
