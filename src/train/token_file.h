/* Batches of tokens from a file: .npy (base/npy_header.h), '<i4' in C order,
 * [steps][sequences][tokens + 1]. A row's inputs are all its tokens but the last, its targets all
 * but the first. */
#ifndef ATTEST_TRAIN_TOKEN_FILE_H
#define ATTEST_TRAIN_TOKEN_FILE_H

#include "base/digest.h"
#include "base/file.h"

struct token_file {
  struct blob blob;
  const uint8_t *tokens; /* [steps][sequences][length + 1] little-endian, may be unaligned */
  size_t steps, sequences, length;
  struct digest digest; /* of the file */
};

/* The array that the bytes of a file hold; `name` appears in messages. `digest` stays empty; the
 * bytes must outlive the result, and belong to it if it was token_file_open. Errors: EXIT_INPUT
 * (another format, type, order or rank; a file that is too short or too long; sizes out of range).
 */
int token_file_parse(const char *name, const void *data, size_t size, struct token_file *file,
                     struct error *error);

/* Maps a file and looks at every token: all must be in [0, vocab). Owner: the caller,
 * token_file_close. Errors: those of token_file_parse, of file_map, EXIT_INPUT (a token with its
 * place). */
int token_file_open(const char *path, size_t vocab, struct token_file *file, struct error *error);
void token_file_close(struct token_file *file);

/* The batch of step t = 1, 2, ..., steps: [sequences][length + 1]. */
void token_file_batch(const struct token_file *file, size_t step, int32_t *tokens);

#endif
