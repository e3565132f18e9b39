/* Verdicts under the bootstrap: which survive, what has no interval, and what is kept of it. */
#include "support.h"

#include "claims/survival.h"
#include "study/resampled.h"
#include "workshop.h"

#define HEADS 4
#define RESAMPLES 40

static struct error error;

/* Two layers of two heads at one revision; a BOS head of layer 0 where `bos` says so. */
static void fill(struct head_row *rows, bool bos)
{
  for (int h = 0; h < HEADS; h++) {
    rows[h] = (struct head_row){.layer = h / 2, .head = h % 2, .baseline = 0.01, .pr = 2};
    for (int c = 0; c < CLASS_COUNT; c++)
      rows[h].selectivity[c] = 1 + c + h;
    if (h == 1 && bos)
      rows[h].selectivity[CLASS_FIRST_TOKEN] = 31;
    rows[h].class = head_class_best(rows[h].selectivity);
  }
}

/* The stated row of F1 when `flipped` of the resamples have a BOS head in layer 0. */
static struct claim_interval f1(int flipped, bool *survives)
{
  struct head_row sample[HEADS], resampled[RESAMPLES * HEADS], *rows = resampled;
  struct revision revision = {.name = "r", .tokens = 1, .n_layers = 2, .n_heads = 2};
  struct trajectory trajectory = {"small", "s", "", TRAJECTORY_TRAINED, 1, &revision};
  struct claim_list list;
  struct claim_interval got = {0};
  revision.heads = sample;
  fill(sample, false);
  for (int b = 0; b < RESAMPLES; b++)
    fill(resampled + b * HEADS, b < flipped);
  assert_int_equal(claims_evaluate(&trajectory, 1, &list, &error), 0);
  assert_int_equal(claims_survive(&list, &rows, RESAMPLES, &error), 0);
  for (size_t i = 0; i < list.count; i++) {
    assert_int_equal(list.rows[i].interval.resamples, RESAMPLES);
    if (strcmp(list.rows[i].figure, "bos_heads_layers_0_1") == 0 && list.rows[i].stated) {
      assert_int_equal(list.rows[i].verdict, CLAIM_REPRODUCED);
      assert_null(claim_no_interval(&list.rows[i]));
      got = list.rows[i].interval;
      *survives = claim_survives(&list.rows[i]);
    }
  }
  assert_int_equal(got.resamples, RESAMPLES);
  claims_free(&list);
  return got;
}

static void test_which_verdicts_survive(void **state)
{
  (void)state;
  bool survives;
  struct claim_interval interval = f1(0, &survives);
  assert_true(survives && interval.same_verdict == RESAMPLES && interval.high == 0);
  interval = f1(2, &survives); /* 95 % */
  assert_true(survives);
  assert_int_equal(interval.same_verdict, RESAMPLES - 2);
  assert_int_equal(interval.same_text, RESAMPLES - 2);
  assert_true(interval.low == 0 && interval.high > 0 && interval.high <= 1);
  (void)f1(3, &survives);
  assert_false(survives);
  interval = f1(RESAMPLES, &survives);
  assert_false(survives);
  assert_true(interval.same_verdict == 0 && interval.low == 1 && interval.high == 1);
}

static void test_kept_resamples(void **state)
{
  (void)state;
  struct head_row rows[3 * HEADS], *got;
  struct revision sample = {.n_layers = 2, .n_heads = 2, .heads = rows};
  const char *path = support_path("r.resamples");
  size_t size;
  for (int b = 0; b < 3; b++)
    fill(rows + b * HEADS, b == 1);
  assert_int_equal(resampled_write(path, rows, 3, &sample, &error), 0);
  assert_int_equal(resampled_read(path, 3, &sample, &got, &error), 0);
  for (int i = 0; i < 3 * HEADS; i++) {
    assert_int_equal(got[i].layer, rows[i].layer);
    assert_int_equal(got[i].head, rows[i].head);
    assert_int_equal(got[i].class, rows[i].class);
    assert_memory_equal(got[i].selectivity, rows[i].selectivity, sizeof rows[i].selectivity);
    assert_true(got[i].pr == rows[i].pr && got[i].baseline == rows[i].baseline);
  }
  free(got);
  assert_int_equal(resampled_read(path, 2, &sample, &got, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "of another bootstrap");
  char *file = support_read(path, &size);
  for (size_t at = 0; at < size; at += size / 9) {
    if (at >= 73 && at < 80) /* padding behind the digest */
      continue;
    file[at] ^= 1;
    support_write(path, file, size);
    assert_int_equal(resampled_read(path, 3, &sample, &got, &error), EXIT_INPUT);
    file[at] ^= 1;
  }
  support_write(path, file, size - 1);
  assert_int_equal(resampled_read(path, 3, &sample, &got, &error), EXIT_INPUT);
  error = (struct error){0};
  free(file);
}

static json_t *claims_of(const json_t *all)
{
  const json_t *rows = json_object_get(all, "claims");
  assert_true(json_array_size(rows) > 0);
  return (json_t *)(uintptr_t)rows;
}

static void test_tables_alone_have_none(void **state)
{
  (void)state;
  const char *report = workshop_path("published.json");
  json_t *row;
  size_t index;
  char *text = workshop_run(EXIT_CHECK, "claims golden/published --json %s", report);
  workshop_contains(text, "Verdicts have no intervals: published tables alone");
  free(text);
  json_t *json = workshop_json(report);
  json_array_foreach(claims_of(json), index, row)
  {
    assert_true(json_is_null(json_object_get(row, "interval")));
    assert_string_equal(json_string_value(json_object_get(row, "no_interval")), CLAIM_TABLES_ALONE);
  }
  json_decref(json);
}

/* Screened here: every row has its interval, and goldens are equal all the same. */
static void test_reproduce_says_it(void **state)
{
  (void)state;
  const char *report = workshop_path("r.json");
  size_t index, surviving = 0, moved = 0;
  json_t *row;
  if (support_slow()) /* a whole study */
    skip();
  char *text = workshop_run(EXIT_HELD,
                            "reproduce manifests/nursery-olmo.json --work %s --bootstrap 40 --all "
                            "--json %s",
                            workshop_path("work"), report);
  workshop_contains(text, "survives the interval");
  workshop_contains(text, "survive 40 resamples of the sequences");
  workshop_contains(text, "verdicts equal to the golden ones");
  free(text);
  json_t *json = workshop_json(report);
  json_array_foreach(claims_of(json), index, row)
  {
    const json_t *interval = json_object_get(row, "interval");
    assert_int_equal(json_integer_value(json_object_get(interval, "resamples")), 40);
    assert_true(json_is_null(json_object_get(row, "no_interval")));
    surviving += json_is_true(json_object_get(interval, "survives"));
    moved += json_integer_value(json_object_get(interval, "same_recomputed")) < 40;
  }
  assert_true(surviving > 0 && moved > 0);
  json_decref(json);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_which_verdicts_survive),
      cmocka_unit_test(test_kept_resamples),
      cmocka_unit_test(test_tables_alone_have_none),
      cmocka_unit_test(test_reproduce_says_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
