/* What a server says of an error, in its own words. */
#ifndef ATTEST_FETCH_SAID_H
#define ATTEST_FETCH_SAID_H

#include <stddef.h>

/* From the first bytes of the body: the "error" or "message" of a JSON object, the title of a page,
 * the message of an XML document, or the text as it is. One line, cut to fit; "" = nothing that can
 * be shown. */
void said_read(char *out, size_t capacity, const void *body, size_t size);

#endif
