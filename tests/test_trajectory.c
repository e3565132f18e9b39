/* The trajectory room: CSV and JSON in and out, every refusal, comparison bit by bit. */
#include "support.h"

#include "trajectory/trajectory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER                                                                                     \
  "layer,head,class,induction,previous_token,duplicate_token,first_token,self,local,baseline,pr\n"
#define ROW(layer, head) layer "," head ",unclassified,1,2,3,4,5,6,0.5,7\n"

static int parse(const char *text, size_t size, struct error *error)
{
  struct revision revision = {0};
  char *exact = malloc(size ? size : 1); /* so that the sanitizer sees a read past the end */
  assert_non_null(exact);
  memcpy(exact, text, size);
  *error = (struct error){0};
  int status = trajectory_parse_csv("t.csv", exact, size, &revision, error);
  free(exact);
  trajectory_revision_free(&revision);
  return status;
}

static void refused(const char *text, const char *words)
{
  struct error error;
  assert_int_equal(parse(text, strlen(text), &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, words);
  support_assert_error(&error, EXIT_INPUT, "t.csv: ");
}

static void test_csv_accepts(void **state)
{
  (void)state;
  static const char text[] = HEADER "0,0,induction,51.25,0,0,0,1e-5,0,,\n"
                                    "0,1,unclassified,1,2,3,4,5,6,0.5,7\n"
                                    "1,0,first_token,1,2,3,30,5,30,0.5,7\n"
                                    "1,1,local,1,2,3,4,5,97539000.0,0.5,7\n";
  struct revision revision;
  struct error error = {0};
  assert_int_equal(trajectory_parse_csv("t", text, sizeof text - 1, &revision, &error), 0);
  assert_int_equal(revision.n_layers, 2);
  assert_int_equal(revision.n_heads, 2);
  assert_string_equal(revision.name, "");
  assert_true(revision.heads[0].selectivity[CLASS_SELF] == 1e-5);
  assert_true(isnan(revision.heads[0].baseline) && isnan(revision.heads[0].pr));
  assert_int_equal(revision.heads[2].class, CLASS_FIRST_TOKEN); /* a tie goes to the earlier */
  assert_true(revision.heads[3].selectivity[CLASS_LOCAL] == 97539000.0);
  trajectory_revision_free(&revision);
}

static void test_csv_refuses_lines(void **state)
{
  (void)state;
  struct error error;
  static const char nul[] = HEADER "0,0,unclassified,1,2,3\0004,5,6,,\n";
  char long_line[sizeof HEADER + 1200];
  refused("", "t.csv: is an empty file");
  refused(HEADER, "no heads");
  refused("layer,head\n", "line 1: the header is \"layer,head\", must be layer,head,class");
  refused(HEADER "0,0,unclassified,1,2,3,4,5,6,0.5,7", "line 2: no newline");
  refused(HEADER "0,0,unclassified,1,2,3,4,5,6,0.5,7\r\n",
          "line 2: ends in a carriage return (Windows line ends)");
  refused(HEADER "\n", "line 2: empty; remove the empty line");
  refused(HEADER "0,0,unclassified,1,2,3,4,5,6,0.5\n", "10 columns, must be 11");
  refused(HEADER "0,0,unclassified,1,2,3,4,5,6,0.5,7,\n", "12 columns, must be 11");
  assert_int_equal(parse(nul, sizeof nul - 1, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "line 2: NUL byte");
  snprintf(long_line, sizeof long_line, "%s%01100d\n", HEADER, 0);
  refused(long_line, "line 2: longer than 1024 bytes");
}

static void test_csv_refuses_values(void **state)
{
  (void)state;
  refused(HEADER "0,0,unclassified,abc,2,3,4,5,6,,\n", "line 2, column induction: \"abc\" must be");
  refused(HEADER "0,0,unclassified,1,,3,4,5,6,,\n", "column previous_token: \"\"");
  refused(HEADER "0,0,unclassified,1,2,inf,4,5,6,,\n", "column duplicate_token");
  refused(HEADER "0,0,unclassified,1,2,1e999,4,5,6,,\n", "column duplicate_token");
  refused(HEADER "0,0,unclassified,1,2,3,nan,5,6,,\n", "column first_token");
  refused(HEADER "0,0,unclassified,1,2,3,4,-5,6,,\n", "column self: \"-5\"");
  refused(HEADER "0,0,unclassified,1,2,3,4,5,-0,,\n", "column local: \"-0\"");
  refused(HEADER "0,0,unclassified,1,2,3,4,5,6, 1,\n", "column baseline: \" 1\"");
  refused(HEADER "0,0,unclassified,1,2,3,4,5,6,,0x1p3\n", "column pr: \"0x1p3\"");
  refused(HEADER "0,0,self,1,2,3,4,5,6,,\n", "column class: \"self\" must be unclassified");
  refused(HEADER "0,0,,1,2,3,4,5,60,,\n", "column class: \"\" must be local");
  refused(HEADER "4096,0,unclassified,1,2,3,4,5,6,,\n", "column layer: \"4096\"");
  refused(HEADER "0,4096,unclassified,1,2,3,4,5,6,,\n", "column head");
  refused(HEADER "0,99999999999999999999,unclassified,1,2,3,4,5,6,,\n", "column head");
  refused(HEADER "-1,0,unclassified,1,2,3,4,5,6,,\n", "column layer");
}

static void test_csv_refuses_order(void **state)
{
  (void)state;
  refused(HEADER ROW("0", "1"), "found layer 0, head 1, expected layer 0, head 0");
  refused(HEADER ROW("1", "0"), "found layer 1, head 0, expected layer 0, head 0");
  refused(HEADER ROW("0", "0") ROW("0", "0"), "line 3, columns layer and head");
  refused(HEADER ROW("0", "0") ROW("0", "2"), "expected layer 0, head 1");
  refused(HEADER ROW("0", "0") ROW("2", "0"), "line 3");
  refused(HEADER ROW("0", "0") ROW("0", "1") ROW("1", "0") ROW("2", "0"),
          "found layer 2, head 0, expected layer 1, head 1");
  refused(HEADER ROW("0", "0") ROW("1", "0") ROW("1", "1"), "expected layer 2, head 0");
  refused(HEADER ROW("0", "0") ROW("0", "1") ROW("1", "0"),
          "the last layer has 1 head, the others 2");
  refused(HEADER ROW("0", "0") ROW("4095", "4095"), "line 3");
}

/* A small trajectory with awkward numbers. */
static void make(struct trajectory *trajectory)
{
  static const char *const names[] = {"step1", "step2"};
  *trajectory = (struct trajectory){
      strdup("nursery"), strdup("made by a test"), strdup(""), TRAJECTORY_SYNTHETIC, 2, NULL};
  trajectory->revisions = calloc(2, sizeof *trajectory->revisions);
  assert_non_null(trajectory->revisions);
  for (int r = 0; r < 2; r++) {
    struct revision *revision = &trajectory->revisions[r];
    *revision = (struct revision){strdup(names[r]), (uint64_t)r + 1, 0.1 * (r + 1), 2, 3, NULL};
    revision->heads = calloc(6, sizeof *revision->heads);
    assert_non_null(revision->heads);
    for (int i = 0; i < 6; i++) {
      struct head_row *row = &revision->heads[i];
      row->layer = i / 3;
      row->head = i % 3;
      for (int c = 0; c < CLASS_COUNT; c++)
        row->selectivity[c] = (1.0 + i + r) / (3 + c) * (c == i ? 100 : 1);
      row->selectivity[CLASS_SELF] = 5e-324 * i;
      row->class = head_class_best(row->selectivity);
      row->baseline = i == 1 ? NAN : 1e-8 / 3;
      row->pr = i == 2 ? NAN : 1.0 / 7 + i;
    }
  }
}

static void test_csv_round_trip(void **state)
{
  (void)state;
  struct trajectory trajectory;
  struct revision back;
  struct trajectory_difference difference;
  struct error error = {0};
  size_t length, again;
  make(&trajectory);
  char *text = trajectory_format_csv(&trajectory.revisions[0], &length, &error);
  assert_non_null(text);
  assert_int_equal(trajectory_parse_csv("t", text, length, &back, &error), 0);
  trajectory_compare_revisions(&trajectory.revisions[0], &back, &difference);
  assert_false(difference.found);
  char *second = trajectory_format_csv(&back, &again, &error);
  assert_non_null(second);
  assert_int_equal(length, again);
  assert_memory_equal(text, second, length);
  const char *path = support_path("one.csv");
  assert_int_equal(trajectory_write_csv(path, &back, &error), 0);
  trajectory_revision_free(&back);
  assert_int_equal(trajectory_read_csv(path, &back, &error), 0);
  trajectory_compare_revisions(&back, &trajectory.revisions[0], &difference);
  assert_false(difference.found);
  trajectory_revision_free(&back);
  assert_int_equal(trajectory_read_csv(support_path("none.csv"), &back, &error), EXIT_INPUT);
  free(text);
  free(second);
  trajectory_free(&trajectory);
}

static void test_directory_round_trip(void **state)
{
  (void)state;
  struct trajectory trajectory, back;
  struct trajectory_difference difference;
  struct error error = {0};
  const char *directory = support_path("deep/new");
  make(&trajectory);
  assert_int_equal(trajectory_save(directory, &trajectory, &error), 0);
  assert_int_equal(trajectory_load(directory, &back, &error), 0);
  trajectory_compare(&trajectory, &back, &difference);
  assert_false(difference.found);
  assert_int_equal(back.kind, TRAJECTORY_SYNTHETIC);
  assert_string_equal(back.source, "made by a test");
  assert_string_equal(back.caveat, "");
  trajectory_free(&back);
  free(trajectory.revisions[1].name);
  trajectory.revisions[1].name = strdup("../step2");
  assert_int_equal(trajectory_save(directory, &trajectory, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "cannot be a file name");
  free(trajectory.caveat);
  trajectory.caveat = strdup("two\nlines");
  assert_int_equal(trajectory_save(directory, &trajectory, &error), EXIT_INPUT);
  trajectory_free(&trajectory);
}

#define JSON_HEAD                                                                                  \
  "{\"format\":1,\"model\":\"m\",\"kind\":\"real\",\"source\":\"s\",\"caveat\":\"\","
#define ENTRY(name, tokens, file)                                                                  \
  "{\"name\":\"" name "\",\"step\":1,\"tokens\":" tokens ",\"file\":\"" file "\"}"

static void load_refused(const char *json, const char *words)
{
  struct trajectory trajectory;
  struct error error = {0};
  support_write(support_path("trajectory.json"), json, strlen(json));
  assert_int_equal(trajectory_load(support_directory(), &trajectory, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, words);
}

static void test_load_refuses(void **state)
{
  (void)state;
  static const char one[] = HEADER ROW("0", "0"), two[] = HEADER ROW("0", "0") ROW("0", "1");
  support_write(support_path("a.csv"), one, sizeof one - 1);
  support_write(support_path("b.csv"), two, sizeof two - 1);
  load_refused("[]", "must be a JSON object");
  load_refused("{\"extra\":1}", "unknown key \"extra\"");
  load_refused("{\"format\":2}", "\"format\" is 2");
  load_refused("{\"format\":1,\"model\":\"a/b\"}", "\"model\" is \"a/b\", must be a plain name");
  load_refused("{\"format\":1,\"model\":\"m\",\"source\":\"a\\nb\"}", "without control characters");
  load_refused("{\"format\":1,\"model\":\"m\",\"source\":\"\\u009b2J\"}", "control characters");
  load_refused("{\"format\":1,\"model\":\"m\",\"source\":\"s\"}", "\"caveat\" is missing");
  load_refused("{\"format\":1,\"model\":\"m\",\"source\":\"s\",\"caveat\":\"\",\"kind\":\"x\"}",
               "must be published, trained, real or synthetic");
  load_refused(JSON_HEAD "\"revisions\":[]}", "\"revisions\" has 0 entries");
  load_refused(JSON_HEAD "\"revisions\":[3]}", "revisions[0]: must be an object");
  load_refused(JSON_HEAD "\"revisions\":[{\"seed\":1}]}", "revisions[0]: unknown key \"seed\"");
  load_refused(JSON_HEAD "\"revisions\":[" ENTRY("r", "1", "../a.csv") "]}", "plain file name");
  load_refused(JSON_HEAD "\"revisions\":[" ENTRY("r", "1", "c.csv") "]}",
               "c.csv: cannot be opened");
  load_refused(JSON_HEAD "\"revisions\":[" ENTRY("r", "-1", "a.csv") "]}", "\"tokens\" is -1");
  load_refused(JSON_HEAD "\"revisions\":[" ENTRY("r s", "1", "a.csv") "]}", "\"name\" is \"r s\"");
  load_refused(JSON_HEAD
               "\"revisions\":[" ENTRY("r", "1", "a.csv") "," ENTRY("r", "2", "a.csv") "]}",
               "revision r is listed twice");
  load_refused(JSON_HEAD
               "\"revisions\":[" ENTRY("r", "1", "a.csv") "," ENTRY("s", "1", "a.csv") "]}",
               "do not ascend");
  load_refused(JSON_HEAD
               "\"revisions\":[" ENTRY("r", "1", "a.csv") "," ENTRY("s", "2", "b.csv") "]}",
               "revision s has 1 layer of 2 heads, the one before 1 of 1");
}

static void test_kind_names(void **state)
{
  (void)state;
  enum trajectory_kind kind;
  for (int i = TRAJECTORY_PUBLISHED; i <= TRAJECTORY_SYNTHETIC; i++) {
    assert_int_equal(trajectory_kind_parse(trajectory_kind_name((enum trajectory_kind)i), &kind),
                     0);
    assert_int_equal(kind, i);
  }
  assert_int_equal(trajectory_kind_parse("Real", &kind), EXIT_INPUT);
}

static void test_ulp_distance(void **state)
{
  (void)state;
  assert_true(trajectory_ulp_distance(1.0, 1.0) == 0);
  assert_true(trajectory_ulp_distance(1.0, nextafter(1.0, 2.0)) == 1);
  assert_true(trajectory_ulp_distance(nextafter(1.0, 0.0), nextafter(1.0, 2.0)) == 2);
  assert_true(trajectory_ulp_distance(0.0, -0.0) == 1);
  assert_true(trajectory_ulp_distance(5e-324, -5e-324) == 3);
  assert_true(trajectory_ulp_distance(-1.0, nextafter(-1.0, 0.0)) == 1);
  assert_true(trajectory_ulp_distance(NAN, 1.0) == UINT64_MAX);
  assert_true(trajectory_ulp_distance(INFINITY, -INFINITY) > UINT64_MAX / 2);
}

static void expect(const struct trajectory *a, const struct trajectory *b, const char *where)
{
  struct trajectory_difference difference;
  trajectory_compare(a, b, &difference);
  assert_true(difference.found);
  assert_string_equal(difference.where, where);
}

static void test_compare_figures(void **state)
{
  (void)state;
  struct trajectory a, b;
  struct trajectory_difference difference;
  make(&a);
  make(&b);
  trajectory_compare(&a, &b, &difference);
  assert_false(difference.found);
  a.revisions[1].heads[4].selectivity[CLASS_INDUCTION] = 51.25;
  b.revisions[1].heads[4].selectivity[CLASS_INDUCTION] = nextafter(51.25, 60);
  expect(&a, &b,
         "revision step2, layer 1, head 1, induction: 51.25 against 51.250000000000007, 1 ULP");
  b.revisions[1].heads[3].pr = NAN;
  a.revisions[1].heads[3].pr = 3.5;
  expect(&a, &b, "revision step2, layer 1, head 0, pr: 3.5 against not available");
  a.revisions[0].heads[0].baseline = 0.0;
  b.revisions[0].heads[0].baseline = -0.0;
  expect(&a, &b, "revision step1, layer 0, head 0, baseline: 0 against -0, 1 ULP");
  *a.revisions[0].name = 0; /* a lone file has no name to show */
  trajectory_compare_revisions(&a.revisions[0], &b.revisions[0], &difference);
  assert_string_equal(difference.where, "layer 0, head 0, baseline: 0 against -0, 1 ULP");
  trajectory_free(&a);
  trajectory_free(&b);
}

static void test_compare_shapes(void **state)
{
  (void)state;
  struct trajectory a, b;
  make(&a);
  make(&b);
  b.revisions[0].n_layers = 1;
  expect(&a, &b, "revision step1, shape: 2 layers of 3 heads against 1 layer of 3 heads");
  b.revisions[0].tokens = 0.25;
  expect(&a, &b, "revision step1: tokens 0.10000000000000001 against 0.25");
  b.revisions[0].step = 9;
  expect(&a, &b, "revision step1: step 1 against 9");
  b.revisions[0].name[4] = '7';
  expect(&a, &b, "revision 0: name step1 against step7");
  b.count = 1;
  expect(&a, &b, "2 revisions against 1");
  b.model[0] = 'N';
  expect(&a, &b, "model nursery against Nursery");
  b.count = 2;
  trajectory_free(&a);
  trajectory_free(&b);
}

static void test_published(void **state)
{
  (void)state;
  static const char *const models[] = {"pythia-1b", "olmo-1b-0724", "olmoe-1b-7b-0924"};
  for (size_t i = 0; i < 3; i++) {
    struct trajectory trajectory;
    struct error error = {0};
    char path[64];
    snprintf(path, sizeof path, "golden/published/%s", models[i]);
    assert_int_equal(trajectory_load(path, &trajectory, &error), 0);
    assert_string_equal(trajectory.model, models[i]);
    assert_int_equal(trajectory.kind, TRAJECTORY_PUBLISHED);
    assert_int_equal(trajectory.count, 10);
    assert_int_equal(trajectory.revisions[0].n_layers, 16);
    assert_int_equal(trajectory.revisions[0].n_heads, i == 0 ? 8 : 16);
    assert_true(isnan(trajectory.revisions[9].heads[7].baseline));
    assert_true(isfinite(trajectory.revisions[9].heads[7].pr));
    trajectory_free(&trajectory);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_csv_accepts),        cmocka_unit_test(test_csv_refuses_lines),
      cmocka_unit_test(test_csv_refuses_values), cmocka_unit_test(test_csv_refuses_order),
      cmocka_unit_test(test_csv_round_trip),     cmocka_unit_test(test_directory_round_trip),
      cmocka_unit_test(test_load_refuses),       cmocka_unit_test(test_kind_names),
      cmocka_unit_test(test_ulp_distance),       cmocka_unit_test(test_compare_figures),
      cmocka_unit_test(test_compare_shapes),     cmocka_unit_test(test_published)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
