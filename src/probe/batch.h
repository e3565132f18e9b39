/* The token sequences of a screen and what is where in them (protocol: docs/PROTOCOL.md). */
#ifndef ATTEST_PROBE_BATCH_H
#define ATTEST_PROBE_BATCH_H

#include "base/error.h"
#include "pass/hook.h"
#include "probe/protocol.h"

#include <stdint.h>

/* Upper limits of a protocol, far above any published model and screen. */
#define BATCH_MAX_N (INT64_C(1) << 20)
#define BATCH_MAX_SEQ_LEN (INT64_C(1) << 20)
#define BATCH_MAX_BASELINE (BATCH_MAX_SEQ_LEN - 7) /* positions of the longest sequence */
#define BATCH_MAX_VOCAB (INT64_C(1) << 24)
#define BATCH_MAX_DRAWS (INT64_C(1) << 34) /* n x token ids: each sequence permutes all ids */

#define BATCH_RESERVED_END 6 /* positions T-1 .. T-6 are what the classes look at */

struct batch {
  int64_t n, seq_len;
  int32_t *tokens;     /* [n][seq_len] */
  int32_t *a, *b, *ab; /* [n]: the repeated token, its successor, the position of the first a */
  int32_t *b_position; /* [n]: b's only position before the last one, -1 = an invalid sequence */
  size_t *query;       /* [n]: the position that is looked at; NULL = the last */
};

/* Whether batch_create can make the sequences of a protocol, memory aside. Errors: EXIT_INPUT. */
int batch_check(const struct protocol *protocol, struct error *error);

/* Makes the sequences of a protocol: RandomState(seed), one after the other, so that a shorter
 * batch is the beginning of a longer one. A BOS id, if any, then replaces position 0, and only
 * then is the position of b looked up. Owner: the caller, batch_free.
 * Errors: EXIT_INPUT: a parameter out of range (named), sequences too short for ab or for the
 * baseline positions; EXIT_RUN: no memory. */
int batch_create(const struct protocol *protocol, struct batch *batch, struct error *error);

/* Arrays for n sequences, a to b_position zero. Errors: EXIT_RUN. */
int batch_allocate(int64_t n, int64_t seq_len, struct batch *batch, struct error *error);

/* n sequences of random ids: RandomState(seed).randint(0, vocab, size=(n, seq_len)). None is valid,
 * and a, b and ab are 0. Owner and errors as above. */
int batch_create_random(int64_t n, int64_t seq_len, int64_t vocab, uint32_t seed,
                        struct batch *batch, struct error *error);

/* SHA-256 of the tokens as 64-bit little-endian integers. Errors: EXIT_RUN. */
int batch_digest(const struct batch *batch, char sha256[65], struct error *error);

/* Tokens up to the query, which is the last of them. */
int64_t batch_length(const struct batch *batch, int64_t sequence);

/* The positions of the queries, for hooks; borrowed from the batch. */
struct positions batch_positions(const struct batch *batch);

void batch_free(struct batch *batch);

/* The first baseline_n baseline positions of sequences of seq_len tokens, in the order drawn:
 * RandomState(0), distinct, in [1, seq_len - 7]. Errors: EXIT_INPUT: seq_len or baseline_n out of
 * range, which includes fewer positions than asked for (the message says how many there are);
 * EXIT_RUN: no memory. */
int batch_baseline_positions(int64_t seq_len, int64_t baseline_n, int32_t *positions,
                             struct error *error);

/* The shortest sequences with this many baseline positions. */
int64_t batch_least_seq_len(int64_t baseline_n);

#endif
