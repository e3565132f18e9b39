/* The arrays of the first sequences of a screen, for comparison with other implementations. */
#ifndef ATTEST_PROBE_DUMP_H
#define ATTEST_PROBE_DUMP_H

#include "pass/hook.h"

/* All fp32. */
struct dump {
  size_t n, /* sequences */
      layers, heads, head_dim, seq_len, hidden, vocab;
  float *attention; /* [n][layers][heads][seq_len]: weights of the last query */
  float *head_out;  /* [n][layers][heads][head_dim] */
  float *residual;  /* [n][layers + 2][hidden]: embedding, after each layer, after the final norm */
  float *logits;    /* [n][vocab] of the last position */
};

/* Bytes that dump_create takes. */
uint64_t dump_bytes(const struct model_config *config, size_t n, size_t seq_len);

/* Owner: the caller, dump_free. Errors: EXIT_RUN. */
int dump_create(const struct model_config *config, size_t n, size_t seq_len, struct dump *dump,
                struct error *error);
void dump_free(struct dump *dump);

#define DUMP_HOOKS 6

/* The hooks that fill it from a pass over at least n sequences. `dump` must stay where it is until
 * the pass is done; it may still be empty where the pass is planned and not run. */
void dump_hooks(struct dump *dump, size_t n, struct hook hooks[DUMP_HOOKS]);

/* The files that are written: attention, head outputs, residual stream, logits. */
#define DUMP_FILES 4
extern const char *const dump_files[DUMP_FILES];

/* Writes them into `directory`, which is made if missing. Errors: EXIT_RUN. */
int dump_write(const struct dump *dump, const char *directory, struct error *error);

#endif
