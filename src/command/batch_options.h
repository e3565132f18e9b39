/* The options of a batch, which every command that screens or ablates has. */
#ifndef ATTEST_COMMAND_BATCH_OPTIONS_H
#define ATTEST_COMMAND_BATCH_OPTIONS_H

#include "base/options.h"
#include "probe/text_batch.h"

#include <jansson.h>

struct batch_options {
  uint64_t n, vocab[2], seed, pr_n, baseline_n, bos;
  const char *seq_len; /* its least value depends on baseline_n, which may come later */
  bool beyond_context;
};

#define NO_BOS UINT64_MAX

/* As published. */
#define BATCH_OPTIONS_DEFAULT                                                                      \
  {                                                                                                \
    .n = 2000, .vocab = {100, 10000}, .seed = 42, .pr_n = 500, .baseline_n = 50, .bos = NO_BOS     \
  }

/* Table rows for options_parse, for a `struct batch_options *b`; `pr` is the help of --pr-n. */
#define BATCH_OPTIONS(b, pr)                                                                       \
  {"n", OPTION_NUMBER, &(b)->n, 1, BATCH_MAX_N, "N", "number of sequences; default 2000"},         \
      {"seq-len", OPTION_STRING, &(b)->seq_len, 0, 0, "T", "tokens per sequence; default 256"},    \
      {"vocab",                                                                                    \
       OPTION_RANGE,                                                                               \
       (b)->vocab,                                                                                 \
       0,                                                                                          \
       INT32_MAX,                                                                                  \
       "LO:HI",                                                                                    \
       "token ids are drawn from [LO, HI); default 100:10000"},                                    \
      {"seed", OPTION_NUMBER, &(b)->seed, 0, UINT32_MAX, "S", "seed of the batch; default 42"},    \
      {"pr-n", OPTION_NUMBER, &(b)->pr_n, 1, BATCH_MAX_N, "N", pr},                                \
      {"baseline-n",                                                                               \
       OPTION_NUMBER,                                                                              \
       &(b)->baseline_n,                                                                           \
       1,                                                                                          \
       BATCH_MAX_BASELINE,                                                                         \
       "N",                                                                                        \
       "baseline positions; default 50"},                                                          \
      {"bos",                                                                                      \
       OPTION_NUMBER,                                                                              \
       &(b)->bos,                                                                                  \
       0,                                                                                          \
       INT32_MAX,                                                                                  \
       "ID",                                                                                       \
       "put this token at position 0; default: none, as published"},                               \
  {                                                                                                \
    "beyond-context", OPTION_FLAG, &(b)->beyond_context, 0, 0, NULL,                               \
        "allow sequences longer than the model's context"                                          \
  }

/* A user's texts in place of the protocol's sequences. */
struct text_options {
  const char *path; /* NULL = none */
  uint64_t min_first;
};

/* Table rows, for a `struct text_options *t`. */
#define TEXT_OPTIONS(t)                                                                            \
  {"tokens",                                                                                       \
   OPTION_STRING,                                                                                  \
   &(t)->path,                                                                                     \
   0,                                                                                              \
   0,                                                                                              \
   "FILE.npy",                                                                                     \
   "token ids of texts (texts, tokens), int32 or int64, in place of the batch"},                   \
  {                                                                                                \
    "min-first", OPTION_NUMBER, &(t)->min_first, 0, BATCH_MAX_SEQ_LEN, "I",                        \
        "earliest token of an example in a text; default 0"                                        \
  }

/* Reads the file, if any, and makes its batch; n, seq_len and vocab of the protocol become those of
 * the batch. `texts` gets how many there are; `baseline`: for a screen, whose queries must leave a
 * baseline. Owner of the batch: the caller, batch_free. Errors: EXIT_INPUT, EXIT_RUN. */
int text_options_read(const struct text_options *text, bool baseline, struct protocol *protocol,
                      struct batch *batch, int64_t *texts, struct error *error);

/* Refuses options of the batch beside --tokens. Errors: EXIT_INPUT. */
int text_options_alone(const struct text_options *text, const struct batch_options *options,
                       struct error *error);

/* What was read, as a member of a result and as a line. */
json_t *text_options_json(const struct text_options *text, const struct batch *batch,
                          int64_t texts);
void text_options_print(const struct text_options *text, const struct batch *batch, int64_t texts);

/* The protocol that was asked for. Errors: EXIT_INPUT. */
int batch_options_read(const struct batch_options *options, struct protocol *protocol,
                       struct error *error);

#endif
