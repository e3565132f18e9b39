/* `attest train` of a few-shot recipe. */
#ifndef ATTEST_COMMAND_TRAIN_FEW_SHOT_H
#define ATTEST_COMMAND_TRAIN_FEW_SHOT_H

#include "base/options.h"
#include "few_shot/training.h"

/* Of `attest train`. */
struct train_options {
  struct common_options common;
  const char *recipe, *out;
  bool dry_run;
  bool examine, wiring; /* few-shot runs alone, as is what follows */
  uint64_t stride;      /* 0 = all sequences */
  uint64_t checkpoint;  /* TRAIN_LAST = the last parameters */
};
#define TRAIN_LAST UINT64_MAX

/* Opens the recipe, says what it takes and runs it. Errors: EXIT_INPUT, EXIT_RUN. */
int train_few_shot(const struct train_options *options, const struct runtime *runtime,
                   struct error *error);

#endif
