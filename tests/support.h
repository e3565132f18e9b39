/* Helpers shared by the test programs. Tests run from the project's root. */
#ifndef ATTEST_TESTS_SUPPORT_H
#define ATTEST_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cmocka.h>

#include "base/error.h"

/* A fresh directory for this process, removed with all it holds at exit. The string stays valid. */
const char *support_directory(void);

/* "<support_directory()>/name" in one of eight rotating static buffers. */
const char *support_path(const char *name);

/* Writes a file; fails the test when that is not possible. */
void support_write(const char *path, const void *data, size_t size);

/* Reads a whole file, zero-terminated, free(); fails the test when that is not possible. */
char *support_read(const char *path, size_t *size);

/* The program under test: the environment variable ATTEST, or build/attest. */
const char *support_program(void);

/* Runs a program (argv[0] a path, NULL at the end; the environment variable ATTEST_RUN, if set, is
 * a launcher put in front, for foreign architectures). Returns the exit code, 128 + signal if it
 * was killed. Standard output and error go to *out and *err (free(), each may be NULL). */
int support_run(const char *const *argv, char **out, char **err);

/* The same in two steps: the outputs go to two files, and `usage`, if not NULL, tells what the
 * program took. */
pid_t support_start(const char *const *argv, const char *out_path, const char *err_path);
int support_wait(pid_t child, struct rusage *usage);

/* Asserts that `error` holds this code and one clear line containing `words`. */
void support_assert_error(const struct error *error, int code, const char *words);

/* Whether the tests were built with sanitizers: a few times slower, and they allocate. */
static inline bool support_sanitized(void)
{
#ifdef __SANITIZE_ADDRESS__
  return true;
#elif defined(__has_feature)
  return __has_feature(address_sanitizer);
#else
  return false;
#endif
}

/* Whether an emulator runs the program: a hundred times slower, a shell cannot start it, and a
 * signal ends the emulator. */
bool support_emulated(void);

/* Whether what is long in a test is left out or made small: under an emulator or sanitizers. */
bool support_slow(void);

/* Runs a group of tests, or a smaller one under an emulator; arrays both. */
#define support_run_tests(tests, few)                                                              \
  (support_emulated() ? cmocka_run_group_tests(few, NULL, NULL)                                    \
                      : cmocka_run_group_tests(tests, NULL, NULL))

#endif
