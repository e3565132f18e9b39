/* What a checkpoint remembers of the renaming of its tensors (names.h). */
#include "base/text.h"
#include "checkpoint/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void naming_add(struct naming *naming, const char *format, ...)
{
  char raw[NAMING_TEXT], text[NAMING_TEXT];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(raw, sizeof raw, format, arguments);
  va_end(arguments);
  text_escape(text, sizeof text, raw);
  size_t used = strlen(naming->note);
  snprintf(naming->note + used, sizeof naming->note - used, "%s%s", used ? ", " : "names are read ",
           text);
}

void names_free(struct naming *naming)
{
  free(naming->names);
  free(naming->expert_names);
  free(naming->fused);
}
