/* Manual pages in mdoc, made of the tables that --help is made of. */
#include "base/file.h"
#include "base/file_write.h"
#include "base/text.h"
#include "base/version.h"
#include "command/command.h"
#include "command/command_table.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LINE 72 /* columns; a word may be longer once it is escaped */

/* One word, with what roff would take for markup made plain. Returns the bytes that it takes. */
static size_t add_word(struct text *page, const char *word, size_t length)
{
  uint32_t code;
  size_t before = page->length;
  if (*word == '.' || *word == '\'')
    text_add(page, "\\&");
  for (size_t at = 0, bytes; at < length; at += bytes) {
    bytes = text_utf8(word + at, length - at, &code);
    if (word[at] == '\\')
      text_add(page, "\\e");
    else if (word[at] == '-')
      text_add(page, "\\-");
    else if (bytes > 1)
      text_add(page, "\\[u%04X]", (unsigned)code);
    else
      text_add(page, "%c", word[at]);
    bytes += !bytes;
  }
  return page->length - before;
}

static bool ends_sentence(const char *word, size_t length)
{
  while (length && strchr(")\"", word[length - 1]))
    length--;
  return length && strchr(".!?", word[length - 1]);
}

/* Words [text, end) as lines, a new one after each sentence. */
static void add_words(struct text *page, const char *text, const char *end)
{
  size_t column = 0;
  while (text < end) {
    size_t length = strcspn(text, " \n");
    if (length > (size_t)(end - text))
      length = (size_t)(end - text);
    if (length) {
      bool breaks = column + length >= LINE;
      if (column)
        text_add(page, breaks ? "\n" : " ");
      column = (breaks ? 0 : column + 1) + add_word(page, text, length);
      if (ends_sentence(text, length)) {
        text_add(page, "\n");
        column = 0;
      }
    }
    text += length + (text + length < end);
  }
  if (column)
    text_add(page, "\n");
}

static bool is_indented(const char *line)
{
  return *line == ' ' && *(line + strspn(line, " ")) != '\n';
}

/* Indented lines stay as they are; others are filled; a blank line begins a paragraph. */
static void add_text(struct text *page, const char *text)
{
  while (*text) {
    const char *end = text;
    bool literal = is_indented(text);
    while (*end && *end != '\n' && is_indented(end) == literal) {
      end += strcspn(end, "\n");
      end += *end == '\n';
    }
    if (end == text) {
      text_add(page, ".Pp\n");
      text++;
      continue;
    }
    if (literal) {
      text_add(page, ".Bd -literal\n");
      for (const char *line = text; line < end; line += strcspn(line, "\n") + 1) {
        add_word(page, line, strcspn(line, "\n"));
        text_add(page, "\n");
      }
      text_add(page, ".Ed\n");
    } else {
      add_words(page, text, end);
    }
    text = end;
  }
}

/* Quoted as one argument of a macro. */
static void add_argument(struct text *page, const char *argument)
{
  text_add(page, "\"");
  add_word(page, argument, strlen(argument));
  text_add(page, "\"");
}

static void add_header(struct text *page, const char *name, const char *summary)
{
  text_add(page, ".Dd " ATTEST_RELEASED "\n.Dt ");
  for (const char *c = name; *c; c++)
    text_add(page, "%c", toupper((unsigned char)*c));
  text_add(page, " 1\n.Os\n.Sh NAME\n.Nm %s\n.Nd ", name);
  add_words(page, summary, summary + strlen(summary));
}

static void add_exit_codes(struct text *page)
{
  text_add(page, ".Sh EXIT STATUS\n.Bl -tag -width 1 -compact\n"
                 ".It 0\nAll held.\n.It 1\nA check failed, of a command that checks.\n.It 2\nBad "
                 "usage or input.\n"
                 ".It 3\nCould not run.\n.El\n");
}

static void add_option(struct text *page, const char *name, const char *argument, const char *help)
{
  text_add(page, ".It Fl \\-");
  add_word(page, name, strlen(name));
  if (argument) {
    text_add(page, " Ar ");
    add_argument(page, argument);
  }
  text_add(page, "\n");
  add_words(page, help, help + strlen(help));
}

static void add_options(void *context, const struct option_list *list)
{
  struct text *page = context;
  text_add(page, ".Sh SYNOPSIS\n.Nm attest\n");
  add_words(page, list->usage, list->usage + strlen(list->usage));
  text_add(page, ".Sh DESCRIPTION\n");
  add_text(page, list->summary);
  text_add(page, ".Sh OPTIONS\n.Bl -tag -width Ds\n");
  for (size_t i = 0; i < list->count; i++)
    add_option(page, list->specs[i].name, list->specs[i].argument, list->specs[i].help);
  add_option(page, "help", NULL, "print a short help");
  text_add(page, ".El\n");
}

static int add_page(struct text *page, const struct command *command, struct error *error)
{
  char name[64] = "attest-";
  strncat(name, command->name, sizeof name - strlen(name) - 1);
  add_header(page, name, command->summary);
  if (command_show_options(command, add_options, page, error))
    return error->code;
  add_exit_codes(page);
  text_add(page, ".Sh SEE ALSO\n.Xr attest 1\n");
  return 0;
}

static void add_front_page(struct text *page)
{
  size_t count;
  const struct command *commands = command_table(&count);
  add_header(page, "attest", "published claims about attention circuits, checked to the bit");
  text_add(page,
           ".Sh SYNOPSIS\n.Nm\n.Ar COMMAND\n.Op Ar OPTIONS\n.Nm\n.Fl \\-help | \\-version\n"
           ".Sh DESCRIPTION\nChecks published claims about attention circuits in language models.\n"
           "It verifies pinned checkpoints, runs their forward passes, screens every\n"
           "attention head, compares the trajectories with golden files bit by bit, and\n"
           "gives a verdict for every claim of a paper.\nEvery figure is the same bits on every "
           "machine.\n.Pp\n"
           "The commands, each with a manual page of its own:\n.Bl -tag -width Ds\n");
  for (size_t i = 0; i < count; i++) {
    text_add(page, ".It Xr attest\\-%s 1\n", commands[i].name);
    add_words(page, commands[i].summary, commands[i].summary + strlen(commands[i].summary));
  }
  text_add(page, ".El\n");
  add_exit_codes(page);
}

static int write_page(const char *directory, const char *name, struct text *page,
                      struct error *error)
{
  char file[80];
  snprintf(file, sizeof file, "attest%s%s.1", *name ? "-" : "", name);
  int status = file_write_text_in(directory, file, page, error);
  text_free(page);
  return status;
}

static int write_all(const char *directory, struct error *error)
{
  size_t count;
  const struct command *commands = command_table(&count);
  struct text page = {0};
  if (file_make_directory(directory, error))
    return error->code;
  add_front_page(&page);
  int status = write_page(directory, "", &page, error);
  for (size_t i = 0; i < count && !status; i++) {
    status = add_page(&page, &commands[i], error);
    if (status)
      text_free(&page);
    else
      status = write_page(directory, commands[i].name, &page, error);
  }
  return status;
}

static int print_page(const char *name, struct error *error)
{
  struct text page = {0};
  const struct command *command;
  int status = 0;
  if (!name)
    add_front_page(&page);
  else if (!(status = command_find(name, &command, error)))
    status = add_page(&page, command, error);
  if (!status && page.failed)
    status = error_set(error, EXIT_RUN, "manual: out of memory");
  if (!status)
    fwrite(page.data, 1, page.length, stdout);
  text_free(&page);
  return status;
}

int command_manual(int argc, char **argv, struct error *error)
{
  const char *to = NULL, *name = NULL;
  const struct option_spec specs[] = {
      {"to", OPTION_STRING, &to, 0, 0, "DIR", "write the pages of all commands into this folder"},
  };
  const struct option_list list = {
      "manual [COMMAND] [--to DIR]",
      "Prints the manual page of a command, or of attest itself, for a reader of such pages:\n"
      "attest manual screen | man -l -. All pages are made of what --help is made of.",
      specs, sizeof specs / sizeof *specs};
  size_t used;
  bool help;
  if (options_parse(argc, argv, &list, &name, 1, &used, &help, error) || help)
    return error->code;
  if (to && used)
    return error_set(error, EXIT_INPUT, "manual: --to writes the pages of all commands; name none");
  return to ? write_all(to, error) : print_page(used ? name : NULL, error);
}
