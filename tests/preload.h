/* What the preloaded libraries share: which call is to fail. */
#ifndef ATTEST_TESTS_PRELOAD_H
#define ATTEST_TESTS_PRELOAD_H

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PRELOAD_PATIENCE 30 /* seconds: a run that hangs dies of SIGALRM */

#define PRELOAD_NAMES 24

/* The calls seen so far, by name. */
struct preload_call {
  const char *name;
  atomic_long count;
};
static struct preload_call preload_calls[PRELOAD_NAMES];

static const char *preload_chosen; /* the name of the call that fails */
static long preload_at;
static bool preload_on, preload_ready;

static inline long preload_number(const char *name)
{
  const char *text = getenv(name);
  return text ? atol(text) : 0;
}

static inline void preload_begin(void)
{
  preload_chosen = getenv("ATTEST_FAIL_CALL");
  preload_at = preload_number("ATTEST_FAIL_AT");
  preload_on = preload_number("ATTEST_FAIL_ON") != 0;
  alarm(PRELOAD_PATIENCE);
  preload_ready = true;
}

/* Counts the call of this place in the table and says whether it is to fail. */
static inline bool preload_hit(size_t place, const char *name)
{
  if (!preload_ready)
    return false;
  preload_calls[place].name = name;
  long count = atomic_fetch_add(&preload_calls[place].count, 1) + 1;
  return preload_at && preload_chosen && strcmp(preload_chosen, name) == 0 &&
         (count == preload_at || (preload_on && count > preload_at));
}

static inline void preload_end(void)
{
  const char *path = getenv("ATTEST_FAIL_COUNT");
  preload_ready = false;
  int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
  for (size_t i = 0; i < PRELOAD_NAMES && fd >= 0; i++)
    if (preload_calls[i].name)
      dprintf(fd, "%s %ld\n", preload_calls[i].name, atomic_load(&preload_calls[i].count));
  if (fd >= 0)
    close(fd);
}

#endif
