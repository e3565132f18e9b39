/* Rows of typed cells under named columns: filled once, written as aligned text, as separated
 * values (CSV, TSV) or as JSON. */
#ifndef ATTEST_BASE_TABLE_H
#define ATTEST_BASE_TABLE_H

#include "base/error.h"
#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cell_type { CELL_TEXT, CELL_INTEGER, CELL_NUMBER, CELL_FLAG };

struct table_column {
  const char *key;   /* header of separated values, key in JSON */
  const char *title; /* header of aligned text; NULL: the column is not shown there */
  enum cell_type type;
};

struct table_cell {
  bool missing;
  union {
    size_t text; /* offset into the table's texts */
    int64_t integer;
    double number;
    bool flag;
  };
};

/* All zero but for the columns, which must outlive it. Release with table_free. */
struct table {
  const struct table_column *columns;
  size_t column_count;
  struct table_cell *cells; /* [row][column] */
  size_t cell_count, capacity;
  struct text texts;
  bool failed; /* memory ran out once; the writers report it */
};

/* The next cell, row by row; its column must have this type. The text is copied; NULL is a missing
 * cell, as is a number that is not finite. */
void table_text(struct table *table, const char *text);
void table_integer(struct table *table, int64_t value);
void table_number(struct table *table, double value);
void table_flag(struct table *table, bool value);
void table_missing(struct table *table); /* of any type */

size_t table_rows(const struct table *table);
void table_free(struct table *table);

/* Adds a header and the rows to `text`, cells parted by `separator`, one row a line. Numbers have
 * the 17 digits that read back to the same bits, flags are yes or no, `missing` is written where a
 * cell is missing. Texts must not hold the separator, quotes or line ends: it is for figures and
 * names. text->failed without memory. */
void table_separated(const struct table *table, char separator, const char *missing,
                     struct text *text);

/* Reads back what table_separated wrote with nothing for missing cells: the header is that of the
 * columns, every line ends, every cell is of its column's type. `name` appears in messages. Owner:
 * the caller, table_free, also after an error. Errors: EXIT_INPUT (with line and column), EXIT_RUN.
 */
int table_parse(const char *name, const void *data, size_t size, char separator,
                const struct table_column *columns, size_t column_count, struct table *table,
                struct error *error);

/* The cell of a row, and its text, which is "" where it is missing. */
const struct table_cell *table_at(const struct table *table, size_t row, size_t column);
const char *table_text_at(const struct table *table, size_t row, size_t column);

/* Adds a row of `from`, which has the same columns, to `to`. */
void table_copy_row(const struct table *from, size_t row, struct table *to);

/* The column of this key, which there must be. */
size_t table_column_of(const struct table *table, const char *key);

/* Adds the titled columns to `text`, padded to their widest cell (in characters), numbers to the
 * right with six significant digits, "-" where a cell is missing, each line begun by `indent`. */
void table_aligned(const struct table *table, const char *indent, struct text *text);

/* An array with an object a row; null where a cell is missing. json_decref. NULL without memory. */
json_t *table_json(const struct table *table);

#endif
