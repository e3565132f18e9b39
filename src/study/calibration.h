/* What thresholds mean: a screen beside what comes out by chance, for selectivities and for
 * participation ratios (docs/PROTOCOL.md, "Nulls"). */
#ifndef ATTEST_STUDY_CALIBRATION_H
#define ATTEST_STUDY_CALIBRATION_H

#include "base/table.h"
#include "study/screening.h"

#define CALIBRATION_PUBLISHED_ROWS 500 /* sequences of the published participation ratios */

struct calibration {
  struct protocol protocol; /* pr_n sequences of random ids, too */
  bool beyond_context;
  size_t draws;
  uint32_t seed;                        /* of positions and random ids */
  const char *partial, *partial_random; /* where the two passes are kept; NULL = nowhere. The
                                           caller removes them */
  const struct output *outputs;         /* must not be files of the checkpoint */
  size_t output_count;
};

struct calibrated_head {
  struct null_quantiles null; /* of its induction selectivity, over the draws */
  double null_pr;             /* on random ids */
  double published_pr;        /* of the screen's first CALIBRATION_PUBLISHED_ROWS sequences */
};

/* How many heads are above their null. */
struct pr_counts {
  size_t max, p99, p95, own; /* above these of null_pr over all heads; above the head's own */
};

struct calibrated {
  struct revision revision; /* the screen; pr of pr_n sequences, as many as null_pr has */
  struct null_selectivity null;
  struct calibrated_head *heads;

  struct null_quantiles all; /* over heads and draws */
  double real_max, real_median;
  size_t above_p99, at_least[5]; /* real > all.p99; real >= calibration_thresholds */

  char tokens_sha256[65];                                    /* of the random ids */
  double pr_min, pr_max, pr_p95, pr_p99, pr_median, pr_mean; /* of null_pr over heads */
  struct pr_counts same, published; /* pr against null_pr; published_pr against null_pr */
};
extern const double calibration_thresholds[5]; /* 2, 10, 30, 50, 100 */

/* Screens the checkpoint at `path` with its nulls, then runs random ids through it. Tells and shows
 * what screening_run does; goes on from `partial` and `partial_random` to the same bits. Owner of
 * `calibrated`: the caller, calibrated_free. Errors: EXIT_INPUT, EXIT_RUN. */
int calibration_run(const char *path, const struct calibration *calibration,
                    const struct runtime *runtime, struct calibrated *calibrated,
                    struct error *error);
void calibrated_free(struct calibrated *calibrated);

/* One row a head. Owner: the caller, table_free. */
struct table calibrated_table(const struct calibrated *calibrated);

/* All of it but the heads; NULL without memory. */
json_t *calibrated_json(const struct calibrated *calibrated);

#endif
