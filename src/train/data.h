/* What a run is trained on: a batch of tokens for every step. */
#ifndef ATTEST_TRAIN_DATA_H
#define ATTEST_TRAIN_DATA_H

#include "train/phrases.h"
#include "train/token_file.h"

enum data_kind { DATA_PHRASES, DATA_TOKENS };

struct data_settings {
  enum data_kind kind;
  size_t sequences,
      length; /* of a batch; a row holds one token more. Of tokens: as the file says */
  struct phrases phrases;
  const char *file;   /* of tokens: borrowed from the recipe */
  const char *sha256; /* what the file must have; NULL = not said */
};

struct data {
  struct data_settings settings;
  uint32_t seed;
  struct token_file file;
  struct random random; /* of phrases: after step `at` */
  uint64_t at;
};

/* `directory` is where the file's name counts from. Settings are copied, their strings borrowed;
 * the sizes of a token file are filled in. Owner: the caller, data_close, also after an error.
 * Errors: EXIT_INPUT (the file; fewer batches than `steps`), EXIT_RUN. */
int data_open(const struct data_settings *settings, uint32_t seed, const char *directory,
              size_t vocab, uint64_t steps, struct data *data, struct error *error);
void data_close(struct data *data);

/* The batch of step t = 1, 2, ..., [sequences][length + 1]. Documents are drawn one after the other
 * from RandomState(seed), so a step other than the next one draws all before it again. */
void data_batch(struct data *data, uint64_t step, int32_t *tokens);

#endif
