/* Pages of mapped files: asked for ahead of use, and dropped after it so that files larger than
 * memory can be read. */
#ifndef ATTEST_BASE_PAGES_H
#define ATTEST_BASE_PAGES_H

#include <stddef.h>

/* Starts reading the pages of `bytes` mapped bytes. */
void pages_read_ahead(const void *data, size_t bytes);

/* Of mapped bytes that are read once, such as those of a file that is hashed: drops the pages that
 * hold nothing else. They read back the same when touched again. */
void pages_drop(const void *data, size_t bytes);

#endif
