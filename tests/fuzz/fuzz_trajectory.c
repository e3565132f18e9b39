/* Any bytes as a trajectory's CSV: refused with a line, or read, written and read back alike. */
#include "trajectory/trajectory.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct revision revision, back;
  struct error error = {0};
  struct trajectory_difference difference;
  size_t length;
  if (trajectory_parse_csv("fuzz.csv", data, size, &revision, &error)) {
    if (error.code != EXIT_INPUT || !*error.text)
      abort();
    return 0;
  }
  char *text = trajectory_format_csv(&revision, &length, &error);
  if (!text || trajectory_parse_csv("again.csv", text, length, &back, &error))
    abort();
  trajectory_compare_revisions(&revision, &back, &difference);
  if (difference.found)
    abort();
  free(text);
  trajectory_revision_free(&revision);
  trajectory_revision_free(&back);
  return 0;
}
