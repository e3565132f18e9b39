/* What the terminal, or whatever standard output is, can show. */
#ifndef ATTEST_COMMAND_TERMINAL_H
#define ATTEST_COMMAND_TERMINAL_H

#include "base/notice.h"
#include "claims/summary.h"

/* Lines are cut to the terminal's width, and nowhere else. UTF-8 where LC_ALL, LC_CTYPE or LANG
 * (the first that is set) says so; colour on a terminal that is not "dumb", unless NO_COLOR is set.
 */
struct summary_style terminal_style(void);

/* Columns of the terminal on standard output, of COLUMNS where there is none, else 80. */
size_t terminal_width(void);

/* A line on standard error; the context is not used. */
void terminal_notice(void *context, const char *line);

/* All notices there, or none. */
struct notices terminal_notices(bool quiet);

#endif
