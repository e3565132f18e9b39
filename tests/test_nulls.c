/* Nulls of selectivities and participation ratios: figures of an independent implementation in
 * float64, and that an interrupted run comes out the same. */
#include "workshop.h"

#include "base/digest.h"
#include "fixture_csv.h"
#include "probe/null_selectivity.h"

#include <signal.h>
#include <time.h>

#define REFERENCE "tests/fixtures/stats.tar.zst:reference"
#define BOUND 1e-5 /* relative, of the percentiles over all heads and of every PR */

static double at(const json_t *object, const char *key)
{
  const json_t *value = json_object_get(object, key);
  if (!json_is_number(value))
    fail_msg("there is no number %s", key);
  return json_number_value(value);
}

/* The figures of one head of a model whose weights are sharp: ten times what a selectivity loses in
 * float32, as for the screen (tests/test_conformance.c). */
static double bound_of_heads(const char *model)
{
  char path[200];
  if (strncmp(model, "nursery", 7) == 0)
    return BOUND;
  snprintf(path, sizeof path, "tests/fixtures/conformance/%s/expected/meta.json", model);
  json_t *meta = workshop_json(path);
  double bound = 10 * at(meta, "float32_run_selectivity_max_relative_difference");
  json_decref(meta);
  return bound;
}

static void near(double value, double want, double bound, const char *model, const char *what)
{
  if (!(fabs(value - want) <= bound * fabs(want)))
    fail_msg("%s, %s: %.17g, must be %.17g", model, what, value, want);
}

/* Columns of a summary of the reference and what they are called here. */
struct pair {
  const char *column, *key;
};

static void compare_figures(const struct fixture *f, size_t row, const json_t *got,
                            const struct pair *pairs, size_t count)
{
  for (size_t i = 0; i < count; i++)
    near(at(got, pairs[i].key), fixture_number(f, row, pairs[i].column), BOUND,
         fixture_text(f, row, "model"), pairs[i].column);
}

static void compare_selectivity(const struct fixture *f, const struct fixture *heads, size_t row,
                                const json_t *got)
{
  static const struct pair pairs[] = {{"null_max", "null_max"},
                                      {"null_p99", "null_p99"},
                                      {"null_p95", "null_p95"},
                                      {"null_median", "null_median"},
                                      {"real_max", "real_max"},
                                      {"real_median", "real_median"},
                                      {"heads_gt_p99", "heads_above_null_p99"},
                                      {"n_valid", "valid"}};
  static const struct pair of_head[] = {{"real", "induction"},
                                        {"null_max", "null_max"},
                                        {"null_p99", "null_p99"},
                                        {"null_p95", "null_p95"},
                                        {"null_median", "null_median"}};
  const json_t *summary = json_object_get(json_object_get(got, "null"), "selectivity"), *head;
  const char *model = fixture_text(f, row, "model");
  size_t i, first = fixture_find(heads, "model", model);
  double bound = bound_of_heads(model);
  compare_figures(f, row, summary, pairs, sizeof pairs / sizeof *pairs);
  assert_int_equal((int)at(json_object_get(summary, "heads_at_least"), "2"),
                   (int)fixture_number(f, row, "heads_ge_2"));
  assert_string_equal(json_string_value(json_object_get(summary, "positions_sha256")),
                      fixture_text(f, row, "positions_sha256"));
  json_array_foreach(json_object_get(got, "heads"), i, head)
  {
    assert_string_equal(fixture_text(heads, first + i, "model"), model);
    for (size_t k = 0; k < sizeof of_head / sizeof *of_head; k++) {
      double want = fixture_number(heads, first + i, of_head[k].column);
      if (want > 1e-6) /* below, float32 has no digits left */
        near(at(head, of_head[k].key), want, bound, model, of_head[k].column);
    }
  }
}

static void compare_pr(const struct fixture *f, const struct fixture *heads, size_t row,
                       const json_t *got)
{
  static const struct pair pairs[] = {{"null_min", "null_min"},        {"null_max", "null_max"},
                                      {"null_p95", "null_p95"},        {"null_p99", "null_p99"},
                                      {"null_median", "null_median"},  {"null_mean", "null_mean"},
                                      {"k_18_percent", "k_18_percent"}};
  static const struct pair counts[] = {{"heads_gt_max", "above_null_max"},
                                       {"heads_gt_p99", "above_null_p99"},
                                       {"heads_gt_p95", "above_null_p95"},
                                       {"heads_gt_own", "above_own_null"}};
  const json_t *summary = json_object_get(json_object_get(got, "null"), "participation_ratio");
  const json_t *head;
  const char *model = fixture_text(f, row, "model");
  size_t i, first = fixture_find(heads, "model", model);
  compare_figures(f, row, summary, pairs, sizeof pairs / sizeof *pairs);
  compare_figures(f, row, json_object_get(summary, "heads"), counts, 4);
  assert_string_equal(json_string_value(json_object_get(summary, "tokens_sha256")),
                      fixture_text(f, row, "tokens_sha256"));
  json_array_foreach(json_object_get(got, "heads"), i, head)
  {
    near(at(head, "null_pr"), fixture_number(heads, first + i, "null_pr"), BOUND, model, "null_pr");
    near(at(head, "pr"), fixture_number(heads, first + i, "real_pr"), BOUND, model, "real_pr");
  }
}

static void test_reference(void **state)
{
  (void)state;
  struct fixture selectivity = fixture_read(REFERENCE, "null_selectivity.csv");
  struct fixture summary = fixture_read(REFERENCE, "null_selectivity_summary.csv");
  struct fixture pr = fixture_read(REFERENCE, "null_pr.csv");
  struct fixture pr_summary = fixture_read(REFERENCE, "null_pr_summary.csv");
  size_t rows = support_emulated() ? 1 : summary.rows;
  for (size_t row = 0; row < rows; row++) {
    const char *model = fixture_text(&summary, row, "model");
    bool nursery = strncmp(model, "nursery", 7) == 0;
    char *out = workshop_run(0,
                             "calibrate %s%s%s --seq-len 64 --n %s --draws %s --vocab %s "
                             "--threads 2 --quiet --json -",
                             nursery ? "manifests/nursery.tar.zst:" : "tests/fixtures/conformance/",
                             model, nursery ? "" : "/model", fixture_text(&summary, row, "n"),
                             fixture_text(&summary, row, "draws"),
                             nursery                 ? "1:97"
                             : strstr(model, "tied") ? "10:40"
                                                     : "10:500");
    json_t *got = workshop_json_text(out);
    compare_selectivity(&summary, &selectivity, row, got);
    compare_pr(&pr_summary, &pr, fixture_find(&pr_summary, "model", model), got);
    json_decref(got);
    free(out);
  }
  fixture_free(&selectivity);
  fixture_free(&summary);
  fixture_free(&pr);
  fixture_free(&pr_summary);
}

#define LONG                                                                                       \
  "calibrate tests/fixtures/conformance/olmoe-f32/model --n 240 --seq-len 64 "                     \
  "--vocab 10:500 --pr-n 190 --draws 60 --isa scalar --threads 1 --memory 9M "

static const char *partial_of(const char *out, int part)
{
  static char path[600];
  snprintf(path, sizeof path, "%s%s", out, part ? ".random.partial" : ".partial");
  return path;
}

static bool exists(const char *path)
{
  struct stat info;
  return stat(path, &info) == 0;
}

/* Stopped again and again, it ends with the same bits, and nothing else is left. */
static void test_interrupted(void **state)
{
  (void)state;
  const char *whole = workshop_path("whole.csv"), *pieces = workshop_path("pieces.csv");
  int interrupted = 0, code = 3;
  if (support_emulated())
    skip();
  free(workshop_run(0, LONG "--quiet --out %s", whole));
  for (int round = 0; round < 40 && code == 3; round++) {
    char line[2000];
    const char *words[64];
    snprintf(line, sizeof line, LONG "--out %s", pieces);
    workshop_words(line, words);
    pid_t child = support_start(words, "/dev/null", workshop_path("said"));
    nanosleep(&(struct timespec){.tv_nsec = 250000000}, NULL);
    kill(child, round % 2 ? SIGTERM : SIGINT);
    code = support_wait(child, NULL);
    interrupted += code == 3;
    if (code && code != 3 && code <= 128)
      fail_msg("exit code %d: %s", code, support_read(workshop_path("said"), &(size_t){0}));
    code = code > 128 ? 3 : code;
    assert_int_equal(exists(pieces), code == 0); /* no output before the end */
  }
  print_message("  interrupted %d times\n", interrupted);
  assert_true(interrupted >= 2);
  assert_int_equal(code, 0);
  workshop_same_files(whole, pieces);
  assert_false(exists(partial_of(pieces, 0)) || exists(partial_of(pieces, 1)));
}

/* The positions and the tokens do not depend on how the run is cut, nor do the figures. */
static void test_same_bits(void **state)
{
  (void)state;
  static const char run[] =
      "calibrate tests/fixtures/conformance/olmo-f32/model --n 70 --seq-len 64 --vocab 10:500 "
      "--draws 9 --quiet --out - ";
  char hex[33], *a = workshop_run(0, "%s--threads 1", run), *b;
  digest_xxh3(a, strlen(a), hex);
  assert_string_equal(hex, "46a2e210e34f3c30addefab1480d8512"); /* on every instruction set */
  if (support_emulated()) {
    free(a);
    return;
  }
  b = workshop_run(0, "%s--threads 3", run);
  assert_string_equal(a, b);
  free(b);
  b = workshop_run(0, "%s--threads 2 --isa scalar", run);
  assert_string_equal(a, b);
  free(b);
  b = workshop_run(0, "%s--threads 2 --memory 4M", run);
  assert_string_equal(a, b);
  free(b);
  b = workshop_run(0, "%s--null-seed 7", run);
  assert_string_not_equal(a, b);
  free(b);
  free(a);
}

/* Patterns by hand: a sequence weighs every position by its number. */
static void test_by_hand(void **state)
{
  (void)state;
  const struct protocol protocol = {5, 64, 10, 100, 42, 5, 50, -1};
  struct batch batch;
  struct null_selectivity null = {0};
  struct threads *threads;
  struct error error = {0};
  assert_int_equal(batch_create(&protocol, &batch, &error), 0);
  batch.b_position[1] = -1; /* not valid: no position is drawn for it, nothing is added */
  assert_int_equal(threads_start(1, &threads, &error), 0);
  assert_int_equal(null_create(&batch, 1, 1, 3, 2026, 2, &null, &error), 0);
  assert_int_equal(null.valid, 4);
  double want[3] = {0};
  for (size_t v = 0; v < 4; v++)
    for (size_t d = 0; d < 3; d++) {
      int32_t p = null.positions[v * 3 + d], ab = batch.ab[v ? v + 1 : 0];
      assert_true(p >= 1 && p < 58 && p != ab && p != ab + 1);
      want[d] += (double)p * (double)(v ? v + 2 : 1);
    }
  struct hook hook = null_hook(&null);
  for (size_t s = 0; s < 5; s++) {
    float pattern[64];
    struct hook_value value = {{SITE_PATTERN, 0, 0}, s, 63, 0, 64};
    for (int i = 0; i < 64; i++)
      pattern[i] = (float)i * (float)(s + 1);
    hook.read(hook.context, &value, pattern);
    if (s == 1 || s == 2 || s == 4) /* chunks of two, of one, of two sequences */
      null_take(&null, threads, s + 1);
  }
  const struct head_row row = {.baseline = 2};
  null_finish(&null, &row);
  struct null_quantiles q = null_of_head(&null, 0);
  for (int d = 0; d < 3; d++)
    want[d] = want[d] / 4 / 2;
  assert_true(q.max == fmax(want[0], fmax(want[1], want[2])));
  assert_true(null.values[0] == fmin(want[0], fmin(want[1], want[2])));
  null_free(&null);
  for (int i = 0; i < 5; i++)
    batch.b_position[i] = -1;
  assert_int_equal(null_create(&batch, 1, 1, 3, 2026, 2, &null, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "no sequence is valid");
  threads_stop(threads);
  batch_free(&batch);
}

static void test_refusals(void **state)
{
  (void)state;
  free(workshop_refuse(2, "MODEL_DIR is missing", "calibrate"));
  free(workshop_refuse(2, "--draws", "calibrate " WORKSHOP_MODEL " --draws 0"));
  free(workshop_refuse(2, "--draws", "calibrate " WORKSHOP_MODEL " --draws 100001"));
  free(workshop_refuse(2, "--null-seed", "calibrate " WORKSHOP_MODEL " --null-seed -1"));
  free(workshop_refuse(2, "--seq-len 9x:", "calibrate " WORKSHOP_MODEL " --seq-len 9x"));
  free(workshop_refuse(2, "longer than the model's context",
                       "calibrate " WORKSHOP_MODEL " --seq-len 3000"));
  free(workshop_refuse(2, "--memory",
                       "calibrate " WORKSHOP_MODEL " " WORKSHOP_PROTOCOL
                       " --draws 100000 --memory 8M"));
  free(workshop_refuse(2, "are the same file", "calibrate " WORKSHOP_MODEL " --out %s --json %s",
                       workshop_path("x.csv"), workshop_path("x.csv")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reference),   cmocka_unit_test(test_by_hand),
      cmocka_unit_test(test_interrupted), cmocka_unit_test(test_same_bits),
      cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
