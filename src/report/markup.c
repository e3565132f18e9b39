#include "report/markup.h"

static const char *entity(char c)
{
  switch (c) {
  case '&':
    return "&amp;";
  case '<':
    return "&lt;";
  case '>':
    return "&gt;";
  case '"':
    return "&quot;";
  case '\'':
    return "&#39;";
  default:
    return NULL;
  }
}

void markup_add(struct text *text, const char *in)
{
  while (*in) {
    const char *special = entity(*in);
    size_t length = text_printable(in);
    if (special)
      text_add(text, "%s", special);
    else if (length)
      text_add(text, "%.*s", (int)length, in);
    else
      text_add(text, "\\x%02x", (unsigned char)*in);
    in += length ? length : 1;
  }
}
