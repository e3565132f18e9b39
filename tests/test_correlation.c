/* Correlations: by hand, and those of an independent implementation from its own weights and
 * screens, to 1e-12. */
#include "support.h"

#include "base/correlation.h"
#include "fixture_csv.h"

#include <math.h>
#include <stdio.h>

#define REFERENCE "tests/fixtures/stats.tar.zst:reference"
#define HEADS 16

static double spearman(const double *x, const double *y, size_t count, enum rank_ties ties)
{
  struct error error = {0};
  double r = NAN;
  assert_int_equal(correlation_spearman(x, y, count, ties, &r, &error), 0);
  return r;
}

static void near(double value, double want)
{
  if (!(fabs(value - want) <= 1e-12))
    fail_msg("%.17g, must be %.17g", value, want);
}

static void test_by_hand(void **state)
{
  (void)state;
  static const double x[] = {1, 2, 3, 4}, y[] = {2, 4, 5, 4}, flat[] = {.1, .1, .1, .1};
  static const double down[] = {4, 3, 2, 1}, huge[] = {1, 10, 100, 1e300};
  near(correlation_pearson(x, y, 4), 3.5 / sqrt(5 * 4.75));
  near(correlation_pearson(x, x, 4), 1);
  near(correlation_pearson(x, down, 4), -1);
  assert_true(isnan(correlation_pearson(x, flat, 3))); /* their mean is not .1 */
  assert_true(isnan(correlation_pearson(x, y, 0)));
  near(spearman(x, huge, 4, TIES_AS_PUBLISHED), 1);
  near(spearman(x, y, 4, TIES_AS_PUBLISHED), 0.8);           /* ranks 0 1 3 2 */
  near(spearman(x, y, 4, TIES_AVERAGED), 3 / sqrt(5 * 4.5)); /* 0 1.5 3 1.5 */
  near(spearman(x, flat, 4, TIES_AS_PUBLISHED), 1);          /* the order they are in */
  assert_true(isnan(spearman(x, flat, 4, TIES_AVERAGED)));
}

static void take_column(const struct fixture *f, size_t row, const char *column,
                        double values[HEADS])
{
  for (size_t i = 0; i < HEADS; i++)
    values[i] = fixture_number(f, row + i, column);
}

/* One row of spearman.csv whose weights are in weights.csv. */
static void compare_row(const struct fixture *all, size_t row, const struct fixture *weights)
{
  const char *model = fixture_text(all, row, "model"), *against = fixture_text(all, row, "against");
  double x[HEADS], y[HEADS];
  char directory[128];
  snprintf(directory, sizeof directory, "tests/fixtures/nursery-expected/%s", model);
  struct fixture heads = fixture_read(directory, "heads.csv");
  take_column(weights, fixture_find(weights, "model", model), fixture_text(all, row, "metric"), x);
  take_column(&heads, 0,
              strcmp(against, "induction") == 0     ? "sel_induction"
              : strcmp(against, "first_token") == 0 ? "sel_first_token"
                                                    : "pr",
              y);
  near(spearman(x, y, HEADS, TIES_AS_PUBLISHED), fixture_number(all, row, "spearman_argsort"));
  near(spearman(x, y, HEADS, TIES_AVERAGED), fixture_number(all, row, "spearman_tie_average"));
  fixture_free(&heads);
}

static void test_reference(void **state)
{
  (void)state;
  struct fixture all = fixture_read(REFERENCE, "spearman.csv");
  struct fixture weights = fixture_read(REFERENCE, "weights.csv");
  size_t compared = 0;
  for (size_t row = 0; row < all.rows; row++)
    if (fixture_find(&weights, "model", fixture_text(&all, row, "model")) < weights.rows) {
      compare_row(&all, row, &weights);
      compared++;
    }
  assert_int_equal(compared, 72); /* three models at two revisions, four metrics, three others */
  fixture_free(&all);
  fixture_free(&weights);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_hand),
                                     cmocka_unit_test(test_reference)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
