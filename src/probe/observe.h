/* What is kept of every (layer, sequence, head) of a forward pass, and the rows of the screen made
 * of it. Figures are kept per sequence and summed in sequence order in double, so the order in
 * which they come in, threads, chunks and shards cannot change a bit of the result. */
#ifndef ATTEST_PROBE_OBSERVE_H
#define ATTEST_PROBE_OBSERVE_H

#include "base/error.h"
#include "base/threads.h"
#include "pass/hook.h"
#include "probe/batch.h"
#include "probe/head.h"
#include "probe/protocol.h"

#include <stdbool.h>
#include <stdint.h>

struct observations;

/* Bytes that observations_create takes; UINT64_MAX when that overflows. */
uint64_t observations_bytes(const struct protocol *protocol, int n_layers, int n_heads,
                            int head_dim);

/* `batch` is that of the protocol and must outlive the observations. Owner: the caller,
 * observations_free. Errors: EXIT_INPUT: an empty model, baseline positions out of range;
 * EXIT_RUN: no memory. */
int observations_create(const struct protocol *protocol, const struct batch *batch, int n_layers,
                        int n_heads, int head_dim, struct observations **observations,
                        struct error *error);

#define OBSERVATION_HOOKS 2

/* The hooks that add what a pass shows of every layer, sequence and head: pattern and output at the
 * last position. `observations` may be NULL where the pass is planned and not run. */
void observations_hooks(struct observations *observations, struct hook hooks[OBSERVATION_HOOKS]);

/* Adds what one head does at the last position of one sequence: pattern[seq_len], the softmax
 * weights of that query. Each (layer, sequence, head) is added once; distinct ones may be added
 * concurrently and in any order.
 * Kept per sequence, in double: the weight at b's position, T-2, ab, 0 and T-1; the sum of those at
 * T-3, T-4, T-5, T-6 in this order / 4; the sum over the baseline positions as drawn / their
 * number. Where the batch has queries of its own, T is the tokens up to the query, and the baseline
 * positions are those below T-6. */
void observations_add_pattern(struct observations *observations, int layer, int64_t sequence,
                              int head, const float *pattern);

/* The same of head_output[head_dim], the head's part of the input of the output projection there;
 * kept for the first min(pr_n, n) sequences. */
void observations_add_output(struct observations *observations, int layer, int64_t sequence,
                             int head, const float *head_output);

/* The rows are made of the first n sequences alone, 1 <= n <= that of the batch, as those of a
 * batch of n. */
void observations_limit(struct observations *observations, int64_t n);

#define OBSERVED_FIGURES (CLASS_COUNT + 1) /* a weight for each class, then the baseline */
#define OBSERVED_BASELINE CLASS_COUNT

/* What is kept of one head, of as many sequences as observations_limit says; belongs to the
 * observations. */
struct observed {
  int64_t n;
  const double (*figures)[OBSERVED_FIGURES]; /* [n]; NAN until added */
  const int32_t *b_position;                 /* [n]; negative = an invalid sequence */
  int64_t pr_rows, head_dim;
  const float *outputs; /* [pr_rows][head_dim]; a row starts with NAN until added */
};

/* Puts back what observations_of showed of one head in sequences [from, from + count), which are
 * within the batch: figures[count][OBSERVED_FIGURES] doubles, and the rows of outputs[][head_dim]
 * floats that belong to the first min(pr_n, n) sequences. Neither needs to be aligned. */
void observations_put(struct observations *observations, size_t head, int64_t from, int64_t count,
                      const void *figures, const void *outputs);

/* batch_digest of its sequences. Errors: EXIT_RUN. */
int observations_digest(const struct observations *observations, char sha256[65],
                        struct error *error);

size_t observations_heads(const struct observations *observations);
struct observed observations_of(const struct observations *observations, size_t head);

/* Whether the figure is of the valid sequences alone. */
bool observed_of_valid_only(int figure);

/* The means of a head, sequence i taken counts[i] times (NULL = once), in sequence order from +0:
 * sum of counts[i] x / sum of counts[i]; 0 when no sequence counts. */
void observed_means(const struct observed *observed, const uint32_t *counts,
                    double means[OBSERVED_FIGURES]);

/* What no baseline goes below where it divides. */
#define BASELINE_FLOOR 1e-8

/* Baseline, selectivities and class of a row, from the means. */
void observed_row(const double means[OBSERVED_FIGURES], struct head_row *row);

/* The rows of all heads to rows[n_layers * n_heads], layer by layer. Means are sums in sequence
 * order from +0 / their number: of the induction and duplicate-token figures over the valid
 * sequences (0 when none is valid), of the others and the baseline over all; selectivity = mean /
 * max(baseline, 1e-8); pr = participation_ratio of the head outputs. Heads are spread over the
 * threads. Errors: EXIT_RUN, of the first head that has one: an observation that is missing or not
 * finite (layer, head and sequence are named), singular values, no memory. */
int observations_finish(const struct observations *observations, struct threads *threads,
                        struct head_row *rows, struct error *error);

/* Figures of the caller's that are saved and loaded along; borrowed, NULL = none. */
void observations_attach(struct observations *observations, void *figures, size_t bytes);

/* Writes what the first `done` sequences showed, so that an interrupted screen can resume.
 * `identity` names the screen: 32 characters. Errors: EXIT_RUN. */
int observations_save(const struct observations *observations, const char *path,
                      const char *identity, int64_t done, struct error *error);

/* Reads it back; *done = 0 and nothing changed when there is no such file, or it is damaged or of
 * another identity or shape. Errors: EXIT_RUN (memory). */
int observations_load(struct observations *observations, const char *path, const char *identity,
                      int64_t *done, struct error *error);

/* NULL is allowed. */
void observations_free(struct observations *observations);

#endif
