/* A checkpoint's own tokenizer.json (format of the tokenizers library), where it is a byte-level
 * BPE as in GPT-2, GPT-NeoX, OLMo, Llama-3 and their like. The ids are those of that library; what
 * is not supported is refused by name (docs/TASKS.md). */
#ifndef ATTEST_TASK_TOKENIZER_H
#define ATTEST_TASK_TOKENIZER_H

#include "base/error.h"
#include "base/text.h"
#include "task/token_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKENIZER_MAX_BYTES ((size_t)1 << 26)      /* of the file */
#define TOKENIZER_MAX_TEXT_BYTES ((size_t)1 << 24) /* of one text */

struct tokenizer;

/* Reads a file, or tokenizer.json of a checkpoint's folder or of one inside an archive
 * ("ARCHIVE:DIR"). Owner: the caller, tokenizer_free (NULL is allowed). Errors: EXIT_INPUT,
 * EXIT_RUN. */
int tokenizer_open(const char *path, struct tokenizer **tokenizer, struct error *error);

/* The same from bytes in memory; `name` appears in messages. */
int tokenizer_parse(const char *name, const void *data, size_t size, struct tokenizer **tokenizer,
                    struct error *error);
void tokenizer_free(struct tokenizer *tokenizer);

/* The largest id + 1. */
int64_t tokenizer_vocab(const struct tokenizer *tokenizer);

/* Of the file, 64 hex digits. */
const char *tokenizer_sha256(const struct tokenizer *tokenizer);

/* Adds the ids of a UTF-8 text to `list`; `special`: with the special tokens that the file's
 * post-processor puts around it. Errors: EXIT_INPUT (where the text is not UTF-8; it is too long; a
 * byte that has no token; a post-processor that is not supported), EXIT_RUN. */
int tokenizer_encode(struct tokenizer *tokenizer, const char *text, size_t size, bool special,
                     struct token_list *list, struct error *error);

/* The special tokens that encoding with `special` puts before and after a text. */
const struct token_list *tokenizer_before(const struct tokenizer *tokenizer);
const struct token_list *tokenizer_after(const struct tokenizer *tokenizer);

/* The type of a post-processor that cannot be applied; "" = there is none such. */
const char *tokenizer_unsupported(const struct tokenizer *tokenizer);

/* The id of an added token by its text, such as "<|endoftext|>"; -1 = there is none. */
int32_t tokenizer_added(const struct tokenizer *tokenizer, const char *text);

/* Adds the bytes of a token, which need not be whole characters, to *bytes (its data may hold zero
 * bytes). false = no token has this id. text->failed without memory. */
bool tokenizer_bytes(const struct tokenizer *tokenizer, int64_t id, struct text *bytes);

#endif
