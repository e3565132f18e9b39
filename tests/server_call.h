/* Inside the server of the tests: a request, and what answers are made of. Each returns whether the
 * connection goes on. */
#ifndef ATTEST_TESTS_SERVER_CALL_H
#define ATTEST_TESTS_SERVER_CALL_H

#include "server.h"

#include <stdbool.h>

struct call {
  int fd;
  volatile struct server_shared *shared;
  char target[256], name[128], range[64], if_range[128];
  bool head;
  int file;     /* what is served, -1 = pseudo-random bytes */
  size_t total; /* its size */
  int version;  /* of the pseudo-random bytes */
  int count;    /* requests for this name so far, on this server, this one included */
};

/* Whether the last part of the path is this. */
bool call_named(const struct call *call, const char *name);

bool call_put(int fd, const void *data, size_t size);
bool call_say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
void call_nap(long microseconds);

/* A status and fields (each with its line end), no body. */
bool call_empty(int fd, const char *status, const char *fields);

/* Bytes [from, to) of the file, some of them wrong if `flip`. */
bool call_serve(struct call *call, size_t from, size_t to, bool flip);

/* The file as an honest server gives it, ranges and all, but only `cut` bytes of it (0 = all);
 * `etag` "" = none. */
bool call_honest(struct call *call, const char *etag, bool flip, size_t cut);

/* A page of server_pages.c, if the path names one. */
bool call_page(struct call *call, bool *done);

/* The fault that the path chooses, or the file. */
bool call_answer(struct call *call);

#endif
