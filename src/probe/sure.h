/* When the first sequences of a screen tell what all of them will: a sequential test of every
 * head's class and memberships.
 *
 * What is asked. A full batch has n sequences. After m = 100, 200, 400, ... < n of them, a look:
 * for every head, will it have the same class in the full batch, will first_token be >= 30 (a BOS
 * head by the screen; by its best class it is one when its class is), will induction be >= 30 and
 * >= 50?
 *
 * The test. Each of these hangs on signs of means of the full batch:
 *   x_k - t b        selectivity k against the threshold t (t = 30 for six classes, 50 for
 * induction) x_k - t 1e-8     the same where the baseline b is below its floor x_j - x_k which of
 * two classes is larger x_k being the weight of class k in a sequence, b its baseline: 7 + 7 + 15 =
 * 29 signs a head. A figure of the valid sequences alone, whose share is v, enters as (x - mean) /
 * v + mean where valid and as its mean elsewhere (its linear form as a ratio of means). For z =
 * such a difference with the mean Z of the first m, their standard deviation s (m - 1 in the
 * denominator) and their range R = largest - smallest, a sign is settled when |Z| > s sqrt(2 L
 * min(1, (n - m) / m) / m) + R L / (3 m),  L = ln(29 heads looks / error). That is Bernstein's
 * inequality, which holds for draws without replacement as well (Hoeffding 1963, section 6), for
 * the first m and, as m (Z - mean) = -(n - m) (Z' - mean), for the n - m that are left. L shares
 * the error out evenly over all signs of all heads and all looks.
 *
 * What it assumes. The sequences are drawn independently of one another, so that the first m are a
 * simple random sample of the n; and the standard deviation and the range of z over the full batch
 * are those of the first m. Heavy tails strain the second assumption: weights that nobody has seen
 * yet can be larger than all that were. The term R L / (3 m) has room for one value of
 * about five times the range (L is about 14). How often the test errs is measured
 * (tests/test_sure.c).
 *
 * When it ends: when everything is settled; or when none of the heads that are left can be expected
 * to be settled by the next look, that is if it had the same Z, s and R. Those are undecided. The
 * look after the last is the full batch, which settles everything. */
#ifndef ATTEST_PROBE_SURE_H
#define ATTEST_PROBE_SURE_H

#include "probe/observe.h"

#define SURE_FIRST_LOOK 100
#define SURE_SIGNS 29 /* a head */

/* The look after `seen` sequences of n (0 = the first one): 100, 200, 400, ..., at last n. */
int64_t sure_next_look(int64_t n, int64_t seen);

/* Looks before the full batch. */
int sure_looks(int64_t n);

/* A sign that is not settled: of a selectivity less its threshold, or of two selectivities. */
struct open_sign {
  enum head_class class, other; /* CLASS_UNCLASSIFIED: against the threshold */
  double threshold;             /* 0 for two selectivities */
  double value, low, high;      /* selectivity, or difference of two, and what the bound leaves */
};

#define SURE_MOST_OPEN (CLASS_COUNT + 1 + CLASS_COUNT - 1)

struct sure_head {
  enum head_class class; /* of the moment */
  bool settled;
  bool expected; /* to be settled by the next look */
  int open_count;
  struct open_sign open[SURE_MOST_OPEN]; /* those that keep it from being settled */
};

struct sure_test {
  int64_t n;    /* of the full batch */
  double error; /* at most, over all heads and looks together: 0 < error < 1 */
  size_t heads;
};

/* Looks at one head after observed->n < test->n sequences, which must be complete. */
void sure_judge(const struct sure_test *test, const struct observed *observed,
                struct sure_head *head);

/* The same for all heads, to heads[observations_heads]. Returns whether to stop. */
bool sure_look(const struct sure_test *test, const struct observations *observations,
               struct threads *threads, struct sure_head *heads);

#endif
