/* Errors: one clear line (file, what, where, what to do) and the exit code that goes with it. */
#ifndef ATTEST_BASE_ERROR_H
#define ATTEST_BASE_ERROR_H

/* Exit codes of the program; functions that can fail return one of them (0 = success). */
enum exit_code {
  EXIT_HELD = 0,  /* done, all checks held */
  EXIT_CHECK = 1, /* a check failed: a mismatch, a claim not reproduced */
  EXIT_INPUT = 2, /* bad usage or bad input */
  EXIT_RUN = 3    /* could not run: no memory, no space, no permission, unsuitable CPU */
};

struct error {
  int code;        /* enum exit_code; 0 while nothing went wrong */
  char text[1024]; /* one line without newline, UTF-8; all that is not printable is written as \xNN,
                      and addresses without user and password */
};

/* Records an error and returns `code`, so that a caller can `return error_set(...)`.
 * The text is cut at the end of the buffer. `error` must not be NULL. */
int error_set(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What an errno means for people: strerror, but plainly where memory or the disk ran out. */
const char *error_reason(int reason);

/* Puts "prefix: " in front of a recorded error; returns its code. */
int error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
