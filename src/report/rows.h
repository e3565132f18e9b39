/* Attention rows position by position, as attest screen --dump writes them. */
#ifndef ATTEST_REPORT_ROWS_H
#define ATTEST_REPORT_ROWS_H

#include "base/digest.h"
#include "base/file.h"

/* All zero: none. Release with rows_free. */
struct rows {
  size_t n, layers, heads, seq_len;
  struct blob file;     /* fp32 weights of the last query [n][layers][heads][seq_len] ... */
  size_t start;         /* ... begin here */
  struct digest digest; /* of the file */
};

/* Reads attn_last.npy of a folder. Errors: EXIT_INPUT, EXIT_RUN. */
int rows_read(const char *directory, struct rows *rows, struct error *error);
void rows_free(struct rows *rows);

/* The weight at a position, of one sequence. */
float rows_at(const struct rows *rows, size_t sequence, size_t layer, size_t head, size_t position);

/* The mean over all sequences: a sum in double in their order, divided by their number. */
double rows_mean(const struct rows *rows, size_t layer, size_t head, size_t position);

#endif
