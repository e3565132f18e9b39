/* libFuzzer target: rows of circuits over training, and of their components. What is read is
 * written again and read to the same cells; what is refused says so in one printable line. */
#include "base/text.h"
#include "trajectory/circuit_course.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(const struct error *error)
{
  size_t length;
  if (error->code != EXIT_INPUT || !*error->text)
    abort();
  for (const char *at = error->text; *at; at += length)
    if (!(length = text_printable(at)))
      abort();
}

/* The same bytes when written twice. */
static void check_again(const struct table *table)
{
  struct text once = {0}, twice = {0};
  struct table again;
  struct error error = {0};
  table_separated(table, ',', "", &once);
  if (once.failed || table_parse("again", once.data, once.length, ',', table->columns,
                                 table->column_count, &again, &error))
    abort();
  table_separated(&again, ',', "", &twice);
  if (once.length != twice.length || memcmp(once.data, twice.data, once.length) != 0)
    abort();
  text_free(&once);
  text_free(&twice);
  table_free(&again);
}

static void check(const uint8_t *data, size_t size, const struct table_column *columns,
                  size_t count)
{
  struct table table;
  struct error error = {0};
  if (table_parse("t.csv", data, size, ',', columns, count, &table, &error))
    check_refusal(&error);
  else
    check_again(&table);
  table_free(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  check(data, size, circuit_course_columns, CIRCUIT_COURSE_COLUMNS);
  check(data, size, component_columns, COMPONENT_COLUMNS);
  return 0;
}
