#include "base/json_literal.h"

#include <ctype.h>
#include <strings.h>

static bool is_word(char c)
{
  return isalpha((unsigned char)c) || c == '-' || c == '+';
}

static bool is_literal(const char *word, size_t length)
{
  static const struct {
    const char *word;
    size_t length;
  } words[] = {{"nan", 3}, {"inf", 3}, {"infinity", 8}};
  if (length > 0 && (*word == '-' || *word == '+')) {
    word++;
    length--;
  }
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (words[i].length == length && strncasecmp(words[i].word, word, length) == 0)
      return true;
  return false;
}

/* The end of a string whose opening quote is at `at`: its closing quote, or the end of the text. */
static size_t string_end(const char *text, size_t size, size_t at)
{
  for (at++; at < size && text[at] != '"'; at++)
    at += text[at] == '\\';
  return at < size ? at : size;
}

bool json_literal_find(const char *text, size_t size, struct json_literal *found)
{
  const char *string = "";
  int string_length = 0;
  *found = (struct json_literal){.line = 1, .key = ""};
  for (size_t at = 0; at < size; at++) {
    found->line += text[at] == '\n';
    if (text[at] == '"') {
      size_t end = string_end(text, size, at);
      string = text + at + 1;
      string_length = end - at - 1 > 100 ? 100 : (int)(end - at) - 1;
      at = end;
    } else if (text[at] == ':') {
      found->key = string;
      found->key_length = string_length;
    } else if (is_word(text[at])) {
      size_t end = at;
      while (end < size && is_word(text[end]))
        end++;
      if (is_literal(text + at, end - at)) {
        found->word = text + at;
        found->word_length = (int)(end - at);
        return true;
      }
      at = end - 1;
    }
  }
  return false;
}
