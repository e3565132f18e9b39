/* HTTP by libcurl: one request at a time on a connection that is kept. Redirects are followed here
 * (at most ten, http and https only, never from https to http), so that credentials of ~/.netrc go
 * to the first host and to no other, and those in an address nowhere. TLS is always verified;
 * proxies are those of the environment.
 */
#ifndef ATTEST_FETCH_HTTP_H
#define ATTEST_FETCH_HTTP_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http; /* belongs to one thread */

struct http_answer {
  long status;
  bool has_length, has_range, encoded; /* encoded: compressed, which was not asked for */
  uint64_t length;                     /* Content-Length */
  uint64_t range_first, range_last, range_total;
  char etag[256];      /* strong ETag with its quotes; "" = none */
  uint64_t wait;       /* Retry-After in seconds; 0 = not said */
  bool has_hub_length; /* what the hub says of a file kept elsewhere, before it leads to another */
  uint64_t hub_length; /* host: X-Linked-Size and, from X-Linked-ETag, the SHA-256 */
  char hub_sha256[65]; /* "" = not said */
  char said[1024];     /* of an error, the server's own words in one line; "" = none */
};

/* Takes a piece of the body of an answer 200 or 206; not 0 ends the transfer. */
typedef int http_body(void *context, const struct http_answer *answer, const void *data,
                      size_t size);

struct http_request {
  const char *url;
  bool head;            /* the headers only, and of those no more than tell the size: a redirect
                           with has_hub_length is not followed */
  uint64_t offset;      /* asks for the bytes from here on; 0 = all */
  const char *if_range; /* ETag that those bytes must have, otherwise all is sent; NULL = none */
  http_body *body;
  void *context;
};

enum http_end {
  HTTP_ANSWERED, /* whole; the status may be any */
  HTTP_BROKEN,   /* the network or the server failed: error, EXIT_RUN; worth another try */
  HTTP_REFUSED,  /* what no other try would change: error, EXIT_RUN */
  HTTP_STOPPED   /* by `body`, or by an interrupt: error is not set here */
};

/* Once, before any other thread: initialises libcurl. Errors: EXIT_RUN. */
int http_initialise(struct error *error);

/* Whether this is an http or https address without user, query and fragment. Errors: EXIT_INPUT. */
int http_check_base(const char *base, struct error *error);

/* Whether a redirect between these addresses is followed: to http or https, never from https to
 * http. */
bool http_may_lead(const char *from, const char *to);

/* The address without user, password and fragment, which are neither compared, followed, kept nor
 * shown; free(). NULL: it is none, or there is no memory. */
char *http_plain(const char *address);

/* Length of what is shown of a plain address: a query may hold a signature or a token. */
int http_shown(const char *address);

/* Whether scheme, host and port are the same: what a password may be sent to. */
bool http_same_origin(const char *a, const char *b);

/* "{base}/{repository}/resolve/{revision}/{path}", percent-encoded; free(). NULL: EXIT_RUN. */
char *http_address(const char *base, const char *repository, const char *revision, const char *path,
                   struct error *error);

/* A transfer slower than 1 KiB/s during stall_seconds is broken. Owner: the caller, http_close.
 * Errors: EXIT_RUN. */
int http_open(uint64_t stall_seconds, struct http **http, struct error *error);
void http_close(struct http *http); /* NULL is allowed */

enum http_end http_get(struct http *http, const struct http_request *request,
                       struct http_answer *answer, struct error *error);

#endif
