/* ^C and termination: long work finishes its current piece, saves it and stops. */
#ifndef ATTEST_BASE_INTERRUPT_H
#define ATTEST_BASE_INTERRUPT_H

#include <stdbool.h>

/* The first SIGINT or SIGTERM is noted, with one line on standard error; a second one ends the
 * program at once. */
void interrupt_install(void);

bool interrupt_requested(void);

#endif
