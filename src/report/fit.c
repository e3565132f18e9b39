#include "report/fit.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
  return a < b ? a : b;
}

static size_t count_words(const char *text, const char *words)
{
  size_t count = 0;
  for (const char *at = text; (at = strstr(at, words)); at += strlen(words))
    count++;
  return count;
}

/* Whole lines of it that take `room` at most, and the sentence; FIT_LEAST is enough for that. */
static void cut(struct text *section, size_t room)
{
  const size_t sentence = 300; /* with the end of a fold */
  size_t length = room > sentence ? room - sentence : 0;
  while (length && section->data[length - 1] != '\n')
    length--;
  size_t lines = text_count_lines(section->data + length, section->length - length);
  section->length = length;
  section->data[length] = 0;
  if (count_words(section->data, "<details>") > count_words(section->data, "</details>"))
    text_add(section, "\n</details>\n");
  text_add(section,
           "\n**Cut: a comment on GitHub has 65,536 characters at most. %s of this section %s left "
           "out; the report as HTML has all of it.**\n\n",
           text_counted(lines, "line").text, lines == 1 ? "is" : "are");
}

void fit_sections(struct text *sections, const int *ranks, size_t count, size_t most)
{
  size_t kept = 0, all = 0; /* kept for sections that are still to come, at least */
  for (size_t i = 0; i < count; i++) {
    kept += least(sections[i].length, FIT_LEAST);
    all += sections[i].length;
  }
  if (all <= most)
    return;
  for (int rank = 0; rank < (int)count; rank++)
    for (size_t i = 0; i < count; i++) {
      if (ranks[i] != rank)
        continue;
      kept -= least(sections[i].length, FIT_LEAST);
      if (sections[i].length > most - kept)
        cut(&sections[i], most - kept);
      most -= sections[i].length;
    }
}
