/* The table of subcommands, for what is made of all of them: manual pages and completions. */
#ifndef ATTEST_COMMAND_COMMAND_TABLE_H
#define ATTEST_COMMAND_COMMAND_TABLE_H

#include "base/error.h"
#include "base/options.h"

#include <stddef.h>

struct command {
  const char *name, *summary;
  int (*run)(int argc, char **argv, struct error *error);
};

/* main's table, which must stay. */
void command_table_set(const struct command *commands, size_t count);
const struct command *command_table(size_t *count);

/* The command of this name. Errors: EXIT_INPUT (none). */
int command_find(const char *name, const struct command **command, struct error *error);

/* Shows the options of a command as its --help has them; the list lives as long as the call.
 * Errors: EXIT_RUN (the command showed none). */
int command_show_options(const struct command *command, options_show *show, void *context,
                         struct error *error);

#endif
