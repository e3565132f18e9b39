/* The goldens of ablations: those of the trained models against float64 results of an independent
 * implementation (tests/fixtures/ablations.README.md); what reproduce says when they are changed;
 * and what a manifest may ask for. */
#include "workplace.h"

#include "fixture_csv.h"
#include "manifest/manifest.h"

#define REFERENCE "tests/fixtures/ablations.tar.zst:reference"

/* Ten times what float32 code was off by on the conformance model of usual sharpness where it was
 * off least, as in test_ablation. */
#define BOUND 9.2e-5

static bool is(const struct fixture *f, size_t row, const char *column, const char *value)
{
  return strcmp(fixture_text(f, row, column), value) == 0;
}

/* The golden's row of a row of the reference, which calls one control by another name; f->rows: the
 * golden has other seeds. */
static size_t find(const struct fixture *golden, const struct fixture *f, size_t row)
{
  static const char *const same[] = {"revision", "condition", "seed"};
  const char *control =
      is(f, row, "control", "random-any-layer") ? "any-layer" : fixture_text(f, row, "control");
  for (size_t i = 0; i < golden->rows; i++) {
    bool equal = is(golden, i, "control", control);
    for (size_t k = 0; k < 3; k++)
      equal = equal && is(golden, i, same[k], fixture_text(f, row, same[k]));
    if (equal)
      return i;
  }
  return golden->rows;
}

static void compare(const struct fixture *golden, size_t i, const struct fixture *f, size_t row)
{
  assert_string_equal(fixture_text(golden, i, "heads"), fixture_text(f, row, "heads"));
  if (!*fixture_text(f, row, "heads") && !is(f, row, "control", "baseline")) {
    assert_string_equal(fixture_text(golden, i, "top1"), ""); /* none can be drawn */
    return;
  }
  assert_string_equal(fixture_text(golden, i, "top1"), fixture_text(f, row, "top1"));
  assert_string_equal(fixture_text(golden, i, "top5"), fixture_text(f, row, "top5"));
  assert_string_equal(fixture_text(golden, i, "n"), fixture_text(f, row, "n_examples"));
  double logit = fixture_number(golden, i, "target_logit"),
         loss = fixture_number(golden, i, "cross_entropy");
  assert_true(fabs(logit - fixture_number(f, row, "target_logit")) <= BOUND);
  assert_true(fabs(loss - fixture_number(f, row, "cross_entropy")) <= 2 * BOUND);
}

static void check_model(const struct fixture *f, const char *model)
{
  char directory[64];
  snprintf(directory, sizeof directory, "golden/%s", model);
  struct fixture golden = fixture_read(directory, "ablations.csv");
  size_t compared = 0, left = 0;
  for (size_t row = 0; row < f->rows; row++) {
    if (!is(f, row, "model", model))
      continue;
    size_t i = find(&golden, f, row);
    if (i < golden.rows)
      compare(&golden, i, f, row);
    compared += i < golden.rows;
    left += i == golden.rows;
  }
  print_message("  %s: %zu rows, %zu of other seeds\n", model, compared, left);
  assert_int_equal(compared + left, 118);
  assert_true(left <= 8); /* seeds 4 and 5 of four revisions */
  fixture_free(&golden);
}

static void test_reference(void **state)
{
  struct fixture f = fixture_read(REFERENCE, "nursery_ablation.csv");
  (void)state;
  check_model(&f, "nursery-gpt_neox");
  check_model(&f, "nursery-olmo");
  check_model(&f, "nursery-olmoe");
  fixture_free(&f);
}

/* --- reproduce --- */

static const char *path_of(const char *place, const char *name)
{
  static char path[700];
  snprintf(path, sizeof path, "%s/%s", place, name);
  return path;
}

static void test_reproduced(void **state)
{
  (void)state;
  unsetenv("CI");
  if (support_emulated())
    skip();
  const char *place = quick_workplace("quick");
  char manifest[600], *text; /* in turn what each run prints */
  snprintf(manifest, sizeof manifest, "%s/manifests/" MODEL ".json", place);
  text = workshop_run(EXIT_HELD, "reproduce %s --work %s/work", manifest, place);
  workshop_contains(text, "ablations equal to the golden ");
  workshop_contains(text, "; ablations of 10 revisions with the golden ");
  workshop_contains(text, "induction>=10 at step2500: without ");
  workshop_contains(text, "of ablations: a caveat");
  free(text);
  workshop_shell("sed -i '5s/[0-9]$/x/' %s", path_of(place, "golden/" MODEL "/ablations.csv"));
  text = workshop_run(EXIT_CHECK, "reproduce %s --work %s/work", manifest, place);
  workshop_contains(text, "ablations.csv: line 5, column ");
  workshop_contains(text, "bytes: they differ");
  free(text);
  workshop_shell("rm %s", path_of(place, "golden/" MODEL "/ablations.csv"));
  char line[1400], *err;
  snprintf(line, sizeof line, "reproduce %s --work %s/work", manifest, place);
  assert_int_equal(workshop_start(line, &text, &err), EXIT_INPUT);
  workshop_contains(err, "restore the file (git checkout), or write it again");
  free(text);
  free(err);
}

/* --- the manifest --- */

static const char plain[] =
    "{\"format\": 1, \"model\": \"m\", \"family\": \"olmo\", \"kind\": \"trained\", \"source\": "
    "\"s\", \"caveat\": \"\", \"checkpoints\": \"c\", \"protocol\": {\"n\": 8, \"seq_len\": 64, "
    "\"vocab\": [1, 97], \"seed\": 42, \"pr_n\": 8, \"baseline_n\": 50, \"bos\": null}, "
    "\"ablation\": %s, \"revisions\": [{\"name\": \"r\", \"step\": 0, \"tokens\": 0, "
    "\"directory\": \"r\", \"files\": [{\"path\": \"config.json\", \"bytes\": null, \"sha256\": "
    "null, \"xxh3_128\": null}]}]}";

static int parse(const char *ablation, struct manifest *manifest, struct error *error)
{
  char text[4096];
  int length = snprintf(text, sizeof text, plain, ablation);
  return manifest_parse("m.json", text, (size_t)length, manifest, error);
}

static void test_manifest(void **state)
{
  static const struct {
    const char *ablation, *said;
  } bad[] = {
      {"[]", "\"ablation\""},
      {"{\"induction\": [10], \"seeds\": [1]}", "ablation: \"caveat\""},
      {"{\"caveat\": \"\"}", "must have thresholds of \"induction\" or \"previous_token\""},
      {"{\"self\": [3], \"caveat\": \"\"}", "unknown key \"self\""},
      {"{\"induction\": [], \"caveat\": \"\"}", "\"induction\" must have 1 to 1000 elements"},
      {"{\"induction\": [0], \"caveat\": \"\"}", "\"induction\"[0] must be a number above 0"},
      {"{\"induction\": [\"x\"], \"caveat\": \"\"}", "\"induction\"[0] must be a number above 0"},
      {"{\"induction\": [3, -1], \"caveat\": \"\"}", "\"induction\"[1] must be a number above 0"},
      {"{\"induction\": [3], \"seeds\": [1.5], \"caveat\": \"\"}", "\"seeds\"[0] must be a whole"},
      {"{\"induction\": [3], \"seeds\": [4294967296], \"caveat\": \"\"}", "\"seeds\"[0] must be"},
      {"{\"induction\": [3], \"caveat\": \"a\\nb\"}", "\"caveat\" must be one line"},
  };
  struct manifest m;
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct error error = {0};
    assert_int_equal(parse(bad[i].ablation, &m, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, bad[i].said);
  }
  struct error error = {0};
  assert_int_equal(parse("null", &m, &error), 0);
  assert_int_equal(m.ablation.circuit_count, 0);
  manifest_free(&m);
  assert_int_equal(parse("{\"induction\": [10, 2.5], \"previous_token\": [100], \"seeds\": [0, "
                         "4294967295], \"caveat\": \"c\"}",
                         &m, &error),
                   0);
  assert_int_equal(m.ablation.circuit_count, 3);
  assert_true(m.ablation.circuits[1].threshold == 2.5);
  assert_int_equal(m.ablation.circuits[2].class, CLASS_PREVIOUS_TOKEN);
  assert_true(m.ablation.seed_count == 2 && m.ablation.seeds[1] == UINT32_MAX);
  assert_string_equal(m.ablation.caveat, "c");
  manifest_free(&m);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reference),
      cmocka_unit_test(test_reproduced),
      cmocka_unit_test(test_manifest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
