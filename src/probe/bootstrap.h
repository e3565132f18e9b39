/* Bootstrap over the sequences of a screen: how far its figures would move with other sequences
 * drawn from the same ones.
 *
 * A resample draws n sequences with replacement: idx = randint(0, n, size=n) of one
 * RandomState(2027) for all resamples and figures; count_i is how often i was drawn. Means are
 * observed_means with these counts, all else follows as in the screen. The participation ratio has
 * a stream of its own, RandomState(2028), over its m = min(pr_n, n) sequences
 * (participation_repeated).
 *
 * Intervals are from the 2.5th to the 97.5th percentile of the resamples by linear interpolation
 * (quantile.h), `low` and `high`. A resample repeats rows and so spans fewer dimensions, which
 * makes its participation ratio smaller than the sample's: there the interval is the reflected one,
 * [2 value - high, 2 value - low].
 *
 * Resamples follow one another, heads are spread over the threads: the same bits for any number. */
#ifndef ATTEST_PROBE_BOOTSTRAP_H
#define ATTEST_PROBE_BOOTSTRAP_H

#include "base/digest.h"
#include "base/random.h"
#include "probe/observe.h"

#define BOOTSTRAP_SEED 2027
#define BOOTSTRAP_PR_SEED 2028
#define BOOTSTRAP_MOST 10000
#define BOOTSTRAP_TAIL 0.025 /* on either side of an interval */

struct interval {
  double value, low, high; /* of the sample; of the resamples */
};

/* A stream of resamples of n things. */
struct resampler {
  struct random random;
  int64_t n;
  uint32_t *counts; /* [n], of the last resample */
  int64_t *drawn;   /* [n]: its indices in the order drawn */
  struct digester *digester;
};

/* 0 < n <= 2^32. Owner: the caller, resampler_free. Errors: EXIT_RUN. */
int resampler_start(uint32_t seed, int64_t n, struct resampler *resampler, struct error *error);
int resampler_next(struct resampler *resampler, struct error *error);

/* SHA-256 of all indices drawn, as 64-bit little-endian numbers; once. */
int resampler_digest(struct resampler *resampler, char sha256[65], struct error *error);
void resampler_free(struct resampler *resampler);

/* The interval of values[count], which it sorts. */
struct interval bootstrap_interval(double value, double *values, size_t count);

/* Means over n examples, for figures that are no screen: example i of series s is series[s][i]; the
 * same resamples (the stream of RandomState(2027)) for all, each mean the sum of count_i x_i in
 * ascending i / n. To intervals[count]. Errors: EXIT_RUN. */
int bootstrap_means(const double *const *series, size_t count, int64_t n, size_t resamples,
                    struct interval *intervals, struct error *error);

/* Figures of a whole model: how many heads have them, as a share of all or as a number. */
enum model_figure {
  MODEL_SHARE_FIRST_TOKEN,      /* first_token >= 30 whatever the best class */
  MODEL_SHARE_FIRST_TOKEN_BEST, /* best class first_token */
  MODEL_INDUCTION_10,           /* induction >= 10 */
  MODEL_INDUCTION_30,
  MODEL_INDUCTION_50,
  MODEL_FIGURES
};
const char *model_figure_name(enum model_figure figure); /* "share_first_token_ge_30", ... */
double model_figure(enum model_figure figure, const struct head_row *rows, size_t heads);

struct head_intervals {
  struct interval selectivity[CLASS_COUNT], pr;
  double class_kept; /* share of the resamples in which the head's class is that of the sample */
};

struct bootstrap {
  size_t resamples, heads;
  struct head_row *rows; /* [resamples][heads] */
  struct head_intervals *head;
  struct interval model[MODEL_FIGURES];
  char indices[65], pr_indices[65]; /* resampler_digest of both streams */
};

/* Bytes that it takes on so many threads; UINT64_MAX when that overflows. */
uint64_t bootstrap_bytes(const struct protocol *protocol, size_t heads, int head_dim,
                         size_t resamples, int threads);

/* Resamples complete observations; rows[heads] are those of the sample (observations_finish).
 * `progress`, if not NULL, is told of the resamples done. Owner: the caller, bootstrap_free.
 * Errors: EXIT_RUN, also when it is interrupted. */
int bootstrap_run(const struct observations *observations, const struct head_row *rows,
                  size_t resamples, struct threads *threads, struct progress *progress,
                  struct bootstrap *bootstrap, struct error *error);
void bootstrap_free(struct bootstrap *bootstrap);

#endif
