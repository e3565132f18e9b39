#include "task/word_pattern.h"

#include "task/unicode.h"

#include <string.h>

/* Spellings that mean the same are patterns of their own: (?+ and ++ take nothing back, which no
 * alternative after them could use; \s*[\r\n] ends at the last line end as \s*[\r\n]+ does.) */
#define MODERN(before, numbers)                                                                    \
  before "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"               \
         "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define CASELESS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"

static const struct word_pattern patterns[] = {
    {"GPT-2", "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
     false, false, 0, false},
    {"Llama-3", MODERN(CASELESS, "\\p{N}{1,3}"), true, true, 3, true},
    {"Qwen2", MODERN(CASELESS, "\\p{N}"), true, true, 1, true},
    {"GPT-4",
     "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| "
     "?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
     true, true, 3, true},
};

const struct word_pattern *word_pattern_find(const char *expression)
{
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
    if (strcmp(patterns[i].expression, expression) == 0)
      return &patterns[i];
  return NULL;
}

const struct word_pattern *word_pattern_gpt2(void)
{
  return &patterns[0];
}

/* Whether text begins with the letters of an ending. Without regard to case s is also U+017F, the
 * long s, as Unicode folds it. Returns its bytes; 0 = no. */
static size_t match_ending(const char *ending, bool caseless, const char *text, size_t size)
{
  size_t at = 0;
  for (const char *e = ending; *e; e++) {
    if (caseless && *e == 's' && size - at >= 2 && memcmp(text + at, "\xC5\xBF", 2) == 0)
      at++;
    else if (at == size || (caseless ? (text[at] | 0x20) : text[at]) != *e)
      return 0;
    at++;
  }
  return at;
}

static size_t match_contraction(bool caseless, const char *text, size_t size)
{
  static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
  if (*text != '\'')
    return 0;
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    size_t bytes = match_ending(endings[i], caseless, text + 1, size - 1);
    if (bytes)
      return 1 + bytes;
  }
  return 0;
}

/* Bytes of up to `most` characters (0 = all) of a class from `at` on. */
static size_t run(enum unicode_class class, unsigned most, const char *text, size_t size, size_t at)
{
  size_t begin = at, bytes;
  for (unsigned n = 0; at < size && (most == 0 || n < most); n++) {
    if (unicode_class_at(text + at, size - at, &bytes) != class)
      break;
    at += bytes;
  }
  return at - begin;
}

static size_t line_ends(const char *text, size_t size, size_t at)
{
  size_t begin = at;
  while (at < size && (text[at] == '\r' || text[at] == '\n'))
    at++;
  return at - begin;
}

/* \s*[\r\n]+ if the pattern has it, \s+(?!\S), \s+: a run up to its last line end, or all of it at
 * the end of the text, or all but the last character, or that one. */
static size_t match_space(const struct word_pattern *p, const char *text, size_t size)
{
  size_t bytes = run(UNICODE_SPACE, 0, text, size, 0), last = bytes;
  while (p->line_ends && last > 0 && text[last - 1] != '\n' && text[last - 1] != '\r')
    last--;
  if (p->line_ends && last > 0)
    return last;
  if (bytes == size)
    return bytes;
  last = bytes - 1;
  while (((unsigned char)text[last] & 0xC0) == 0x80)
    last--;
  return last > 0 ? last : bytes;
}

size_t word_pattern_match(const struct word_pattern *p, const char *text, size_t size)
{
  size_t first, next, before, bytes = match_contraction(p->caseless, text, size);
  if (bytes)
    return bytes;
  enum unicode_class class = unicode_class_at(text, size, &first), after = UNICODE_SPACE;
  if (first < size)
    after = unicode_class_at(text + first, size - first, &next);
  bool blank = *text == ' ', line_end = *text == '\r' || *text == '\n';
  if (class == UNICODE_LETTER)
    return run(class, 0, text, size, 0);
  if (after == UNICODE_LETTER &&
      (p->any_before_letters ? class != UNICODE_NUMBER && !line_end : blank))
    return first + run(after, 0, text, size, first);
  if (class == UNICODE_NUMBER)
    return run(class, p->most_digits, text, size, 0);
  if (after == UNICODE_NUMBER && blank && !p->any_before_letters)
    return first + run(after, p->most_digits, text, size, first);
  before = blank ? first : 0;
  if (class == UNICODE_OTHER || (blank && after == UNICODE_OTHER)) {
    bytes = before + run(UNICODE_OTHER, 0, text, size, before);
    return bytes + (p->line_ends ? line_ends(text, size, bytes) : 0);
  }
  return match_space(p, text, size);
}
