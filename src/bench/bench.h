/* What the parts of `attest bench` share. Each part measures, prints its table and appends its rows
 * of JSON.
 *
 * Single-thread figures are thread CPU time, others wall time. What is compared takes turns, round
 * by round in one process, the peak among it, so that a ratio holds on a busy machine too; figures
 * are medians with the spread as min..max. */
#ifndef ATTEST_BENCH_BENCH_H
#define ATTEST_BENCH_BENCH_H

#include "bench/bench_blas.h"
#include "pass/runtime.h"

#include <jansson.h>

#define BENCH_QUICK_SECONDS 45.0 /* of --quick, about */

struct bench_options {
  struct common_options common;
  bool quick;           /* everything, but less of it: within 45 s */
  const char *only;     /* the one part to measure; NULL = all */
  const char *sweep;    /* CSV file of the sweep, instead of everything else; NULL = none */
  const char *plot;     /* SVG file of the sweep; NULL = none */
  const char *openblas; /* library file; NULL = the installed one, if any */
  uint64_t sequences;   /* of each screen; 0 = the default */
  uint64_t shrink;      /* all sizes are divided by this; 1 = the real shapes */
};

struct bench {
  struct bench_options options; /* as given */

  /* Set before the first part runs. */
  bool text;
  uint64_t memory;
  const struct kernels *best, *isas[4]; /* isas: those to measure, `best` among them */
  size_t isa_count;
  int threads[2]; /* the settings to measure: one, and all when there are more */
  size_t settings;
  double speed[2]; /* GFLOP/s that `best` can get of this machine now, by setting: wall time of the
                      peak, set by bench_peak */
  double start;    /* wall clock */
  struct blas blas[BLAS_MOST];
  size_t blas_count; /* 0 = OpenBLAS is not installed */

  json_t *peak, *screen, *gemm, *attention, *rows, *digest, *train, *few_shot, *circuit,
      *points;   /* arrays that grow; owned */
  json_t *hours; /* of all 30 revisions, by shape; owned, NULL = not known */
};

/* Whether there is a round `round` (from 0) of `rounds`: in a hurry only the first is certain once
 * `share` of the time has passed. */
bool bench_round(const struct bench *bench, int round, int rounds, double share);

/* About how many seconds the long parts take in full, once the peak is known. */
double bench_screen_seconds(const struct bench *bench);
double bench_gemm_seconds(const struct bench *bench);

/* Errors: EXIT_RUN; of screens also EXIT_INPUT (--memory). */
int bench_peak(struct bench *bench, struct error *error);
int bench_screen(struct bench *bench, struct error *error);
int bench_gemm(struct bench *bench, struct error *error);
int bench_attention(struct bench *bench, struct error *error);
int bench_rows(struct bench *bench, struct error *error);
int bench_train(struct bench *bench, struct error *error);
int bench_few_shot(struct bench *bench, struct error *error);
int bench_circuit(struct bench *bench, struct error *error);
int bench_digest(struct bench *bench, struct error *error);
int bench_sweep(struct bench *bench, struct error *error);

#endif
