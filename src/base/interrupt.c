#define _GNU_SOURCE
#include "base/interrupt.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t requested;

static void note(int number)
{
  static const char line[] =
      "\nattest: stopping at the end of the current piece; press ^C again to stop at once\n";
  requested = 1;
  (void)number;
  ssize_t ignored = write(STDERR_FILENO, line, sizeof line - 1);
  (void)ignored;
}

void interrupt_install(void)
{
  /* The second signal meets the default action. */
  struct sigaction action = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

bool interrupt_requested(void)
{
  return requested != 0;
}

static const char resume[] = "interrupted; run the same command again to resume";

int interrupt_check(struct error *error)
{
  return requested ? error_set(error, EXIT_RUN, "%s", resume) : 0;
}

int interrupt_check_between(const char *name, bool last, struct error *error)
{
  return requested && !last
             ? error_set(error, EXIT_RUN,
                         "interrupted after %s; run the same command again to resume", name)
             : 0;
}

bool interrupt_is_reason(const struct error *error)
{
  return error->code == EXIT_RUN && strcmp(error->text, resume) == 0;
}
