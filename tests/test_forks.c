/* Copies of sequences that share the layers in front of their own: the bits of a pass over the
 * sequences repeated, at the cost of the layers that are their own. */
#include "passing.h"

#include "pass/zero_head.h"

#include <string.h>

enum { EACH = PASSING_N / 4, COPIES = 3, ALL = EACH * (1 + COPIES) };
enum { PATTERN, OUTPUT, RESIDUAL, FINAL_NORM, LOGITS, READ };

struct seen {
  struct capture captures[READ];
  struct hook hooks[READ + COPIES + 1];
  size_t count;
};

/* Readers of everything behind the zeros of the copies: one head of the first own layer, and of the
 * last layer another; the last copy's layers may be none. */
static void prepare(struct seen *seen, const struct model_config *c, const size_t *layers)
{
  static const enum site_kind kinds[READ] = {SITE_PATTERN, SITE_HEAD_OUTPUT, SITE_RESIDUAL,
                                             SITE_FINAL_NORM, SITE_LOGITS};
  seen->count = 0;
  for (size_t k = 0; k < COPIES; k++)
    if (layers[k] < c->layers) {
      struct hook zero = zero_head(layers[k], k % c->heads);
      zero.first = (1 + k) * EACH;
      zero.end = (2 + k) * EACH;
      seen->hooks[seen->count++] = zero;
    }
  for (int i = 0; i < READ; i++)
    seen->hooks[seen->count++] = capture_start(&seen->captures[i], c, kinds[i], ALL);
}

static void forget(struct seen *seen)
{
  for (int i = 0; i < READ; i++)
    capture_free(&seen->captures[i]);
}

/* What is a copy's own is that of the repeated sequence; what is not is not shown. */
static void assert_own(const struct capture *shared, const struct capture *repeated,
                       const size_t *layers)
{
  bool deep = site_has_layer(shared->site.kind);
  for (size_t layer = 0; layer < shared->layers; layer++)
    for (size_t head = 0; head < shared->heads; head++)
      for (size_t s = 0; s < ALL; s++) {
        size_t copy = s / EACH;
        bool own = !deep || !copy || layer >= layers[copy - 1];
        for (size_t i = 0; i < PASSING_T; i++)
          assert_int_equal(capture_seen(shared, layer, head, s, i),
                           own ? capture_seen(repeated, layer, head, s, i) : 0);
        if (own)
          assert_memory_equal(capture_at(shared, layer, head, s, 0),
                              capture_at(repeated, layer, head, s, 0),
                              PASSING_T * shared->width * sizeof(float));
      }
}

static void repeat_tokens(struct passing *p)
{
  for (size_t k = 1; k <= COPIES; k++)
    memcpy(p->tokens + k * EACH * PASSING_T, p->tokens, EACH * PASSING_T * sizeof *p->tokens);
}

static void check_bits(struct passing *p, const size_t *layers, uint64_t memory)
{
  struct seen shared, repeated;
  repeat_tokens(p);
  prepare(&repeated, &p->model.config, layers);
  passing_run(p, repeated.hooks, repeated.count, ALL);
  prepare(&shared, &p->model.config, layers);
  p->memory = memory;
  p->forks = (struct forks){layers, COPIES};
  passing_run(p, shared.hooks, shared.count, EACH);
  p->memory = (uint64_t)1 << 30;
  p->forks = (struct forks){0};
  for (int i = 0; i < READ; i++)
    assert_own(&shared.captures[i], &repeated.captures[i], layers);
  forget(&shared);
  forget(&repeated);
}

static void open_any(size_t index, bool distinct, struct passing *p)
{
  if (index < passing_count())
    passing_open(passing_models[index], distinct, p);
  else
    passing_open_grouped(p);
}

/* All families, with and without tables at layer 0; in one chunk and in several. */
static void test_bits(void **state)
{
  (void)state;
  for (size_t m = 0; m <= 2 * passing_count() + 1; m++) {
    struct passing p;
    open_any(m / 2, m % 2, &p);
    size_t end = p.model.config.layers;
    check_bits(&p, (const size_t[]){0, 1, end - 1}, (uint64_t)1 << 30);
    check_bits(&p, (const size_t[]){1, 1, end}, (uint64_t)1 << 30);
    check_bits(&p, (const size_t[]){0, 0, end - 1}, (uint64_t)3 << 20);
    passing_close(&p);
  }
}

/* The operations of the layers in front of `layer`. */
static uint64_t before(const struct passing *p, size_t layer)
{
  const struct hook residual = {.site = {SITE_RESIDUAL, layer - 1, 0}, .read = passing_ignore};
  return layer ? passing_operations(p, &residual, 1, EACH) : 0;
}

/* Logits of the last position: each copy costs its own layers and its logits. */
static void check_cost(struct passing *p)
{
  const size_t end = p->model.config.layers, layers[COPIES] = {0, end - 1, end};
  struct hook hooks[COPIES] = {
      {.site = {SITE_LOGITS, 0, 0}, .positions = {.kind = POSITIONS_LAST}, .read = passing_ignore},
      zero_head(0, 1),
      zero_head(end - 1, 0)};
  uint64_t alone = passing_operations(p, hooks, 1, EACH), expected = alone;
  for (size_t k = 0; k < 2; k++) {
    hooks[1 + k].first = (1 + k) * EACH;
    hooks[1 + k].end = (2 + k) * EACH;
    expected += alone - before(p, layers[k]);
  }
  const struct model_config *c = &p->model.config;
  expected += (uint64_t)2 * EACH * c->hidden * c->vocab;
  p->forks = (struct forks){layers, COPIES};
  assert_int_equal(passing_operations(p, hooks, COPIES, EACH), expected);
  p->forks = (struct forks){0};
}

static void test_cost(void **state)
{
  (void)state;
  for (size_t m = 0; m < passing_count(); m++) {
    struct passing p;
    passing_open(passing_models[m], true, &p);
    check_cost(&p);
    passing_close(&p);
  }
}

/* With tables at layer 0, too, the plan knows what is done. */
static void test_planned_with_tables(void **state)
{
  static const size_t layers[COPIES] = {0, 0, 1};
  (void)state;
  for (size_t m = 0; m <= passing_count(); m++) {
    struct passing p;
    open_any(m, false, &p);
    const struct hook logits = {.site = {SITE_LOGITS, 0, 0}, .read = passing_ignore};
    p.forks = (struct forks){layers, COPIES};
    passing_operations(&p, &logits, 1, EACH);
    passing_close(&p);
  }
}

static void assert_refused(const struct passing *p, const size_t *layers, const struct hook *hook,
                           const char *words)
{
  struct error error = {0};
  struct forward_plan plan;
  struct forward_options options = {
      .threads = p->threads, .hooks = {hook, 1}, .forks = {layers, COPIES}, .memory = p->memory};
  forward_plan(&p->model, EACH, PASSING_T, &options, &plan, &error);
  support_assert_error(&error, EXIT_INPUT, words);
}

/* What would be written to a copy before it is one would be lost. */
static void test_refused(void **state)
{
  struct passing p;
  struct hook zero = zero_head(1, 0);
  (void)state;
  passing_open_grouped(&p); /* 3 layers */
  zero.first = 2 * EACH;
  zero.end = 3 * EACH;
  assert_refused(&p, (const size_t[]){0, 2, 2}, &zero,
                 "layers.1.attention.0.output: copy 1 of the sequences has own layers from 2 on");
  zero.site.layer = SITE_ALL;
  assert_refused(&p, (const size_t[]){0, 1, 2}, &zero, "copy 1 of the sequences has own layers");
  zero.site = (struct site){SITE_EMBEDDING, 0, 0};
  assert_refused(&p, (const size_t[]){0, 0, 2}, &zero, "embedding: copy 1 of the sequences");
  zero.site = (struct site){SITE_LOGITS, 0, 0};
  assert_refused(&p, (const size_t[]){0, 2, 1}, &zero, "copy 2 of the sequences: its first own");
  assert_refused(&p, (const size_t[]){0, 2, 4}, &zero, "must not be past the 3 of the model");
  passing_close(&p);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bits),
      cmocka_unit_test(test_cost),
      cmocka_unit_test(test_planned_with_tables),
      cmocka_unit_test(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
