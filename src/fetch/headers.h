/* The header lines of an answer. */
#ifndef ATTEST_FETCH_HEADERS_H
#define ATTEST_FETCH_HEADERS_H

#include "fetch/http.h"

/* Reads one line into the answer; `hub` tells whether it comes from the hub. A status line begins
 * a new answer, of which nothing is known but what the hub said before. */
void headers_read(struct http_answer *answer, bool hub, const char *line, size_t size);

#endif
