/* The predicates of arXiv 2404.07129: from its published tables, and from made-up ones in which one
 * wrong figure flips the verdict. */
#include "formation_tables.h"
#include "support.h"

#include "claims/arxiv_2404_07129/paper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct error error;

static const struct published_schema *arxiv_schema(const char *name)
{
  const struct published_schema *schema = formation_schemas;
  while (schema->name && strcmp(schema->name, name) != 0)
    schema++;
  assert_non_null(schema->name);
  return schema;
}

static const struct claim_row *find(const struct claim_list *list, const char *id, size_t reading)
{
  for (size_t i = 0; i < list->count; i++)
    if (strcmp(list->rows[i].source->id, id) == 0 && reading-- == 0)
      return &list->rows[i];
  fail_msg("no row of %s", id);
  return NULL;
}

static void expect(const struct claim_list *list, const char *id, size_t reading,
                   const char *recomputed, enum claim_verdict verdict)
{
  const struct claim_row *row = find(list, id, reading);
  if (strcmp(row->recomputed_text, recomputed) != 0 || row->verdict != verdict)
    fail_msg("%s, %s: \"%s\", %s %s", id, row->definition, row->recomputed_text,
             claim_verdict_name(row->verdict), row->missing);
}

/* What the repository's own figures say; curves are not judged. */
static void test_published(void **state)
{
  (void)state;
  struct published_tables tables;
  struct claim_list list = {0};
  if (published_load("golden/published/formation/tables", papers, &tables, &error) ||
      claims_add_tables(&tables, &list, &error))
    fail_msg("%s", error.text);
  expect(&list, "P3-001", 0, "5 of 5 seeds: 2 to 5", CLAIM_REPRODUCED);
  expect(&list, "P3-001", 1, "3 of 5 seeds (not 7 9): 2 to 5", CLAIM_NOT_REPRODUCED);
  expect(&list, "P3-002", 0, "1 of 1 seeds: 0.9524; 4 without data", CLAIM_REPRODUCED);
  expect(&list, "P3-002", 1, "5 of 5 seeds: 0.929 to 0.976", CLAIM_UNDER_ANOTHER);
  expect(&list, "P3-003", 0, "5 of 5 seeds: 0.9158 to 0.9991", CLAIM_REPRODUCED);
  expect(&list, "P3-005", 0, "yes: 5", CLAIM_REPRODUCED);
  expect(&list, "P3-009", 0, "1 of 1 seeds: 0.7167; 4 without data", CLAIM_REPRODUCED);
  expect(&list, "P3-011", 1, "0 of 1 seeds: 7; 4 without data", CLAIM_NOT_REPRODUCED);
  expect(&list, "P3-013", 0, "1 of 1 seeds: 0.2998; 4 without data", CLAIM_REPRODUCED);
  expect(&list, "P3-017", 0, "1 of 1 seeds: 1; 4 without data", CLAIM_REPRODUCED);
  assert_int_equal(find(&list, "P3-101", 0)->verdict, CLAIM_NOT_EVALUATED);
  assert_int_equal(find(&list, "P3-001", 0)->kind, TRAJECTORY_PUBLISHED);
  claims_free(&list);
  published_free(&tables);
}

/* Evaluates made-up tables with `from` replaced by `to` in one of them. */
static struct claim_list evaluate(int table, const char *from, const char *to)
{
  struct formation_text texts[MADE_TABLES];
  struct published_table parsed[MADE_TABLES];
  struct claim_list list = {0};
  made_tables(texts);
  for (int t = 0; t < MADE_TABLES; t++) {
    const struct published_schema *schema = arxiv_schema(texts[t].name);
    struct text changed = {0};
    const char *at = t == table ? strstr(texts[t].text.data, from) : NULL;
    if (t == table && !at)
      fail_msg("\"%s\" is not in table %s", from, texts[t].name);
    if (at)
      text_add(&changed, "%.*s%s%s", (int)(at - texts[t].text.data), texts[t].text.data, to,
               at + strlen(from));
    else
      text_add(&changed, "%s", texts[t].text.data);
    if (published_parse(texts[t].name, changed.data, changed.length, schema, &parsed[t], &error))
      fail_msg("%s", error.text);
    text_free(&changed);
    text_free(&texts[t].text);
  }
  const struct published_tables tables = {.paper = &arxiv_2404_07129,
                                          .kind = TRAJECTORY_TRAINED,
                                          .tables = parsed,
                                          .count = MADE_TABLES};
  if (claims_add_tables(&tables, &list, &error))
    fail_msg("%s", error.text);
  for (int t = 0; t < MADE_TABLES; t++)
    published_table_free(&parsed[t]);
  return list;
}

static void test_all_hold(void **state)
{
  (void)state;
  struct claim_list list = evaluate(MADE_MODELS, "seed5,F", "seed5,F");
  for (size_t i = 0; i < list.count; i++) {
    const struct claim_row *row = &list.rows[i];
    assert_int_equal(row->kind, TRAJECTORY_TRAINED);
    assert_string_equal(row->model, "F");
    if (row->stated && row->verdict != CLAIM_REPRODUCED)
      fail_msg("%s: %s %s", row->source->id, row->recomputed_text, row->missing);
  }
  expect(&list, "P3-153", 0, "2 of 2 seeds: never", CLAIM_REPRODUCED);
  claims_free(&list);
}

/* One figure of seed 5 is wrong: the predicate holds in the other seed alone. */
static void test_flips(void **state)
{
  (void)state;
  static const struct {
    int table;
    const char *from, *to, *id;
  } cases[] = {
      {MADE_HEADS, "seed5,1,0.80", "seed5,1,0.10", "P3-002"},
      {MADE_HEADS, "seed5,2,0.90,0.965", "seed5,2,0.90,0.905", "P3-003"},
      {MADE_MODELS, "seed5,F,5,1000000,0.999", "seed5,F,5,1000000,0.96", "P3-004"},
      {MADE_MODELS, "seed5,F,5,1000000,0.999", "seed5,F,5,1000000,0.98", "P3-006"},
      {MADE_MODELS, "0.999,0.998,10", "0.999,0.98,10", "P3-007"},
      {MADE_HEADS, "0.995,0.7", "0.98,0.7", "P3-008"},
      {MADE_HEADS, "0.995,0.7", "0.995,0.4", "P3-009"},
      {MADE_SETS, "seed5,first 4,L1H0,0.93", "seed5,first 4,L1H0,0.91", "P3-012"},
      {MADE_ABLATIONS, "seed5,previous,values,L0H1 L0H2 L0H5,0.6",
       "seed5,previous,values,L0H1 L0H2 L0H5,0.9", "P3-013"},
      {MADE_ABLATIONS, "seed5,others,patterns,L0H0 L0H3 L0H4 L0H6 L0H7,0.4",
       "seed5,others,patterns,L0H0 L0H3 L0H4 L0H6 L0H7,0.9", "P3-014"},
      {MADE_WIRING, "seed5,2,4,values,0.34", "seed5,2,4,values,0.94", "P3-015"},
      {MADE_WIRING, "seed5,2,1,patterns,0.31", "seed5,2,1,patterns,0.91", "P3-016"},
      {MADE_SOURCES, "seed5,2,2", "seed5,2,1", "P3-017"},
      {MADE_RUNS, "seed5,unclamped,5b,1000000,400000,400000,400000,400000,400000,200",
       "seed5,unclamped,5b,1000000,400000,400000,400000,400000,400000,20", "P3-101"},
      {MADE_RUNS, "seed5,unclamped,5b,1000000,400000,400000,400000,400000,400000",
       "seed5,unclamped,5b,1000000,400000,400000,400000,400000,900000", "P3-104"},
      {MADE_RUNS, "seed5,head3,4b,1000000,900000", "seed5,head3,4b,1000000,1000", "P3-111"},
      {MADE_RUNS, "seed5,unclamped,5b,1000000,400000,400000", "seed5,unclamped,5b,1000000,,400000",
       "P3-112"},
      {MADE_RUNS, "seed5,layer0,5b,1000000,200000,200000,200000,200000,200000,60",
       "seed5,layer0,5b,1000000,200000,200000,200000,200000,200000,200", "P3-122"},
      {MADE_RUNS, "seed5,match,5b,1000000,80000,80000,80000,80000,80000,2",
       "seed5,match,5b,1000000,80000,80000,80000,80000,80000,40", "P3-123"},
      {MADE_RUNS, "seed5,copy,5b,1000000,500000", "seed5,copy,5b,1000000,", "P3-125"},
      {MADE_RUNS, "seed5,previous_all,5b,1000000,700000", "seed5,previous_all,5b,1000000,200000",
       "P3-131"},
      {MADE_RUNS, "seed5,previous_other,5b,1000000,310000",
       "seed5,previous_other,5b,1000000,110000", "P3-132"},
      {MADE_RUNS, "seed5,classes100,5b,1000000,700000", "seed5,classes100,5b,1000000,500000",
       "P3-141"},
      {MADE_RUNS, "seed5,classes200_C,5b,1000000,82000", "seed5,classes200_C,5b,1000000,320000",
       "P3-142"},
      {MADE_RUNS, "seed5,labels15_B,5b,1000000,75000", "seed5,labels15_B,5b,1000000,", "P3-144"},
      {MADE_RUNS, "seed5,match_0.50,5b,1000000,", "seed5,match_0.50,5b,1000000,5000", "P3-153"},
      {MADE_RUNS, "seed5,graft7,5b,1000000,115000", "seed5,graft7,5b,1000000,105000", "P3-162"},
      {MADE_CHECKPOINTS, "seed5,50000,0.7,0.5,0.7,0.49", "seed5,50000,0.7,0.5,0.7,0.3", "P3-106"},
      {MADE_TOY, "seed5,bc,9,", "seed5,bc,60,", "P3-172"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct claim_list list = evaluate(cases[i].table, cases[i].from, cases[i].to);
    const struct claim_row *row = find(&list, cases[i].id, 0);
    bool flipped = row->verdict == CLAIM_NOT_REPRODUCED || row->verdict == CLAIM_UNDER_ANOTHER;
    if (!flipped)
      fail_msg("%s: %s \"%s\"", cases[i].id, claim_verdict_name(row->verdict),
               row->recomputed_text);
    if (strncmp(row->recomputed_text, "1 of 2 seeds (not 5)", 20) != 0)
      fail_msg("%s: \"%s\"", cases[i].id, row->recomputed_text);
    claims_free(&list);
  }
}

/* What no seed of a table can judge is not evaluated, and says what is missing. */
static void test_missing(void **state)
{
  (void)state;
  struct claim_list list = evaluate(MADE_RUNS, "seed5,none,", "seed5,nothing,");
  expect(&list, "P3-121", 0, "1 of 1 seeds: 0.3333; 1 without data", CLAIM_REPRODUCED);
  claims_free(&list);
  list = evaluate(MADE_MODELS, "seed6,F,6,", "other,F,6,");
  expect(&list, "P3-101", 0, "1 of 1 seeds: 200; 1 without data", CLAIM_REPRODUCED);
  assert_int_equal(find(&list, "P3-005", 0)->verdict, CLAIM_NOT_EVALUATED);
  claims_free(&list);
  list = evaluate(MADE_MODELS, "seed6,F,6,", "seed6,gaussian,6,");
  expect(&list, "P3-101", 0, "1 of 1 seeds: 200", CLAIM_REPRODUCED);
  assert_string_equal(list.rows[list.count - 1].model, "gaussian");
  claims_free(&list);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_published),
      cmocka_unit_test(test_all_hold),
      cmocka_unit_test(test_flips),
      cmocka_unit_test(test_missing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
