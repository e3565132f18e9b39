/* Any bytes as a published table: refused with a line, or read, with numbers where its columns have
 * numbers and heads where they have heads. */
#include "claims/published.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct published_column columns[] = {{"model", PUBLISHED_KEY},
                                                  {"seed", PUBLISHED_KEY},
                                                  {"heads", PUBLISHED_HEADS},
                                                  {"items", PUBLISHED_NUMBER},
                                                  {"loss", PUBLISHED_OPTIONAL}};
#define COLUMNS (sizeof columns / sizeof *columns)

static void check_row(const struct published_table *table, size_t row)
{
  const char **cells = table->cells + row * COLUMNS;
  const double *numbers = table->numbers + row * COLUMNS;
  const char *heads = cells[2];
  struct head_id id;
  size_t found;
  while (*heads)
    if (!published_next_head(&heads, &id) || id.layer < 0 || id.head < 0)
      abort();
  if (!isfinite(numbers[3]) || isfinite(numbers[4]) != (*cells[4] != 0))
    abort();
  if (published_rows(table, cells[0], "", &found) == 0)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const struct published_schema schema = {"fuzz", columns, COLUMNS};
  struct published_table table;
  struct error error = {0};
  if (published_parse("fuzz.csv", data, size, &schema, &table, &error)) {
    if (error.code != EXIT_INPUT || !*error.text)
      abort();
    return 0;
  }
  if (!*table.source)
    abort();
  for (size_t i = 0; i < table.rows; i++)
    check_row(&table, i);
  published_table_free(&table);
  return 0;
}
