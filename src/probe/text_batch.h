/* Token ids of a user's own texts, and the induction that occurs in them by itself
 * (docs/PROTOCOL.md, "Natural text"). */
#ifndef ATTEST_PROBE_TEXT_BATCH_H
#define ATTEST_PROBE_TEXT_BATCH_H

#include "base/file.h"
#include "probe/batch.h"

/* In the mapped file: only what is asked for takes memory. */
struct token_rows {
  struct blob blob;
  const uint8_t *ids;   /* [rows][length] little-endian, of `width` bytes, may be unaligned */
  size_t width;         /* 4 or 8 */
  int64_t rows, length; /* texts, tokens of each */
  int32_t largest;      /* id */
};

/* Maps a .npy file (base/npy_header.h) of '<i4' or '<i8' with shape (rows, length), C order, and
 * looks at every id. Owner: the caller, token_rows_free. Errors: EXIT_INPUT (not such a file, cut
 * short, an id below 0 or from BATCH_MAX_VOCAB on, with row and column), EXIT_RUN. */
int token_rows_read(const char *path, struct token_rows *tokens, struct error *error);

/* One text, to ids[length]. */
void token_rows_get(const struct token_rows *tokens, int64_t row, int32_t *ids);
void token_rows_free(struct token_rows *tokens);

/* The first n texts with an example, at most one each: of the smallest i >= min_first such that
 * ids[i] and ids[i+1] are different, both at least 100, and ids[i] stands at i+21 or later, too,
 * the query is the last such place. a = ids[i], b = ids[i+1], ab = i; b_position = i+1, wherever
 * else b stands. Texts whose query leaves no place for one of the baseline positions are passed
 * over; baseline_n 0 = none is needed. batch->n is how many there are; `path` appears in messages.
 * Owner: the caller, batch_free. Errors: EXIT_INPUT (no text has an example; texts too short for
 * the baseline), EXIT_RUN. */
#define TEXT_LEAST_ID 100 /* below are bytes and marks */
#define TEXT_LEAST_GAP 21
int batch_of_text(const char *path, const struct token_rows *tokens, int64_t n, int64_t min_first,
                  int64_t baseline_n, struct batch *batch, struct error *error);

#endif
