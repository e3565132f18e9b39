/* What a run leaves behind: its JSON, its report, and what the work folder keeps for later ones. */
#ifndef ATTEST_COMMAND_RUN_OUTPUT_H
#define ATTEST_COMMAND_RUN_OUTPUT_H

#include "study/reproduction.h"

struct run_output {
  const char *json, *report; /* where they go; NULL = nowhere */
  const char *work;          /* the folder that keeps the run; NULL = none does */
  int argc;                  /* the command line */
  char *const *argv;
};

/* Writes all of them. Errors: EXIT_RUN. */
int run_output(const struct run_output *output, const struct reproduction *reproduction,
               struct error *error);

#endif
