/* One file from the server that misbehaves: fetched rightly, or refused with one clear line. */
#ifndef ATTEST_TESTS_MISBEHAVING_H
#define ATTEST_TESTS_MISBEHAVING_H

#include "fetching.h"

#include <unistd.h>

static struct server server;
static const char *to;

/* Options of every run: no waits worth mentioning. */
#define LINE "fetch %s --to %s --base http://127.0.0.1:%d --retry-wait 1 --stall-seconds 2 --quiet "

static inline const char *one(const char *name, enum pins pins)
{
  const char *const names[] = {name, NULL};
  return fetching_manifest(names, pins);
}

static inline void clear(void)
{
  workshop_shell("rm -rf %s", to);
}

static inline void succeed(const char *name, enum pins pins, const char *more)
{
  clear();
  free(workshop_run(EXIT_HELD, LINE "%s", one(name, pins), to, server.port, more));
  fetching_check(to, name, server.shared->version, true);
}

/* Fails with this line, and leaves nothing under the final name. */
static inline void fail_with(int code, const char *words, const char *name, enum pins pins,
                             const char *more)
{
  char path[600];
  clear();
  free(workshop_refuse(code, words, LINE "%s", one(name, pins), to, server.port, more));
  snprintf(path, sizeof path, "%s/r/%s", to, name);
  assert_false(file_exists(path));
}

/* Starts the server; there is no proxy before it, and what hangs is killed. */
static inline void misbehaving_start(void)
{
  static const char *const proxies[] = {"http_proxy",  "https_proxy", "all_proxy", "HTTP_PROXY",
                                        "HTTPS_PROXY", "ALL_PROXY",   "NO_PROXY",  "no_proxy"};
  for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
    unsetenv(proxies[i]);
  alarm(300);
  to = workshop_path("to");
  server_start(&server);
}

#endif
