/* Ablations in several passes and chunks, interrupted and resumed: the bits are those of one. And
 * what is made of a row of logits. */
#include "ablated.h"

#include <math.h>

static void assert_same(const struct ablation *a, const struct ablation *b, size_t conditions,
                        size_t n)
{
  for (size_t i = 0; i < conditions; i++)
    for (size_t s = 0; s < n; s++)
      assert_memory_equal(ablation_target(a, i, s), ablation_target(b, i, s),
                          sizeof(struct target));
}

/* Many conditions, some of them the same, some empty, in no order. */
static struct conditions many(const struct subject *s)
{
  static const char *const heads[] = {"L2H1", "L0H1 L2H0", "",     "L1H0 L1H1",          "L0H0",
                                      "L2H1", "L2H0 L0H1", "L1H3", "L2H0 L2H1 L2H2 L2H3"};
  struct conditions conditions = start(s);
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
    add(&conditions, heads[i]);
  return conditions;
}

/* The least memory that will do, and what lies between: several passes, chunks of one sequence. */
static void test_passes(void **state)
{
  static const uint64_t budgets[] = {1400 << 10, 1500 << 10, 2 << 20, 4 << 20};
  struct subject s;
  (void)state;
  open_subject("olmo-f32", 24, &s);
  struct conditions conditions = many(&s);
  struct ablation *whole = run(&s, &conditions, MEMORY);
  for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
    struct ablation *pieces = run(&s, &conditions, budgets[i]);
    assert_same(whole, pieces, conditions.count, 24);
    ablation_free(pieces);
  }
  assert_memory_equal(ablation_target(whole, 1, 3), ablation_target(whole, 6, 3),
                      sizeof(struct target));
  ablation_free(whole);
  conditions_free(&conditions);
  close_subject(&s);
}

/* Stops after `left` more chunks. */
static bool stop_after(void *context, size_t done)
{
  size_t *left = context;
  (void)done;
  return --*left > 0;
}

static const char identity[] = "0123456789abcdef0123456789abcdef";

/* Goes on from a file until it stops, and writes what it has. Returns whether all is done. */
static bool go_on(const struct subject *s, const struct conditions *conditions, size_t chunks,
                  const char *path, struct ablation **ablation)
{
  struct error error = {0};
  struct ablation_plan plan;
  bool found;
  const struct forward_options options = {.kernels = s->kernels,
                                          .threads = s->threads,
                                          .memory = 1400 << 10,
                                          .chunk_done = stop_after,
                                          .context = &chunks};
  if (ablation_create(conditions, &s->batch, ablation, &error) ||
      ablation_load(*ablation, path, identity, &found, &error) ||
      ablation_plan(*ablation, &s->model, &options, &plan, &error))
    fail_msg("%s", error.text);
  assert_true(plan.passes > 1 && plan.chunk < (size_t)s->batch.n);
  if (ablation_run(*ablation, &s->model, &options, &plan, &error)) {
    assert_int_equal(error.code, EXIT_RUN);
    assert_non_null(strstr(error.text, "stopped after"));
    error = (struct error){0};
  }
  if (ablation_save(*ablation, path, identity, &error))
    fail_msg("%s", error.text);
  return ablation_done(*ablation) == (size_t)s->batch.n;
}

static void test_resumes(void **state)
{
  const char *path = support_path("pieces");
  struct subject s;
  struct ablation *pieces;
  size_t runs = 1;
  (void)state;
  open_subject("olmo-f32", 24, &s);
  struct conditions conditions = many(&s);
  struct ablation *whole = run(&s, &conditions, MEMORY);
  for (; !go_on(&s, &conditions, 5 + runs % 3, path, &pieces); runs++)
    ablation_free(pieces);
  assert_true(runs > 3);
  assert_same(whole, pieces, conditions.count, 24);
  ablation_free(pieces);
  ablation_free(whole);
  conditions_free(&conditions);
  close_subject(&s);
}

static void assert_not_loaded(const struct subject *s, const struct conditions *conditions,
                              const char *path, const char *name)
{
  struct error error = {0};
  struct ablation *ablation;
  bool found;
  assert_int_equal(ablation_create(conditions, &s->batch, &ablation, &error), 0);
  assert_int_equal(ablation_load(ablation, path, name, &found, &error), 0);
  assert_false(found);
  assert_int_equal(ablation_done(ablation), 0);
  ablation_free(ablation);
}

static void test_damaged_or_foreign_files(void **state)
{
  const char *path = support_path("damaged");
  struct error error = {0};
  struct subject s;
  size_t size;
  (void)state;
  open_subject("olmo-f32", 8, &s);
  struct conditions conditions = many(&s), other = start(&s);
  add(&other, "L1H1");
  assert_not_loaded(&s, &conditions, support_path("missing"), identity);
  struct ablation *ablation = run(&s, &conditions, MEMORY);
  assert_int_equal(ablation_save(ablation, path, identity, &error), 0);
  ablation_free(ablation);
  assert_not_loaded(&s, &conditions, path, "fedcba9876543210fedcba9876543210");
  assert_not_loaded(&s, &other, path, identity);
  char *saved = support_read(path, &size);
  for (size_t at = 0; at < size; at += size / 17) {
    saved[at] ^= 1;
    support_write(path, saved, size);
    assert_not_loaded(&s, &conditions, path, identity);
    saved[at] ^= 1;
  }
  support_write(path, saved, size - 1);
  assert_not_loaded(&s, &conditions, path, identity);
  support_write(path, saved, 0);
  assert_not_loaded(&s, &conditions, path, identity);
  free(saved);
  conditions_free(&conditions);
  conditions_free(&other);
  close_subject(&s);
}

static void test_target(void **state)
{
  static const float logits[8] = {1, 3, 3, -2, 3, 0.5f, 3, 3};
  static const int32_t ranks[8] = {5, 0, 1, 5, 2, 5, 3, 4};
  double sum = 0;
  (void)state;
  for (int i = 0; i < 8; i++)
    sum += exp((double)logits[i]);
  for (int32_t token = 0; token < 8; token++) {
    struct target whole, pieces;
    target_start(&whole, token);
    target_add(&whole, 0, 8, logits);
    target_start(&pieces, token);
    for (size_t at = 0; at < 8; at += 3)
      target_add(&pieces, at, at + 3 < 8 ? 3 : 8 - at, logits + at);
    assert_memory_equal(&whole, &pieces, sizeof whole);
    assert_int_equal(target_rank(&whole), ranks[token]);
    assert_true(whole.logit == logits[token]);
    double want = log(sum) - (double)logits[token];
    assert_true(fabs(target_cross_entropy(&whole) - want) < 1e-14);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_passes),
      cmocka_unit_test(test_resumes),
      cmocka_unit_test(test_damaged_or_foreign_files),
      cmocka_unit_test(test_target),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
