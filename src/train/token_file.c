#include "train/token_file.h"

#include "base/npy_header.h"

#include <string.h>

#define REMEDY                                                                                     \
  "tokens are a .npy file, '<i4' in C order, of shape (steps, sequences, tokens + 1), as "         \
  "numpy.save writes an int32 array"
#define MOST_STEPS ((size_t)1 << 40)
#define MOST_SEQUENCES ((size_t)1 << 16)
#define MOST_TOKENS ((size_t)1 << 20)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "'<i4' is read as it is in memory");

int token_file_parse(const char *name, const void *data, size_t size, struct token_file *file,
                     struct error *error)
{
  struct npy_header header;
  size_t shape[3], count;
  *file = (struct token_file){0};
  if (npy_header_parse(name, data, size, REMEDY, &header, error) ||
      npy_header_expect(name, &header, "<i4", REMEDY, error))
    return error->code;
  for (int i = 0; i < 3; i++)
    shape[i] = header.shape[i] > MOST_STEPS ? MOST_STEPS + 1 : (size_t)header.shape[i];
  if (!shape[0] || shape[0] > MOST_STEPS || !shape[1] || shape[2] < 2 ||
      shape[1] > MOST_SEQUENCES || shape[2] > MOST_TOKENS + 1)
    return error_set(error, EXIT_INPUT,
                     "%s: shape (%zu, %zu, %zu): must be at least (1, 1, 2) and at most %zu "
                     "sequences of %zu tokens and one",
                     name, shape[0], shape[1], shape[2], MOST_SEQUENCES, MOST_TOKENS);
  if (__builtin_mul_overflow(shape[0], shape[1] * shape[2] * sizeof(int32_t), &count) ||
      count != size - header.start)
    return error_set(error, EXIT_INPUT,
                     "%s: shape (%zu, %zu, %zu) and %zu bytes of tokens do not fit together; the "
                     "file is cut off or has bytes after them",
                     name, shape[0], shape[1], shape[2], size - header.start);
  file->tokens = (const uint8_t *)data + header.start;
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
