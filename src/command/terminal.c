#include "command/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *variable(const char *name)
{
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

static bool is_utf8(void)
{
  const char *locale = variable("LC_ALL");
  locale = locale ? locale : variable("LC_CTYPE");
  locale = locale ? locale : variable("LANG");
  const char *charset = locale ? strchr(locale, '.') : NULL;
  return charset &&
         (strncasecmp(charset, ".UTF-8", 6) == 0 || strncasecmp(charset, ".utf8", 5) == 0);
}

size_t terminal_width(void)
{
  struct winsize size;
  uint64_t columns;
  const char *given = variable("COLUMNS");
  if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return given && text_to_u64(given, strlen(given), &columns) && columns > 0 && columns < 10000
             ? (size_t)columns
             : 80;
}

struct summary_style terminal_style(void)
{
  const char *terminal = variable("TERM");
  return (struct summary_style){.utf8 = is_utf8(),
                                .colour = isatty(STDOUT_FILENO) && !variable("NO_COLOR") &&
                                          terminal && strcmp(terminal, "dumb") != 0,
                                .lines = SUMMARY_LINES,
                                .columns = isatty(STDOUT_FILENO) ? terminal_width() : 0};
}

void terminal_notice(void *context, const char *line)
{
  (void)context;
  fprintf(stderr, "%s\n", line);
}

struct notices terminal_notices(bool quiet)
{
  return (struct notices){quiet ? NULL : terminal_notice, NULL};
}
