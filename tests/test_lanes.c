/* Operations on sequences in lanes have the bits of the same operations on rows, forward and
 * backward, on every instruction set. */
#include "support.h"

#include "tape/lanes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N 19 /* sequences: one vector and a part of one */
#define T 5
#define H 3
#define D 4 /* of a head */
#define WIDE (H * D)

static float number(uint32_t *seed)
{
  *seed = *seed * 1664525u + 1013904223u;
  return (float)((int32_t)*seed >> 8) * 0x1p-22f;
}

static void fill(float *x, size_t n, uint32_t seed)
{
  for (size_t i = 0; i < n; i++)
    x[i] = number(&seed);
}

static void turn(const float *x, size_t rows, size_t columns, float *y)
{
  for (size_t i = 0; i < rows * columns; i++)
    y[i % columns * rows + i / columns] = x[i];
}

static void same(const char *what, const float *a, const float *b, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (memcmp(&a[i], &b[i], sizeof *a) != 0)
      fail_msg("%s, element %zu: %.9g, of rows %.9g", what, i, (double)a[i], (double)b[i]);
}

static struct tape *open_tape(const struct kernels *kernels)
{
  struct tape *tape;
  struct error error = {0};
  assert_int_equal(tape_create(kernels, NULL, &tape, &error), 0);
  return tape;
}

/* Runs it with this gradient of `output`, [rows][columns] as it lies; `output` is kept. */
static void run_tape(struct tape *tape, size_t output, const float *gradient)
{
  struct error error = {0};
  size_t factors =
      tape_leaf(tape, tape_rows(tape, output), tape_columns(tape, output), gradient, NULL);
  tape_keep(tape, output);
  (void)tape_weighted_sum(tape, output, factors, 1);
  if (tape_plan(tape, false, &error) || tape_allocate(tape, &error))
    fail_msg("%s", error.text);
  tape_forward(tape);
  tape_backward(tape, false);
}

/* --- products --- */

#define ROWS_OF_X 70
#define IN 33
#define OUT 20

static void products(const struct kernels *kernels, bool back)
{
  static float x[ROWS_OF_X * IN], xt[ROWS_OF_X * IN], w[OUT * IN], g[ROWS_OF_X * OUT];
  static float gt[ROWS_OF_X * OUT], y[ROWS_OF_X * OUT], dx[2][ROWS_OF_X * IN], dw[2][OUT * IN];
  static float turned[ROWS_OF_X * IN];
  fill(x, ROWS_OF_X * IN, 1);
  fill(w, OUT * IN, 2);
  fill(g, ROWS_OF_X * OUT, 3);
  turn(x, ROWS_OF_X, IN, xt);
  turn(g, ROWS_OF_X, OUT, gt);
  struct tape *rows = open_tape(kernels), *lanes = open_tape(kernels);
  size_t a = tape_leaf(rows, ROWS_OF_X, IN, x, dx[0]), b = tape_leaf(rows, OUT, IN, w, dw[0]);
  size_t out = tape_linear(rows, a, &(struct tape_part){b, TAPE_NONE, 0, OUT}, 1);
  run_tape(rows, out, g);
  size_t c =
      back ? tape_leaf(lanes, IN, ROWS_OF_X, xt, dx[1]) : tape_leaf(lanes, ROWS_OF_X, IN, x, dx[1]);
  size_t d = tape_leaf(lanes, OUT, IN, w, dw[1]);
  size_t other = back ? tape_linear_back(lanes, c, d) : tape_linear_across(lanes, c, d);
  run_tape(lanes, other, back ? g : gt);
  turn(tape_data(rows, out), ROWS_OF_X, OUT, y);
  same("y", tape_data(lanes, other), back ? tape_data(rows, out) : y, ROWS_OF_X * OUT);
  turn(dx[0], ROWS_OF_X, IN, turned);
  same("dx", dx[1], back ? turned : dx[0], ROWS_OF_X * IN);
  same("dW", dw[1], dw[0], OUT * IN);
  tape_free(rows);
  tape_free(lanes);
}

/* --- rows by number --- */

static void embedding(const struct kernels *kernels)
{
  enum { TABLE = 11, COUNT = 300, COLUMNS = 70 };
  static float table[TABLE * COLUMNS], g[COUNT * COLUMNS], gt[COUNT * COLUMNS];
  static float y[COUNT * COLUMNS], dt[2][TABLE * COLUMNS];
  static int32_t ids[COUNT];
  uint32_t seed = 7;
  fill(table, TABLE * COLUMNS, 4);
  fill(g, COUNT * COLUMNS, 5);
  turn(g, COUNT, COLUMNS, gt);
  for (size_t i = 0; i < COUNT; i++)
    ids[i] = (int32_t)(fabsf(number(&seed)) * 100) % TABLE;
  struct tape *rows = open_tape(kernels), *lanes = open_tape(kernels);
  size_t a = tape_leaf(rows, TABLE, COLUMNS, table, dt[0]), out = tape_embed(rows, a, ids, COUNT);
  size_t b = tape_leaf(lanes, TABLE, COLUMNS, table, dt[1]);
  size_t other = tape_embed_across(lanes, b, ids, COUNT);
  run_tape(rows, out, g);
  run_tape(lanes, other, gt);
  turn(tape_data(rows, out), COUNT, COLUMNS, y);
  same("y", tape_data(lanes, other), y, COUNT * COLUMNS);
  same("d_table", dt[1], dt[0], TABLE * COLUMNS);
  tape_free(rows);
  tape_free(lanes);
}

/* --- attention --- */

/* [N * T][WIDE], a sequence's tokens together, to [WIDE][T * N]. */
static void lay_across(const float *x, float *y)
{
  for (size_t s = 0; s < N; s++)
    for (size_t t = 0; t < T; t++)
      for (size_t c = 0; c < WIDE; c++)
        y[c * T * N + t * N + s] = x[(s * T + t) * WIDE + c];
}

static float cosines[T * D / 2], sines[T * D / 2];

static size_t record_rows(struct tape *tape, const size_t *x)
{
  const struct tape_heads heads = {N, T, H, H, D, 0};
  const struct tape_rotation rotation = {T, D, D / 2, 0, true, cosines, sines};
  size_t q = tape_rope(tape, x[0], &rotation), k = tape_rope(tape, x[1], &rotation);
  size_t p = tape_causal_softmax(tape, tape_scores(tape, q, k, &heads), T, 0);
  return tape_mix(tape, p, x[2], &heads);
}

static size_t record_lanes(struct tape *tape, const size_t *x)
{
  const struct tape_lanes lanes = {N, T, 0, H, D};
  size_t q = tape_rope_across(tape, x[0], &lanes, true, cosines, sines);
  size_t k = tape_rope_across(tape, x[1], &lanes, false, cosines, sines);
  size_t p = tape_softmax_across(tape, tape_scores_across(tape, q, k, &lanes), &lanes);
  return tape_mix_across(tape, p, x[2], &lanes);
}

static void attention(const struct kernels *kernels)
{
  static float x[3][N * T * WIDE], xa[3][N * T * WIDE], dx[3][N * T * WIDE];
  static float dxa[3][N * T * WIDE], g[N * T * WIDE], ga[N * T * WIDE], want[N * T * WIDE];
  size_t leaves[2][3];
  struct tape *rows = open_tape(kernels), *lanes = open_tape(kernels);
  for (size_t i = 0; i < T * D / 2; i++) {
    cosines[i] = cosf((float)i);
    sines[i] = sinf((float)i);
  }
  for (size_t i = 0; i < 3; i++) {
    fill(x[i], N * T * WIDE, 10 + (uint32_t)i);
    lay_across(x[i], xa[i]);
    leaves[0][i] = tape_leaf(rows, N * T, WIDE, x[i], dx[i]);
    leaves[1][i] = tape_leaf(lanes, WIDE, N * T, xa[i], dxa[i]);
  }
  fill(g, N * T * WIDE, 20);
  lay_across(g, ga);
  size_t a = record_rows(rows, leaves[0]), b = record_lanes(lanes, leaves[1]);
  run_tape(rows, a, g);
  run_tape(lanes, b, ga);
  lay_across(tape_data(rows, a), want);
  same("head outputs", tape_data(lanes, b), want, N * T * WIDE);
  for (size_t i = 0; i < 3; i++) {
    lay_across(dx[i], want);
    same(i == 0 ? "queries" : i == 1 ? "keys" : "values", dxa[i], want, N * T * WIDE);
  }
  tape_free(rows);
  tape_free(lanes);
}

/* --- limited rows --- */

/* A value that is limited to its first rows, and what follows from it, gives what a value of so
 * many rows would: outputs and the weight's gradient. */
static void limited_rows(void **state)
{
  enum { MOST = 9, LEFT = 4, BELOW = 2 };
  static float x[MOST * IN], w[OUT * IN], below[BELOW * OUT], g[(MOST + BELOW) * OUT];
  static float dw[2][OUT * IN], db[2][BELOW * OUT], y[(LEFT + BELOW) * OUT];
  const struct kernels *list[4];
  (void)state;
  const struct kernels *kernels = list[kernels_available(list) - 1];
  fill(x, MOST * IN, 1);
  fill(w, OUT * IN, 2);
  fill(below, BELOW * OUT, 3);
  fill(g, (MOST + BELOW) * OUT, 4);
  for (size_t i = 0; i < 2; i++) {
    struct tape *tape = open_tape(kernels);
    size_t a = tape_leaf(tape, i ? MOST : LEFT, IN, x, NULL);
    size_t b = tape_leaf(tape, OUT, IN, w, dw[i]), c = tape_leaf(tape, BELOW, OUT, below, db[i]);
    size_t linear = tape_linear(tape, a, &(struct tape_part){b, TAPE_NONE, 0, OUT}, 1);
    size_t out = tape_stack_rows(tape, linear, c);
    size_t factors = tape_leaf(tape, tape_rows(tape, out), OUT, g, NULL);
    struct error error = {0};
    tape_keep(tape, out);
    (void)tape_weighted_sum(tape, out, factors, 1);
    assert_int_equal(tape_plan(tape, false, &error) || tape_allocate(tape, &error), 0);
    const size_t limited[] = {a, linear, out, factors};
    for (size_t k = 0; i && k < 4; k++)
      tape_limit_rows(tape, limited[k], k < 2 ? LEFT : LEFT + BELOW);
    tape_forward(tape);
    tape_backward(tape, false);
    if (i)
      same("outputs", tape_data(tape, out), y, (LEFT + BELOW) * OUT);
    else
      memcpy(y, tape_data(tape, out), sizeof y);
    tape_free(tape);
  }
  same("dW", dw[1], dw[0], OUT * IN);
  same("what stands below", db[1], db[0], BELOW * OUT);
}

static void bits_of_rows(void **state)
{
  const struct kernels *list[4];
  size_t count = kernels_available(list);
  (void)state;
  for (size_t i = 0; i < count; i++) {
    products(list[i], false);
    products(list[i], true);
    embedding(list[i]);
    attention(list[i]);
  }
}

/* Shapes that do not fit are told when the tape is planned. */
static void wrong_shapes(void **state)
{
  static float x[64];
  const struct tape_lanes lanes = {2, 4, 4, 1, 4}, odd = {2, 4, 0, 1, 3}, good = {2, 4, 0, 1, 4};
  const struct kernels *list[4];
  (void)state;
  kernels_available(list);
  for (int i = 0; i < 5; i++) {
    struct error error = {0};
    struct tape *tape = open_tape(list[0]);
    size_t a = tape_leaf(tape, 4, 8, x, NULL), b = tape_leaf(tape, 3, 8, x, NULL);
    if (i == 0)
      (void)tape_scores_across(tape, a, a, &lanes); /* no query is left */
    if (i == 1)
      (void)tape_rope_across(tape, b, &odd, false, x, x);
    if (i == 2)
      (void)tape_scores_across(tape, a, b, &good);
    if (i == 3)
      (void)tape_linear_across(tape, a, tape_leaf(tape, 4, 7, x, NULL));
    if (i == 4)
      (void)tape_spread(tape, b, (const size_t[]){3}, 1, NULL, 2, 0);
    assert_int_equal(tape_plan(tape, false, &error), EXIT_RUN);
    tape_free(tape);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(bits_of_rows), cmocka_unit_test(limited_rows),
                                     cmocka_unit_test(wrong_shapes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
