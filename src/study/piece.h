/* A part of a screen: what a range of its sequences showed of every head, as one shard saw it, in a
 * file that another machine can join with the others.
 *
 *   attest part 1\n                 the version of this format
 *   {"attest": ..., ...}\n          one line of JSON, padded with blanks: what follows begins at a
 *                                   multiple of 64 bytes
 *   doubles [heads][to - from][7]   weights of the six classes, baseline (probe/observe.h)
 *   floats [heads][rows][head_dim]  head outputs of the sequences below min(pr_n, n)
 *   XXH3-128 of each of the three   32 hexadecimal digits and \n
 *
 * Numbers are little-endian. The digests tell damage, not forgery: whoever writes a part can write
 * any figures into it. */
#ifndef ATTEST_STUDY_PIECE_H
#define ATTEST_STUDY_PIECE_H

#include "base/file.h"
#include "manifest/manifest.h"
#include "probe/observe.h"
#include "study/shard.h"

#include <jansson.h>

/* What a part is of. */
struct piece_head {
  char revision[256];
  char
      identity[33]; /* of the whole screen of this checkpoint: program, protocol, config, tensors */
  struct shard_range range;
  int64_t layers, heads, head_dim; /* heads a layer */
};

/* All zero: none. Release with piece_free. */
struct piece {
  struct piece_head head;
  double *figures; /* [layers * heads][to - from][OBSERVED_FIGURES]; owned */
  float *outputs;  /* [layers * heads][rows][head_dim]; owned */
};

/* Bytes that piece_take allocates for a model of this shape. */
uint64_t piece_bytes(const struct protocol *protocol, const struct shard_range *range,
                     uint64_t heads, uint64_t head_dim);

/* Takes the range of head.range, all else in the head being set, from observations. Errors:
 * EXIT_RUN (memory; a figure is missing). */
int piece_take(const struct observations *observations, const struct protocol *protocol,
               struct piece *piece, struct error *error);

/* Writes it as a part of this manifest, made of the files `read` (files_read.h). Errors: EXIT_RUN.
 */
int piece_write(const char *path, const struct manifest *manifest, const struct piece *piece,
                json_t *read, struct error *error);
void piece_free(struct piece *piece);

/* A part's file, mapped. Release with piece_close; all zero is allowed. */
struct piece_file {
  char *path; /* owned */
  struct blob blob;
  struct piece_head head;
  json_t *read;                     /* an array, as written; owned */
  const uint8_t *figures, *outputs; /* in the blob, not aligned for their types */
};

/* Opens a file as a part of this manifest: format, program, protocol, manifest and size are
 * checked, the digest is not yet. Errors: EXIT_INPUT, EXIT_RUN. */
int piece_open(const char *path, const struct manifest *manifest, struct piece_file *file,
               struct error *error);
void piece_close(struct piece_file *file);

/* Checks the digests, and that all figures are finite. Errors: EXIT_INPUT. */
int piece_check(const struct piece_file *file, const struct manifest *manifest,
                struct error *error);

/* The same, then puts all figures into observations of its shape. */
int piece_put(const struct piece_file *file, const struct manifest *manifest,
              struct observations *observations, struct error *error);

#endif
