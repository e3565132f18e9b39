/* The claims room: what docs/PROTOCOL.md says follows from the published tables, and that every
 * verdict turns when its figures do. */
#include "support.h"

#include "claims/claims.h"
#include "claims/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PYTHIA, OLMO, OLMOE, MODELS };

static void load(int model, struct trajectory *trajectory)
{
  char path[64];
  struct error error = {0};
  snprintf(path, sizeof path, "golden/published/%s", papers[0]->models[model].key);
  if (trajectory_load(path, trajectory, &error))
    fail_msg("%s", error.text);
}

/* The three published trajectories, for a test to change, and the claims about them. */
struct state {
  struct trajectory trajectories[MODELS];
  struct claim_list list;
};

static int setup(void **state)
{
  struct state *s = calloc(1, sizeof *s);
  assert_non_null(s);
  for (int i = 0; i < MODELS; i++)
    load(i, &s->trajectories[i]);
  *state = s;
  return 0;
}

static int teardown(void **state)
{
  struct state *s = *state;
  claims_free(&s->list);
  for (int i = 0; i < MODELS; i++)
    trajectory_free(&s->trajectories[i]);
  free(s);
  return 0;
}

static void evaluate(struct state *s, size_t count)
{
  struct error error = {0};
  claims_free(&s->list);
  if (claims_evaluate(s->trajectories, count, &s->list, &error))
    fail_msg("%s", error.text);
}

static const struct claim_row *find(const struct state *s, const char *model, const char *figure,
                                    const char *revision, const char *definition)
{
  for (size_t i = 0; i < s->list.count; i++) {
    const struct claim_row *row = &s->list.rows[i];
    if (strcmp(row->model, model) == 0 && strcmp(row->figure, figure) == 0 &&
        strcmp(row->revision, revision) == 0 && strcmp(row->definition, definition) == 0)
      return row;
  }
  fail_msg("no row %s %s %s %s", model, figure, revision, definition);
  return NULL;
}

/* Asserts a row's recomputed text and verdict; returns it. */
static const struct claim_row *expect(const struct state *s, const char *model, const char *figure,
                                      const char *revision, const char *definition,
                                      const char *recomputed, enum claim_verdict verdict)
{
  const struct claim_row *row = find(s, model, figure, revision, definition);
  if (strcmp(row->recomputed_text, recomputed) != 0 || row->verdict != verdict)
    fail_msg("%s %s %s %s: %s, %s", model, figure, revision, definition, row->recomputed_text,
             claim_verdict_name(row->verdict));
  return row;
}

static struct head_row *head_of(struct state *s, int model, size_t revision, int layer, int head)
{
  struct revision *r = &s->trajectories[model].revisions[revision];
  return &r->heads[layer * r->n_heads + head];
}

#define YES CLAIM_REPRODUCED
#define OTHER CLAIM_UNDER_ANOTHER
#define NO CLAIM_NOT_REPRODUCED
#define OPEN CLAIM_NOT_EVALUATED

static void test_rounding_rule(void **state)
{
  (void)state;
  assert_true(figure_rounds_to(299.892, 300, 0));
  assert_true(figure_rounds_to(0.0735, 0.074, 3) && figure_rounds_to(0.0745, 0.074, 3));
  assert_false(figure_rounds_to(0.07349, 0.074, 3) || figure_rounds_to(0.07451, 0.074, 3));
  assert_false(figure_rounds_to(NAN, 1, 0));
}

static void test_bos_figures(void **state)
{
  struct state *s = *state;
  evaluate(s, MODELS);
  for (int i = 0; i < MODELS; i++) {
    expect(s, papers[0]->models[i].key, "bos_heads_layers_0_1", "", "screen", "0", YES);
    expect(s, papers[0]->models[i].key, "bos_heads_layers_0_1", "", "best-class", "0", OTHER);
    expect(s, papers[0]->models[i].key, "bos_shape", "", "screen", i == OLMO ? "sharp" : "ramp",
           YES);
  }
  const struct claim_row *row =
      expect(s, "olmo-1b-0724", "bos_fraction", "step56000-tokens117B", "screen", "7.4 %", YES);
  assert_true(row->published == 0.074 && row->recomputed == 19.0 / 256);
  assert_true(row->margin == 19.0 / 256 - 0.074);
  expect(s, "olmo-1b-0724", "bos_fraction", "step56000-tokens117B", "best-class", "5.1 %", NO);
  expect(s, "olmo-1b-0724", "bos_fraction", "step126000-tokens264B", "screen", "70.3 %", YES);
  expect(s, "olmo-1b-0724", "bos_fraction", "step126000-tokens264B", "best-class", "64.8 %", NO);
  expect(s, "olmo-1b-0724", "bos_jump", "step126000-tokens264B", "screen", "7.4 % -> 70.3 %", YES);
  expect(s, "olmo-1b-0724", "bos_heads_through", "step25000-tokens52B", "screen", "1", NO);
  expect(s, "olmo-1b-0724", "bos_heads_through", "step25000-tokens52B", "best-class", "1", NO);
  size_t fractions = 0;
  for (size_t i = 0; i < s->list.count; i++)
    if (s->list.rows[i].stated && strcmp(s->list.rows[i].figure, "bos_fraction") == 0) {
      assert_int_equal(s->list.rows[i].verdict, YES);
      fractions++;
    }
  assert_int_equal(fractions, 13);
}

static void test_onset_figures(void **state)
{
  struct state *s = *state;
  evaluate(s, MODELS);
  expect(s, "pythia-1b", "induction_onset", "", "50x", "6.291B", YES);
  expect(s, "olmo-1b-0724", "induction_onset", "", "50x", "23B", YES);
  expect(s, "olmo-1b-0724", "induction_onset", "", "30x", "10B", NO);
  expect(s, "olmoe-1b-7b-0924", "induction_onset", "", "50x", "20B", YES);
  expect(s, "pythia-1b", "bos_onset_10", "", "screen", "6.291B", YES);
  expect(s, "pythia-1b", "bos_onset_10", "", "best-class", "20.97B", NO);
  expect(s, "pythia-1b", "bos_onset_50", "", "screen", "299.9B", YES);
  expect(s, "olmo-1b-0724", "bos_onset_50", "", "screen", "264B", YES);
  expect(s, "olmoe-1b-7b-0924", "bos_onset_50", "", "screen", "419B", YES);
  expect(s, "olmoe-1b-7b-0924", "bos_onset_50", "", "best-class", "838B", NO);
  expect(s, "olmo-1b-0724", "induction_to_bos_ratio", "", "50x, screen", "11.48x", YES);
  expect(s, "olmoe-1b-7b-0924", "induction_to_bos_ratio", "", "50x, screen", "20.95x", YES);
  expect(s, "olmo-1b-0724", "induction_to_bos_band", "", "50x, screen", "11.48x", YES);
  expect(s, "olmoe-1b-7b-0924", "induction_to_bos_band", "", "50x, screen", "20.95x", NO);
  for (int i = 0; i < MODELS; i++)
    expect(s, papers[0]->models[i].key, "induction_before_bos", "", "50x, screen",
           "induction first", YES);
}

static void test_recall_figures(void **state)
{
  struct state *s = *state;
  evaluate(s, MODELS);
  const struct claim_row *row =
      expect(s, "olmo-1b-0724", "recall_67_tokens", "", "50x", "23B", OTHER);
  assert_string_equal(row->under, "30x; 30x of the 50x set");
  expect(s, "pythia-1b", "recall_67_tokens", "", "50x", "6.291B", YES);
  expect(s, "olmoe-1b-7b-0924", "recall_67_tokens", "", "50x", "104B", OTHER);
  expect(s, "olmo-1b-0724", "recall_67_tokens", "", "30x", "10B", OTHER);
  expect(s, "olmoe-1b-7b-0924", "recall_67_tokens", "", "30x", "41B", OTHER);
  expect(s, "pythia-1b", "recall_33_tokens", "", "50x", "6.291B", NO);
  expect(s, "olmo-1b-0724", "recall_33_tokens", "", "50x", "10B", NO);
  expect(s, "olmoe-1b-7b-0924", "recall_33_tokens", "", "50x", "20B", YES);
  expect(s, "pythia-1b", "recall_100_tokens", "", "50x", "79.69B", YES);
  expect(s, "olmo-1b-0724", "recall_100_tokens", "", "50x", "3048B", YES);
  expect(s, "olmoe-1b-7b-0924", "recall_100_tokens", "", "50x", "2516B", NO);
  expect(s, "olmoe-1b-7b-0924", "recall_100_tokens", "", "30x", "838B", NO);
  expect(s, "pythia-1b", "recall_67_share", "", "50x", "2.1 %", YES);
  expect(s, "olmo-1b-0724", "recall_67_share", "", "50x", "0.75 %", OTHER);
  expect(s, "olmoe-1b-7b-0924", "recall_67_share", "", "50x", "2.0 %", OTHER);
  for (int i = 0; i < MODELS; i++) {
    find(s, papers[0]->models[i].key, "recall_67_band", "", "30x of the 50x set");
    assert_int_equal(find(s, papers[0]->models[i].key, "recall_67_band", "", "50x")->verdict, YES);
    assert_int_equal(find(s, papers[0]->models[i].key, "recall_67_band", "", "30x")->verdict,
                     OTHER);
  }
}

static void test_columns(void **state)
{
  struct state *s = *state;
  evaluate(s, MODELS);
  expect(s, "all", "recall_33_tokens", "", "50x", "6.291B / 10B / 20B", NO);
  expect(s, "all", "recall_33_tokens", "", "30x", "6.291B / 10B / 20B", NO);
  expect(s, "all", "recall_67_tokens", "", "50x", "6.291B / 23B / 104B", OTHER);
  expect(s, "all", "recall_67_tokens", "", "30x", "6.291B / 10B / 41B", OTHER);
  expect(s, "all", "recall_100_tokens", "", "50x", "79.69B / 3048B / 2516B", NO);
  expect(s, "all", "recall_67_band", "", "50x", "2.1 % / 0.75 % / 2.0 %", YES);
  evaluate(s, 2);
  const struct claim_row *row =
      expect(s, "all", "recall_67_tokens", "", "30x", "6.291B / 10B / -", OPEN);
  assert_string_equal(row->missing, "olmoe-1b-7b-0924: no trajectory of it is given");
  s->trajectories[OLMO].kind = TRAJECTORY_REAL; /* kinds are not mixed */
  evaluate(s, MODELS);
  assert_int_equal(find(s, "all", "recall_67_tokens", "", "50x")->verdict, OPEN);
}

static void test_pr_figures(void **state)
{
  struct state *s = *state;
  evaluate(s, MODELS);
  expect(s, "pythia-1b", "pr_rises_first", "", "above-first", "3 of 3 heads", YES);
  expect(s, "olmo-1b-0724", "pr_rises_first", "", "above-first", "3 of 3 heads", YES);
  const struct claim_row *row = expect(s, "olmoe-1b-7b-0924", "pr_rises_first", "", "above-first",
                                       "1 of 2 heads, 2 open", OTHER);
  assert_string_equal(row->under, "above-minimum; above-median");
  expect(s, "olmoe-1b-7b-0924", "pr_rises_first", "", "above-minimum", "2 of 2 heads, 2 open",
         OTHER);
  expect(s, "olmoe-1b-7b-0924", "pr_rises_first", "", "above-median", "4 of 4 heads", OTHER);
  head_of(s, OLMO, 0, 0, 0)->pr = NAN; /* only the median needs this head */
  evaluate(s, MODELS);
  expect(s, "olmo-1b-0724", "pr_rises_first", "", "above-first", "3 of 3 heads", YES);
  expect(s, "olmo-1b-0724", "pr_rises_first", "", "above-median", "", OPEN);
  for (size_t r = 0; r < 10; r++)
    head_of(s, OLMO, r, 4, 12)->pr = r == 0 ? 50 : 10;
  evaluate(s, MODELS);
  expect(s, "olmo-1b-0724", "pr_rises_first", "", "above-first", "2 of 3 heads", NO);
}

static void test_early_bos_breaks_f1(void **state)
{
  struct state *s = *state;
  head_of(s, PYTHIA, 3, 0, 5)->selectivity[CLASS_FIRST_TOKEN] = 31;
  head_of(s, PYTHIA, 3, 0, 5)->selectivity[CLASS_SELF] = 31.5; /* so only the screen counts it */
  evaluate(s, 1);
  const struct claim_row *row =
      expect(s, "pythia-1b", "bos_heads_layers_0_1", "", "screen", "1", OTHER);
  assert_string_equal(row->under, "best-class");
  json_t *head = json_array_get(json_object_get(row->evidence, "heads"), 0);
  assert_string_equal(json_string_value(json_object_get(head, "revision")), "step64");
  assert_int_equal(json_integer_value(json_object_get(head, "head")), 5);
  head_of(s, PYTHIA, 3, 0, 5)->selectivity[CLASS_SELF] = 31; /* first_token is the earlier class */
  evaluate(s, 1);
  expect(s, "pythia-1b", "bos_heads_layers_0_1", "", "screen", "1", NO);
  expect(s, "pythia-1b", "bos_heads_layers_0_1", "", "best-class", "1", NO);
  free(s->trajectories[PYTHIA].revisions[9].name); /* a head found stays found */
  s->trajectories[PYTHIA].revisions[9].name = strdup("main");
  evaluate(s, 1);
  expect(s, "pythia-1b", "bos_heads_layers_0_1", "", "screen", "1", NO);
}

static void test_changes_turn_verdicts(void **state)
{
  struct state *s = *state;
  struct head_row *early = head_of(s, OLMO, 2, 4, 15);
  assert_true(early->selectivity[CLASS_FIRST_TOKEN] >= 30);
  early->selectivity[CLASS_FIRST_TOKEN] = 29;
  for (int head = 0; head < 4; head++) { /* induction from the start */
    head_of(s, PYTHIA, 0, 9, head)->selectivity[CLASS_INDUCTION] = 50;
    head_of(s, OLMO, 6, 0, head)->selectivity[CLASS_FIRST_TOKEN] = 30;
  }
  evaluate(s, 2);
  expect(s, "olmo-1b-0724", "bos_heads_through", "step25000-tokens52B", "screen", "0", YES);
  expect(s, "pythia-1b", "induction_onset", "", "50x", "2M", NO);
  expect(s, "olmo-1b-0724", "bos_fraction", "step126000-tokens264B", "screen", "71.9 %", NO);
  expect(s, "olmo-1b-0724", "bos_jump", "step126000-tokens264B", "screen", "7.4 % -> 71.9 %", NO);
}

static void test_missing_revisions(void **state)
{
  struct state *s = *state;
  s->trajectories[OLMO].count = 7; /* through 264B */
  evaluate(s, 2);
  expect(s, "olmo-1b-0724", "bos_fraction", "step126000-tokens264B", "screen", "70.3 %", YES);
  const struct claim_row *row =
      expect(s, "olmo-1b-0724", "bos_fraction", "step1454000-tokens3048B", "screen", "", OPEN);
  assert_string_equal(row->missing, "revision step1454000-tokens3048B is not in the trajectory");
  row = expect(s, "olmo-1b-0724", "induction_onset", "", "50x", "23B", OPEN);
  assert_string_equal(row->missing, "revision step285000-tokens597B is not in the trajectory");
  expect(s, "olmo-1b-0724", "bos_heads_layers_0_1", "", "screen", "0", OPEN);
  s->trajectories[OLMO].count = 2;
  evaluate(s, 2);
  expect(s, "olmo-1b-0724", "bos_heads_through", "step25000-tokens52B", "screen", "", OPEN);
  expect(s, "olmo-1b-0724", "bos_jump", "step126000-tokens264B", "screen", "", OPEN);
  s->trajectories[OLMO].count = 1;
  evaluate(s, 2);
  expect(s, "olmo-1b-0724", "bos_shape", "", "screen", "", OPEN);
  s->trajectories[OLMO].count = 10;
  free(s->trajectories[PYTHIA].revisions[3].name); /* names swapped: the last is not the final */
  s->trajectories[PYTHIA].revisions[3].name = s->trajectories[PYTHIA].revisions[9].name;
  s->trajectories[PYTHIA].revisions[9].name = strdup("step64");
  evaluate(s, 1);
  row = find(s, "pythia-1b", "recall_67_tokens", "", "50x");
  assert_string_equal(row->missing, "the trajectory continues after step143000");
}

static void test_unnamed_model(void **state)
{
  struct state *s = *state;
  struct trajectory *trajectory = &s->trajectories[PYTHIA];
  strcpy(trajectory->model, "nursery");
  trajectory->kind = TRAJECTORY_TRAINED;
  evaluate(s, 1);
  expect(s, "nursery", "bos_heads_layers_0_1", "", "screen", "0", YES);
  const struct claim_row *row =
      expect(s, "nursery", "bos_fraction", "step10000", "screen", "29.7 %", OPEN);
  assert_true(isnan(row->published) && isnan(row->margin) && row->recomputed == 38.0 / 128);
  assert_string_equal(row->missing, "the paper gives no such figure for this model");
  expect(s, "nursery", "bos_shape", "", "screen", "ramp", OPEN);
  expect(s, "nursery", "induction_to_bos_ratio", "", "50x, screen", "47.67x", OPEN);
  expect(s, "nursery", "induction_before_bos", "", "50x, screen", "induction first", YES);
  expect(s, "nursery", "recall_67_share", "", "50x", "2.1 %", OPEN);
  expect(s, "nursery", "pr_rises_first", "", "above-first", "3 of 3 heads", YES);
  trajectory->count = 3; /* nothing has happened yet */
  evaluate(s, 1);
  expect(s, "nursery", "induction_onset", "", "50x", "never", OPEN);
  expect(s, "nursery", "induction_before_bos", "", "50x, screen", "both never", OPEN);
  expect(s, "nursery", "recall_67_tokens", "", "50x", "no final heads", OPEN);
  expect(s, "nursery", "pr_rises_first", "", "above-first", "", OPEN);
  assert_string_equal(find(s, "nursery", "pr_rises_first", "", "above-first")->missing,
                      "no head reaches 50x at the last revision");
  trajectory->count = 10;
}

static void test_refuses(void **state)
{
  struct state *s = *state;
  struct error error = {0};
  struct claim_list list;
  strcpy(s->trajectories[OLMO].model, "pythia-1b");
  assert_int_equal(claims_evaluate(s->trajectories, 2, &list, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "pythia-1b: two published trajectories");
  struct trajectory empty = {.model = s->trajectories[0].model};
  assert_int_equal(claims_evaluate(&empty, 1, &list, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "no revisions");
  s->trajectories[PYTHIA].revisions[4].n_layers = 2;
  assert_int_equal(claims_evaluate(s->trajectories, 1, &list, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "revision step256 has other heads");
}

static void test_json_keys(void **state)
{
  struct state *s = *state;
  static const char *const keys[] = {
      "id",         "model",     "figure", "revision", "definition",      "published",
      "recomputed", "verdict",   "margin", "evidence", "stated",          "under",
      "kind",       "statement", "paper",  "why",      "also_holds_under"};
  struct error error = {0};
  evaluate(s, MODELS);
  json_t *json = claims_json(&s->list, &error), *row, *other;
  assert_non_null(json);
  json_t *rows = json_object_get(json, "claims");
  assert_int_equal(json_array_size(rows), s->list.count);
  assert_int_equal(json_array_size(json_object_get(json, "trajectories")), MODELS);
  size_t i;
  json_array_foreach(rows, i, row)
  {
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
      assert_non_null(json_object_get(row, keys[k]));
    assert_true(json_is_object(json_object_get(row, "evidence")));
    other = json_object_get(row, "under");
    assert_true(json_is_string(other) == (s->list.rows[i].verdict == CLAIM_UNDER_ANOTHER));
    bool number = isfinite(s->list.rows[i].recomputed);
    assert_true(json_is_real(json_object_get(row, "recomputed")) == number);
  }
  row = json_array_get(rows, 0);
  json_t *nearest = json_object_get(json_object_get(row, "evidence"), "nearest");
  assert_true(json_real_value(json_object_get(nearest, "threshold")) == 30);
  json_decref(json);
}

static void test_text(void **state)
{
  struct state *s = *state;
  struct text stated = {0}, all = {0};
  evaluate(s, MODELS);
  claims_text(&s->list, false, &stated);
  claims_text(&s->list, true, &all);
  assert_false(stated.failed || all.failed);
  assert_non_null(strstr(stated.data, "olmo-1b-0724 (published, 10 revisions)\n  Y. Xu, arXiv"));
  assert_non_null(strstr(stated.data, "F2  bos_fraction step126000-tokens264B"));
  assert_non_null(strstr(
      stated.data, "not as stated; also holds under the reading \"30x; 30x of the 50x set\""));
  assert_null(strstr(stated.data, "does not hold"));
  assert_non_null(strstr(all.data, "7.4 % -> 70.3 %  5.1 % -> 64.8 %"));
  assert_non_null(strstr(all.data, "does not hold"));
  assert_int_equal(claims_count(&s->list, CLAIM_REPRODUCED), 44);
  assert_int_equal(claims_count(&s->list, CLAIM_UNDER_ANOTHER), 7);
  assert_int_equal(claims_count(&s->list, CLAIM_NOT_REPRODUCED), 7);
  assert_int_equal(claims_count(&s->list, CLAIM_NOT_EVALUATED), 0);
  text_free(&stated);
  text_free(&all);
}

static size_t allocations_left;

static void *failing_malloc(size_t size)
{
  return allocations_left > 0 && allocations_left-- > 0 ? malloc(size) : NULL;
}

/* Wherever memory runs out in the evidence, the result is an error, never a hole; the sanitizers
 * see leaks. */
static void test_out_of_memory(void **state)
{
  struct state *s = *state;
  struct error error = {0};
  struct claim_list list;
  json_t *json;
  json_set_alloc_funcs(failing_malloc, free);
  for (size_t n = 0; n < 6000; n += n < 300 ? 1 : 37) {
    allocations_left = n;
    if (claims_evaluate(s->trajectories, 1, &list, &error)) {
      support_assert_error(&error, EXIT_RUN, "out of memory");
      continue;
    }
    allocations_left = n / 8;
    json = claims_json(&list, &error);
    if (!json)
      support_assert_error(&error, EXIT_RUN, "out of memory");
    json_decref(json);
    claims_free(&list);
  }
  json_set_alloc_funcs(malloc, free);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {TEST(test_rounding_rule),
                                     TEST(test_bos_figures),
                                     TEST(test_onset_figures),
                                     TEST(test_recall_figures),
                                     TEST(test_columns),
                                     TEST(test_pr_figures),
                                     TEST(test_early_bos_breaks_f1),
                                     TEST(test_changes_turn_verdicts),
                                     TEST(test_missing_revisions),
                                     TEST(test_unnamed_model),
                                     TEST(test_refuses),
                                     TEST(test_json_keys),
                                     TEST(test_text),
                                     TEST(test_out_of_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
