/* The credentials that were sent: a server may send them back, in an error text, a tag or an
 * address, and must not make us write them down. libcurl reads ~/.netrc by itself, so they are
 * learned from the requests. */
#ifndef ATTEST_FETCH_SECRETS_H
#define ATTEST_FETCH_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

/* All zero = none yet. Release with secrets_free, which also clears the memory. */
struct secrets {
  char *text[12];
  size_t count;
  bool lost; /* no memory, or too many: everything might be one */
};

/* Learns what "Authorization" and "Proxy-Authorization" of a request's header lines hold: the
 * encoded text, the password and, when it is long enough to be one, the user. */
void secrets_learn(struct secrets *secrets, const char *request, size_t size);

/* Whether a secret is in the text. */
bool secrets_in(const struct secrets *secrets, const char *text);

/* Overwrites secrets in the text with '*'. */
void secrets_hide(const struct secrets *secrets, char *text);

void secrets_free(struct secrets *secrets);

#endif
