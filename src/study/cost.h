/* What a screen takes before it is run: memory, arithmetic, time. */
#ifndef ATTEST_STUDY_COST_H
#define ATTEST_STUDY_COST_H

#include "pass/forward.h"
#include "pass/runtime.h"
#include "probe/protocol.h"

#include <jansson.h>

/* Plans the pass of a screen. Of `options` it sets kernels, threads and memory, and adds to
 * `reserved` what the observations take and what of the checkpoint is not mapped but in memory;
 * without hooks there, it plans with those of the observations. Errors: EXIT_INPUT (--memory is too
 * small). */
int cost_plan(const struct model *model, const struct protocol *protocol,
              const struct runtime *runtime, struct forward_options *options,
              struct forward_plan *plan, struct error *error);

/* Of the plan's operations, what is left to do from sequence `start` on, tokens [n][seq_len] being
 * looked up where that pays. Errors: EXIT_RUN (memory). */
int cost_gflop(const struct model *model, const int32_t *tokens, const struct protocol *protocol,
               const struct forward_plan *plan, size_t start, double *gflop, struct error *error);

/* Bytes of tensors that are not mapped: they had to be unpacked, gathered or swapped. */
uint64_t cost_resident_bytes(const struct checkpoint *checkpoint);

/* Seconds that so many GFLOP will take, by a calibration of 0.2 s, or of `patience` seconds for
 * hours of work. 0 when memory is short. */
double cost_seconds(const struct runtime *runtime, double gflop, double patience);

/* What a screen's parameters are called in JSON. NULL without memory. */
json_t *cost_protocol_json(const struct protocol *protocol);

#endif
