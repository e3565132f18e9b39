/* ^C and termination: long work finishes its current piece, saves it and stops. */
#ifndef ATTEST_BASE_INTERRUPT_H
#define ATTEST_BASE_INTERRUPT_H

#include "base/error.h"

#include <stdbool.h>

/* The first SIGINT or SIGTERM is noted, with one line on standard error; a second one ends the
 * program at once. */
void interrupt_install(void);

bool interrupt_requested(void);

/* The same, for work that keeps what it has finished: EXIT_RUN and how to go on. */
int interrupt_check(struct error *error);

/* The same between pieces of one run, `name` the one that is finished; 0 after the last. */
int interrupt_check_between(const char *name, bool last, struct error *error);

/* Whether that is what an error says. */
bool interrupt_is_reason(const struct error *error);

#endif
