#define _GNU_SOURCE
#include "fetch/said.h"

#include "base/json.h"
#include "base/sniff.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* {"error": "..."}, {"error": {"message": "..."}} or {"message": "..."}; otherwise as it is. */
static void read_json(char *out, size_t capacity, const char *text)
{
  json_t *root = NULL;
  struct error ignored = {0};
  if (json_parse_object("the answer", text, strlen(text), &root, &ignored))
    root = NULL; /* cut, perhaps */
  json_t *error = json_object_get(root, "error");
  const char *said = json_string_value(error);
  if (!said)
    said = json_string_value(json_object_get(error, "message"));
  if (!said)
    said = json_string_value(json_object_get(root, "message"));
  text_one_line(out, capacity, said ? said : text);
  json_decref(root);
}

/* What is between <tag> and </tag>. */
static void read_element(char *out, size_t capacity, char *text, const char *tag)
{
  char *start = strcasestr(text, tag);
  char *content = start ? strchr(start, '>') : NULL, *end = content ? strchr(content, '<') : NULL;
  if (end)
    *end = 0;
  text_one_line(out, capacity, content ? content + 1 : "");
}

/* A few stray bytes do not make words unreadable: those of another encoding, or meant for a
 * terminal. */
static bool is_readable(const char *text, size_t size)
{
  size_t stray = 0, length;
  for (const char *p = text; *p; p += length) {
    length = text_printable(p);
    stray += !length && *p != '\t' && *p != '\n' && *p != '\r';
    length += !length;
  }
  return strlen(text) == size && stray <= size / 4;
}

void said_read(char *out, size_t capacity, const void *body, size_t size)
{
  char *text = strndup(body, size);
  enum sniff_kind kind = sniff(body, size);
  *out = 0;
  if (text && kind == SNIFF_JSON)
    read_json(out, capacity, text);
  else if (text && kind == SNIFF_HTML)
    read_element(out, capacity, text, "<title");
  else if (text && kind == SNIFF_XML)
    read_element(out, capacity, text, "<message");
  else if (text && is_readable(text, size))
    text_one_line(out, capacity, text);
  free(text);
}
