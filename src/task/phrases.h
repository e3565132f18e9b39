/* The tasks of the models that attest trains itself (docs/TRAINING.md): their vocabulary is 0 =
 * BOS, 1 to 96 plain, 97 = the separator, and a prompt is three phrases and a repeat. */
#ifndef ATTEST_TASK_PHRASES_H
#define ATTEST_TASK_PHRASES_H

#include "task/task.h"

#define PHRASES_VOCAB 98
#define PHRASES_SEED 42 /* of the pinned tasks */

/* The prompt is BOS p0 SEP p1 SEP p2 SEP and the beginning of phrase p_r again. COPY: its first j
 * tokens; the answer is token j of p_r, which the corrupted prompt has replaced by the foil.
 * BOUNDARY: all of it; the answer is SEP, which is replaced after the first p_r. STARTS: all of it
 * and SEP; the answers are the first tokens of the three phrases, each replaced by a foil of its
 * own wherever it stands. COPY and BOUNDARY are measured by logits, STARTS by probabilities. */
enum phrases { PHRASES_COPY, PHRASES_BOUNDARY, PHRASES_STARTS };

/* Makes n pairs, one after the other from RandomState(seed), so that fewer are the beginning of
 * more: three lengths randint(4, 7); the tokens of p0, p1, p2, each randint(1, 97) drawn again
 * while the pair has it already; r = randint(0, 3); for COPY j = randint(2, length of p_r); the
 * foil or the three foils as the tokens. Owner: the caller, task_free. Errors: EXIT_INPUT (n not
 * from 1 to TASK_MAX_PAIRS), EXIT_RUN. */
int phrases_task(enum phrases kind, size_t n, uint32_t seed, struct task *task,
                 struct error *error);

#endif
