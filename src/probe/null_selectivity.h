/* How large an induction selectivity comes out by chance: the attention of the last query to random
 * positions in place of the one after the first a (docs/PROTOCOL.md, "Nulls").
 *
 * RandomState(seed); for each draw, for each valid sequence ascending, a position p = randint(1,
 * T-1), drawn again while it is one of T-1 ... T-6, ab or ab+1. The null of a head and a draw is
 * the mean attention at these positions, summed in sequence order from +0, / max(baseline, 1e-8),
 * with the baseline of the screen. */
#ifndef ATTEST_PROBE_NULL_SELECTIVITY_H
#define ATTEST_PROBE_NULL_SELECTIVITY_H

#include "base/error.h"
#include "base/threads.h"
#include "pass/hook.h"
#include "probe/batch.h"
#include "probe/head.h"

#include <stddef.h>
#include <stdint.h>

#define NULL_SEED 2026         /* as published, for positions and for random tokens */
#define NULL_DRAWS 500         /* as published */
#define NULL_MOST_DRAWS 100000 /* far above any use */

/* By linear interpolation (base/quantile.h). */
struct null_quantiles {
  double max, p99, p95, median;
};

struct null_selectivity {
  const struct batch *batch; /* borrowed, until null_finish */
  size_t layers, heads;      /* heads of a layer */
  size_t draws, valid;       /* valid sequences */
  char positions_sha256[65]; /* of all positions [draws][valid] as int64, little-endian */
  int32_t *positions;        /* [valid][draws] */
  double *values;            /* [layers * heads][draws]: sums, from null_finish on the nulls */
  size_t room, taken;        /* sequences that `patterns` has room for; those in the sums */
  float *patterns;           /* [layers * heads][room][T], of sequences from `taken` on */
};

/* Bytes that it takes with room for so many sequences; UINT64_MAX when that overflows. */
uint64_t null_bytes(size_t layers, size_t heads, int64_t n, int64_t seq_len, size_t draws,
                    size_t room);

/* Draws the positions; `room` is the largest number of sequences between two calls of null_take.
 * The batch must stay until
 * null_finish. Owner: the caller, null_free. Errors: EXIT_INPUT (no sequence of the
 * batch is valid), EXIT_RUN. */
int null_create(const struct batch *batch, size_t layers, size_t heads, size_t draws, uint32_t seed,
                size_t room, struct null_selectivity *null, struct error *error);
void null_free(struct null_selectivity *null);

/* Frees the arrays; numbers and digest stay. */
void null_drop(struct null_selectivity *null);

/* The hook that keeps the patterns of the last query; `null` must stay where it is. */
struct hook null_hook(struct null_selectivity *null);

/* Adds the patterns of sequences `taken` ... done - 1 to the sums, heads spread over the threads.
 */
void null_take(struct null_selectivity *null, struct threads *threads, size_t done);

/* Divides the sums of all sequences; rows[layers * heads] are those of the screen. Afterwards
 * values[head][draw] are the nulls, each head's ascending. */
void null_finish(struct null_selectivity *null, const struct head_row *rows);

/* After null_finish: of one head over its draws, and of all heads and draws together. Errors:
 * EXIT_RUN. */
struct null_quantiles null_of_head(const struct null_selectivity *null, size_t head);
int null_of_all(const struct null_selectivity *null, struct null_quantiles *all,
                struct error *error);

#endif
