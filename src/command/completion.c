/* Completion of commands and options, made of the tables that --help is made of. */
#include "base/text.h"
#include "command/command.h"
#include "command/command_table.h"

#include <stdio.h>
#include <string.h>

/* What an option takes. */
enum takes { NOTHING, A_WORD, A_FOLDER, A_FILE, A_CHOICE };

static enum takes takes(const struct option_spec *spec)
{
  if (spec->kind == OPTION_FLAG)
    return NOTHING;
  if (spec->argument && strchr(spec->argument, '|'))
    return A_CHOICE;
  if (spec->kind != OPTION_STRING)
    return A_WORD;
  if (strstr(spec->argument, "DIR"))
    return A_FOLDER;
  return strstr(spec->argument, "FILE") || strstr(spec->argument, "RUN") ? A_FILE : A_WORD;
}

/* The values of A_CHOICE, parted by blanks. */
static void add_choices(struct text *out, const struct option_spec *spec)
{
  for (const char *c = spec->argument; *c; c++)
    text_add(out, "%c", *c == '|' ? ' ' : *c);
}

struct script {
  struct text *text;
  const struct command *command;
};

/* `text` with a backslash before each of `special`, and what ends a quoted word written as
 * `quote`. */
static void add_quoted(struct text *out, const char *text, const char *special, const char *quote)
{
  for (; *text; text++)
    if (*text == '\'')
      text_add(out, "%s", quote);
    else
      text_add(out, "%s%c", strchr(special, *text) ? "\\" : "", *text);
}

/* Names of the options that take this. */
static void add_bash_names(struct text *out, const struct option_list *list, enum takes what)
{
  for (size_t i = 0; i < list->count; i++)
    if (takes(&list->specs[i]) == what)
      text_add(out, " --%s", list->specs[i].name);
}

/* What the option before may be followed by. */
static void add_bash_values(struct text *out, const struct option_list *list)
{
  text_add(out, "      case $before in\n");
  for (size_t i = 0; i < list->count; i++)
    if (takes(&list->specs[i]) == A_CHOICE) {
      text_add(out, "        --%s) values='", list->specs[i].name);
      add_choices(out, &list->specs[i]);
      text_add(out, "' ;;\n");
    }
  text_add(out, "        *) ;;\n      esac\n");
}

static void bash_options(void *context, const struct option_list *list)
{
  const struct script *script = context;
  struct text *out = script->text;
  static const struct {
    enum takes takes;
    const char *name;
  } kinds[] = {{NOTHING, "flags"},
               {A_WORD, "words"},
               {A_FOLDER, "folders"},
               {A_FILE, "files"},
               {A_CHOICE, "choices"}};
  text_add(out, "    %s)\n", script->command->name);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    text_add(out, "      %s='", kinds[i].name);
    add_bash_names(out, list, kinds[i].takes);
    text_add(out, " '\n");
  }
  add_bash_values(out, list);
  text_add(out, "      ;;\n");
}

/* Names of the commands, a blank before each. */
static void add_names(struct text *out)
{
  size_t count;
  const struct command *commands = command_table(&count);
  for (size_t i = 0; i < count; i++)
    text_add(out, " %s", commands[i].name);
}

static void bash_begin(struct text *out)
{
  text_add(out, "# bash completion of attest\n"
                "_attest() {\n"
                "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
                "  local flags= words= folders= files= choices= values=\n"
                "  COMPREPLY=()\n"
                "  if [[ $word == = ]]; then\n    word=\n"
                "  elif [[ $before == = ]]; then\n    before=${COMP_WORDS[COMP_CWORD - 2]}\n"
                "  fi\n"
                "  if ((COMP_CWORD == 1)); then\n"
                "    COMPREPLY=($(compgen -W '--help --version");
  add_names(out);
  text_add(out, "' -- \"$word\"))\n    return\n  fi\n"
                "  if [[ $COMP_CWORD == 2 && $word != -* && ${COMP_WORDS[1]} == manual ]]; then\n"
                "    COMPREPLY=($(compgen -W '");
  add_names(out);
  text_add(out, "' -- \"$word\"))\n    return\n  fi\n  case ${COMP_WORDS[1]} in\n");
}

static void bash_end(struct text *out)
{
  text_add(out, "  esac\n"
                "  if [[ -n $values ]]; then\n"
                "    COMPREPLY=($(compgen -W \"$values\" -- \"$word\"))\n"
                "  elif [[ $words == *\" $before \"* ]]; then\n"
                "    return\n"
                "  elif [[ $folders == *\" $before \"* ]]; then\n"
                "    mapfile -t COMPREPLY < <(compgen -d -- \"$word\")\n"
                "  elif [[ $word == -* && $files != *\" $before \"* ]]; then\n"
                "    COMPREPLY=($(compgen -W \"$flags $words $folders $files $choices "
                "--help\" -- \"$word\"))\n"
                "  else\n"
                "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
                "  fi\n"
                "}\n"
                "complete -o filenames -F _attest attest\n");
}

static void zsh_options(void *context, const struct option_list *list)
{
  const struct script *script = context;
  struct text *out = script->text;
  static const char *const actions[] = {"", ": ", ":_files -/", ":_files", ""};
  text_add(out, "    %s)\n      _arguments", script->command->name);
  for (size_t i = 0; i < list->count; i++) {
    const struct option_spec *spec = &list->specs[i];
    text_add(out, " \\\n        '--%s[", spec->name);
    add_quoted(out, spec->help, "[]\\:", "'\\''");
    text_add(out, "]");
    if (takes(spec) != NOTHING) {
      text_add(out, ":");
      add_quoted(out, spec->argument, "[]\\:", "'\\''");
      text_add(out, "%s", actions[takes(spec)]);
      if (takes(spec) == A_CHOICE) {
        text_add(out, ":(");
        add_choices(out, spec);
        text_add(out, ")");
      }
    }
    text_add(out, "'");
  }
  text_add(out, " \\\n        '--help[print a short help]' '*:file:_files'\n      ;;\n");
}

static void zsh_begin(struct text *out)
{
  size_t count;
  const struct command *commands = command_table(&count);
  text_add(out, "#compdef attest\n_attest() {\n  local -a commands=(\n");
  for (size_t i = 0; i < count; i++) {
    text_add(out, "    '%s:", commands[i].name);
    add_quoted(out, commands[i].summary, "\\:", "'\\''");
    text_add(out, "'\n");
  }
  text_add(out,
           "  )\n  if ((CURRENT == 2)); then\n    _describe command commands\n    return\n  fi\n"
           "  local command=$words[2]\n  shift words\n  ((CURRENT--))\n"
           "  case $command in\n");
}

static void zsh_end(struct text *out)
{
  text_add(out, "  esac\n}\n_attest \"$@\"\n");
}

static void fish_options(void *context, const struct option_list *list)
{
  const struct script *script = context;
  struct text *out = script->text;
  static const char *const actions[] = {"", " -x", " -x -a '(__fish_complete_directories)'",
                                        " -r -F", " -x"};
  for (size_t i = 0; i < list->count; i++) {
    const struct option_spec *spec = &list->specs[i];
    text_add(out, "complete -c attest -n '__fish_seen_subcommand_from %s' -l %s%s",
             script->command->name, spec->name, actions[takes(spec)]);
    if (takes(spec) == A_CHOICE) {
      text_add(out, " -a '");
      add_choices(out, spec);
      text_add(out, "'");
    }
    text_add(out, " -d '");
    add_quoted(out, spec->help, "\\", "\\'");
    text_add(out, "'\n");
  }
}

static void fish_begin(struct text *out)
{
  size_t count;
  const struct command *commands = command_table(&count);
  text_add(out, "# fish completion of attest\n");
  for (size_t i = 0; i < count; i++) {
    text_add(out, "complete -c attest -n __fish_use_subcommand -f -a %s -d '", commands[i].name);
    add_quoted(out, commands[i].summary, "\\", "\\'");
    text_add(out, "'\n");
  }
  text_add(out, "complete -c attest -l help -d 'print a short help'\n");
}

static void fish_end(struct text *out)
{
  (void)out;
}

static const struct shell {
  const char *name;
  void (*begin)(struct text *out);
  options_show *options;
  void (*end)(struct text *out);
} shells[] = {{"bash", bash_begin, bash_options, bash_end},
              {"zsh", zsh_begin, zsh_options, zsh_end},
              {"fish", fish_begin, fish_options, fish_end}};

static int print_script(const struct shell *shell, struct error *error)
{
  size_t count;
  struct text text = {0};
  const struct command *commands = command_table(&count);
  int status = 0;
  shell->begin(&text);
  for (size_t i = 0; i < count && !status; i++) {
    struct script script = {&text, &commands[i]};
    status = command_show_options(&commands[i], shell->options, &script, error);
  }
  shell->end(&text);
  if (!status && text.failed)
    status = error_set(error, EXIT_RUN, "completion: out of memory");
  if (!status)
    fwrite(text.data, 1, text.length, stdout);
  text_free(&text);
  return status;
}

int command_completion(int argc, char **argv, struct error *error)
{
  const char *name = NULL;
  const struct option_list list = {
      "completion bash|zsh|fish",
      "Prints a script with which a shell completes commands and options. make install puts it\n"
      "where the shell looks for it; by hand: source <(attest completion bash), or\n"
      "attest completion fish | source.",
      NULL, 0};
  size_t used;
  bool help;
  if (options_parse(argc, argv, &list, &name, 1, &used, &help, error) || help)
    return error->code;
  for (size_t i = 0; used && i < sizeof shells / sizeof *shells; i++)
    if (strcmp(shells[i].name, name) == 0)
      return print_script(&shells[i], error);
  return error_set(error, EXIT_INPUT, "completion: %s; name bash, zsh or fish",
                   used ? "there is none for this shell" : "no shell is named");
}
