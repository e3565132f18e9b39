/* Scores of components over training: their file, finished work with them, and what claims say. */
#include "courses.h"

#include "fixture_csv.h"

static struct error error;

/* The scores of the only head, of four cases. */
static void give(struct found *found, double induction, double previous, size_t copied)
{
  give_component(found, &(struct component){.patterns = {induction, previous, .25},
                                            .mover = {4, copied, 1, .5, .125, NAN},
                                            .direct = -2});
}

/* The metric emerges at the third revision; so does the mover. */
static struct circuit_course make_scored(void)
{
  static const size_t copied[REVISIONS] = {0, 2, 3, 4};
  static const double induction[REVISIONS] = {.1, .2, .8, .9}, previous[REVISIONS] = {.3, .9, 1, 1};
  struct circuit_course course = make_course();
  for (size_t r = 0; r < REVISIONS; r++)
    give(course.revisions[r].found, induction[r], previous[r], copied[r]);
  return course;
}

static void test_file(void **state)
{
  (void)state;
  struct circuit_course course = make_scored();
  struct course_files files = make_files(&course);
  assert_int_equal(files.count, 3);
  const struct text *csv = &files.list[1].text;
  assert_string_equal(files.list[1].name, "components.csv");
  assert_string_equal(files.list[2].name, "circuits.json");
  assert_string_equal(cell(csv, 2, "revision"), "step2");
  assert_string_equal(cell(csv, 2, "task"), "copy");
  assert_string_equal(cell(csv, 2, "copy_score"), "75");
  assert_string_equal(cell(csv, 2, "negative_copy_score"), "25");
  assert_string_equal(cell(csv, 2, "to_negative"), "0.125");
  assert_string_equal(cell(csv, 2, "to_later"), "");
  assert_string_equal(cell(csv, 2, "mover"), "yes");
  assert_string_equal(cell(csv, 0, "mover"), "no");
  assert_string_equal(cell(csv, 3, "direct_effect"), "-2");
  course_files_free(&files);
  circuit_course_free(&course);
}

/* Ten percent are not enough, nor is a copying head that looks elsewhere. */
static void test_mover(void **state)
{
  (void)state;
  struct mover_scores scores = {10, 1, 0, .5, .25, .25};
  assert_true(mover_copy_score(&scores) == 10 && !mover_is(&scores));
  scores.copied = 2;
  assert_true(mover_is(&scores));
  scores.to_later = .5;
  assert_false(mover_is(&scores));
  scores.to_later = NAN;
  assert_true(mover_is(&scores));
  scores.to_negative = .75;
  assert_false(mover_is(&scores));
}

/* Finished work comes back with its components to the bit, and not with others. */
static void test_found_file(void **state)
{
  (void)state;
  struct found found = make_found(3, -1, 0x2a), back;
  size_t at = 0;
  const char *path = support_path("found");
  give(&found, .5, .25, 3);
  struct blob blob = save_found(path, &found, 1);
  assert_int_equal(found_read(path, &blob, &at, &back, &error), 0);
  assert_int_equal(at, blob.size);
  assert_int_equal(back.component_count, 1);
  assert_memory_equal(back.components, found.components, sizeof *found.components);
  found_free(&back);
  refuse_damaged(path, blob.data, blob.size, 5, 0x10);
  blob_free(&blob);
  found_free(&found);
}

/* --- claims --- */

static void test_claims(void **state)
{
  (void)state;
  struct circuit_course course = make_scored();
  struct claim_list list = evaluate(&course);
  expect(&list, "P2-60", "copy 1: 1x to 1x", CLAIM_REPRODUCED);
  expect(&list, "P2-61", "heads step2; copy step2", CLAIM_REPRODUCED);
  expect(&list, "P2-62", "heads step1; copy step2", CLAIM_REPRODUCED);
  expect(&list, "P2-63", "previous step1, induction step2, movers step2", CLAIM_REPRODUCED);
  assert_int_equal(find(&list, "P2-64", 0)->verdict, CLAIM_NOT_EVALUATED);
  assert_int_equal(find(&list, "P2-52", 0)->verdict, CLAIM_NOT_EVALUATED); /* no IOI */
  assert_true(find(&list, "P2-60", 0)->apart && !find(&list, "P2-50", 0)->apart);
  claims_free(&list);
  course.revisions[0].found->components->mover.copied = 3; /* long before */
  course.revisions[2].found->components->patterns.induction = .2;
  list = evaluate(&course);
  expect(&list, "P2-60", "copy 1: 0.33x to 0.33x", CLAIM_NOT_REPRODUCED);
  expect(&list, "P2-61", "heads step4; copy step2", CLAIM_REPRODUCED);
  expect(&list, "P2-63", "previous step1, induction step4, movers step0", CLAIM_NOT_REPRODUCED);
  claims_free(&list);
  course.revisions[0].found->components->mover.copied = 0;
  course.revisions[2].found->components->inhibition = (struct inhibition_scores){-1, -.5, .5};
  list = evaluate(&course);
  expect(&list, "P2-63", "previous step1, induction step4, movers step2, S-inhibition step2",
         CLAIM_NOT_REPRODUCED);
  claims_free(&list);
  course.revisions[3].found->components->mover.to_negative = 1;
  list = evaluate(&course);
  expect(&list, "P2-60", "copy no mover", CLAIM_NOT_REPRODUCED);
  assert_int_equal(find(&list, "P2-63", 0)->verdict, CLAIM_NOT_EVALUATED);
  claims_free(&list);
  circuit_course_free(&course);
}

/* On the paper's task, what is asserted of its components. */
static void test_claims_of_the_paper(void **state)
{
  (void)state;
  struct circuit_course course = make_scored();
  free(course.tasks[0].name);
  course.tasks[0].name = strdup("ioi");
  struct claim_list list = evaluate(&course);
  expect(&list, "P2-52", "ioi 1: 1x to 1x", CLAIM_REPRODUCED);
  claims_free(&list);
  for (size_t r = 0; r < REVISIONS; r++)
    course.revisions[r].found->components->mover.cases = 0;
  list = evaluate(&course);
  assert_int_equal(find(&list, "P2-52", 0)->verdict, CLAIM_NOT_EVALUATED);
  expect(&list, "P2-60", "", CLAIM_NOT_EVALUATED);
  claims_free(&list);
  circuit_course_free(&course);
}

/* --- the goldens --- */

/* Of the trained models: every head of every revision and task; at the end some head is an
 * induction head and copies. */
static void test_goldens(void **state)
{
  (void)state;
  static const char *const families[] = {"gpt_neox", "olmo", "olmoe"};
  for (size_t f = 0; f < 3; f++) {
    char directory[64];
    double induction = 0, copying = 0, direct = 0;
    snprintf(directory, sizeof directory, "golden/circuits-%s", families[f]);
    struct fixture csv = fixture_read(directory, "components.csv");
    assert_int_equal(csv.rows, 10 * 3 * 16);
    for (size_t r = 9 * 3 * 16; r < 9 * 3 * 16 + 16; r++) {
      assert_string_equal(fixture_text(&csv, r, "task"), "copy");
      induction = fmax(induction, fixture_number(&csv, r, "induction"));
      if (strcmp(fixture_text(&csv, r, "mover"), "yes") == 0)
        copying = fmax(copying, fixture_number(&csv, r, "copy_score"));
      direct = fmax(direct, fixture_number(&csv, r, "direct_effect"));
    }
    assert_true(induction > .5 && copying > 80 && direct > 1);
    fixture_free(&csv);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_file),       cmocka_unit_test(test_mover),
      cmocka_unit_test(test_found_file), cmocka_unit_test(test_claims),
      cmocka_unit_test(test_goldens),    cmocka_unit_test(test_claims_of_the_paper),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
