#define _GNU_SOURCE
#include "base/interrupt.h"

#include <signal.h>
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

int interrupt_check(struct error *error)
{
  if (!requested)
    return 0;
  return error_set(error, EXIT_RUN, "interrupted; run the same command again to resume");
}
