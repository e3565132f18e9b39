/* The arrays of the first sequences of a screen, for comparison with other implementations. */
#ifndef ATTEST_PROBE_DUMP_H
#define ATTEST_PROBE_DUMP_H

#include "pass/forward.h"

#define DUMP_SEQUENCES 8

/* n = min(8, sequences); all fp32. */
struct dump {
  size_t n, layers, heads, head_dim, seq_len, hidden, vocab;
  float *attention; /* [n][layers][heads][seq_len]: weights of the last query */
  float *head_out;  /* [n][layers][heads][head_dim] */
  float *residual;  /* [n][layers + 2][hidden]: embedding, after each layer, after the final norm */
  float *logits;    /* [n][vocab] of the last position */
};

/* Bytes that dump_create takes. */
uint64_t dump_bytes(const struct model_config *config, size_t sequences, size_t seq_len);

int dump_create(const struct model_config *config, size_t sequences, size_t seq_len,
                struct dump *dump, struct error *error);
void dump_free(struct dump *dump);

/* Receivers; indexes as in struct forward_observer, sequences past the first n are ignored. */
void dump_head(struct dump *dump, size_t layer, size_t sequence, size_t head,
               const float *attention_row, const float *head_output);
void dump_residual(struct dump *dump, size_t index, size_t sequence, const float *row);
void dump_logits(struct dump *dump, size_t sequence, size_t first, size_t count, const float *part);

/* Writes attn_last.npy, headout_last.npy, hidden_last.npy and logits_last.npy into `directory`,
 * which is made if missing. Errors: EXIT_RUN. */
int dump_write(const struct dump *dump, const char *directory, struct error *error);

#endif
