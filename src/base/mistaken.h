/* A file of another kind under the name of the one that is to be read: a page that was saved in its
 * place, a git-lfs pointer, an archive. */
#ifndef ATTEST_BASE_MISTAKEN_H
#define ATTEST_BASE_MISTAKEN_H

#include "base/error.h"

#include <stddef.h>

enum reads { READS_JSON, READS_SAFETENSORS, READS_PYTORCH, READS_CSV, READS_TENSOR_LIST };

/* Refuses bytes that begin like something the reader certainly cannot read: says what they are
 * (base/sniff.h), how text begins, and the remedy. Returns 0 for what may be right or is unknown,
 * which the reader judges itself. Errors: EXIT_INPUT. */
int mistaken_refuse(const char *file, enum reads what, const void *data, size_t size,
                    struct error *error);

#endif
