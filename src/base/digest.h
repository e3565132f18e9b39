/* Digests that pin files and trajectories: SHA-256 (libcrypto) and XXH3-128 (xxHash). */
#ifndef ATTEST_BASE_DIGEST_H
#define ATTEST_BASE_DIGEST_H

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"

#include <stddef.h>
#include <stdint.h>

struct digest {
  char sha256[65];   /* 64 lower-case hex digits */
  char xxh3_128[33]; /* 32 lower-case hex digits, canonical (big-endian) order */
};

/* Both digests of size bytes in one pass. Errors: EXIT_RUN (libcrypto). */
int digest_of(const void *data, size_t size, struct digest *digest, struct error *error);

/* The same piece by piece, for bytes that are being written or that come over a network. Start, add
 * in order, finish once; the owner frees it (digester_free, NULL is allowed) at any time. Errors:
 * EXIT_RUN. */
struct digester;
int digester_start(struct digester **digester, struct error *error);
int digester_add(struct digester *digester, const void *data, size_t size, struct error *error);
int digester_finish(struct digester *digester, struct digest *digest, struct error *error);
void digester_free(struct digester *digester);

/* Both digests of a file. Mapped pages are dropped behind it, so that a file larger than memory can
 * be hashed. `progress`, if not NULL, is shown as `before` and the bytes done. Errors: EXIT_RUN. */
int digest_blob(const struct blob *blob, struct progress *progress, double before,
                struct digest *digest, struct error *error);

/* XXH3-128 alone, piece by piece, for figures that are compared and not shown: start, add in order,
 * finish once, which frees it. Errors: EXIT_RUN. */
#define DIGEST_XXH3_BYTES 16
struct digest_stream;
int digest_stream_start(struct digest_stream **stream, struct error *error);
int digest_stream_add(struct digest_stream *stream, const void *data, size_t size,
                      struct error *error);
void digest_stream_finish(struct digest_stream *stream, uint8_t bytes[DIGEST_XXH3_BYTES]);

/* XXH3-128 alone, 32 hex digits and a zero to `hex`. */
void digest_xxh3(const void *data, size_t size, char hex[33]);

#endif
