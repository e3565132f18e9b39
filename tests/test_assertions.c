/* The figures of the text, from the published tables: every one has its row, the contradictions
 * come out, and a changed table or trajectory changes what comes out. */
#include "support.h"

#include "claims/figure.h"
#include "claims/published.h"
#include "claims/summary.h"
#include "claims/verdicts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODELS 3

struct state {
  struct trajectory trajectories[MODELS];
  struct published_tables tables;
  struct claim_list list;
};

static struct error error;

static int load(void **state)
{
  static const char *const models[MODELS] = {"pythia-1b", "olmo-1b-0724", "olmoe-1b-7b-0924"};
  struct state *s = calloc(1, sizeof *s);
  *state = s;
  error = (struct error){0};
  for (int i = 0; i < MODELS; i++) {
    char path[64];
    snprintf(path, sizeof path, "golden/published/%s", models[i]);
    if (!s || trajectory_load(path, &s->trajectories[i], &error))
      return -1;
  }
  return published_load("golden/published/tables", papers, &s->tables, &error);
}

static int unload(void **state)
{
  struct state *s = *state;
  claims_free(&s->list);
  for (int i = 0; i < MODELS; i++)
    trajectory_free(&s->trajectories[i]);
  published_free(&s->tables);
  free(s);
  return 0;
}

static void evaluate(struct state *s, size_t models)
{
  claims_free(&s->list);
  if (claims_evaluate(s->trajectories, models, &s->list, &error) ||
      claims_add_tables(&s->tables, &s->list, &error))
    fail_msg("%s", error.text);
}

/* The row of an assertion under its reading of this index, the stated one first. */
static const struct claim_row *find(const struct state *s, const char *id, size_t reading)
{
  for (size_t i = 0; i < s->list.count; i++) {
    const struct claim_row *row = &s->list.rows[i];
    if (row->source && strcmp(row->source->id, id) == 0 && reading-- == 0)
      return row;
  }
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

static size_t stated_rows(const struct state *s, const char *id)
{
  size_t count = 0;
  for (size_t i = 0; i < s->list.count; i++)
    count += s->list.rows[i].source && s->list.rows[i].stated &&
             strcmp(s->list.rows[i].source->id, id) == 0;
  return count;
}

/* Each assertion has one stated row, each row a place where its reading is from. */
static void every_assertion(void **state)
{
  struct state *s = *state;
  char id[16];
  evaluate(s, MODELS);
  for (int i = 1; i <= 274; i++) {
    snprintf(id, sizeof id, "P1-%03d", i);
    assert_int_equal(stated_rows(s, id), 1);
  }
  for (int i = 1; i <= 29; i++) {
    snprintf(id, sizeof id, "C-%02d", i);
    assert_int_equal(stated_rows(s, id), 1);
  }
  for (size_t i = 0; i < s->list.count; i++) {
    const struct claim_row *row = &s->list.rows[i];
    bool grouped = !row->source;
    for (size_t c = 0; !grouped && c < row->paper->claim_count; c++)
      grouped = strcmp(row->paper->claims[c].id, row->id) == 0;
    assert_true(grouped);
    assert_true(!row->source || (*row->basis && *row->source->where && *row->figure));
  }
}

static void golden_verdicts(void **state)
{
  struct state *s = *state;
  char *difference;
  evaluate(s, MODELS);
  assert_int_equal(verdicts_compare(&s->list, "golden/published", &difference, &error), 0);
  if (difference)
    fail_msg("%s", difference);
}

/* Nothing else lacks an input: a mistyped key of a table would show here. */
static void what_is_missing(void **state)
{
  static const char *const open[] = {"P1-034", "P1-035", "P1-088", "P1-125", "P1-266", "C-27"};
  struct state *s = *state;
  evaluate(s, MODELS);
  for (size_t i = 0; i < s->list.count; i++) {
    const struct claim_row *row = &s->list.rows[i];
    bool known = strncmp(row->missing, "a remark, not counted: ", 23) == 0 ||
                 strcmp(row->definition, "from weights") == 0;
    for (size_t k = 0; row->source && k < sizeof open / sizeof *open; k++)
      known = known || strcmp(row->source->id, open[k]) == 0;
    if (row->verdict == CLAIM_NOT_EVALUATED && !known)
      fail_msg("%s %s: %s", row->source ? row->source->id : row->id, row->definition, row->missing);
  }
  expect(s, "P1-034", 0, "1.119", CLAIM_NOT_EVALUATED);
  expect(s, "P1-088", 0, "-0.50 over the three models of the tables", CLAIM_NOT_EVALUATED);
}

static void contradictions(void **state)
{
  struct state *s = *state;
  evaluate(s, MODELS);
  /* The table of the induction circuit prints the controls of the previous-token circuit. */
  expect(s, "P1-007", 0, "4.25 %", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-007", 1, "4.40 %", CLAIM_NOT_EVALUATED); /* a remark */
  expect(s, "P1-009", 0, "5.35 %", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-010", 0, "4.80/-0.55 = -8.7x", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-019", 0, "4, 4, 3 heads", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-029", 0, "8.02 %", CLAIM_UNDER_ANOTHER);
  expect(s, "P1-030", 0, "5 % range", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-032", 0, "1.75 pp", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-046", 0, "160", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-048", 0, "172x", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-050", 0, "158x", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-069", 0, "0 heads in common in each model", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-076", 0, "no: p99 2.58", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-077", 0, "8 %", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-098", 0, "1397.209 (k_calibration)", CLAIM_UNDER_ANOTHER);
  expect(s, "P1-104", 0, "9", CLAIM_REPRODUCED);
  expect(s, "P1-123", 0, "5.078 pp", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-189", 0, "0 of 8 heads are its own, 3 absent", CLAIM_UNDER_ANOTHER);
  expect(s, "P1-214", 0, "3 of 5, 621-1112", CLAIM_NOT_REPRODUCED);
  assert_non_null(strstr(find(s, "P1-214", 0)->why, "L8H5 has 29.9975x"));
  expect(s, "P1-262", 0, "10", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-263", 0, "80 / 3048 / 2516", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-263", 3, "a screen of 37.2x to 43.2x gives it", CLAIM_NOT_EVALUATED);
  expect(s, "P1-265", 1, "10 of 10 heads", CLAIM_UNDER_ANOTHER);
  expect(s, "P1-268", 0, "no: 2 of 75 heads leave", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-270", 0, "no: 25 of 205 heads leave", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-273", 0, "0.376 0.438 -0.244", CLAIM_UNDER_ANOTHER);
}

/* A cell of a published table, for a test to change. */
static double *cell(struct state *s, const char *name, const char *model, const char *key,
                    const char *column)
{
  const struct published_table *table = published_find(&s->tables, name);
  size_t row;
  assert_int_equal(published_rows(table, model, key, &row), 1);
  return &table->numbers[row * table->schema->column_count +
                         published_column(table->schema, column)];
}

static void changed_tables(void **state)
{
  struct state *s = *state;
  double *items = cell(s, "induction_ablations", "pythia-1b", "threshold|baseline", "top1_items");
  double *seed = cell(s, "task_controls", "pythia-1b", "ioi name mover|0", "top1_items");
  double *null = cell(s, "selectivity_calibration", "olmo-1b-0724", "", "null_p99");
  double before[] = {*items, *seed, *null};
  *items += 1;
  *seed += 20;
  *null = 1.9;
  evaluate(s, MODELS);
  expect(s, "P1-001", 0, "4.10 %", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-012", 0, "94 %", CLAIM_REPRODUCED);
  expect(s, "P1-198", 0, "3.10 +- 4.38 pp", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-076", 0, "yes: p99 1.90", CLAIM_REPRODUCED);
  expect(s, "P1-086", 0, "21", CLAIM_NOT_REPRODUCED);
  *items = before[0];
  *seed = before[1];
  *null = before[2];
}

/* The screen, the circuits and the sets of a trajectory count anew. */
static void changed_trajectory(void **state)
{
  struct state *s = *state;
  struct revision *first = &s->trajectories[0].revisions[0];
  struct head_row kept = first->heads[127];
  double pr = first->heads[36].pr;
  first->heads[127].selectivity[CLASS_FIRST_TOKEN] =
      40; /* a sink of layer 15 that comes and goes */
  first->heads[127].class = CLASS_FIRST_TOKEN;
  first->heads[36].pr = 1.5; /* L4H4 */
  evaluate(s, MODELS);
  expect(s, "P1-240", 0, "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1", CLAIM_NOT_REPRODUCED);
  expect(s, "P1-254", 0, "no: 1 to 0 heads at step4", CLAIM_NOT_REPRODUCED);
  assert_int_equal(find(s, "P1-250", 0)->verdict, CLAIM_NOT_REPRODUCED);
  expect(s, "C-01", 0, "4 of 5 rows", CLAIM_NOT_REPRODUCED);
  expect(s, "C-23", 0, "1 of 2 rows", CLAIM_NOT_REPRODUCED);
  expect(s, "C-29", 0, "no: 35 of 491 heads leave", CLAIM_NOT_REPRODUCED);
  first->heads[127] = kept;
  first->heads[36].pr = pr;
}

/* What is not there is said, and nothing is guessed. */
static void missing_inputs(void **state)
{
  struct state *s = *state;
  size_t count = s->tables.count;
  s->tables.count = 1; /* induction_ablations alone */
  evaluate(s, 1);
  s->tables.count = count;
  expect(s, "P1-001", 0, "4.05 %", CLAIM_REPRODUCED);
  assert_int_equal(find(s, "P1-126", 0)->verdict, CLAIM_NOT_EVALUATED);
  assert_string_equal(find(s, "P1-126", 0)->missing,
                      "the published table natural_text_ablations is not given");
  assert_string_equal(find(s, "P1-255", 0)->missing,
                      "no published trajectory of olmoe-1b-7b-0924 is given");
  for (size_t i = 0; i < s->list.count; i++) {
    const struct claim_row *row = &s->list.rows[i];
    bool of_others = row->source && strncmp(row->model, "olmo", 4) == 0 &&
                     (strcmp(row->id, "INT") == 0 || strcmp(row->id, "SNK") == 0);
    assert_true(!of_others || row->verdict == CLAIM_NOT_EVALUATED);
  }
}

static const json_t *find_json(const json_t *rows, const char *id)
{
  for (size_t i = 0; i < json_array_size(rows); i++) {
    const json_t *row = json_array_get(rows, i);
    const char *found = json_string_value(json_object_get(row, "source_id"));
    if (found && strcmp(found, id) == 0)
      return row;
  }
  fail_msg("no row of %s in JSON", id);
  return NULL;
}

static void expect_text(const json_t *row, const char *key, const char *wanted)
{
  const char *text = json_string_value(json_object_get(row, key));
  if (!text || strcmp(text, wanted) != 0)
    fail_msg("%s: %s", key, text ? text : "none");
}

/* Percentages are fractions, as everywhere; a list is a text. */
static void json_rows(void **state)
{
  struct state *s = *state;
  evaluate(s, MODELS);
  json_t *json = claims_json(&s->list, &error), *rows = json_object_get(json, "claims");
  assert_true(json_is_null(json_object_get(json_array_get(rows, 0), "source_id")));
  const json_t *row = find_json(rows, "P1-001");
  expect_text(row, "id", "ABL");
  expect_text(row, "where", "methodology_paper.md 4.3");
  expect_text(row, "published_text", "4.05 %");
  assert_true(json_number_value(json_object_get(row, "published")) == 4.05 * 0.01);
  assert_true(json_number_value(json_object_get(row, "recomputed")) == 4.05 * 0.01);
  row = find_json(rows, "P1-198");
  expect_text(row, "recomputed", "2.70 +- 4.05 pp");
  expect_text(row, "why", "10 seeds; p of the circuit 1/11");
  row = find_json(rows, "P1-256");
  expect_text(row, "verdict", "reproduced under another definition");
  expect_text(row, "also_holds_under", "30x; 30x of the 50x set");
  json_decref(json);
}

/* The answer stays on one screen however many figures there are. */
static void one_screen(void **state)
{
  struct state *s = *state;
  struct text text = {0};
  size_t lines = 0;
  evaluate(s, MODELS);
  summary_text(&s->list, 1, &(struct summary_style){.lines = SUMMARY_LINES, .columns = 100}, &text);
  assert_false(text.failed);
  for (char *line = text.data, *end; *line; line = end + 1, lines++) {
    end = strchr(line, '\n');
    *end = 0;
    if (text_columns(line) > 100 || text_ends_with(line, " "))
      fail_msg("\"%s\"", line);
    if (strncmp(line, "TSK ", 4) == 0)
      assert_non_null(strstr(line, "+23 ~4 x4  +22 ~4 x2     +22 x1            ~1"));
  }
  assert_in_range(lines, 25, 32);
  text_free(&text);
}

/* Without --all: the figures that do not come out; with it all readings. */
static void text_rows(void **state)
{
  struct state *s = *state;
  struct text some = {0}, all = {0};
  evaluate(s, MODELS);
  claims_text(&s->list, false, &some);
  claims_text(&s->list, true, &all);
  assert_null(strstr(some.data, "\nP1-001 "));
  assert_non_null(strstr(all.data, "\nP1-001 "));
  assert_non_null(strstr(some.data, "\nP1-214 "));
  assert_non_null(strstr(some.data, "not reproduced; L8H5 has 29.9975x, the threshold is 30x\n"));
  assert_non_null(strstr(all.data, "a remark, not counted: no text, code or plot states it\n"));
  text_free(&some);
  text_free(&all);
}

/* The tables say nothing about models that were trained here. */
static void without_tables(void **state)
{
  struct state *s = *state;
  claims_free(&s->list);
  assert_int_equal(claims_evaluate(s->trajectories, MODELS, &s->list, &error), 0);
  for (size_t i = 0; i < s->list.count; i++)
    assert_null(s->list.rows[i].source);
  assert_int_equal(verdicts_sources(&s->list), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_assertion), cmocka_unit_test(golden_verdicts),
      cmocka_unit_test(what_is_missing), cmocka_unit_test(contradictions),
      cmocka_unit_test(changed_tables),  cmocka_unit_test(changed_trajectory),
      cmocka_unit_test(missing_inputs),  cmocka_unit_test(without_tables),
      cmocka_unit_test(json_rows),       cmocka_unit_test(one_screen),
      cmocka_unit_test(text_rows)};
  return cmocka_run_group_tests(tests, load, unload);
}
