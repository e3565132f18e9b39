#include "train/token_file.h"

#include "base/text.h"

#include <string.h>

#define PREFIX 10 /* magic, version, and the length of the header as a 16-bit integer */
#define MOST_STEPS ((size_t)1 << 40)
#define MOST_SEQUENCES ((size_t)1 << 16)
#define MOST_TOKENS ((size_t)1 << 20)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "'<i4' is read as it is in memory");

static int not_readable(const char *name, const char *what, struct error *error)
{
  return error_set(error, EXIT_INPUT,
                   "%s: %s; tokens are a .npy file of version 1.0, '<i4' in C order, of shape "
                   "(steps, sequences, tokens + 1), as numpy.save writes an int32 array",
                   name, what);
}

/* What follows `key` in a header of `length` bytes; NULL when it is not there exactly once. */
static const char *value_of(const char *header, size_t length, const char *key)
{
  size_t size = strlen(key);
  const char *found = NULL;
  for (size_t i = 0; i + size <= length; i++)
    if (memcmp(header + i, key, size) == 0) {
      if (found)
        return NULL;
      found = header + i + size;
    }
  return found;
}

static bool begins(const char *at, const char *end, const char *word)
{
  size_t size = strlen(word);
  return at && size <= (size_t)(end - at) && memcmp(at, word, size) == 0;
}

/* "(30, 16, 65)" */
static bool read_shape(const char *at, const char *end, size_t shape[3])
{
  for (int i = 0; i < 3; i++) {
    uint64_t value;
    size_t digits = 0;
    if (!begins(at, end, i ? ", " : "("))
      return false;
    at += i ? 2 : 1;
    while (at + digits < end && at[digits] >= '0' && at[digits] <= '9')
      digits++;
    if (!digits || !text_to_u64(at, digits, &value) || value > MOST_STEPS)
      return false;
    shape[i] = (size_t)value;
    at += digits;
  }
  return begins(at, end, ")");
}

static int read_header(const char *name, const char *header, size_t length, size_t shape[3],
                       struct error *error)
{
  const char *end = header + length;
  if (!begins(value_of(header, length, "'descr': "), end, "'<i4'"))
    return not_readable(name, "the elements are not '<i4'", error);
  if (!begins(value_of(header, length, "'fortran_order': "), end, "False"))
    return not_readable(name, "the array is not in C order", error);
  if (!read_shape(value_of(header, length, "'shape': "), end, shape))
    return not_readable(name, "the array does not have three dimensions", error);
  return 0;
}

int token_file_parse(const char *name, const void *data, size_t size, struct token_file *file,
                     struct error *error)
{
  const uint8_t *bytes = data;
  size_t shape[3], count;
  *file = (struct token_file){0};
  if (size < PREFIX || memcmp(bytes, "\x93NUMPY\x01\x00", 8) != 0)
    return not_readable(name, "not a .npy file of version 1.0", error);
  size_t length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
  if (length > size - PREFIX)
    return not_readable(name, "the header is longer than the file", error);
  if (read_header(name, (const char *)bytes + PREFIX, length, shape, error))
    return error->code;
  if (!shape[0] || !shape[1] || shape[2] < 2 || shape[1] > MOST_SEQUENCES ||
      shape[2] > MOST_TOKENS + 1)
    return error_set(error, EXIT_INPUT,
                     "%s: shape (%zu, %zu, %zu): must be at least (1, 1, 2) and at most %zu "
                     "sequences of %zu tokens and one",
                     name, shape[0], shape[1], shape[2], MOST_SEQUENCES, MOST_TOKENS);
  if (__builtin_mul_overflow(shape[0], shape[1] * shape[2] * sizeof(int32_t), &count) ||
      count != size - PREFIX - length)
    return error_set(error, EXIT_INPUT,
                     "%s: shape (%zu, %zu, %zu) and %zu bytes of tokens do not fit together; the "
                     "file is cut off or has bytes after them",
                     name, shape[0], shape[1], shape[2], size - PREFIX - length);
  file->tokens = bytes + PREFIX + length;
  file->steps = shape[0];
  file->sequences = shape[1];
  file->length = shape[2] - 1;
  return 0;
}

static int check_tokens(const char *path, const struct token_file *file, size_t vocab,
                        struct error *error)
{
  size_t width = file->length + 1, count = file->steps * file->sequences * width;
  for (size_t i = 0; i < count; i++) {
    int32_t token;
    memcpy(&token, file->tokens + i * sizeof token, sizeof token);
    if (token < 0 || (size_t)token >= vocab)
      return error_set(error, EXIT_INPUT,
                       "%s: token %d at [%zu][%zu][%zu]: must be between 0 and %zu, the model's "
                       "vocabulary",
                       path, token, i / width / file->sequences, i / width % file->sequences,
                       i % width, vocab - 1);
  }
  return 0;
}

int token_file_open(const char *path, size_t vocab, struct token_file *file, struct error *error)
{
  struct blob blob;
  struct digest digest;
  *file = (struct token_file){0};
  if (file_map(path, &blob, error))
    return error->code;
  int status = token_file_parse(path, blob.data, blob.size, file, error);
  if (!status)
    status = check_tokens(path, file, vocab, error);
  if (!status)
    status = digest_blob(&blob, NULL, 0, &digest, error);
  if (status) {
    blob_free(&blob);
    *file = (struct token_file){0};
    return status;
  }
  file->blob = blob;
  file->digest = digest;
  return 0;
}

void token_file_close(struct token_file *file)
{
  if (file->tokens)
    blob_free(&file->blob);
  *file = (struct token_file){0};
}

void token_file_batch(const struct token_file *file, size_t step, int32_t *tokens)
{
  size_t bytes = file->sequences * (file->length + 1) * sizeof *tokens;
  memcpy(tokens, file->tokens + (step - 1) * bytes, bytes);
}
