/* The golden trajectories of the trained models against the float64 screens of the independent
 * implementation: goldens are our own results, and this is why they may be believed.
 * Bound: ten times the smallest float32 error recorded for the sharp conformance models (1.6e-6).
 */
#include "support.h"

#include "trajectory/trajectory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOUND 1.6e-5

/* A row of heads.csv: layer, head, six means, baseline, six selectivities, class, pr. */
static void compare_row(char *line, const struct revision *revision, double *worst)
{
  char *fields[17];
  for (int i = 0; i < 17; i++)
    fields[i] = strsep(&line, ",\n");
  const struct head_row *row =
      &revision->heads[atoi(fields[0]) * revision->n_heads + atoi(fields[1])];
  for (int k = 0; k < CLASS_COUNT; k++) {
    double want = strtod(fields[9 + k], NULL);
    *worst = fmax(*worst, fabs(row->selectivity[k] - want) / fmax(want, 1e-3));
  }
  *worst = fmax(*worst, fabs(row->baseline / strtod(fields[8], NULL) - 1));
  *worst = fmax(*worst, fabs(row->pr - strtod(fields[16], NULL)));
  for (char *p = fields[15]; *p; p++)
    *p = *p == '-' ? '_' : *p;
  assert_string_equal(head_class_name(row->class), fields[15]);
}

static void compare_model(const char *model)
{
  char path[256], line[2048];
  struct error error = {0};
  struct trajectory golden;
  double worst = 0;
  size_t heads = 0;
  snprintf(path, sizeof path, "golden/%s", model);
  assert_int_equal(trajectory_load(path, &golden, &error), 0);
  assert_int_equal(golden.count, 10);
  assert_int_equal(golden.kind, TRAJECTORY_TRAINED);
  for (size_t i = 0; i < golden.count; i++) {
    snprintf(path, sizeof path, "tests/fixtures/nursery-expected/%s/%s/heads.csv", model,
             golden.revisions[i].name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    for (; fgets(line, sizeof line, file); heads++)
      compare_row(line, &golden.revisions[i], &worst);
    fclose(file);
  }
  print_message("  %s: %zu heads, largest difference %.2e\n", model, heads, worst);
  assert_int_equal(heads, 160);
  assert_true(worst <= BOUND);
  trajectory_free(&golden);
}

static void test_goldens_agree_with_reference(void **state)
{
  (void)state;
  compare_model("nursery-gpt_neox");
  compare_model("nursery-olmo");
  compare_model("nursery-olmoe");
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_goldens_agree_with_reference)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
