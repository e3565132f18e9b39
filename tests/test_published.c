/* Published tables: what is read, how rows are found, and what is refused, by line and column. */
#include "support.h"

#include "claims/paper.h"
#include "claims/published.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct error error;

static const struct published_column columns[] = {{"model", PUBLISHED_KEY},
                                                  {"condition", PUBLISHED_KEY},
                                                  {"heads", PUBLISHED_HEADS},
                                                  {"items", PUBLISHED_NUMBER},
                                                  {"loss", PUBLISHED_OPTIONAL}};
static const struct published_schema schema = {"some", columns, sizeof columns / sizeof *columns};

#define HEAD "# Source: somewhere\nmodel,condition,heads,items,loss\n"

static int parse(const char *text, size_t size, struct published_table *table)
{
  error = (struct error){0};
  return published_parse("t.csv", text, size, &schema, table, &error);
}

static void rows_are_found(void **state)
{
  static const char text[] = "# Source: a place\n# and more\nmodel,condition,heads,items,loss\n"
                             "a,none,,81,8.5\n"
                             "a,circuit>=10,L4H4 L17H0,-5,\n"
                             "b,none,,1e3,0\n";
  struct published_table table;
  struct head_id id;
  size_t row = 99;
  (void)state;
  assert_int_equal(parse(text, sizeof text - 1, &table), 0);
  assert_int_equal(table.rows, 3);
  assert_string_equal(table.source, "a place");
  assert_int_equal(published_rows(&table, "a", "circuit>=10", &row), 1);
  assert_int_equal(row, 1);
  assert_int_equal(published_rows(&table, "a", "", &row), 2);
  assert_int_equal(published_rows(&table, "b", "circuit>=10", &row), 0);
  assert_int_equal(published_rows(&table, "a", "circuit", &row), 0);
  assert_int_equal(published_rows(&table, "a", "none|x", &row), 0);
  assert_int_equal(published_column(&schema, "items"), 3);
  assert_int_equal(published_column(&schema, "item"), 5);
  assert_true(table.numbers[1 * 5 + 3] == -5 && isnan(table.numbers[1 * 5 + 4]));
  assert_true(table.numbers[2 * 5 + 3] == 1000 && isnan(table.numbers[0]));
  const char *heads = table.cells[1 * 5 + 2];
  assert_true(published_next_head(&heads, &id) && id.layer == 4 && id.head == 4);
  assert_true(published_next_head(&heads, &id) && id.layer == 17 && id.head == 0);
  assert_false(published_next_head(&heads, &id));
  published_table_free(&table);
}

static void refused_tables(void **state)
{
  static const struct {
    const char *text, *words;
  } cases[] = {
      {"", "line 1: no newline"},
      {"model,condition,heads,items,loss\n", "line 1: must begin with \"# Source: \""},
      {"# Source: \nmodel\n", "line 1: must begin with"},
      {"# Source: x\n", "line 2: no newline"},
      {"# Source: x\nmodel,items\n", "line 2: the header is \"model,items\", must be model,cond"},
      {HEAD "a,none,,1,2", "line 3: no newline"},
      {HEAD "a,none,,1\n", "line 3: must have 5 columns"},
      {HEAD "a,none,,1,2,3\n", "line 3: must have 5 columns"},
      {HEAD "a,none,,x,2\n", "line 3, column items: \"x\" must be a finite number"},
      {HEAD "a,none,,,2\n", "line 3, column items: \"\" must be"},
      {HEAD "a,none,,1e999,2\n", "column items"},
      {HEAD "a,none,,nan,2\n", "column items"},
      {HEAD "a,none,,1,0x1\n", "column loss"},
      {HEAD "a,none,L4,1,2\n", "column heads: \"L4\" must be heads such as"},
      {HEAD "a,none,L4H4 ,1,2\n", "column heads"},
      {HEAD "a,none,L4H4  L5H5,1,2\n", "column heads"},
      {HEAD "a,none,L4H99999,1,2\n", "column heads"},
      {HEAD "a,none,L-1H0,1,2\n", "column heads"},
      {HEAD "a,\"none\",,1,2\n", "line 3: holds quotes"},
      {HEAD "a,none,,1,2\r\n", "line 3: holds a character that is not printable"},
      {HEAD "a,\033[31m,,1,2\n", "line 3: holds a character that is not printable"},
      {HEAD "a,\xff,,1,2\n", "not printable"},
      {HEAD "a,none,,1,2\n\n", "line 4: must have 5 columns"},
      {HEAD "a,none,,1,2\nb,none,,1,2\na,none,L1H1,3,\n", "line 5: has the keys of a row before"},
  };
  struct published_table table;
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(parse(cases[i].text, strlen(cases[i].text), &table), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, cases[i].words);
  }
  assert_int_equal(parse(HEAD "a,no\0ne,,1,2\n", sizeof(HEAD "a,no\0ne,,1,2\n") - 1, &table),
                   EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "NUL byte");
}

static void long_tables(void **state)
{
  size_t size = 0, capacity = 400000;
  char *text = malloc(capacity);
  struct published_table table;
  (void)state;
  assert_non_null(text);
  size = (size_t)snprintf(text, capacity, "%s", HEAD);
  memset(text + size, 'x', 5000);
  text[size + 5000] = '\n';
  assert_int_equal(parse(text, size + 5001, &table), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "line 3: longer than 4096 bytes");
  for (size_t i = 0; i < 10000; i++)
    size += (size_t)snprintf(text + size, capacity - size, "a,%zu,,1,2\n", i);
  assert_int_equal(parse(text, size, &table), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "more than 10000 lines");
  free(text);
}

static void write_index(const char *directory, const char *text)
{
  char path[600];
  snprintf(path, sizeof path, "%s/tables.json", directory);
  support_write(path, text, strlen(text));
}

#define INDEX(paper, kind, tables)                                                                 \
  "{\"format\": 1, \"paper\": \"" paper "\", \"kind\": \"" kind                                    \
  "\", \"source\": \"s\", \"caveat\": \"c\", \"tables\": [" tables "]}"

static void refused_folders(void **state)
{
  static const struct {
    const char *index, *words;
  } cases[] = {
      {"[]", "tables.json"},
      {INDEX("1234.56789", "published", "\"null_pr\""), "\"paper\" is \"1234.56789\""},
      {INDEX("2606.02378", "real", "\"null_pr\""), "must be published or trained"},
      {INDEX("2606.02378", "published", ""), "\"tables\" has 0 entries"},
      {INDEX("2606.02378", "published", "7"), "tables[0] must be a name"},
      {INDEX("2606.02378", "published", "\"../null_pr\""), "is not a table of paper 2606.02378"},
      {INDEX("2606.02378", "published", "\"null_pr\""), "null_pr.csv"},
  };
  struct published_tables tables;
  const char *directory = support_directory();
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_index(directory, cases[i].index);
    error = (struct error){0};
    assert_int_equal(published_load(directory, papers, &tables, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, cases[i].words);
  }
}

/* The project's own tables, all of them, and every one says where it is from. */
static void own_tables(void **state)
{
  struct published_tables tables;
  size_t row;
  (void)state;
  error = (struct error){0};
  if (published_load("golden/published/tables", papers, &tables, &error))
    fail_msg("%s", error.text);
  assert_int_equal(tables.count, 11);
  for (size_t i = 0; i < tables.count; i++)
    assert_non_null(strstr(tables.tables[i].source, "skydancerosel/spectral-probe-circuits"));
  const struct published_table *table = published_find(&tables, "induction_ablations");
  assert_int_equal(published_rows(table, "pythia-1b", "threshold|baseline", &row), 1);
  assert_null(published_find(&tables, "induction"));
  published_free(&tables);
  assert_int_equal(tables.count, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_found), cmocka_unit_test(refused_tables),
      cmocka_unit_test(long_tables), cmocka_unit_test(refused_folders),
      cmocka_unit_test(own_tables)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
