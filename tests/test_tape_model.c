/* The model on a tape: gradients of the whole, a batch learned by heart, the same bits everywhere,
 * micro-batches, memory. */
#include "taping.h"

#include "base/digest.h"
#include "tape/routing.h"

/* --- derivatives --- */

static double loss_at(struct made *m)
{
  struct error error = {0};
  struct tape_losses losses;
  check(tape_model_evaluate(m->model, m->tokens, &losses, &error), &error);
  return losses.loss;
}

/* Which experts the tokens chose, one after the other; free(). */
static int32_t *choices(const struct made *m, size_t *count)
{
  const struct tape *tape = tape_model_tape(m->model);
  int32_t *all = malloc(BATCH * SEQ_LEN * 8 * sizeof *all);
  *count = 0;
  for (size_t i = 0; i < tape->op_count; i++) {
    if (strcmp(tape->ops[i].kind->name, "route") != 0)
      continue;
    const struct routing r = routing_of(tape, &tape->ops[i]);
    memcpy(all + *count, r.chosen, r.rows * r.top_k * sizeof *all);
    *count += r.rows * r.top_k;
  }
  return all;
}

/* The loss at a step along a direction; whether no token chose another expert there. */
static bool loss_beside(struct made *m, const float *direction, const float *start, size_t n,
                        double step, double *loss)
{
  size_t count;
  for (size_t i = 0; i < n; i++)
    m->parameters.values[i] = start[i];
  (void)loss_at(m);
  int32_t *before = choices(m, &count);
  for (size_t i = 0; i < n; i++)
    m->parameters.values[i] = (float)((double)start[i] + step * (double)direction[i]);
  *loss = loss_at(m);
  int32_t *after = choices(m, &count);
  bool same = memcmp(before, after, count * sizeof *before) == 0;
  free(before);
  free(after);
  return same;
}

/* The loss along the gradient, whose square norm this is: differences over a step that changes it
 * by 0.01, or less where a token would choose other experts. */
static double slope_along(struct made *m, const float *direction, const float *start, size_t n,
                          double square)
{
  double step = 0.005 / square, above, below;
  for (;; step /= 2) {
    bool same = loss_beside(m, direction, start, n, step, &above);
    if (loss_beside(m, direction, start, n, -step, &below) && same)
      return (above - below) / (2 * step);
  }
}

static void test_directional_derivative(void **state)
{
  (void)state;
  for (size_t i = 0; i < (support_emulated() ? 1 : CONFIGS); i++) {
    struct made m;
    double norm = 0;
    make(&m, taping_configs[i], &(struct how){.auxiliary = true});
    run(&m);
    size_t n = gradient_floats(&m);
    float *direction = malloc(n * sizeof *direction), *start = malloc(n * sizeof *start);
    assert_true(direction && start);
    memcpy(direction, m.parameters.gradients, n * sizeof *direction);
    memcpy(start, m.parameters.values, n * sizeof *start);
    for (size_t k = 0; k < n; k++)
      norm += (double)direction[k] * (double)direction[k];
    double slope = slope_along(&m, direction, start, n, norm);
    print_message("  model %zu: norm^2 %.6f, along the gradient %.6f\n", i, norm, slope);
    assert_true(fabs(slope - norm) <= 2e-3 * norm);
    free(direction);
    free(start);
    unmake(&m);
  }
}

/* --- a batch learned by heart --- */

static void descend(struct made *m, const struct kernels *kernels, float *moments, size_t n, int t)
{
  const float b1 = 0.9f, b2 = 0.98f;
  const struct update update = {.clip = 1,
                                .keep = 1,
                                .rate = (float)(0.01 / (1 - pow((double)b1, t))),
                                .b1 = b1,
                                .b1_rest = 1 - b1,
                                .b2 = b2,
                                .b2_rest = 1 - b2,
                                .root = (float)sqrt(1 - pow((double)b2, t)),
                                .eps = 1e-8f};
  kernels->adam(&update, m->parameters.gradients, m->parameters.values, moments, moments + n, n);
}

static void test_overfitted_batch(void **state)
{
  struct error error = {0};
  const struct kernels *kernels;
  (void)state;
  check(kernels_select(ISA_AUTO, &kernels, &error), &error);
  for (size_t i = 0; i < (support_emulated() ? 1 : CONFIGS); i++) {
    struct made m;
    make(&m, taping_configs[i], &(struct how){0});
    for (size_t s = 0; s < BATCH; s++) /* each has a beginning of its own */
      m.tokens[s * (SEQ_LEN + 1)] = (int32_t)(40 + s);
    size_t n = gradient_floats(&m);
    float *moments = calloc(2 * n, sizeof *moments);
    assert_non_null(moments);
    run(&m);
    double first = m.losses.loss;
    for (int t = 1; t <= 120; t++) {
      descend(&m, kernels, moments, n, t);
      run(&m);
    }
    print_message("  model %zu: loss %.3f, then %.5f\n", i, first, m.losses.loss);
    assert_true(first > 2 && m.losses.loss < 0.02);
    free(moments);
    unmake(&m);
  }
}

/* --- the same bits --- */

static void assert_same(const struct made *want, struct made *m, const char *what)
{
  run(m);
  if (memcmp(&want->losses.loss, &m->losses.loss, sizeof m->losses.loss) != 0 ||
      memcmp(want->parameters.gradients, m->parameters.gradients,
             gradient_floats(m) * sizeof(float)) != 0)
    fail_msg("%s: other bits", what);
}

static void test_same_bits_everywhere(void **state)
{
  const struct kernels *list[4];
  size_t count = kernels_available(list);
  (void)state;
  for (size_t i = 0; i < (support_emulated() ? 1 : CONFIGS); i++)
    for (size_t micro = 2; micro <= BATCH; micro += 4) {
      struct made want;
      make(&want, taping_configs[i],
           &(struct how){.kernels = list[0], .micro_batch = micro, .auxiliary = true});
      run(&want);
      for (size_t k = 0; k < count; k++)
        for (int threads = 1; threads <= 3; threads++) {
          struct made m;
          make(&m, taping_configs[i],
               &(struct how){list[k], threads, micro, threads == 2, true, NULL, 0});
          assert_same(&want, &m, list[k]->name);
          assert_same(&want, &m, "a second run");
          unmake(&m);
        }
      unmake(&want);
    }
}

/* The hash that tests/fixtures/gradient_hashes.tsv has for a model, in its own words. */
static void pinned_hash(size_t model, size_t micro, char hex[33])
{
  char line[128];
  size_t number, parts;
  FILE *file = fopen("tests/fixtures/gradient_hashes.tsv", "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "%zu %zu %32s", &number, &parts, hex) == 3 && number == model &&
        parts == micro) {
      fclose(file);
      return;
    }
  fail_msg("tests/fixtures/gradient_hashes.tsv has no line for model %zu, micro-batch %zu", model,
           micro);
}

/* One hash for every instruction set, compiler and architecture. */
static void test_one_hash(void **state)
{
  const struct kernels *list[4];
  size_t count = kernels_available(list);
  (void)state;
  for (size_t i = 0; i < CONFIGS; i++)
    for (size_t micro = 3; micro <= BATCH; micro += 3) {
      struct made m;
      char want[33], got[33];
      pinned_hash(i, micro, want);
      make(&m, taping_configs[i],
           &(struct how){.kernels = list[count - 1], .micro_batch = micro, .auxiliary = true});
      run(&m);
      digest_xxh3(m.parameters.gradients, gradient_floats(&m) * sizeof(float), got);
      unmake(&m);
      print_message("  %zu\t%zu\t%s\n", i, micro, got);
      assert_string_equal(got, want);
    }
}

/* Micro-batches change bits and no more. */
static void test_micro_batches(void **state)
{
  (void)state;
  for (size_t i = 0; i < CONFIGS; i++) {
    struct made whole, parts;
    double largest = 0, worst = 0;
    make(&whole, taping_configs[i], &(struct how){0});
    make(&parts, taping_configs[i], &(struct how){.micro_batch = 1});
    run(&whole);
    run(&parts);
    for (size_t k = 0; k < gradient_floats(&whole); k++) {
      double want = (double)whole.parameters.gradients[k];
      largest = fmax(largest, fabs(want));
      worst = fmax(worst, fabs(want - (double)parts.parameters.gradients[k]));
    }
    assert_true(worst > 0 && worst <= 1e-5 * largest);
    assert_true(fabs(whole.losses.loss - parts.losses.loss) <= 1e-6);
    unmake(&whole);
    unmake(&parts);
  }
}

/* What is dropped early makes room. */
static void test_memory(void **state)
{
  (void)state;
  for (size_t i = 0; i < CONFIGS; i++) {
    struct made m, kept;
    make(&m, taping_configs[i], &(struct how){.auxiliary = true});
    make(&kept, taping_configs[i], &(struct how){.auxiliary = true, .keep_all = true});
    assert_true(tape_model_bytes(m.model) < tape_model_bytes(kept.model) / 10 * 7);
    unmake(&m);
    unmake(&kept);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_directional_derivative), cmocka_unit_test(test_overfitted_batch),
      cmocka_unit_test(test_same_bits_everywhere),   cmocka_unit_test(test_one_hash),
      cmocka_unit_test(test_micro_batches),          cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
