#include "base/options.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_INDENT 27
#define HELP_COLUMNS 100

static options_show *shown_to;
static void *show_context;

void options_help_to(options_show *show, void *context)
{
  shown_to = show;
  show_context = context;
}

/* One option, its help broken between words. */
static void print_option(const char *left, const char *help)
{
  size_t room = HELP_COLUMNS - HELP_INDENT;
  printf("  %-*s", HELP_INDENT - 2, left);
  if (strlen(left) > HELP_INDENT - 3) /* no blank is left before the help */
    printf("\n%*s", HELP_INDENT, "");
  for (size_t length; (length = strlen(help)) > room; help += length + 1) {
    for (length = room; length > 1 && help[length] != ' ';)
      length--;
    printf("%.*s\n%*s", (int)length, help, HELP_INDENT, "");
  }
  printf("%s\n", help);
}

static void print_help(const struct option_list *list)
{
  if (shown_to) {
    shown_to(show_context, list);
    return;
  }
  printf("Usage: attest %s\n\n%s\n\nOptions:\n", list->usage, list->summary);
  for (size_t i = 0; i < list->count; i++) {
    const struct option_spec *spec = &list->specs[i];
    char left[128];
    snprintf(left, sizeof left, "--%s%s%s", spec->name, spec->argument ? " " : "",
             spec->argument ? spec->argument : "");
    print_option(left, spec->help);
  }
  print_option("--help", "print this help");
}

static int store_range(const struct option_spec *spec, const char *text, struct error *error)
{
  uint64_t *range = spec->target;
  const char *colon = strchr(text, ':');
  uint64_t low, high;
  if (!colon || !text_to_u64(text, (size_t)(colon - text), &low) ||
      !text_to_u64(colon + 1, strlen(colon + 1), &high) || low >= high || low < spec->low ||
      high > spec->high)
    return error_set(error, EXIT_INPUT, "--%s %s: must be LO:HI with %llu <= LO < HI <= %llu",
                     spec->name, text, (unsigned long long)spec->low,
                     (unsigned long long)spec->high);
  range[0] = low;
  range[1] = high;
  return 0;
}

static int store(const struct option_spec *spec, const char *text, struct error *error)
{
  switch (spec->kind) {
  case OPTION_FLAG:
    *(bool *)spec->target = true;
    return 0;
  case OPTION_STRING:
    if (!*text)
      return error_set(error, EXIT_INPUT, "--%s: is empty, needs %s", spec->name, spec->argument);
    *(const char **)spec->target = text;
    return 0;
  case OPTION_NUMBER: {
    uint64_t number;
    if (!text_to_u64(text, strlen(text), &number) || number < spec->low || number > spec->high)
      return error_set(error, EXIT_INPUT, "--%s %s: must be a whole number from %llu to %llu",
                       spec->name, text, (unsigned long long)spec->low,
                       (unsigned long long)spec->high);
    *(uint64_t *)spec->target = number;
    return 0;
  }
  case OPTION_SIZE:
    if (!text_to_size(text, strlen(text), spec->target) || *(uint64_t *)spec->target == 0)
      return error_set(error, EXIT_INPUT, "--%s %s: must be a size such as 512M or 4G", spec->name,
                       text);
    return 0;
  case OPTION_RANGE:
    return store_range(spec, text, error);
  }
  return 0;
}

static int parse_option(int argc, char **argv, int *at, const struct option_list *list, bool *seen,
                        struct error *error)
{
  const char *name = argv[*at] + 2;
  const char *equals = strchr(name, '=');
  size_t length = equals ? (size_t)(equals - name) : strlen(name);
  for (size_t i = 0; i < list->count; i++) {
    const struct option_spec *spec = &list->specs[i];
    if (strlen(spec->name) != length || strncmp(spec->name, name, length) != 0)
      continue;
    if (seen[i])
      return error_set(error, EXIT_INPUT, "--%s: given twice", spec->name);
    seen[i] = true;
    const char *text = equals ? equals + 1 : NULL;
    if (spec->kind == OPTION_FLAG && text)
      return error_set(error, EXIT_INPUT, "--%s: takes no argument", spec->name);
    if (spec->kind != OPTION_FLAG && !text) {
      if (*at + 1 >= argc)
        return error_set(error, EXIT_INPUT, "--%s: needs %s", spec->name, spec->argument);
      text = argv[++*at];
    }
    return store(spec, text, error);
  }
  return error_set(error, EXIT_INPUT, "%s: unknown option; see --help", argv[*at]);
}

int options_parse(int argc, char **argv, const struct option_list *list, const char **positionals,
                  size_t capacity, size_t *used, bool *help, struct error *error)
{
  bool *seen = calloc(list->count + 1, sizeof *seen);
  bool only_positionals = false;
  int status = seen ? 0 : error_set(error, EXIT_RUN, "options: out of memory");
  *used = 0;
  *help = false;
  for (int at = 1; at < argc && !status; at++) {
    const char *word = argv[at];
    if (!only_positionals && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
      print_help(list);
      *help = true;
      break;
    }
    if (!only_positionals && strcmp(word, "--") == 0)
      only_positionals = true;
    else if (!only_positionals && strncmp(word, "--", 2) == 0)
      status = parse_option(argc, argv, &at, list, seen, error);
    else if (!only_positionals && word[0] == '-' && word[1])
      status = error_set(error, EXIT_INPUT, "%s: unknown option; see --help", word);
    else if (!*word)
      status = error_set(error, EXIT_INPUT, "an argument is empty; see --help");
    else if (*used == capacity)
      status = error_set(error, EXIT_INPUT, "%s: one argument too many; see --help", word);
    else
      positionals[(*used)++] = word;
  }
  free(seen);
  return status;
}
