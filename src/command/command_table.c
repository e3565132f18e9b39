#include "command/command_table.h"

#include <string.h>

static const struct command *table;
static size_t table_count;

void command_table_set(const struct command *commands, size_t count)
{
  table = commands;
  table_count = count;
}

const struct command *command_table(size_t *count)
{
  *count = table_count;
  return table;
}

int command_find(const char *name, const struct command **command, struct error *error)
{
  for (size_t i = 0; i < table_count; i++)
    if (strcmp(table[i].name, name) == 0) {
      *command = &table[i];
      return 0;
    }
  return error_set(error, EXIT_INPUT, "%s: no such command; see attest --help", name);
}

struct showing {
  options_show *show;
  void *context;
  size_t shown;
};

static void pass_on(void *context, const struct option_list *list)
{
  struct showing *showing = context;
  showing->show(showing->context, list);
  showing->shown++;
}

int command_show_options(const struct command *command, options_show *show, void *context,
                         struct error *error)
{
  char name[32], help[] = "--help", *argv[] = {name, help, NULL};
  struct showing showing = {show, context, 0};
  strncpy(name, command->name, sizeof name - 1);
  name[sizeof name - 1] = 0;
  options_help_to(pass_on, &showing);
  int status = command->run(2, argv, error);
  options_help_to(NULL, NULL);
  if (!status && showing.shown != 1)
    status = error_set(error, EXIT_RUN, "%s: has no table of options to show", command->name);
  return status;
}
