/* libFuzzer target: a file of verdicts against three fixed ones. Nothing is said exactly when the
 * bytes are those that would be written, and what is said is one printable line. */
#include "base/text.h"
#include "claims/verdicts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *line)
{
  size_t length;
  for (; *line; line += length) {
    length = text_printable(line);
    if (length == 0)
      abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static struct claim_row rows[] = {
      {.id = "F1",
       .model = "m",
       .figure = "heads",
       .revision = "",
       .definition = "screen",
       .stated = true,
       .recomputed = 0,
       .published_text = "0",
       .recomputed_text = "0"},
      {.id = "F2",
       .model = "m",
       .figure = "jump",
       .revision = "step60",
       .definition = "best-class",
       .recomputed = 0.051,
       .published_text = "7.4 %",
       .recomputed_text = "5.1 %",
       .verdict = CLAIM_NOT_REPRODUCED},
      {.id = "F5",
       .model = "all",
       .figure = "pr",
       .revision = "",
       .definition = "above-first",
       .recomputed = NAN,
       .recomputed_text = "all heads",
       .verdict = CLAIM_NOT_EVALUATED},
  };
  const struct claim_list list = {.rows = rows, .count = sizeof rows / sizeof *rows};
  struct error error = {0};
  struct text text = {0};
  char *difference;
  verdicts_format(&list, &text);
  if (text.failed ||
      verdicts_compare_text(&list, "fuzz/verdicts.tsv", data, size, &difference, &error))
    abort();
  bool same = size == text.length && memcmp(data, text.data, size) == 0;
  if (same != !difference)
    abort();
  if (difference)
    check_line(difference);
  free(difference);
  text_free(&text);
  return 0;
}
