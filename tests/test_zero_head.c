/* Zeroing heads: what a model shows whose output projection has zeros in their columns, to the bit;
 * at some positions, and for several conditions in one pass. */
#include "passing.h"

#include "pass/zero_head.h"

#include <stdlib.h>
#include <string.h>

/* A copy of an output projection's weights with zeros in the head's columns; free() its data. */
static struct tensor without_head(const struct model_config *c, const struct tensor *weight,
                                  size_t head)
{
  struct tensor copy = *weight;
  size_t element = dtype_size(weight->dtype), row = c->hidden * element;
  char *data = malloc((size_t)weight->bytes);
  assert_non_null(data);
  memcpy(data, weight->data, (size_t)weight->bytes);
  for (size_t i = 0; i < c->hidden; i++)
    memset(data + i * row + head * c->head_dim * element, 0, c->head_dim * element);
  copy.data = data;
  copy.mapped = false;
  return copy;
}

/* What the tests look at; behind them is room for writers. */
enum { PATTERN, OUTPUT, RESIDUAL, LOGITS, READ };

struct seen {
  struct capture captures[READ];
  struct hook hooks[READ + 3];
};

/* Readers of everything, in front of the writers: they see head outputs before these are zeroed. */
static void look(struct seen *seen, const struct model_config *c, size_t n)
{
  static const enum site_kind kinds[READ] = {SITE_PATTERN, SITE_HEAD_OUTPUT, SITE_RESIDUAL,
                                             SITE_LOGITS};
  for (int i = 0; i < READ; i++)
    seen->hooks[i] = capture_start(&seen->captures[i], c, kinds[i], n);
}

static void assert_same(const struct seen *a, const struct seen *b)
{
  for (int i = 0; i < READ; i++)
    capture_assert_equal(&a->captures[i], &b->captures[i]);
}

static void forget(struct seen *seen)
{
  for (int i = 0; i < READ; i++)
    capture_free(&seen->captures[i]);
}

static bool same_logits(const struct seen *a, const struct seen *b)
{
  const struct capture *x = &a->captures[LOGITS], *y = &b->captures[LOGITS];
  return memcmp(x->data, y->data, x->n * PASSING_T * x->width * sizeof *x->data) == 0;
}

static void check_head(struct passing *p, size_t layer, size_t head, const struct seen *plain)
{
  struct linear *output = &p->model.layers[layer].output;
  const struct tensor *weight = output->weight;
  struct seen zeroed, copy;
  look(&zeroed, &p->model.config, PASSING_N);
  zeroed.hooks[READ] = zero_head(layer, head);
  passing_run(p, zeroed.hooks, READ + 1, PASSING_N);
  struct tensor without = without_head(&p->model.config, weight, head);
  look(&copy, &p->model.config, PASSING_N);
  output->weight = &without;
  passing_run(p, copy.hooks, READ, PASSING_N);
  output->weight = weight;
  free((void *)(uintptr_t)without.data);
  assert_same(&zeroed, &copy);
  assert_false(same_logits(&zeroed, plain));
  forget(&zeroed);
  forget(&copy);
}

/* A model, and what it shows when no head is zeroed. */
static void open_plain(size_t index, struct passing *p, struct seen *plain)
{
  passing_open_any(index, false, p);
  look(plain, &p->model.config, PASSING_N);
  passing_run(p, plain->hooks, READ, PASSING_N);
}

/* Of every layer, the first with its tables and the last among them. */
static void test_equals_zero_columns(void **state)
{
  (void)state;
  for (size_t m = 0; m <= passing_count(); m++) {
    struct passing p;
    struct seen plain;
    open_plain(m, &p, &plain);
    for (size_t layer = 0; layer < p.model.config.layers; layer++)
      for (size_t head = 0; head < p.model.config.heads; head += 2)
        check_head(&p, layer, head, &plain);
    forget(&plain);
    passing_close(&p);
  }
}

/* A reader behind a writer sees zeros, one in front of it what was computed. */
static void test_order(void **state)
{
  struct passing p;
  struct capture before, after;
  (void)state;
  passing_open_any(2, false, &p);
  struct hook hooks[3] = {capture_start(&before, &p.model.config, SITE_HEAD_OUTPUT, PASSING_N),
                          zero_head(1, 2),
                          capture_start(&after, &p.model.config, SITE_HEAD_OUTPUT, PASSING_N)};
  hooks[0].site = hooks[2].site = (struct site){SITE_HEAD_OUTPUT, 1, SITE_ALL};
  passing_run(&p, hooks, 3, PASSING_N);
  for (size_t head = 0; head < p.model.config.heads; head++)
    for (size_t i = 0; i < PASSING_T; i++) {
      static const float zeros[256];
      const float *was = capture_at(&before, 1, head, 5, i);
      const float *is = capture_at(&after, 1, head, 5, i);
      assert_memory_equal(is, head == 2 ? zeros : was, p.model.config.head_dim * sizeof *is);
      assert_memory_not_equal(was, zeros, p.model.config.head_dim * sizeof *was);
    }
  capture_free(&before);
  capture_free(&after);
  passing_close(&p);
}

/* The stream after the layer at the last position is that of a head zeroed everywhere, and at all
 * others that of a head left alone. */
static void check_last(struct passing *p, size_t layer, const struct seen *plain)
{
  struct seen everywhere, last;
  const struct model_config *c = &p->model.config;
  look(&everywhere, c, PASSING_N);
  everywhere.hooks[READ] = zero_head(layer, 1);
  passing_run(p, everywhere.hooks, READ + 1, PASSING_N);
  look(&last, c, PASSING_N);
  last.hooks[READ] = zero_head(layer, 1);
  last.hooks[READ].positions.kind = POSITIONS_LAST;
  passing_run(p, last.hooks, READ + 1, PASSING_N);
  for (size_t s = 0; s < PASSING_N; s++)
    for (size_t i = 0; i < PASSING_T; i++) {
      const struct seen *like = i + 1 == PASSING_T ? &everywhere : plain;
      assert_memory_equal(capture_at(&last.captures[RESIDUAL], layer, 0, s, i),
                          capture_at(&like->captures[RESIDUAL], layer, 0, s, i),
                          c->hidden * sizeof(float));
      if (i + 1 < PASSING_T) /* a later position is never seen */
        assert_memory_equal(capture_at(&last.captures[LOGITS], 0, 0, s, i),
                            capture_at(&plain->captures[LOGITS], 0, 0, s, i),
                            c->vocab * sizeof(float));
    }
  assert_false(same_logits(&last, plain));
  forget(&everywhere);
  forget(&last);
}

static void test_last_position_alone(void **state)
{
  (void)state;
  for (size_t m = 0; m <= passing_count(); m++) {
    struct passing p;
    struct seen plain;
    open_plain(m, &p, &plain);
    for (size_t layer = 0; layer < p.model.config.layers; layer++)
      check_last(&p, layer, &plain);
    forget(&plain);
    passing_close(&p);
  }
}

/* The values of sequences [first, first + n) of one pass are those of another over them alone. */
static void assert_part(const struct capture *all, size_t first, const struct capture *alone)
{
  for (size_t layer = 0; layer < all->layers; layer++)
    for (size_t head = 0; head < all->heads; head++)
      for (size_t s = 0; s < alone->n; s++)
        assert_memory_equal(capture_at(all, layer, head, first + s, 0),
                            capture_at(alone, layer, head, s, 0),
                            PASSING_T * all->width * sizeof(float));
}

/* The same four sequences under three conditions side by side: left alone, one head zeroed, two
 * heads of two layers zeroed; cut into chunks anywhere. */
static void check_conditions(struct passing *p, uint64_t memory)
{
  enum { EACH = PASSING_N / 3 };
  const struct model_config *c = &p->model.config;
  const struct hook zeros[3] = {zero_head(0, 1), zero_head(c->layers - 1, 0), zero_head(0, 2)};
  static const struct {
    size_t first, count; /* of the zeros */
  } conditions[3] = {{0, 0}, {0, 1}, {1, 2}};
  struct seen together;
  size_t used = READ;
  look(&together, c, PASSING_N);
  for (size_t k = 0; k < 3; k++) {
    memcpy(p->tokens + k * EACH * PASSING_T, p->tokens, EACH * PASSING_T * sizeof *p->tokens);
    for (size_t i = 0; i < conditions[k].count; i++, used++) {
      together.hooks[used] = zeros[conditions[k].first + i];
      together.hooks[used].first = k * EACH;
      together.hooks[used].end = (k + 1) * EACH;
    }
  }
  p->memory = memory;
  passing_run(p, together.hooks, used, PASSING_N);
  p->memory = (uint64_t)1 << 30;
  for (size_t k = 0; k < 3; k++) {
    struct seen alone;
    look(&alone, c, EACH);
    memcpy(alone.hooks + READ, zeros + conditions[k].first, conditions[k].count * sizeof *zeros);
    passing_run(p, alone.hooks, READ + conditions[k].count, EACH);
    for (int i = 0; i < READ; i++)
      assert_part(&together.captures[i], k * EACH, &alone.captures[i]);
    forget(&alone);
  }
  forget(&together);
}

static void test_conditions_side_by_side(void **state)
{
  (void)state;
  for (size_t m = 0; m <= passing_count(); m++) {
    struct passing p;
    passing_open_any(m, false, &p);
    check_conditions(&p, (uint64_t)1 << 30);
    check_conditions(&p, (uint64_t)3 << 20);
    passing_close(&p);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_equals_zero_columns),
      cmocka_unit_test(test_order),
      cmocka_unit_test(test_last_position_alone),
      cmocka_unit_test(test_conditions_side_by_side),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
