/* The spectra of the heads' slices of the output projection, and their correlations with what the
 * heads do, against an independent implementation in float64. */
#include "support.h"

#include "base/digest.h"
#include "checkpoint/checkpoint.h"
#include "fixture_csv.h"
#include "trajectory/weight_correlation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFERENCE "tests/fixtures/stats.tar.zst:reference"
#define NURSERY "manifests/nursery.tar.zst"
#define BOUND 1e-13 /* thirty times what was measured; singular.h states 1e-12 */
#define HEADS 16

static struct threads *threads;

/* [layers * heads], free(). */
static struct head_weights *measure(const char *path, size_t *count)
{
  struct checkpoint *checkpoint;
  struct model model;
  struct error error = {0};
  if (checkpoint_open(path, &checkpoint, &error) || model_load(checkpoint, &model, &error))
    fail_msg("%s", error.text);
  *count = model.config.layers * model.config.heads;
  struct head_weights *weights = calloc(*count, sizeof *weights);
  assert_non_null(weights);
  if (head_weights_measure(&model, threads, NULL, NULL, weights, &error))
    fail_msg("%s", error.text);
  model_free(&model);
  checkpoint_close(checkpoint);
  return weights;
}

static void compare(const struct fixture *f, size_t row, const char *path, double *worst)
{
  const char *model = fixture_text(f, row, "model");
  size_t count;
  struct head_weights *weights = measure(path, &count);
  for (size_t i = 0; i < count; i++) {
    assert_string_equal(fixture_text(f, row + i, "model"), model);
    for (int k = 0; k < HEAD_WEIGHT_FIGURES; k++) {
      double want = fixture_number(f, row + i, head_weight_names[k]);
      double off = fabs(head_weight_figure(&weights[i], k) - want);
      *worst = fmax(*worst, k == 3 ? off : off / want); /* a gap is a share of sigma1 */
    }
  }
  free(weights);
}

static void test_reference(void **state)
{
  (void)state;
  struct fixture f = fixture_read(REFERENCE, "weights.csv");
  double worst = 0;
  size_t models = 0;
  for (size_t row = 0; row < f.rows; row++) {
    const char *model = fixture_text(&f, row, "model");
    char path[160];
    if (row > 0 && strcmp(model, fixture_text(&f, row - 1, "model")) == 0)
      continue;
    if (strncmp(model, "nursery", 7) == 0)
      snprintf(path, sizeof path, NURSERY ":%s", model);
    else
      snprintf(path, sizeof path, "tests/fixtures/conformance/%s/model", model);
    compare(&f, row, path, &worst);
    models++;
  }
  print_message("  %zu models, largest difference %.2e\n", models, worst);
  assert_int_equal(models, 17);
  assert_true(worst <= BOUND);
  fixture_free(&f);
}

/* The same bits on every instruction set, and whatever the threads. */
static void test_same_bits(void **state)
{
  (void)state;
  size_t count;
  char hex[33];
  struct head_weights *weights = measure("tests/fixtures/conformance/olmo-f32/model", &count);
  digest_xxh3(weights, count * sizeof *weights, hex);
  assert_string_equal(hex, "f9270c52a8f15d40d1777d06a48e3c1b");
  free(weights);
}

static double correlation_of(const struct head_weights *weights, const struct revision *revision,
                             const char *metric, const char *against, bool averaged)
{
  int figure = 0, other = 0;
  struct weight_correlation c;
  struct error error = {0};
  while (strcmp(head_weight_names[figure], metric) != 0)
    figure++;
  while (strcmp(weight_against_names[other], against) != 0)
    other++;
  assert_int_equal(
      weight_correlate(weights, revision, figure, (enum weight_against)other, &c, &error), 0);
  return averaged ? c.spearman_averaged : c.spearman;
}

static void compare_revision(const struct fixture *f, const char *name,
                             const struct head_weights *weights, const struct revision *revision)
{
  size_t row = fixture_find(f, "model", name);
  for (size_t i = row; i < row + 12; i++) {
    const char *metric = fixture_text(f, i, "metric"), *against = fixture_text(f, i, "against");
    assert_string_equal(fixture_text(f, i, "model"), name);
    assert_true(fabs(correlation_of(weights, revision, metric, against, false) -
                     fixture_number(f, i, "spearman_argsort")) <= 1e-12);
    assert_true(fabs(correlation_of(weights, revision, metric, against, true) -
                     fixture_number(f, i, "spearman_tie_average")) <= 1e-12);
  }
}

static void compare_course(const struct fixture *f, const char *model,
                           const struct head_weights *const *weights,
                           const struct revision *const *revisions, size_t count)
{
  size_t row = fixture_find(f, "model", model);
  for (int figure = 0; figure < 3; figure++) {
    struct weight_course course;
    struct error error = {0};
    assert_string_equal(fixture_text(f, row + 2 * (size_t)figure, "metric"),
                        head_weight_names[figure]);
    assert_int_equal(weight_course(weights, revisions, count, figure, &course, &error), 0);
    assert_true(fabs(course.median -
                     fixture_number(f, row + 2 * (size_t)figure, "spearman_argsort")) <= 1e-12);
    assert_true(fabs(course.growth.spearman -
                     fixture_number(f, row + 2 * (size_t)figure + 1, "spearman_argsort")) <= 1e-12);
    assert_true(course.share_positive >= 0 && course.share_positive <= 1);
  }
}

/* Our own weights and our own screens: their order is that of the reference. */
static void test_correlations(void **state)
{
  (void)state;
  static const char *const models[] = {"nursery-gpt_neox", "nursery-olmo", "nursery-olmoe"};
  struct fixture f = fixture_read(REFERENCE, "spearman.csv");
  for (size_t m = 0; m < 3; m++) {
    char path[160];
    struct trajectory t;
    struct error error = {0};
    const struct head_weights *weights[10];
    const struct revision *revisions[10];
    snprintf(path, sizeof path, "golden/%s", models[m]);
    if (trajectory_load(path, &t, &error))
      fail_msg("%s", error.text);
    for (size_t r = 0; r < t.count; r++) {
      size_t count;
      snprintf(path, sizeof path, NURSERY ":%s/%s", models[m], t.revisions[r].name);
      weights[r] = measure(path, &count);
      revisions[r] = &t.revisions[r];
      assert_int_equal(count, HEADS);
      compare_revision(&f, strchr(path, ':') + 1, weights[r], revisions[r]);
    }
    compare_course(&f, models[m], weights, revisions, t.count);
    for (size_t r = 0; r < t.count; r++)
      free((void *)(uintptr_t)weights[r]);
    trajectory_free(&t);
  }
  fixture_free(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_reference),
                                     cmocka_unit_test(test_same_bits),
                                     cmocka_unit_test(test_correlations)};
  struct error error = {0};
  if (threads_start(2, &threads, &error))
    return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  threads_stop(threads);
  return failed;
}
