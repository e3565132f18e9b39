/* What belongs beside a screen of short sequences, on the same batch.
 *
 * The query of the screen is the planted one, at T-1; a head may rest on the first position at all
 * others and not there. And where T is short, many baseline positions are neighbours of the planted
 * pair, which takes induction's share away from the ratio. So, for every head:
 *   first: attention to position 0, mean over sequences and the queries at 1 .. T-2;
 *   baseline_apart: the last query's, mean over the baseline positions (batch_baseline_positions)
 *     without ab-1, ab, ab+1 of the sequence, then over sequences;
 *   induction_apart: the last query's at ab+1, mean over valid sequences / max(baseline_apart,
 * 1e-8). Sums are in double, over positions and sequences in order. */
#ifndef ATTEST_STUDY_ORDINARY_H
#define ATTEST_STUDY_ORDINARY_H

#include "base/table.h"
#include "pass/runtime.h"
#include "probe/protocol.h"

struct ordinary_row {
  int layer, head;
  double first, baseline_apart, induction_apart;
};

/* Runs the protocol's batch through a checkpoint (checkpoint_open). Rows layer by layer, free().
 * Errors: EXIT_INPUT (the checkpoint, the protocol, --memory), EXIT_RUN. */
int ordinary_run(const char *path, const struct protocol *protocol, const struct runtime *runtime,
                 struct ordinary_row **rows, size_t *count, struct error *error);

/* The rows under their names; table_free. */
struct table ordinary_table(const struct ordinary_row *rows, size_t count);

#endif
