/* What every step showed: DIR/steps.csv. */
#ifndef ATTEST_TRAIN_LOG_H
#define ATTEST_TRAIN_LOG_H

#include "base/digest.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

/* Of a step's batch, with the parameters before its update. */
struct train_record {
  double rate;
  double loss;                     /* the whole: cross-entropy and what the experts' losses add */
  double cross_entropy;            /* mean over tokens */
  double grad_norm;                /* before clipping */
  double load_balancing, router_z; /* sums over layers, without their coefficients */
};
#define TRAIN_RECORD_VALUES 6

/* All zero = empty. */
struct train_log {
  struct train_record *records; /* of step 1, 2, ... */
  size_t count, capacity;
  uint8_t (*kept)[DIGEST_XXH3_BYTES]; /* [kept_count]: of the files of revisions, 0 before these */
  size_t kept_count;
};

/* Makes room for the digests of so many revisions, all 0. Errors: EXIT_RUN. */
int train_log_keep(struct train_log *log, size_t revisions, struct error *error);

/* Makes room for so many steps in all. Errors: EXIT_RUN. */
int train_log_reserve(struct train_log *log, size_t count, struct error *error);
int train_log_add(struct train_log *log, const struct train_record *record, struct error *error);
void train_log_free(struct train_log *log);

/* "step,rate,loss,cross_entropy,grad_norm", with `experts` also
 * "load_balancing_sum,router_z_sum"; 17 digits. text->failed without memory. */
void train_log_csv(const struct train_log *log, bool experts, struct text *text);

#endif
