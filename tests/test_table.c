/* Rows of typed cells as text, separated values and JSON. */
#include "support.h"

#include "base/table.h"

#include <math.h>

static const struct table_column columns[] = {{"name", "name", CELL_TEXT},
                                              {"hidden", NULL, CELL_INTEGER},
                                              {"value", "value", CELL_NUMBER},
                                              {"good", "good", CELL_FLAG}};

static struct table example(void)
{
  struct table table = {.columns = columns, .column_count = 4};
  table_text(&table, "a");
  table_integer(&table, -7);
  table_number(&table, 0.1);
  table_flag(&table, true);
  table_text(&table, "\u00fcber");
  table_integer(&table, 12);
  table_number(&table, NAN);
  table_flag(&table, false);
  table_text(&table, NULL);
  table_integer(&table, 0);
  table_number(&table, 12345678);
  table_flag(&table, false);
  return table;
}

static void separated(void **state)
{
  (void)state;
  struct table table = example();
  struct text text = {0};
  assert_int_equal(table_rows(&table), 3);
  table_separated(&table, ',', "?", &text);
  assert_false(text.failed);
  assert_string_equal(text.data, "name,hidden,value,good\na,-7,0.10000000000000001,yes\n"
                                 "\u00fcber,12,?,no\n?,0,12345678,no\n");
  text_free(&text);
  table_free(&table);
}

static void aligned(void **state)
{
  (void)state;
  struct table table = example();
  struct text text = {0};
  table_aligned(&table, "  ", &text);
  assert_false(text.failed);
  assert_string_equal(text.data, "  name        value  good\n"
                                 "  a             0.1  yes\n"
                                 "  \u00fcber            -  no\n"
                                 "  -     1.23457e+07  no\n");
  text_free(&text);
  table_free(&table);
}

static void json(void **state)
{
  (void)state;
  struct table table = example();
  json_t *rows = table_json(&table);
  assert_non_null(rows);
  assert_int_equal(json_array_size(rows), 3);
  json_t *second = json_array_get(rows, 1);
  assert_string_equal(json_string_value(json_object_get(second, "name")), "\u00fcber");
  assert_int_equal(json_integer_value(json_object_get(second, "hidden")), 12);
  assert_true(json_is_null(json_object_get(second, "value")));
  assert_true(json_is_false(json_object_get(second, "good")));
  assert_true(json_is_null(json_object_get(json_array_get(rows, 2), "name")));
  assert_true(json_real_value(json_object_get(json_array_get(rows, 0), "value")) == 0.1);
  json_decref(rows);
  table_free(&table);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(separated), cmocka_unit_test(aligned),
                                     cmocka_unit_test(json)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
