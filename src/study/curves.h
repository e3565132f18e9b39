/* Curves that a study kept, for whoever draws them. */
#ifndef ATTEST_STUDY_CURVES_H
#define ATTEST_STUDY_CURVES_H

#include "base/error.h"

#include <stddef.h>

struct study_curve {
  char *model, *figure, *name; /* "F-seed5", "5b", "layer0_copy"; owned */
  size_t count, capacity;
  double (*points)[2]; /* [count] x, y; owned */
};

/* All zero: none. Release with study_curves_free. */
struct study_curves {
  struct study_curve *curves;
  size_t count;
};

/* Adds a point to the curve of these names, which is begun if there is none. Errors: EXIT_RUN. */
int study_curves_add(struct study_curves *curves, const char *model, const char *figure,
                     const char *name, double x, double y, struct error *error);
void study_curves_free(struct study_curves *curves);

#endif
