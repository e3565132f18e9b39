/* How far weights moved from one revision to the next, on a few matrices: revisions between which
 * nothing moved may be one and the same under two names. */
#ifndef ATTEST_MANIFEST_MOVES_H
#define ATTEST_MANIFEST_MOVES_H

#include "base/error.h"
#include "checkpoint/checkpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOVES_MOST 6
#define MOVES_MOST_ELEMENTS ((uint64_t)16 << 20)
#define MOVES_PIECE 1024 /* elements; MOVES_MOST_ELEMENTS is a multiple of it */

struct move {
  char *tensor;        /* its name */
  double norm;         /* |after - before| / |before|, the norms of all elements (Frobenius) */
  bool identical;      /* the same values, 0 and -0 apart, as far as they were compared */
  bool sampled;        /* too large: norm and identical are those of a sample */
  bool not_comparable; /* missing on one side, or of another shape: nothing was read, norm is 0 */
};

struct move_list {
  size_t count;
  struct move *moves;    /* those that were compared, then not_comparable ones; each by name */
  size_t not_comparable; /* of all matrices; the first MOVES_MOST of them are in the list */
};

/* Compares two checkpoints.
 *
 * Matrices: tensors of rank 2 with F32, BF16 or F16 elements, one or more. (Squares of F64 could
 * leave the range of doubles, and models do not have them.) Of the n that both hold with equal
 * shape, whatever their types, up to MOVES_MOST are compared: all, or numbers i * (n - 1) /
 * (MOVES_MOST - 1) in name order, so that the first and the last are among them.
 *
 * Of one with more than MOVES_MOST_ELEMENTS elements, such as an embedding, that many are compared:
 * pieces of MOVES_PIECE consecutive ones (in row-major order), evenly spread. Piece i of p begins
 * at element i * (elements - MOVES_PIECE) / (p - 1), so the first and the last element are in.
 *
 * Arithmetic: elements are widened to double, which is exact; then one by one, in that order,
 * d = after - before, moved = moved + d * d, size = size + before * before, each operation rounded
 * to double; norm = sqrt(moved) / sqrt(size), the same bits everywhere. Where nothing moved it is 0
 * (also from 0 to -0, which is not identical); else it is infinite where all was 0 before.
 *
 * What was read of mapped files is dropped from memory (pages.h).
 *
 * Owner: the caller, moves_free. Errors: EXIT_INPUT (an element that is not finite), EXIT_RUN. */
int moves_compare(const struct checkpoint *before, const struct checkpoint *after,
                  struct move_list *moves, struct error *error);
void moves_free(struct move_list *moves); /* all zero is allowed */

#endif
