/* The figures of arXiv 2407.10827 from its published tables: every one has its row, the
 * discrepancies come out, and a changed table changes what comes out. */
#include "support.h"

#include "claims/figure.h"
#include "claims/published.h"
#include "claims/verdicts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct state {
  struct published_tables tables;
  struct claim_list list;
};

static struct error error;

static int load(void **state)
{
  struct state *s = calloc(1, sizeof *s);
  *state = s;
  return !s || published_load("golden/published-circuits", papers, &s->tables, &error) ? -1 : 0;
}

static int unload(void **state)
{
  struct state *s = *state;
  claims_free(&s->list);
  published_free(&s->tables);
  free(s);
  return 0;
}

static void evaluate(struct state *s)
{
  claims_free(&s->list);
  if (claims_add_tables(&s->tables, &s->list, &error))
    fail_msg("%s", error.text);
}

static const struct claim_row *find(const struct state *s, const char *id, size_t reading)
{
  for (size_t i = 0; i < s->list.count; i++)
    if (strcmp(s->list.rows[i].source->id, id) == 0 && reading-- == 0)
      return &s->list.rows[i];
  fail_msg("no row of %s", id);
  return NULL;
}

static void expect(const struct state *s, const char *id, size_t reading, const char *recomputed,
                   enum claim_verdict verdict)
{
  const struct claim_row *row = find(s, id, reading);
  if (strcmp(row->recomputed_text, recomputed) != 0 || row->verdict != verdict)
    fail_msg("%s, %s: \"%s\", %s %s", id, row->definition, row->recomputed_text,
             claim_verdict_name(row->verdict), row->missing);
}

static double *cell(struct state *s, const char *name, const char *model, const char *key,
                    const char *column)
{
  size_t row = 0;
  const struct published_table *table = published_find(&s->tables, name);
  assert_int_equal(published_rows(table, model, key, &row), 1);
  return &table->numbers[row * table->schema->column_count +
                         published_column(table->schema, column)];
}

static void test_golden(void **state)
{
  struct state *s = *state;
  char *difference;
  evaluate(s);
  assert_int_equal(verdicts_compare(&s->list, "golden/published-circuits", &difference, &error), 0);
  if (difference)
    fail_msg("%s", difference);
  for (size_t i = 0; i < s->list.count; i++) {
    const struct claim_row *row = &s->list.rows[i];
    bool grouped = false;
    for (size_t c = 0; !grouped && c < row->paper->claim_count; c++)
      grouped = strcmp(row->paper->claims[c].id, row->id) == 0;
    assert_true(grouped && *row->basis && *row->source->where);
    assert_string_equal(row->paper->arxiv, "2407.10827");
  }
}

/* Sizes, as the published script enters them, and the correlations of all three ways. */
static void test_sizes(void **state)
{
  struct state *s = *state;
  evaluate(s);
  expect(s, "P2-22", 0, "4.1e+08", CLAIM_REPRODUCED);
  expect(s, "P2-23", 0, "1.4e+09", CLAIM_NOT_REPRODUCED);
  expect(s, "P2-24", 0, "2.8e+09", CLAIM_NOT_REPRODUCED);
  assert_true(find(s, "P2-23", 0)->recomputed == 1414647808);
  assert_true(find(s, "P2-24", 0)->recomputed == 2775208960);
  static const char *const r[4][3] = {{"r = 0.727,", "r = 0.789,", "r = 0.784,"},
                                      {"r = 0.902,", "r = 0.941,", "r = 0.939,"},
                                      {"r = 0.607,", "r = 0.631,", "r = 0.637,"},
                                      {"r = 0.874,", "r = 0.890,", "r = 0.893,"}};
  for (size_t task = 0; task < 4; task++)
    for (size_t sizes = 0; sizes < 3; sizes++) {
      char id[16];
      snprintf(id, sizeof id, "P2-%zua", 25 + task);
      const char *text = find(s, id, sizes)->recomputed_text;
      if (strncmp(text, r[task][sizes], strlen(r[task][sizes])) != 0)
        fail_msg("%s, %zu: %s", id, sizes, text);
    }
  expect(s, "P2-25a", 0, "r = 0.727, 95 % -0.43 to 0.98", CLAIM_REPRODUCED);
  expect(s, "P2-25b", 0, "no: r = 0.727, 95 % from -0.43", CLAIM_NOT_REPRODUCED);
  *cell(s, "mean_nodes", "pythia-2.8b", "", "ioi") = 10;
  *cell(s, "mean_nodes", "pythia-1.4b", "", "ioi") = 10;
  evaluate(s);
  assert_int_equal(find(s, "P2-25a", 0)->verdict, CLAIM_NOT_REPRODUCED);
}

/* The four published searches, and larger circuits that keep less. */
static void test_searches(void **state)
{
  struct state *s = *state;
  evaluate(s);
  expect(s, "P2-10a", 0, "yes: 420 edges keep 0.820", CLAIM_REPRODUCED);
  expect(s, "P2-12b", 0, "51", CLAIM_REPRODUCED);
  expect(s, "P2-10c", 0, "no: 12 of 24 larger sizes are below 0.8", CLAIM_NOT_REPRODUCED);
  expect(s, "P2-12c", 0, "yes: 0 of 32 larger sizes are below 0.8", CLAIM_REPRODUCED);
  *cell(s, "ratio_by_size", "pythia-160m-seed2", "ioi|143000|1578", "ratio") = .79;
  *cell(s, "ratio_by_size", "pythia-160m-seed3", "ioi|143000|75", "ratio") = .81;
  evaluate(s);
  expect(s, "P2-12c", 0, "no: 1 of 32 larger sizes are below 0.8", CLAIM_NOT_REPRODUCED);
  assert_int_equal(find(s, "P2-13b", 0)->verdict, CLAIM_NOT_REPRODUCED); /* other sizes */
}

static void test_over_training(void **state)
{
  struct state *s = *state;
  evaluate(s);
  expect(s, "P2-30", 0, "0.681176", CLAIM_REPRODUCED);
  expect(s, "P2-30", 1, "0.201012", CLAIM_NOT_REPRODUCED);
  expect(s, "P2-36", 0, "no: 0.779 to 1.017 behind 14 averages", CLAIM_UNDER_ANOTHER);
  expect(s, "P2-38", 0, "yes: 4.96x the edges at 1.00x the metric", CLAIM_REPRODUCED);
  expect(s, "P2-01", 0, "no: 6.3B to 16.8B", CLAIM_UNDER_ANOTHER);
  expect(s, "P2-01", 3, "yes: 10.5B to 16.8B", CLAIM_UNDER_ANOTHER);
  expect(s, "P2-05", 0, "yes: movers 10.5B to 12.6B, task 10.5B", CLAIM_REPRODUCED);
  *cell(s, "similarity", "pythia-1.4b", "sva|jaccard|2|16", "value") = 1;
  *cell(s, "task_metric", "pythia-160m", "ioi|early|4000", "metric") = 3;
  *cell(s, "copy_scores", "pythia-410m", "L17H6|6000", "copy_score") = 1;
  *cell(s, "copy_scores", "pythia-410m", "L17H6|7000", "copy_score") = 1;
  *cell(s, "copy_scores", "pythia-410m", "L17H6|8000", "copy_score") = 1;
  *cell(s, "copy_scores", "pythia-410m", "L17H6|9000", "copy_score") = 1;
  *cell(s, "copy_scores", "pythia-410m", "L17H6|10000", "copy_score") = 51;
  evaluate(s);
  assert_int_equal(find(s, "P2-30", 0)->verdict, CLAIM_NOT_REPRODUCED);
  expect(s, "P2-01", 0, "yes: 6.3B to 10.5B", CLAIM_REPRODUCED);
  expect(s, "P2-05", 0, "yes: movers 10.5B to 21.0B, task 10.5B", CLAIM_REPRODUCED);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_golden, load, unload),
      cmocka_unit_test_setup_teardown(test_sizes, load, unload),
      cmocka_unit_test_setup_teardown(test_searches, load, unload),
      cmocka_unit_test_setup_teardown(test_over_training, load, unload),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
