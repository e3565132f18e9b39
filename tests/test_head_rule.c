/* Circuits and sinks over training: what the published tables give, and every rule by hand. */
#include "support.h"

#include "trajectory/head_rule.h"

#include <math.h>
#include <stdio.h>

static const struct head_rule sink = {CLASS_FIRST_TOKEN, CLASS_THRESHOLD, false};
static const struct head_rule induction = {CLASS_INDUCTION, CIRCUIT_THRESHOLD, false};

static const struct {
  const char *model;
  struct head_stays stays;
  int first_layers[4]; /* a layer, the revision of its first sink; the same again */
  size_t circuit;      /* the revision of the first three induction heads */
  double jaccard;      /* of that circuit and the last one */
} published[] = {
    {"pythia-1b", {75, 2, 1}, {4, 7, 6, 6}, 6, 1.0 / 3},
    {"olmo-1b-0724", {211, 7, 4}, {4, 2, 3, 5}, 3, 0.5},
    {"olmoe-1b-7b-0924", {205, 25, 11}, {2, 7, 7, 0}, 0, 2.0 / 7},
};

static void test_published(void **state)
{
  (void)state;
  for (size_t m = 0; m < 3; m++) {
    char path[64];
    struct trajectory t;
    struct error error = {0};
    snprintf(path, sizeof path, "golden/published/%s", published[m].model);
    if (trajectory_load(path, &t, &error))
      fail_msg("%s", error.text);
    struct head_stays stays = head_rule_stays(&sink, &t);
    assert_int_equal(stays.ever, published[m].stays.ever);
    assert_int_equal(stays.left, published[m].stays.left);
    assert_int_equal(stays.gone, published[m].stays.gone);
    for (int i = 0; i < 4; i += 2)
      assert_int_equal(head_rule_first(&sink, &t, published[m].first_layers[i], 1),
                       published[m].first_layers[i + 1]);
    assert_int_equal(head_rule_first(&sink, &t, 0, 1), t.count);
    size_t formed = head_rule_first(&induction, &t, HEAD_RULE_ALL, 3);
    assert_int_equal(formed, published[m].circuit);
    double jaccard = head_rule_jaccard(&induction, &t.revisions[formed], &t.revisions[t.count - 1]);
    assert_true(fabs(jaccard - published[m].jaccard) < 1e-15);
    trajectory_free(&t);
  }
}

/* One layer of two heads and one of two more over four revisions; 1 = taken. */
static void test_by_hand(void **state)
{
  (void)state;
  static const int taken[4][4] = {{0, 1, 0, 0}, {1, 0, 0, 0}, {1, 1, 0, 0}, {1, 1, 0, 1}};
  struct head_row rows[4][4] = {0};
  struct revision revisions[4];
  const struct trajectory t = {.count = 4, .revisions = revisions};
  for (int r = 0; r < 4; r++) {
    for (int i = 0; i < 4; i++) {
      struct head_row *row = &rows[r][i];
      *row = (struct head_row){.layer = i / 2, .head = i % 2};
      row->selectivity[CLASS_FIRST_TOKEN] = taken[r][i] ? 30 : 29.999;
      row->selectivity[CLASS_SELF] = i == 0 ? 40 : 0;
      row->class = head_class_best(row->selectivity);
    }
    revisions[r] = (struct revision){"r", 0, r, 2, 2, rows[r]};
  }
  const struct head_rule best = {CLASS_FIRST_TOKEN, 30, true};
  assert_int_equal(head_rule_count(&sink, &revisions[3], HEAD_RULE_ALL), 3);
  assert_int_equal(head_rule_count(&best, &revisions[3], HEAD_RULE_ALL), 2);
  assert_int_equal(head_rule_count(&sink, &revisions[3], 1), 1);
  assert_int_equal(head_rule_first(&sink, &t, 1, 1), 3);
  assert_int_equal(head_rule_first(&sink, &t, 0, 2), 2);
  assert_int_equal(head_rule_first(&sink, &t, 1, 2), 4);
  struct head_stay stay = head_rule_stay(&sink, &t, 1);
  assert_true(stay.taken == 0 && stay.left == 1 && stay.back);
  stay = head_rule_stay(&sink, &t, 3);
  assert_true(stay.taken == 3 && stay.left == 4 && !stay.back);
  struct head_stays stays = head_rule_stays(&sink, &t);
  assert_true(stays.ever == 3 && stays.left == 1 && stays.gone == 0);
  assert_true(fabs(head_rule_jaccard(&sink, &revisions[1], &revisions[3]) - 1.0 / 3) < 1e-15);
  assert_true(head_rule_jaccard(&sink, &revisions[0], &revisions[1]) == 0);
  const struct head_rule none = {CLASS_LOCAL, 30, false};
  assert_true(isnan(head_rule_jaccard(&none, &revisions[0], &revisions[1])));
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_published),
                                     cmocka_unit_test(test_by_hand)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
