/* Lines for whoever waits for long work: what it reads, how long it will take. */
#ifndef ATTEST_BASE_NOTICE_H
#define ATTEST_BASE_NOTICE_H

/* Takes a line, without its newline. */
typedef void notice_line(void *context, const char *line);

struct notices {
  notice_line *line; /* NULL: nobody wants to know */
  void *context;     /* of line */
};

/* Formats a line of at most 3 KiB, the rest cut, and hands it over, if anybody takes it. */
void notices_add(const struct notices *notices, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
