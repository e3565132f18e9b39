/* The options of a batch, which every command that screens or ablates has. */
#ifndef ATTEST_COMMAND_BATCH_OPTIONS_H
#define ATTEST_COMMAND_BATCH_OPTIONS_H

#include "base/options.h"
#include "probe/batch.h"

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

/* The protocol that was asked for. Errors: EXIT_INPUT. */
int batch_options_read(const struct batch_options *options, struct protocol *protocol,
                       struct error *error);

#endif
