/* attest show of the folder of a few-shot run (few_shot/run.h). */
#ifndef ATTEST_COMMAND_SHOW_FEW_SHOT_H
#define ATTEST_COMMAND_SHOW_FEW_SHOT_H

#include "pass/runtime.h"

/* When each evaluation set was learned, its plateaus, and where more stands. Errors: EXIT_INPUT (it
 * has no course yet; damaged), EXIT_RUN. */
int show_few_shot(const char *directory, const struct common_options *common, struct error *error);

#endif
