/* An HTTP/1.1 server on 127.0.0.1 for the tests of fetching: a child process, a process for each
 * connection. It keeps one file of `size` pseudo-random bytes under any path; the last part of the
 * path chooses the fault, such as ".../cut" or ".../status-503". */
#ifndef ATTEST_TESTS_SERVER_H
#define ATTEST_TESTS_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVER_SIZE ((size_t)300000)

/* User and password in what the names "user-..." lead to. */
#define SERVER_USER "careless:hf_inTheLocation"

/* The password that the names "echo-..." send back, as if it had been sent to them. */
#define SERVER_TOKEN "hf_ofTheNetrc"

/* What all processes of the server and the test share. */
struct server_shared {
  int requests, connections; /* so far */
  int ranges;                /* requests for a range */
  int version;               /* the test may raise it: another file under the same names */
  int64_t served;            /* bytes of bodies */
  int slow;                  /* microseconds to wait after each 16 KiB */
  int authorized;            /* requests with an Authorization field to this server */
  int at_once, most_at_once; /* bodies being sent */
  int other_port;            /* of another server: where "other-port" leads */
  char last[512];            /* first line of the last request */
};

struct server {
  const char
      *folder; /* set before the start: ".../resolve/REVISION/PATH" is FOLDER/REVISION/PATH */
  void (*look)(const char *target); /* likewise: sees each request before it is answered, in a
                                       process of the server; NULL = nobody */
  int port;
  pid_t child;
  volatile struct server_shared *shared;
};

/* Byte `at` of the file's given version. */
uint8_t server_byte(int version, size_t at);

void server_start(struct server *server);
void server_stop(struct server *server);

#endif
