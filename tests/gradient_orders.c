/* The orders in which gradients are added, element for element as tape/operations.h states them. */
#include "gradient_orders.h"

#include "tape/operations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 256

/* A tape with its leaves, each with a gradient. */
struct small {
  struct tape *tape;
  float *data[4], *gradient[4];
  size_t leaves[4], count;
};

static void check(int status, const struct error *error)
{
  if (status)
    fail_msg("%s", error->text);
}

static void fill(float *x, size_t n, unsigned seed)
{
  for (size_t i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = ((float)(int)(seed >> 8) - 8388608.0f) / 3333333.0f; /* 24 bits: sums round */
  }
}

static void start(struct small *s, const struct kernels *kernels)
{
  struct error error = {0};
  *s = (struct small){0};
  check(tape_create(kernels, NULL, &s->tape, &error), &error);
}

static size_t leaf(struct small *s, size_t rows, size_t columns)
{
  size_t i = s->count++, n = rows * columns;
  s->data[i] = calloc(n, sizeof(float));
  s->gradient[i] = calloc(n, sizeof(float));
  assert_true(s->data[i] && s->gradient[i]);
  fill(s->data[i], n, (unsigned)i + 1);
  return s->leaves[i] = tape_leaf(s->tape, rows, columns, s->data[i], s->gradient[i]);
}

/* Runs with this upstream gradient of y. */
static void run(struct small *s, size_t y, const float *dy)
{
  struct error error = {0};
  size_t factors = tape_leaf(s->tape, tape_rows(s->tape, y), tape_columns(s->tape, y), dy, NULL);
  (void)tape_weighted_sum(s->tape, y, factors, 1);
  check(tape_plan(s->tape, false, &error), &error);
  check(tape_allocate(s->tape, &error), &error);
  tape_forward(s->tape);
  tape_backward(s->tape, false);
}

static void finish(struct small *s)
{
  tape_free(s->tape);
  for (size_t i = 0; i < s->count; i++) {
    free(s->data[i]);
    free(s->gradient[i]);
  }
}

/* The sum of a[i * a_step] * b[i * b_step]: blocks of 256, one chain each, added in order. */
static float product(const float *a, size_t a_step, const float *b, size_t b_step, size_t n)
{
  float total = 0;
  for (size_t first = 0; first < n; first += BLOCK) {
    float sum = 0;
    for (size_t i = first; i < n && i < first + BLOCK; i++)
      sum = fmaf(a[i * a_step], b[i * b_step], sum);
    total = first ? total + sum : sum;
  }
  return total + 0.0f;
}

enum { ROWS = 600, IN = 5, OUT = 3 };

/* dW over 600 rows, db in blocks of 256, of each column. */
static bool weight_and_bias(const struct kernels *kernels)
{
  struct small s;
  float dy[ROWS * OUT], want[OUT * IN], sums[OUT];
  start(&s, kernels);
  fill(dy, ROWS * OUT, 7);
  size_t x = leaf(&s, ROWS, IN), weight = leaf(&s, OUT, IN), bias = leaf(&s, 1, OUT);
  run(&s, tape_linear(s.tape, x, &(struct tape_part){weight, bias, 0, OUT}, 1), dy);
  for (size_t o = 0; o < OUT; o++) {
    for (size_t i = 0; i < IN; i++)
      want[o * IN + i] = product(dy + o, OUT, s.data[0] + i, IN, ROWS);
    for (size_t first = 0; first < ROWS; first += BLOCK) {
      float sum = 0;
      for (size_t n = first; n < ROWS && n < first + BLOCK; n++)
        sum = sum + dy[n * OUT + o];
      sums[o] = first ? sums[o] + sum : sum;
    }
  }
  bool held = memcmp(want, s.gradient[1], sizeof want) == 0 &&
              memcmp(sums, s.gradient[2], sizeof sums) == 0;
  finish(&s);
  return held;
}

/* dx over 600 outputs, which are the rows of two weights in an order that is not theirs. */
static bool input(const struct kernels *kernels)
{
  enum { N = 2, FIRST = 350, SECOND = 250 };
  struct small s;
  float dy[N * (FIRST + SECOND)], stack[(FIRST + SECOND) * IN], want[N * IN];
  start(&s, kernels);
  fill(dy, N * (FIRST + SECOND), 8);
  size_t x = leaf(&s, N, IN), one = leaf(&s, FIRST, IN), other = leaf(&s, SECOND, IN);
  const struct tape_part parts[] = {
      {one, TAPE_NONE, 100, 250}, {other, TAPE_NONE, 0, SECOND}, {one, TAPE_NONE, 0, 100}};
  run(&s, tape_linear(s.tape, x, parts, 3), dy);
  memcpy(stack, s.data[1] + 100 * IN, 250 * IN * sizeof *stack);
  memcpy(stack + 250 * IN, s.data[2], SECOND * IN * sizeof *stack);
  memcpy(stack + 500 * IN, s.data[1], 100 * IN * sizeof *stack);
  for (size_t i = 0; i < N * IN; i++)
    want[i] = product(dy + i / IN * 600, 1, stack + i % IN, IN, 600);
  bool held = memcmp(want, s.gradient[0], sizeof want) == 0;
  finish(&s);
  return held;
}

/* Rows of the embedding in the order of tokens. */
static bool embedding(const struct kernels *kernels)
{
  enum { N = 40, WIDTH = 19, VOCAB = 3 };
  struct small s;
  int32_t ids[N];
  float dy[N * WIDTH], want[VOCAB * WIDTH] = {0};
  start(&s, kernels);
  fill(dy, N * WIDTH, 9);
  for (int i = 0; i < N; i++)
    ids[i] = i * i % 2;
  run(&s, tape_embed(s.tape, leaf(&s, VOCAB, WIDTH), ids, N), dy);
  for (size_t i = 0; i < N * WIDTH; i++) {
    float *to = &want[(size_t)ids[i / WIDTH] * WIDTH + i % WIDTH];
    *to = *to + dy[i];
  }
  bool held = memcmp(want, s.gradient[0], sizeof want) == 0;
  finish(&s);
  return held;
}

/* Keys that four heads share: each head's part whole, heads in order. */
static bool grouped_heads(const struct kernels *kernels)
{
  enum { T = 300, HEADS = 4, D = 2 };
  static float dy[HEADS * T * T];
  struct small s;
  float want[T * D], scale = (float)(1.0 / sqrt((double)D));
  start(&s, kernels);
  fill(dy, HEADS * T * T, 10);
  size_t queries = leaf(&s, T, HEADS * D), keys = leaf(&s, T, D);
  run(&s, tape_scores(s.tape, queries, keys, &(struct tape_heads){1, T, HEADS, 1, D, 0}), dy);
  for (size_t h = 0; h < HEADS; h++)
    for (size_t j = 0; j < T * D; j++) {
      float column[T];
      for (size_t i = 0; i < T; i++)
        column[i] = i < j / D ? 0.0f : scale * dy[(h * T + i) * T + j / D];
      float part = product(column, 1, s.data[0] + h * D + j % D, HEADS * D, T);
      want[j] = h ? want[j] + part : part;
    }
  bool held = memcmp(want, s.gradient[1], sizeof want) == 0;
  finish(&s);
  return held;
}

/* A value used three times: the last use comes first. */
static bool uses(const struct kernels *kernels)
{
  enum { N = 33 };
  static const float factors[] = {1.1f, -0.3f, 0.7f};
  struct small s;
  float dy[N], want[N];
  start(&s, kernels);
  fill(dy, N, 11);
  size_t x = leaf(&s, 1, N), y = tape_scale(s.tape, x, factors[0]);
  size_t z = tape_scale(s.tape, x, factors[1]), last = tape_scale(s.tape, x, factors[2]);
  run(&s, tape_add(s.tape, (const size_t[]){y, z, last}, 3), dy);
  for (size_t i = 0; i < N; i++)
    want[i] = (factors[2] * dy[i] + factors[1] * dy[i]) + factors[0] * dy[i];
  bool held = memcmp(want, s.gradient[0], sizeof want) == 0;
  finish(&s);
  return held;
}

/* Runs that add: each run's gradient of a leaf is whole before it is added. */
static bool runs(const struct kernels *kernels)
{
  enum { N = 4, VOCAB = 6 };
  struct error error = {0};
  struct small s;
  int32_t ids[N] = {1, 1, 4, 1}, targets[N] = {0, 3, 5, 2};
  float first[VOCAB * IN], second[VOCAB * IN];
  start(&s, kernels);
  size_t table = leaf(&s, VOCAB, IN), x = tape_embed(s.tape, table, ids, N);
  size_t logits = tape_linear(s.tape, x, &(struct tape_part){table, TAPE_NONE, 0, VOCAB}, 1);
  (void)tape_cross_entropy(s.tape, logits, targets, NULL, 0.3);
  check(tape_plan(s.tape, true, &error), &error);
  check(tape_allocate(s.tape, &error), &error);
  tape_forward(s.tape);
  tape_backward(s.tape, false);
  memcpy(first, s.gradient[0], sizeof first);
  ids[0] = 5;
  tape_forward(s.tape);
  tape_backward(s.tape, false);
  memcpy(second, s.gradient[0], sizeof second);
  memcpy(s.gradient[0], first, sizeof first);
  tape_forward(s.tape);
  tape_backward(s.tape, true);
  for (size_t i = 0; i < VOCAB * IN; i++)
    first[i] = first[i] + second[i];
  bool held = memcmp(first, s.gradient[0], sizeof first) == 0;
  finish(&s);
  return held;
}

const struct gradient_order gradient_orders[] = {
    {"weights and biases", weight_and_bias}, {"inputs", input}, {"embedding", embedding},
    {"grouped heads", grouped_heads},        {"uses", uses},    {"runs", runs},
};
const size_t gradient_order_count = sizeof gradient_orders / sizeof *gradient_orders;
