#include "checkpoint/digest.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <xxhash.h>

/* Both digests see a piece while it is in the cache. */
#define PIECE ((size_t)256 << 10)

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

int digest_of(const void *data, size_t size, struct digest *digest, struct error *error)
{
  unsigned char sha[EVP_MAX_MD_SIZE];
  const uint8_t *bytes = data;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  XXH3_state_t *state = XXH3_createState();
  int good = context && state && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
             XXH3_128bits_reset(state) == XXH_OK;
  for (size_t at = 0; good && at < size; at += PIECE) {
    size_t piece = size - at < PIECE ? size - at : PIECE;
    good = EVP_DigestUpdate(context, bytes + at, piece) == 1 &&
           XXH3_128bits_update(state, bytes + at, piece) == XXH_OK;
  }
  good = good && EVP_DigestFinal_ex(context, sha, NULL) == 1;
  if (good) {
    hex_of(sha, 32, digest->sha256);
    xxh3_hex(XXH3_128bits_digest(state), digest->xxh3_128);
  }
  EVP_MD_CTX_free(context);
  XXH3_freeState(state);
  return good ? 0 : error_set(error, EXIT_RUN, "digest: libcrypto or xxHash failed");
}
