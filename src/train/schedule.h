/* The learning rate of each step. */
#ifndef ATTEST_TRAIN_SCHEDULE_H
#define ATTEST_TRAIN_SCHEDULE_H

#include <stdint.h>

enum schedule_kind { SCHEDULE_CONSTANT, SCHEDULE_COSINE };

struct schedule {
  enum schedule_kind kind;
  double rate;     /* the highest */
  uint64_t warmup; /* steps over which it rises from rate / warmup */
  uint64_t steps;  /* cosine: of the whole schedule, > warmup */
  double least;    /* cosine: what it falls to, as a share of `rate` */
};

/* The rate of step t = 1, 2, ..., with s = t - 1. s < warmup: rate * (s + 1) / warmup. Then
 * constant: rate; cosine: rate * (least + (1 - least) * (1 + cos(pi f)) / 2) with f = (s - warmup)
 * / (steps - warmup). In double, operation by operation from left to right, the cosine being
 * Sleef_finz_cosd1_u10purecfma and pi the double nearest to it. */
double schedule_rate(const struct schedule *schedule, uint64_t step);

#endif
