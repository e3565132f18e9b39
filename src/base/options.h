/* Command-line options by table; --help is made from the same table. */
#ifndef ATTEST_BASE_OPTIONS_H
#define ATTEST_BASE_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
  OPTION_FLAG,   /* bool: no argument */
  OPTION_STRING, /* const char *: points into argv */
  OPTION_NUMBER, /* uint64_t within [low, high] */
  OPTION_SIZE,   /* uint64_t bytes, suffix K, M, G or T */
  OPTION_RANGE   /* uint64_t[2]: LO:HI with LO < HI, both within [low, high] */
};

struct option_spec {
  const char *name; /* without the dashes */
  enum option_kind kind;
  void *target;
  uint64_t low, high;   /* NUMBER and RANGE */
  const char *argument; /* its name in the help text; "a|b|c": these are all that it can be, which
                           the shells then offer (command/completion.c) */
  const char *help;
};

struct option_list {
  const char *usage;   /* the line after "Usage: attest " */
  const char *summary; /* what the command does */
  const struct option_spec *specs;
  size_t count;
};

/* Who is shown the table when --help is asked for; NULL = it is printed to standard output. This is
 * how manual pages and completions are made of the same tables (command/command_table.h). */
typedef void options_show(void *context, const struct option_list *list);
void options_help_to(options_show *show, void *context);

/* Parses argv[1..]. Options may come anywhere, each at most once; "--" ends them; the rest goes
 * to positionals (at most `capacity`, their number to *used). On --help prints or shows the help,
 * sets *help and returns 0. Errors: EXIT_INPUT, also for a name that is empty. */
int options_parse(int argc, char **argv, const struct option_list *list, const char **positionals,
                  size_t capacity, size_t *used, bool *help, struct error *error);

#endif
