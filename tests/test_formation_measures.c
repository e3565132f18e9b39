/* Strengths, composition and the examination of a tiny few-shot model against plain loops. */
#include "plain_few.h"
#include "workshop.h"

#include "few_shot/examine.h"

#include <stdlib.h>

#define CLASSES 6
#define ALL ((UINT64_C(1) << PLAIN_HEADS) - 1)
#define STRIDE 23

struct state {
  struct few_sizes sizes;
  struct few_data data;
  float *parameters;
  struct few_sequence *sequences; /* those that are examined */
  size_t count;
  struct few_examination found;
};

static struct error error;

static uint64_t bit(size_t head)
{
  return UINT64_C(1) << head;
}

/* Larger than at initialisation, so that heads differ and logits are far apart. */
static void fill(float *parameters, size_t count)
{
  struct random random;
  random_seed(&random, 3);
  for (size_t i = 0; i < count; i++)
    parameters[i] = (float)(0.6 * random_normal(&random));
}

static void examine(struct state *s)
{
  const struct kernels *kernels;
  assert_int_equal(kernels_select(ISA_AUTO, &kernels, &error), 0);
  const struct few_examined examined = {.kernels = kernels,
                                        .data = &s->data,
                                        .sizes = &s->sizes,
                                        .parameters = s->parameters,
                                        .stride = STRIDE,
                                        .wiring_stride = STRIDE,
                                        .wiring = !support_emulated()};
  if (few_examine(&examined, NULL, NULL, &s->found, &error))
    fail_msg("%s", error.text);
}

static int setup(void **state)
{
  struct state *s = calloc(1, sizeof *s);
  const struct few_data_settings settings = {CLASSES, 2, PLAIN_LABELS};
  const struct few_items source = few_items_surrogate(FEW_GAUSSIAN, 1);
  *state = s;
  assert_non_null(s);
  if (few_data_create("tiny", &source, &settings, &s->data, &error))
    return -1;
  s->sizes = (struct few_sizes){s->data.width, PLAIN_HIDDEN, PLAIN_HEADS, PLAIN_LABELS};
  s->parameters = calloc(few_parameters(&s->sizes), sizeof *s->parameters);
  s->count = (few_data_all(&s->data) + STRIDE - 1) / STRIDE;
  s->sequences = calloc(s->count, sizeof *s->sequences);
  if (!s->parameters || !s->sequences)
    return -1;
  fill(s->parameters, few_parameters(&s->sizes));
  for (size_t i = 0; i < s->count; i++)
    s->sequences[i] = few_data_sequence(&s->data, i * STRIDE);
  examine(s);
  return 0;
}

static int teardown(void **state)
{
  struct state *s = *state;
  few_data_free(&s->data);
  free(s->parameters);
  free(s->sequences);
  free(s);
  return 0;
}

static void run(const struct state *s, size_t i, const struct plain_change *change,
                struct plain_trace *trace)
{
  const struct plain plain = {&s->sizes, s->parameters};
  plain_run(&plain, few_data_table(&s->data, FEW_SET_TRAIN).items, &s->sequences[i], change, trace);
}

static void near(const char *what, size_t i, double found, double expected, double most)
{
  if (!(fabs(found - expected) <= most))
    fail_msg("%s %zu: %.9g, not %.9g", what, i, found, expected);
}

static void test_strengths(void **state)
{
  const struct state *s = *state;
  const struct few_strengths *found = &s->found.strengths;
  double induction[PLAIN_HEADS] = {0}, labels[PLAIN_HEADS] = {0}, tokens[PLAIN_HEADS] = {0};
  for (size_t i = 0; i < s->count; i++) {
    struct plain_trace t;
    run(s, i, &(struct plain_change){{0, 0}, NULL, NULL}, &t);
    for (int h = 0; h < PLAIN_HEADS; h++) {
      int right = s->sequences[i].query ? 3 : 1;
      induction[h] += t.pattern[1][h][4][right] - t.pattern[1][h][4][4 - right];
      labels[h] += (t.pattern[0][h][1][0] + t.pattern[0][h][3][2]) / 2;
      for (int at = 1; at < FEW_POSITIONS; at++)
        tokens[h] += t.pattern[0][h][at][at - 1] / 4;
    }
  }
  for (size_t h = 0; h < PLAIN_HEADS; h++) {
    near("induction", h, found->induction[h], induction[h] / (double)s->count, 2e-5);
    near("labels", h, found->previous_labels[h], labels[h] / (double)s->count, 2e-5);
    near("tokens", h, found->previous_tokens[h], tokens[h] / (double)s->count, 2e-5);
  }
}

/* |M P| / (|M| |P|) by its definition, columns and rows picked one by one. */
static void test_composition(void **state)
{
  const struct state *s = *state;
  const float *wo = s->parameters + few_place(&s->sizes, FEW_WO0).offset;
  const float *wqkv = s->parameters + few_place(&s->sizes, FEW_WQKV1).offset;
  for (size_t u = 0; u < PLAIN_HEADS; u++)
    for (size_t v = 0; v < PLAIN_HEADS; v++)
      for (int part = 0; part < FEW_PARTS; part++) {
        double product = 0, m = 0, p = 0;
        for (size_t r = 0; r < PLAIN_HEAD; r++)
          for (size_t c = 0; c < PLAIN_HEAD; c++) {
            double entry = 0;
            for (size_t k = 0; k < PLAIN_HIDDEN; k++) {
              double left = (double)
                  wqkv[((size_t)part * PLAIN_HIDDEN + v * PLAIN_HEAD + r) * PLAIN_HIDDEN + k];
              double right = (double)wo[k * PLAIN_HIDDEN + u * PLAIN_HEAD + c];
              entry += left * right;
              m += c ? 0 : left * left;
              p += r ? 0 : right * right;
            }
            product += entry * entry;
          }
        near("composition", u * 100 + v * 10 + (size_t)part,
             few_composition(&s->sizes, s->parameters, u, v, (enum few_part)part),
             sqrt(product) / sqrt(m * p), 1e-12);
      }
}

/* Whether each sequence is right with these heads of layer 1; returns the share. */
static double share(const struct state *s, const struct plain_change *change, uint8_t *right)
{
  size_t count = 0;
  for (size_t i = 0; i < s->count; i++) {
    struct plain_trace t;
    run(s, i, change, &t);
    bool is_right = plain_right(&t, &s->sequences[i]);
    count += is_right;
    if (right)
      right[i] = is_right;
  }
  return (double)count / (double)s->count;
}

static double kept(const struct state *s, uint64_t heads, uint8_t *right)
{
  const struct plain_change change = {{0, ALL & ~heads}, NULL, NULL};
  return share(s, &change, right);
}

static void test_single_heads(void **state)
{
  const struct state *s = *state;
  const struct few_examination *found = &s->found;
  uint8_t *strongest = calloc(s->count, 1), *other = calloc(s->count, 1);
  size_t errors = 0;
  near("accuracy", 0, found->accuracy, kept(s, ALL, NULL), 0);
  kept(s, bit(found->strongest), strongest);
  for (size_t i = 0; i < s->count; i++)
    errors += !strongest[i];
  assert_true(errors > 0);
  for (size_t h = 0; h < PLAIN_HEADS; h++) {
    size_t fixed = 0;
    assert_true(found->strengths.induction[h] <= found->strengths.induction[found->strongest]);
    near("alone", h, found->alone[h], kept(s, bit(h), other), 0);
    near("without", h, found->without[h], kept(s, ALL & ~bit(h), NULL), 0);
    near("pair", h, found->pair[h], kept(s, bit(h) | bit(found->strongest), NULL), 0);
    for (size_t i = 0; i < s->count; i++)
      fixed += !strongest[i] && other[i];
    if (h == found->strongest)
      assert_true(isnan(found->fixes[h]));
    else
      near("fixes", h, found->fixes[h], (double)fixed / (double)errors, 0);
  }
  free(strongest);
  free(other);
}

static void test_sets(void **state)
{
  const struct state *s = *state;
  uint64_t heads = 0;
  for (size_t i = 0; i < PLAIN_HEADS; i++) {
    size_t head = s->found.order[i];
    assert_false(heads & bit(head));
    heads |= bit(head);
    if (i)
      assert_true(s->found.alone[head] <= s->found.alone[s->found.order[i - 1]]);
    near("first", i, s->found.first[i], kept(s, heads, NULL), 0);
  }
}

/* Shares with patterns or values of an untouched pass given. */
static double given(const struct state *s, const uint64_t removed[FEW_LAYERS], bool patterns,
                    bool values)
{
  size_t count = 0;
  for (size_t i = 0; i < s->count; i++) {
    struct plain_trace first, second;
    run(s, i, &(struct plain_change){{0, 0}, NULL, NULL}, &first);
    const struct plain_change change = {
        {removed[0], removed[1]}, patterns ? &first : NULL, values ? &first : NULL};
    run(s, i, &change, &second);
    count += plain_right(&second, &s->sequences[i]);
  }
  return (double)count / (double)s->count;
}

static void test_ablations(void **state)
{
  const struct state *s = *state;
  const struct few_examination *found = &s->found;
  size_t previous = 0;
  double least = INFINITY, most = -INFINITY;
  for (size_t h = 0; h < PLAIN_HEADS; h++) {
    double strength = found->strengths.previous_labels[h];
    previous += found->previous >> h & 1;
    if (found->previous >> h & 1)
      least = fmin(least, strength);
    else
      most = fmax(most, strength);
  }
  assert_int_equal(previous, 3);
  assert_true(least >= most);
  near("direct", 0, found->direct, given(s, (uint64_t[]){ALL, 0}, true, true), 0);
  for (size_t k = 0; k < 2; k++) {
    near("previous", k, found->ablated[0][k],
         given(s, (uint64_t[]){found->previous, 0}, k == 0, k == 1), 0);
    near("others", k, found->ablated[1][k],
         given(s, (uint64_t[]){ALL & ~found->previous, 0}, k == 0, k == 1), 0);
  }
}

/* A few of all conditions. */
static void test_wiring(void **state)
{
  const struct state *s = *state;
  if (support_emulated())
    skip();
  static const size_t pairs[][2] = {{0, 0}, {3, PLAIN_HEADS - 3}, {PLAIN_HEADS - 1, 2}};
  for (size_t i = 0; i < 3; i++)
    for (size_t k = 0; k < 2; k++) {
      size_t v = pairs[i][0], u = pairs[i][1];
      uint64_t others = ALL & ~bit(v);
      near("only", i, s->found.only[k][v][u],
           given(s, (uint64_t[]){ALL & ~bit(u), others}, k == 0, k == 1), 0);
      near("change", i, s->found.change[k][v][u],
           given(s, (uint64_t[]){bit(u), others}, k == 0, k == 1) - kept(s, bit(v), NULL), 1e-15);
    }
}

/* A perfect match: the query row of the head is the label that is asked for. */
static void test_match(void **state)
{
  const struct state *s = *state;
  size_t count = 0, errors = 0;
  for (size_t i = 0; i < s->count; i++) {
    struct plain_trace first, second;
    size_t h = s->found.strongest;
    run(s, i, &(struct plain_change){{0, ALL & ~bit(h)}, NULL, NULL}, &first);
    memset(first.pattern[1][h][4], 0, sizeof first.pattern[1][h][4]);
    first.pattern[1][h][4][s->sequences[i].query ? 3 : 1] = 1;
    run(s, i, &(struct plain_change){{0, ALL & ~bit(h)}, &first, NULL}, &second);
    count += plain_right(&second, &s->sequences[i]);
  }
  errors = s->count - count;
  assert_int_equal(s->found.match_errors, errors);
  near("match", 0, s->found.match_alone[s->found.strongest], (double)count / (double)s->count, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_strengths),    cmocka_unit_test(test_composition),
      cmocka_unit_test(test_single_heads), cmocka_unit_test(test_sets),
      cmocka_unit_test(test_ablations),    cmocka_unit_test(test_wiring),
      cmocka_unit_test(test_match),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
