/* When a run learned and how long it stood still, on made-up evaluations. */
#include "support.h"

#include "few_shot/course.h"

#include <math.h>
#include <string.h>

#define COUNT 12
#define NEAR 0.70
#define LOW 0.20

/* Every 1000 sequences; the other sets follow one evaluation later. */
static void make(const double losses[COUNT], struct few_evaluation evaluations[COUNT])
{
  for (size_t i = 0; i < COUNT; i++) {
    evaluations[i] = (struct few_evaluation){.updates = 32 * i, .sequences = 1000 * i};
    for (int set = 0; set < FEW_SETS; set++) {
      size_t at = set && i ? i - 1 : i;
      evaluations[i].sets[set].loss = losses[at];
      evaluations[i].sets[set].acc = losses[at] < 0.25 ? 0.95 : 0.5;
    }
  }
}

static void test_times(void **state)
{
  (void)state;
  const double losses[COUNT] = {1.9,  1.2,  NEAR, NEAR, 0.80, NEAR,
                                NEAR, NEAR, 0.50, 0.26, LOW,  0.10};
  struct few_evaluation evaluations[COUNT];
  make(losses, evaluations);
  const struct few_course c = few_course_of(evaluations, COUNT, FEW_SET_TRAIN);
  assert_true(c.learned == 9000);
  for (int set = 1; set < FEW_SETS; set++) {
    const struct few_course other = few_course_of(evaluations, COUNT, (enum few_set)set);
    assert_true(other.learned == 10000 && other.learned_accuracy == 11000);
    assert_true(other.drop == 2000 && other.plateau == 5 && other.plateau_between == 6);
    assert_true(other.loss == LOW);
  }
  assert_true(c.learned_accuracy == 10000);
  assert_true(c.drop == 2000); /* from 7000 */
  assert_int_equal(c.plateau, 5);
  assert_int_equal(c.plateau_longest, 3);
  assert_int_equal(c.plateau_between, 6);
  assert_true(c.loss == 0.10);
  assert_true(c.accuracy == 0.95);
}

/* At the borders of the definitions: < 0.4 ln 2, |loss - ln 2| < 0.05, >= ln 2 - 0.05. */
static void test_borders(void **state)
{
  (void)state;
  double losses[COUNT] = {1.9, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2};
  struct few_evaluation evaluations[COUNT];
  losses[3] = FEW_LN2 + 0.0500001;
  losses[4] = FEW_LN2 - 0.0499999;
  losses[5] = FEW_LN2 - 0.0500001;
  losses[6] = FEW_LEARNED_LOSS;
  losses[7] = nextafter(FEW_LEARNED_LOSS, 0);
  make(losses, evaluations);
  const struct few_course c = few_course_of(evaluations, COUNT, FEW_SET_TRAIN);
  assert_int_equal(c.plateau, 1);
  assert_int_equal(c.plateau_between, 1);
  assert_true(c.learned == 7000);
  assert_true(c.drop == 3000);
}

static void test_never(void **state)
{
  (void)state;
  const double losses[COUNT] = {1.9,  NEAR, NEAR, NEAR, NEAR, NEAR,
                                NEAR, NEAR, NEAR, NEAR, NEAR, NEAR};
  struct few_evaluation evaluations[COUNT];
  make(losses, evaluations);
  struct few_course c = few_course_of(evaluations, COUNT, FEW_SET_TRAIN);
  assert_true(isnan(c.learned) && isnan(c.learned_accuracy) && isnan(c.drop));
  assert_int_equal(c.plateau, COUNT - 1);
  assert_int_equal(c.plateau_longest, COUNT - 1);
  c = few_course_of(evaluations, 0, FEW_SET_TRAIN);
  assert_true(isnan(c.learned) && isnan(c.loss));
  assert_int_equal(c.plateau_between, 0);
}

/* As the file of a run has it: a row a set, nothing where it never came to it. */
static void test_table(void **state)
{
  (void)state;
  const double losses[COUNT] = {1.9,  1.2,  NEAR, NEAR, 0.80, NEAR,
                                NEAR, NEAR, 0.50, 0.26, LOW,  0.10};
  struct few_evaluation evaluations[COUNT];
  struct few_log log = {.evaluations = evaluations, .evaluation_count = COUNT - 2};
  struct table table;
  struct text text = {0};
  make(losses, evaluations);
  few_course_table(&log, &table);
  table_separated(&table, ',', "", &text);
  table_free(&table);
  assert_non_null(strstr(text.data, "\nfsl_train,9000,,5,3,6,2000,9000,0.26"));
  assert_non_null(strstr(text.data, "\nfsl_test_class,,,5,3,6,,9000,0.5,0.5\n"));
  assert_int_equal(text_count_lines(text.data, text.length), 1 + FEW_SETS);
  text_free(&text);
  log.evaluation_count = 0;
  few_course_table(&log, &table);
  assert_int_equal(table_rows(&table), 0);
  table_free(&table);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_times),
      cmocka_unit_test(test_borders),
      cmocka_unit_test(test_never),
      cmocka_unit_test(test_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
