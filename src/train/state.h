/* All that a run needs to go on after a kill: DIR/state.safetensors, one file that is replaced
 * whole.
 *
 * Its tensors, in this order: "identity" U8 [64], the recipe's SHA-256 in hex; "steps" F64 [t][6],
 * a struct train_record for each of the t steps done; "kept" U8 [r][16], if the recipe has r > 0
 * revisions, the XXH3-128 of each one's model.safetensors, 0 before it; "parameters.NAME" F32 and,
 * but for SGD, "exp_avg.NAME" and "exp_avg_sq.NAME", the moments, for every parameter; "digest" U8
 * [16], the XXH3-128 of the bytes of all before. */
#ifndef ATTEST_TRAIN_STATE_H
#define ATTEST_TRAIN_STATE_H

#include "train/log.h"
#include "train/optimizer.h"
#include "train/state_parts.h"

/* After at least one step. Errors: EXIT_RUN. */
int train_state_save(const char *directory, const char *identity, const struct train_log *log,
                     const struct optimizer *optimizer, struct error *error);

/* Fills log, parameters and moments from the file in a directory, if there is one (*found). Errors:
 * EXIT_INPUT (damaged; of another recipe), EXIT_RUN; then what was filled is undefined. */
int train_state_load(const char *directory, const char *identity, struct train_log *log,
                     struct optimizer *optimizer, bool *found, struct error *error);

/* Bytes of the file after so many steps, but for its header. */
uint64_t train_state_bytes(const struct optimizer *optimizer, uint64_t steps);

#endif
