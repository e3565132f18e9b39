/* Sets of heads, circuits, and their controls: every published set (44), those of an independent
 * implementation (tests/fixtures/ablations.README.md), and every rule by hand. */
#include "head_sets.h"
#include "support.h"

#include "circuit/condition.h"
#include "fixture_csv.h"
#include "trajectory/trajectory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFERENCE "tests/fixtures/ablations.tar.zst:reference"

static const struct head_grid small = {4, 4};

static void assert_names(const struct head_set *set, const char *names)
{
  struct text text = {0};
  head_set_print(set, ' ', &text);
  assert_string_equal(text.data ? text.data : "", names);
  text_free(&text);
}

static void test_names(void **state)
{
  static const char *const refused[] = {"",        "L4",     "L4H",   "H4",     "L4H4,",
                                        ",L4H4",   "l4h4",   "L4h4",  "L04H4",  "L4H4 L5H5",
                                        "L-1H0",   "L4H4x",  "L+1H0", "L1H1,,", "L1234567890H0",
                                        "L0H\x1b", "L1.0H0", " L1H1", "L1H1\n"};
  struct head_set set = set_of("L7H0 L4H14 L4H2 L0H0");
  (void)state;
  assert_names(&set, "L7H0 L4H14 L4H2 L0H0");
  assert_true(head_set_has(&set, 4, 14) && !head_set_has(&set, 4, 0));
  assert_true(head_set_new_layer(&set, 1) && !head_set_new_layer(&set, 2));
  struct head_set ranked = set_of("L3H6 L1H0 L3H5 L0H7 L1H4 L3H0 L0H1");
  head_set_group(&ranked);
  assert_names(&ranked, "L3H6 L3H5 L3H0 L1H0 L1H4 L0H7 L0H1");
  head_set_free(&ranked);
  head_set_sort(&set, 0);
  assert_names(&set, "L0H0 L4H2 L4H14 L7H0");
  head_set_free(&set);
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    struct error error = {0};
    head_set_parse("--heads", refused[i], &set, &error);
    support_assert_error(&error, EXIT_INPUT, "is not a head; heads are written L4H4");
    head_set_free(&set);
  }
  struct error error = {0};
  head_set_parse("--heads", "L1H1,L2H2,L1H1", &set, &error);
  support_assert_error(&error, EXIT_INPUT, "--heads: L1H1 is listed twice");
  head_set_free(&set);
}

static struct head_grid grid_of(const char *model)
{
  bool nursery = strncmp(model, "nursery", 7) == 0;
  return nursery ? small : (struct head_grid){16, strcmp(model, "pythia-1b") == 0 ? 8 : 16};
}

static void check_drawn(const struct fixture *f, size_t row, struct random *stream)
{
  struct error error = {0};
  const struct head_grid grid = grid_of(fixture_text(f, row, "model"));
  struct head_set circuit = set_of(fixture_text(f, row, "circuit")), control = {0};
  if (control_matched_random(&circuit, &grid, stream, &control, &error))
    fail_msg("%s", error.text);
  assert_names(&control, fixture_text(f, row, "control"));
  head_set_free(&circuit);
  head_set_free(&control);
}

/* A row of the published stream goes on where the row before stopped. */
static void test_published_sets(void **state)
{
  struct fixture f = fixture_read(REFERENCE, "control_sets.csv");
  struct random stream;
  size_t published = 0;
  (void)state;
  for (size_t i = 0; i < f.rows; i++) {
    bool goes_on = strncmp(fixture_text(&f, i, "stream"), "one stream over", 15) == 0 &&
                   strcmp(fixture_text(&f, i, "condition"), "induction>=2") != 0;
    if (!goes_on)
      random_seed(&stream, (uint32_t)fixture_number(&f, i, "seed"));
    check_drawn(&f, i, &stream);
    published += strcmp(fixture_text(&f, i, "published"), "equal") == 0;
  }
  assert_int_equal(f.rows, 274);
  assert_int_equal(published, 44);
  fixture_free(&f);
}

/* From the published tables to the published controls. */
static void check_stream(const struct fixture *f, const char *model)
{
  struct error error = {0};
  struct trajectory t;
  char path[64];
  const struct head_grid grid = grid_of(model);
  snprintf(path, sizeof path, "golden/published/%s", model);
  if (trajectory_load(path, &t, &error))
    fail_msg("%s", error.text);
  size_t row = fixture_find(f, "model", model);
  for (size_t i = 0; i < CONTROL_STREAM_THRESHOLDS; i++, row++) {
    struct head_set control = {0};
    const struct circuit_rule rule = {t.revisions[t.count - 1].heads, grid.layers * grid.heads,
                                      CLASS_INDUCTION, false};
    if (control_published(&rule, &grid, i, 123, &control, &error))
      fail_msg("%s", error.text);
    assert_names(&control, fixture_text(f, row, "control"));
    head_set_free(&control);
  }
  trajectory_free(&t);
}

static void test_published_stream(void **state)
{
  struct fixture f = fixture_read(REFERENCE, "control_sets.csv");
  (void)state;
  check_stream(&f, "pythia-1b");
  check_stream(&f, "olmo-1b-0724");
  fixture_free(&f);
}

/* The circuit that a row of the nursery's ablations is a control of. */
static struct head_set circuit_of(const struct fixture *f, size_t row)
{
  for (size_t i = 0; i < f->rows; i++)
    if (strcmp(fixture_text(f, i, "control"), "circuit") == 0 &&
        strcmp(fixture_text(f, i, "model"), fixture_text(f, row, "model")) == 0 &&
        strcmp(fixture_text(f, i, "condition"), fixture_text(f, row, "condition")) == 0)
      return set_of(fixture_text(f, i, "heads"));
  fail_msg("row %zu has no circuit", row);
  return (struct head_set){0};
}

static void check_row(const struct fixture *f, size_t row)
{
  const char *name = fixture_text(f, row, "control");
  struct error error = {0};
  struct head_set control = {0}, circuit = circuit_of(f, row);
  struct random stream;
  if (*fixture_text(f, row, "seed"))
    random_seed(&stream, (uint32_t)fixture_number(f, row, "seed"));
  if (strcmp(name, "matched-random") == 0)
    control_matched_random(&circuit, &small, &stream, &control, &error);
  else if (strcmp(name, "random-any-layer") == 0)
    control_any_layer(&circuit, &small, &stream, &control, &error);
  else
    control_upper_bound(&circuit, &small, &control, &error);
  assert_int_equal(error.code, 0);
  assert_names(&control, fixture_text(f, row, "heads"));
  head_set_free(&circuit);
  head_set_free(&control);
}

static void test_reference_sets(void **state)
{
  struct fixture f = fixture_read(REFERENCE, "nursery_ablation.csv");
  size_t checked = 0;
  (void)state;
  for (size_t i = 0; i < f.rows; i++) {
    const char *control = fixture_text(&f, i, "control");
    if (strcmp(control, "baseline") == 0 || strcmp(control, "circuit") == 0)
      continue;
    check_row(&f, i);
    checked++;
  }
  assert_int_equal(checked, 270);
  fixture_free(&f);
}

static void test_nothing_to_draw(void **state)
{
  struct error error = {0};
  struct head_set all = set_of("L0H0 L0H1 L0H2 L0H3 L1H0 L1H1 L1H2 L1H3 L2H0"), control = {0};
  struct random stream, untouched;
  (void)state;
  all.count = 4; /* a whole layer: nothing is drawn, not even a number */
  random_seed(&stream, 5);
  random_seed(&untouched, 5);
  assert_int_equal(control_matched_random(&all, &small, &stream, &control, &error), 0);
  assert_int_equal(control.count, 0);
  assert_int_equal(random_u32(&stream), random_u32(&untouched));
  head_set_free(&control);
  all.count = 8; /* half of the model: as many are left, and one head more is too many */
  assert_int_equal(control_any_layer(&all, &small, &stream, &control, &error), 0);
  assert_names(&control, "L2H0 L2H1 L2H2 L2H3 L3H0 L3H1 L3H2 L3H3");
  head_set_free(&control);
  all.count = 9;
  assert_int_equal(control_any_layer(&all, &small, &stream, &control, &error), 0);
  assert_int_equal(control.count, 0);
  head_set_free(&control);
  head_set_free(&all);
}

/* Heads that the model lacks are picked ones: they count for the size. */
static void test_beyond(void **state)
{
  struct error error = {0};
  struct head_set circuit = set_of("L1H1 L1H9 L7H0"), control = {0};
  struct random stream;
  (void)state;
  random_seed(&stream, 0);
  assert_int_equal(control_matched_random(&circuit, &small, &stream, &control, &error), 0);
  assert_int_equal(control.count, 2);
  assert_true(control.list[0].layer == 1 && control.list[1].layer == 1);
  head_set_free(&control);
  assert_int_equal(control_any_layer(&circuit, &small, &stream, &control, &error), 0);
  assert_int_equal(control.count, 3);
  head_set_free(&control);
  assert_int_equal(control_upper_bound(&circuit, &small, &control, &error), 0);
  assert_names(&control, "L1H0 L1H1 L1H2 L1H3");
  head_set_free(&control);
  head_set_free(&circuit);
}

/* The circuit of a screen: at least the threshold; previous-token heads by their best class, too.
 */
static void test_circuits(void **state)
{
  struct head_row rows[4] = {{.layer = 0, .head = 0, .class = CLASS_PREVIOUS_TOKEN},
                             {.layer = 0, .head = 1, .class = CLASS_FIRST_TOKEN},
                             {.layer = 1, .head = 0, .class = CLASS_PREVIOUS_TOKEN},
                             {.layer = 1, .head = 1, .class = CLASS_INDUCTION}};
  static const double previous[4] = {100, 200, 99.9, 100};
  struct error error = {0};
  struct head_set set = {0};
  (void)state;
  for (int i = 0; i < 4; i++)
    rows[i].selectivity[CLASS_PREVIOUS_TOKEN] = previous[i];
  struct circuit_rule rule = {rows, 4, CLASS_PREVIOUS_TOKEN, true};
  assert_int_equal(circuit_choose(&rule, 100, &set, &error), 0);
  assert_names(&set, "L0H0");
  head_set_free(&set);
  rule.best = false;
  assert_int_equal(circuit_choose(&rule, 100, &set, &error), 0);
  assert_names(&set, "L0H0 L0H1 L1H1");
  head_set_free(&set);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_published_sets),
      cmocka_unit_test(test_published_stream),
      cmocka_unit_test(test_reference_sets),
      cmocka_unit_test(test_nothing_to_draw),
      cmocka_unit_test(test_beyond),
      cmocka_unit_test(test_circuits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
