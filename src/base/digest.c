#include "base/digest.h"

#include "base/memory.h"
#include "base/pages.h"
#include "base/reserve.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <xxh_x86dispatch.h> /* picks the widest vectors of this CPU; the value is the same */
#else
#include <xxhash.h>
#endif

/* Both digests see a piece while it is in the first cache. */
#define PIECE ((size_t)16 << 10)

/* Bytes of a file hashed and dropped at a time. */
#define STRETCH ((size_t)8 << 20)

struct digester {
  EVP_MD_CTX *sha;
  XXH3_state_t *xxh3;
};

static void hex_of(const unsigned char *bytes, size_t count, char *hex)
{
  for (size_t i = 0; i < count; i++)
    snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

static void xxh3_hex(XXH128_hash_t hash, char hex[33])
{
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  hex_of(canonical.digest, sizeof canonical.digest, hex);
}

void digest_xxh3(const void *data, size_t size, char hex[33])
{
  xxh3_hex(XXH3_128bits(data, size), hex);
}

/* libcrypto does not tell its callers why; SHA-256 needs nothing but memory. */
static int failed(struct error *error)
{
  return error_set(error, EXIT_RUN, "out of memory for digests, or libcrypto has no SHA-256");
}

int digester_start(struct digester **digester, struct error *error)
{
  struct digester *made = memory_zeroed(1, sizeof *made, "digest", error);
  if (!made)
    return error->code;
  made->sha = EVP_MD_CTX_new();
  made->xxh3 = XXH3_createState();
  if (!made->sha || !made->xxh3 || reserve_touched() ||
      EVP_DigestInit_ex(made->sha, EVP_sha256(), NULL) != 1 ||
      XXH3_128bits_reset(made->xxh3) != XXH_OK) {
    digester_free(made);
    return failed(error);
  }
  *digester = made;
  return 0;
}

int digester_add(struct digester *digester, const void *data, size_t size, struct error *error)
{
  const uint8_t *bytes = data;
  for (size_t at = 0; at < size; at += PIECE) {
    size_t piece = size - at < PIECE ? size - at : PIECE;
    if (EVP_DigestUpdate(digester->sha, bytes + at, piece) != 1 ||
        XXH3_128bits_update(digester->xxh3, bytes + at, piece) != XXH_OK)
      return failed(error);
  }
  return 0;
}

int digester_finish(struct digester *digester, struct digest *digest, struct error *error)
{
  unsigned char sha[EVP_MAX_MD_SIZE];
  if (EVP_DigestFinal_ex(digester->sha, sha, NULL) != 1 || reserve_touched())
    return failed(error);
  hex_of(sha, 32, digest->sha256);
  xxh3_hex(XXH3_128bits_digest(digester->xxh3), digest->xxh3_128);
  return 0;
}

void digester_free(struct digester *digester)
{
  if (!digester)
    return;
  EVP_MD_CTX_free(digester->sha);
  XXH3_freeState(digester->xxh3);
  free(digester);
}

int digest_of(const void *data, size_t size, struct digest *digest, struct error *error)
{
  struct digester *digester;
  if (digester_start(&digester, error))
    return error->code;
  int status = digester_add(digester, data, size, error);
  if (!status)
    status = digester_finish(digester, digest, error);
  digester_free(digester);
  return status;
}

int digest_blob(const struct blob *blob, struct progress *progress, double before,
                struct digest *digest, struct error *error)
{
  struct digester *digester;
  if (digester_start(&digester, error))
    return error->code;
  int status = 0;
  for (size_t at = 0; at < blob->size && !status; at += STRETCH) {
    size_t size = blob->size - at < STRETCH ? blob->size - at : STRETCH;
    status = digester_add(digester, blob->data + at, size, error);
    if (blob->mapped)
      pages_drop(blob->data + at, size);
    if (progress)
      progress_update(progress, before + (double)(at + size));
  }
  if (!status)
    status = digester_finish(digester, digest, error);
  digester_free(digester);
  return status;
}

struct digest_stream {
  XXH3_state_t *xxh3;
};

int digest_stream_start(struct digest_stream **stream, struct error *error)
{
  struct digest_stream *made = memory_zeroed(1, sizeof *made, "digest", error);
  if (!made)
    return error->code;
  made->xxh3 = XXH3_createState();
  if (!made->xxh3 || XXH3_128bits_reset(made->xxh3) != XXH_OK) {
    XXH3_freeState(made->xxh3);
    free(made);
    return failed(error);
  }
  *stream = made;
  return 0;
}

int digest_stream_add(struct digest_stream *stream, const void *data, size_t size,
                      struct error *error)
{
  return XXH3_128bits_update(stream->xxh3, data, size) == XXH_OK ? 0 : failed(error);
}

void digest_stream_finish(struct digest_stream *stream, uint8_t bytes[DIGEST_XXH3_BYTES])
{
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(stream->xxh3));
  memcpy(bytes, canonical.digest, DIGEST_XXH3_BYTES);
  XXH3_freeState(stream->xxh3);
  free(stream);
}
