/* The ranking by the integral of PR: the published integrals and precision at K from the published
 * tables, those of an independent implementation from its own figures, and every rule by hand. */
#include "support.h"

#include "base/digest.h"
#include "fixture_csv.h"
#include "trajectory/integral.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define REFERENCE "tests/fixtures/stats.tar.zst:reference"
#define PUBLISHED "tests/fixtures/stats.tar.zst:published"
#define MOST_HEADS 256

static void load(const char *directory, struct trajectory *trajectory)
{
  struct error error = {0};
  if (trajectory_load(directory, trajectory, &error))
    fail_msg("%s", error.text);
}

static void rank(const struct trajectory *trajectory, double floor, struct ranked_head *ranked)
{
  struct error error = {0};
  if (integral_rank(trajectory, floor, ranked, &error))
    fail_msg("%s", error.text);
}

/* From PR cut to six digits: a tolerance of 1e-5 relative. */
static void test_published_integrals(void **state)
{
  (void)state;
  static const char *const models[] = {"pythia-1b", "olmo-1b-0724", "olmoe-1b-7b-0924"};
  struct fixture f = fixture_read(PUBLISHED, "integral_calibration.csv");
  for (size_t m = 0; m < 3; m++) {
    struct trajectory trajectory;
    struct ranked_head ranked[MOST_HEADS];
    char path[64];
    size_t row = fixture_find(&f, "model", models[m]);
    snprintf(path, sizeof path, "golden/published/%s", models[m]);
    load(path, &trajectory);
    rank(&trajectory, INTEGRAL_FLOOR_PUBLISHED, ranked);
    size_t heads = (size_t)fixture_number(&f, row, "heads");
    assert_int_equal(trajectory.revisions[0].n_layers * trajectory.revisions[0].n_heads, heads);
    for (int i = 1; i <= 10; i++) {
      char column[16];
      snprintf(column, sizeof column, "largest_%d", i);
      double want = fixture_number(&f, row, column);
      assert_true(fabs(ranked[i - 1].integral / want - 1) <= 1e-5);
    }
    size_t used = (size_t)fixture_number(&f, row, "k_used");
    double want = fixture_number(&f, row, "integral_at_k_used");
    assert_true(fabs(ranked[used - 1].integral / want - 1) <= 1e-5);
    assert_int_equal(integral_k18(heads), (int)fixture_number(&f, row, "k_18_percent"));
    trajectory_free(&trajectory);
  }
  fixture_free(&f);
}

static enum head_class class_of(const char *name)
{
  int class = 0;
  while (class < CLASS_UNCLASSIFIED && strcmp(head_class_name((enum head_class) class), name) != 0)
    class ++;
  assert_string_equal(head_class_name((enum head_class) class), name);
  return (enum head_class) class;
}

/* OLMoE: its classes are those of `main`, which is not the last revision of the tables. */
static void test_published_precision(void **state)
{
  (void)state;
  struct fixture classes_of = fixture_read(PUBLISHED, "olmoe_main_classes.csv");
  struct fixture precision = fixture_read(PUBLISHED, "precision_at_k.csv");
  enum head_class classes[MOST_HEADS], last[MOST_HEADS];
  struct trajectory trajectory;
  struct ranked_head ranked[MOST_HEADS];
  double means[INTEGRAL_MEANS];
  assert_int_equal(classes_of.rows, MOST_HEADS);
  for (size_t i = 0; i < MOST_HEADS; i++)
    classes[i] = class_of(fixture_text(&classes_of, i, "class"));
  load("golden/published/olmoe-1b-7b-0924", &trajectory);
  rank(&trajectory, INTEGRAL_FLOOR_PUBLISHED, ranked);
  for (size_t row = 0; row < precision.rows; row++) {
    size_t k = (size_t)fixture_number(&precision, row, "k");
    assert_int_equal(integral_classified(ranked, k, classes),
                     (int)fixture_number(&precision, row, "classified"));
  }
  integral_classes(&trajectory.revisions[trajectory.count - 1], last);
  assert_int_equal(integral_classified(ranked, 100, last), 96); /* published: 93, of `main` */
  assert_int_equal(integral_elbow(ranked, MOST_HEADS), 9);
  integral_class_means(&trajectory.revisions[0], classes, means);
  assert_true(fabs(means[CLASS_FIRST_TOKEN] - 20.6) < 0.05);
  assert_true(fabs(means[CLASS_SELF] - 37.4) < 0.05);
  assert_true(fabs(means[CLASS_UNCLASSIFIED] - 13.5) < 0.05);
  assert_true(isnan(means[CLASS_LOCAL]));
  assert_true(fabs(means[INTEGRAL_MEANS - 1] - 22.18) < 0.005);
  size_t left = integral_leave_out(ranked, MOST_HEADS, classes, CLASS_FIRST_TOKEN);
  assert_int_equal(left, 82);
  assert_int_equal(integral_classified(ranked, left, classes), 31);
  static const size_t hits[][2] = {{5, 5}, {15, 14}, {30, 27}, {45, 29}, {80, 31}};
  for (size_t i = 0; i < 5; i++)
    assert_int_equal(integral_classified(ranked, hits[i][0], classes), hits[i][1]);
  trajectory_free(&trajectory);
  fixture_free(&classes_of);
  fixture_free(&precision);
}

/* The figures of the independent implementation at one revision. */
static void take_reference(const char *model, struct revision *revision)
{
  char directory[128];
  snprintf(directory, sizeof directory, "tests/fixtures/nursery-expected/%s/%s", model,
           revision->name);
  struct fixture f = fixture_read(directory, "heads.csv");
  for (size_t i = 0; i < f.rows; i++) {
    static const char *const names[CLASS_COUNT] = {
        "sel_induction",   "sel_previous_token", "sel_duplicate_token",
        "sel_first_token", "sel_self",           "sel_local"};
    struct head_row *row = &revision->heads[i];
    for (int c = 0; c < CLASS_COUNT; c++)
      row->selectivity[c] = fixture_number(&f, i, names[c]);
    row->class = head_class_best(row->selectivity);
    row->pr = fixture_number(&f, i, "pr");
  }
  fixture_free(&f);
}

static void compare_integrals(const struct fixture *f, const struct trajectory *trajectory,
                              const char *model)
{
  size_t row = fixture_find(f, "model", model);
  double zero[MOST_HEADS], integrals[MOST_HEADS];
  struct ranked_head ranked[MOST_HEADS];
  struct error error = {0};
  assert_int_equal(integral_heads(trajectory, INTEGRAL_FLOOR_PUBLISHED, zero, &error), 0);
  assert_int_equal(integral_heads(trajectory, 61440e-9, integrals, &error), 0);
  rank(trajectory, 61440e-9, ranked);
  for (size_t i = 0; i < 16; i++) {
    double want = fixture_number(f, row + i, "integral_floor_61440_tokens");
    assert_true(fabs(integrals[i] / want - 1) <= 1e-12);
    assert_true(zero[i] == fixture_number(f, row + i, "integral_published_floor"));
    size_t at = (size_t)fixture_number(f, row + i, "rank_61440") - 1;
    assert_int_equal(ranked[at].layer, (int)fixture_number(f, row + i, "layer"));
    assert_int_equal(ranked[at].head, (int)fixture_number(f, row + i, "head"));
  }
}

static void compare_precision(const struct fixture *f, const struct trajectory *trajectory,
                              const char *model)
{
  struct ranked_head ranked[MOST_HEADS];
  enum head_class classes[MOST_HEADS];
  size_t row = fixture_find(f, "model", model);
  rank(trajectory, 61440e-9, ranked);
  integral_classes(&trajectory->revisions[trajectory->count - 1], classes);
  for (size_t i = row; i < f->rows && strcmp(fixture_text(f, i, "model"), model) == 0; i++)
    assert_int_equal(integral_classified(ranked, (size_t)fixture_number(f, i, "k"), classes),
                     (int)fixture_number(f, i, "classified"));
}

static void test_reference(void **state)
{
  (void)state;
  static const char *const models[] = {"nursery-gpt_neox", "nursery-olmo", "nursery-olmoe"};
  struct fixture integrals = fixture_read(REFERENCE, "integrals.csv");
  struct fixture precision = fixture_read(REFERENCE, "precision_at_k.csv");
  for (size_t m = 0; m < 3; m++) {
    char path[64];
    struct trajectory trajectory;
    snprintf(path, sizeof path, "golden/%s", models[m]);
    load(path, &trajectory); /* names and tokens; the figures are replaced */
    for (size_t r = 0; r < trajectory.count; r++)
      take_reference(models[m], &trajectory.revisions[r]);
    compare_integrals(&integrals, &trajectory, models[m]);
    compare_precision(&precision, &trajectory, models[m]);
    trajectory_free(&trajectory);
  }
  fixture_free(&integrals);
  fixture_free(&precision);
}

/* Three revisions of four heads: tokens 1, e, e^2, so that a step of the logarithm is 1. */
static void test_by_hand(void **state)
{
  (void)state;
  static const double pr[3][4] = {{1, 3, 0.5, 2}, {1, 5, 3, 4}, {1, 1, 1, 2}};
  struct head_row rows[3][4] = {0};
  struct revision revisions[3];
  struct trajectory trajectory = {.count = 3, .revisions = revisions, .model = (char[]){"m"}};
  struct ranked_head ranked[4];
  struct error error = {0};
  for (int r = 0; r < 3; r++) {
    for (int i = 0; i < 4; i++)
      rows[r][i] = (struct head_row){.layer = i / 2, .head = i % 2, .pr = pr[r][i]};
    revisions[r] = (struct revision){"r", 0, exp(r), 2, 2, rows[r]};
  }
  rank(&trajectory, 0.5, ranked);
  static const struct ranked_head want[] = {{1, 0, 1, 5}, {3, 1, 1, 4}, {2, 1, 0, 2}, {0, 0, 0, 0}};
  for (int i = 0; i < 4; i++) {
    assert_int_equal(ranked[i].index, want[i].index);
    assert_int_equal(ranked[i].layer, want[i].layer);
    assert_int_equal(ranked[i].head, want[i].head);
    assert_true(fabs(ranked[i].integral - want[i].integral) < 1e-14);
  }
  rank(&trajectory, exp(1), ranked); /* the first step has no width any more */
  assert_true(fabs(ranked[0].integral - 2) < 1e-14 && ranked[0].index == 1);
  assert_int_equal(ranked[1].index, 3); /* 2, too, and later */
  rank(&trajectory, 100, ranked);
  for (size_t i = 0; i < 4; i++)
    assert_true(ranked[i].integral == 0 && ranked[i].index == i);
  rows[1][2].pr = NAN;
  assert_int_equal(integral_rank(&trajectory, 1, ranked, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT,
                       "m: revision r, layer 1 head 0 has no participation ratio");
}

/* The same bits on every instruction set. */
static void test_same_bits(void **state)
{
  (void)state;
  struct trajectory trajectory;
  struct error error = {0};
  double integrals[MOST_HEADS];
  char hex[33];
  load("golden/published/olmoe-1b-7b-0924", &trajectory);
  assert_int_equal(integral_heads(&trajectory, 1, integrals, &error), 0);
  digest_xxh3(integrals, sizeof integrals, hex);
  assert_string_equal(hex, "f909b22bbb06f7098aaeafe201065d19");
  trajectory_free(&trajectory);
}

static void test_rules(void **state)
{
  (void)state;
  struct ranked_head ranked[] = {{0, 0, 0, 10}, {0, 0, 0, 9}, {0, 0, 0, 4}, {0, 0, 0, 4}};
  assert_int_equal(integral_elbow(ranked, 4), 1); /* 10 - 18 + 4 against 9 - 8 + 4 */
  ranked[0].integral = 20;
  assert_int_equal(integral_elbow(ranked, 4), 2);
  assert_int_equal(integral_elbow(ranked, 2), 0);
  assert_int_equal(integral_k18(128), 23);
  assert_int_equal(integral_k18(25), 4);  /* 4.5 */
  assert_int_equal(integral_k18(75), 14); /* 13.5 */
  assert_int_equal(integral_k18(0), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_published_integrals), cmocka_unit_test(test_published_precision),
      cmocka_unit_test(test_reference),           cmocka_unit_test(test_by_hand),
      cmocka_unit_test(test_same_bits),           cmocka_unit_test(test_rules)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
