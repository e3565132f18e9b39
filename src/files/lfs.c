#include "files/lfs.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define MARK "version https://git-lfs" /* what no other file begins with */
#define DIGITS 64                      /* of a SHA-256 in hex */

/* What has not been read yet. */
struct rest {
  const char *data;
  size_t size;
};

static bool skip(struct rest *rest, const char *words)
{
  size_t length = strlen(words);
  if (rest->size < length || memcmp(rest->data, words, length) != 0)
    return false;
  rest->data += length;
  rest->size -= length;
  return true;
}

static bool read_digest(struct rest *rest, char digest[DIGITS + 1])
{
  if (rest->size < DIGITS)
    return false;
  for (size_t i = 0; i < DIGITS; i++) {
    char digit = rest->data[i];
    if ((digit < '0' || digit > '9') && (digit < 'a' || digit > 'f'))
      return false;
  }
  memcpy(digest, rest->data, DIGITS);
  digest[DIGITS] = '\0';
  rest->data += DIGITS;
  rest->size -= DIGITS;
  return true;
}

/* The number and the newline that ends the file. */
static bool read_size(const struct rest *rest, uint64_t *bytes)
{
  if (rest->size == 0 || rest->data[rest->size - 1] != '\n')
    return false;
  size_t length = rest->size - 1;
  if (rest->data[0] == '0' && length > 1)
    return false;
  return text_to_u64(rest->data, length, bytes);
}

enum lfs_kind lfs_pointer_parse(const void *data, size_t size, struct lfs_pointer *pointer)
{
  struct rest rest = {data, size};
  struct lfs_pointer read;
  if (size < strlen(MARK) || memcmp(data, MARK, strlen(MARK)) != 0)
    return LFS_NONE;
  if (!skip(&rest, "version https://git-lfs.github.com/spec/v1\noid sha256:") ||
      !read_digest(&rest, read.sha256) || !skip(&rest, "\nsize ") || !read_size(&rest, &read.bytes))
    return LFS_DAMAGED;
  *pointer = read;
  return LFS_POINTER;
}

int lfs_refuse(const char *file, const void *data, size_t size, struct error *error)
{
  struct lfs_pointer pointer;
  enum lfs_kind kind = lfs_pointer_parse(data, size, &pointer);
  if (kind == LFS_POINTER)
    return error_set(error, EXIT_INPUT,
                     "%s: is a git-lfs pointer (%" PRIu64 " bytes, sha256 %s), not the file; "
                     "fetch it with git lfs pull or attest fetch",
                     file, pointer.bytes, pointer.sha256);
  if (kind == LFS_DAMAGED)
    return error_set(
        error, EXIT_INPUT,
        "%s: begins like a git-lfs pointer but is not one; fetch the file again with git "
        "lfs pull or attest fetch",
        file);
  return 0;
}
