/* Circuits over training: files of finished work, figures as they are written, manifests, and what
 * the claims say of a course. */
#include "courses.h"
#include "fixture_csv.h"

#include "manifest/manifest.h"
#include "study/course_tasks.h"

static struct error error;

static void test_rows(void **state)
{
  (void)state;
  struct circuit_course course = make_course();
  struct course_files files = make_files(&course);
  assert_int_equal(files.count, 2);
  const struct text *csv = &files.list[0].text;
  assert_string_equal(files.list[0].name, "copy.csv");
  assert_string_equal(cell(csv, 0, "revision"), "step0");
  assert_string_equal(cell(csv, 0, "jaccard"), "");
  assert_string_equal(cell(csv, 0, "edges"), "0");
  assert_string_equal(cell(csv, 1, "empty_ratio"), "-1");
  assert_string_equal(cell(csv, 1, "jaccard"), "0");
  assert_string_equal(cell(csv, 2, "added"), "1");
  assert_true(strtod(cell(csv, 2, "jaccard"), NULL) == 2. / 3);
  assert_true(strtod(cell(csv, 2, "jaccard_ewma_similarity"), NULL) == 1. / 3);
  assert_true(strtod(cell(csv, 2, "jaccard_ewma_change"), NULL) == .5 * (1 - 2. / 3) + .25);
  assert_true(strtod(cell(csv, 2, "gtd"), NULL) > 0);
  assert_string_equal(cell(csv, 3, "accuracy"), "0.75");
  assert_string_equal(cell(csv, 3, "least_size"), "");
  assert_non_null(strstr(files.list[1].text.data, "\"circuit\": \"0 1 5\""));
  course_files_free(&files);
  circuit_course_free(&course);
}

static void test_files_compared(void **state)
{
  (void)state;
  struct circuit_course course = make_course();
  struct course_files files = make_files(&course);
  char difference[1024];
  bool differ;
  const char *directory = support_path("course");
  assert_int_equal(course_files_write(directory, &files, &error), 0);
  assert_int_equal(course_files_compare(directory, &files, &differ, difference, &error), 0);
  assert_false(differ);
  files.list[0].text.data[files.list[0].text.length - 2] ^= 1;
  assert_int_equal(course_files_compare(directory, &files, &differ, difference, &error), 0);
  assert_true(differ);
  assert_non_null(strstr(difference, "copy.csv: line 5"));
  course_files_free(&files);
  circuit_course_free(&course);
}

/* Finished work comes back to the bit, and what is damaged does not come back. */
static void test_found_file(void **state)
{
  (void)state;
  struct found found = make_found(3, -1, 0x2a), back;
  const char *path = support_path("found");
  struct blob blob = save_found(path, &found, 2);
  size_t at = 0;
  for (int i = 0; i < 2; i++) {
    assert_int_equal(found_read(path, &blob, &at, &back, &error), 0);
    assert_true(back.clean == found.clean && back.pairs == found.pairs);
    assert_memory_equal(back.scores, found.scores, found.graph.edges * sizeof *found.scores);
    for (int by = 0; by < FOUND_WAYS; by++)
      assert_memory_equal(back.by[by].kept, found.by[by].kept, found.graph.edges);
    found_free(&back);
  }
  assert_int_equal(at, blob.size);
  refuse_damaged(path, blob.data, blob.size / 2, 7, 0x40);
  for (size_t size = 0; size < blob.size / 2; size += 11) {
    const struct blob cut = {blob.data, size, false};
    at = 0;
    error = (struct error){0};
    assert_int_equal(found_read(path, &cut, &at, &back, &error), EXIT_INPUT);
  }
  error = (struct error){0};
  blob_free(&blob);
  found_free(&found);
}

/* --- the goldens --- */

static void same_number(const struct fixture *ours, const struct fixture *theirs, size_t row,
                        const char *our_column, const char *their_column, double slack)
{
  const char *a = fixture_text(ours, row, our_column), *b = fixture_text(theirs, row, their_column);
  if (!*b || strcmp(b, "nan") == 0) {
    assert_string_equal(a, "");
    return;
  }
  double x = strtod(a, NULL), y = strtod(b, NULL);
  if (!*a || !(fabs(x - y) <= slack))
    fail_msg("row %zu, %s: %s in place of %s", row, our_column, a, b);
}

/* Circuits of the trained models over training against an independent implementation in float64:
 * every size, circuit and similarity is the same. */
static void test_goldens(void **state)
{
  (void)state;
  static const char *const courses[][2] = {{"gpt_neox", "copy"},
                                           {"gpt_neox", "starts"},
                                           {"olmo", "copy"},
                                           {"olmo", "starts"},
                                           {"olmoe", "boundary"}};
  static const char *const exact[][2] = {
      {"size", "size"},         {"edges", "edges"}, {"nodes", "nodes"},    {"jaccard", "jaccard"},
      {"accuracy", "accuracy"}, {"added", "added"}, {"removed", "removed"}};
  for (size_t i = 0; i < sizeof courses / sizeof *courses; i++) {
    char directory[128], name[64];
    snprintf(directory, sizeof directory, "golden/circuits-%s", courses[i][0]);
    snprintf(name, sizeof name, "%s.csv", courses[i][1]);
    struct fixture ours = fixture_read(directory, name);
    snprintf(name, sizeof name, "%s-%s.csv", courses[i][0], courses[i][1]);
    struct fixture theirs = fixture_read("tests/fixtures/circuit_choice.tar.zst:trajectory", name);
    assert_int_equal(ours.rows, theirs.rows);
    for (size_t r = 0; r < ours.rows; r++) {
      for (size_t k = 0; k < sizeof exact / sizeof *exact; k++)
        same_number(&ours, &theirs, r, exact[k][0], exact[k][1], 1e-12);
      same_number(&ours, &theirs, r, "jaccard_fixed", "jaccard50", 1e-12);
      same_number(&ours, &theirs, r, "jaccard_ewma_similarity", "jaccard_ewma_similarity", 1e-12);
      same_number(&ours, &theirs, r, "jaccard_ewma_change", "jaccard_ewma_change", 1e-12);
      same_number(&ours, &theirs, r, "ratio", "ratio", 1e-3);
      same_number(&ours, &theirs, r, "wjaccard", "wjaccard", 1e-4);
      same_number(&ours, &theirs, r, "clean", "clean", 1e-3);
      same_number(&ours, &theirs, r, "gtd", "gtd", 1e-3);
    }
    fixture_free(&ours);
    fixture_free(&theirs);
  }
}

/* --- claims --- */

static void test_claims(void **state)
{
  (void)state;
  struct circuit_course course = make_course();
  struct claim_list list = evaluate(&course);
  expect(&list, "P2-50", "copy step2", CLAIM_REPRODUCED);
  expect(&list, "P2-53", "copy 3 of 4", CLAIM_NOT_REPRODUCED); /* the empty circuit is none */
  expect(&list, "P2-54", "copy passes at 0 of 4", CLAIM_REPRODUCED);
  expect(&list, "P2-55", "copy 0 of 0 below", CLAIM_REPRODUCED);
  expect(&list, "P2-57", "copy 3 to 7 at 2", CLAIM_REPRODUCED);
  assert_int_equal(find(&list, "P2-51", 0)->verdict, CLAIM_NOT_EVALUATED);
  assert_int_equal(find(&list, "P2-58", 0)->verdict, CLAIM_NOT_EVALUATED);
  assert_string_equal(find(&list, "P2-58", 0)->model, "toy");
  claims_free(&list);
  course.revisions[0].found->corrupted = .09; /* nothing kept would do */
  course.revisions[3].found->tried = 5;
  course.revisions[3].found->below = 2;
  course.revisions[0].found->by[FOUND_BY_RATIO].is.edges = 3;
  list = evaluate(&course);
  expect(&list, "P2-53", "copy 4 of 4", CLAIM_REPRODUCED);
  expect(&list, "P2-54", "copy passes at 1 of 4", CLAIM_NOT_REPRODUCED);
  expect(&list, "P2-55", "copy 2 of 5 below", CLAIM_NOT_REPRODUCED);
  claims_free(&list);
  circuit_course_free(&course);
}

/* On a model of the paper, what needs the checkpoints is evaluated. */
static void test_claims_of_the_paper(void **state)
{
  (void)state;
  struct circuit_course course = make_course();
  course.model = "pythia-70m";
  course.kind = TRAJECTORY_REAL;
  free(course.tasks[0].name);
  course.tasks[0].name = strdup("ioi");
  for (size_t r = 0; r < REVISIONS; r++) {
    course.revisions[r].step = 500 + 1000 * r;
    course.revisions[r].found->by[FOUND_BY_RATIO].is.nodes = r ? 30 : 1;
  }
  struct claim_list list = evaluate(&course);
  expect(&list, "P2-58", "ioi 30", CLAIM_REPRODUCED);
  claims_free(&list);
  course.revisions[1].found->by[FOUND_BY_RATIO].is.nodes = 70;
  list = evaluate(&course);
  assert_int_equal(find(&list, "P2-58", 0)->verdict, CLAIM_NOT_REPRODUCED);
  claims_free(&list);
  circuit_course_free(&course);
}

/* --- manifests --- */

#define HEAD                                                                                       \
  "{\"format\": 1, \"model\": \"m\", \"family\": \"olmo\", \"kind\": \"trained\", \"source\": "    \
  "\"s\", \"caveat\": \"\", \"checkpoints\": \"c\", \"golden\": null, "
#define TAIL                                                                                       \
  ", \"revisions\": [{\"name\": \"r\", \"step\": 0, \"tokens\": 0, \"directory\": \"\", "          \
  "\"files\": [{\"path\": \"config.json\", \"bytes\": null, \"sha256\": null, \"xxh3_128\": "      \
  "null}]}]}"
#define CIRCUITS(tasks, rest) "\"circuits\": {\"tasks\": [" tasks "], " rest "}"
#define TASK "{\"path\": \"../t.jsonl\", \"sha256\": null}"
#define REST                                                                                       \
  "\"pairs\": null, \"method\": \"ig5_first1\", \"choose\": \"greedy\", \"threshold\": 0.8, "      \
  "\"bound\": 1000, \"n\": 50, \"scan\": false"

static void test_manifest(void **state)
{
  (void)state;
  static const char good[] = HEAD CIRCUITS(TASK, REST) TAIL;
  struct manifest m;
  struct circuit_request request;
  assert_int_equal(manifest_parse("a/b/m.json", good, strlen(good), &m, &error), 0);
  assert_int_equal(m.content, MANIFEST_CIRCUITS);
  assert_string_equal(m.circuits.tasks[0].path, "a/b/../t.jsonl");
  assert_int_equal(m.circuits.bound, 1000);
  assert_int_equal(m.circuits.pairs, 0);
  assert_int_equal(course_request(&m, &request, &error), 0);
  assert_int_equal(request.method.steps, 5);
  strcpy(m.circuits.choose, "best");
  assert_int_equal(course_request(&m, &request, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "greedy or topn");
  manifest_free(&m);
}

static void test_refused_manifests(void **state)
{
  (void)state;
  static const struct {
    const char *text, *words;
  } cases[] = {
      {HEAD CIRCUITS("", REST) TAIL, "1 to 100"},
      {HEAD CIRCUITS("7", REST) TAIL, "tasks[0]: must be an object"},
      {HEAD CIRCUITS("{\"path\": \"/t\", \"sha256\": null}", REST) TAIL, "relative"},
      {HEAD CIRCUITS("{\"path\": \"t\", \"sha256\": \"abc\"}", REST) TAIL, "64 lower-case hex"},
      {HEAD CIRCUITS("{\"path\": \"t\"}", REST) TAIL, "sha256"},
      {HEAD CIRCUITS(TASK, REST ", \"more\": 1") TAIL, "more"},
      {HEAD CIRCUITS(TASK, "\"pairs\": 0") TAIL, "pairs"},
      {HEAD CIRCUITS(TASK, "\"pairs\": 1") TAIL, "method"},
      {HEAD "\"protocol\": {}, " CIRCUITS(TASK, REST) TAIL, "\"protocol\" is of a screen"},
      {HEAD "\"ablation\": {}, " CIRCUITS(TASK, REST) TAIL, "\"ablation\" is of a screen"},
      {HEAD CIRCUITS(TASK, "\"pairs\": null, \"method\": \"eap\", \"choose\": \"greedy\", "
                           "\"threshold\": 0, \"bound\": null, \"n\": 1, \"scan\": false") TAIL,
       "above 0"},
      {HEAD CIRCUITS(TASK, "\"pairs\": null, \"method\": \"eap\", \"choose\": \"greedy\", "
                           "\"threshold\": 1, \"bound\": null, \"n\": null, \"scan\": false") TAIL,
       "\"n\" must be a number"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct manifest m;
    error = (struct error){0};
    assert_int_equal(manifest_parse("m.json", cases[i].text, strlen(cases[i].text), &m, &error),
                     EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, cases[i].words);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rows),       cmocka_unit_test(test_files_compared),
      cmocka_unit_test(test_found_file), cmocka_unit_test(test_goldens),
      cmocka_unit_test(test_claims),     cmocka_unit_test(test_claims_of_the_paper),
      cmocka_unit_test(test_manifest),   cmocka_unit_test(test_refused_manifests),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
