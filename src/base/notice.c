#include "base/notice.h"

#include <stdarg.h>
#include <stdio.h>

void notices_add(const struct notices *notices, const char *format, ...)
{
  char line[3072];
  va_list arguments;
  if (!notices->line)
    return;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  notices->line(notices->context, line);
}
