/* What writing and reading a part of a screen have in common (piece.h). */
#ifndef ATTEST_STUDY_PIECE_FORMAT_H
#define ATTEST_STUDY_PIECE_FORMAT_H

#include "study/piece.h"

#define PIECE_MAGIC "attest part "
#define PIECE_VERSION "1"
#define PIECE_TRAILER 99 /* three digests, a newline after each */

/* Bytes of figures and outputs; false when that overflows. */
bool piece_sizes(const struct protocol *protocol, const struct piece_head *head, uint64_t *figures,
                 uint64_t *outputs);

/* The end of a file, of its three pieces. */
void piece_digests(char trailer[PIECE_TRAILER], const void *head, size_t head_bytes,
                   const void *figures, size_t figure_bytes, const void *outputs,
                   size_t output_bytes);

/* Whether all are finite. The bytes need not be aligned. */
bool piece_finite_doubles(const uint8_t *bytes, uint64_t size);
bool piece_finite_floats(const uint8_t *bytes, uint64_t size);

#endif
