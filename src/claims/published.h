/* A paper's published tables beside its trajectories: a folder with tables.json
 *   {"format": 1, "paper": "2606.02378", "kind": "published", "source": "...", "caveat": "...",
 *    "tables": ["induction_ablations", ...]}
 * ("kind": "trained" for tables of the same form that are our own)
 * and for each name a file NAME.csv: lines that begin with "# ", the first of them "# Source: ...";
 * the header; rows of cells parted by commas, without quotes. Which columns a table has stands in
 * the paper's schema, and everything that is not of it is refused. */
#ifndef ATTEST_CLAIMS_PUBLISHED_H
#define ATTEST_CLAIMS_PUBLISHED_H

#include "base/error.h"
#include "trajectory/trajectory.h"

#include <stdbool.h>
#include <stddef.h>

#define PUBLISHED_INDEX "tables.json"

enum published_type {
  PUBLISHED_KEY,     /* text, may be empty; no two rows have all keys in common */
  PUBLISHED_TEXT,    /* text, may be empty */
  PUBLISHED_HEADS,   /* "L4H4 L7H0", may be empty */
  PUBLISHED_NUMBER,  /* a finite number */
  PUBLISHED_OPTIONAL /* a finite number, or empty */
};

struct published_column {
  const char *name;
  enum published_type type;
};

/* The first column of every table is the key "model". */
struct published_schema {
  const char *name;
  const struct published_column *columns;
  size_t column_count;
};

struct published_table {
  const struct published_schema *schema;
  char *text;         /* the file, cut into zero-terminated cells; owned */
  const char *source; /* what follows "# Source: " */
  const char **cells; /* [row][column]; owned */
  double *numbers;    /* [row][column]; NAN where there is none; owned */
  size_t rows;
};

struct paper;

/* All zero: none. Release with published_free. */
struct published_tables {
  const struct paper *paper;
  enum trajectory_kind kind; /* published, or trained: measured by ourselves */
  char *source, *caveat;     /* one sentence each; owned */
  struct published_table *tables;
  size_t count;
};

/* Reads DIR/tables.json and the files it names; `known` are the papers that there are (papers in
 * paper.h). Errors: EXIT_INPUT (file, line, column, what it must be), EXIT_RUN. */
int published_load(const char *directory, const struct paper *const *known,
                   struct published_tables *tables, struct error *error);

/* The same from a set of files that is open. */
struct fileset;
int published_load_set(struct fileset *set, const struct paper *const *known,
                       struct published_tables *tables, struct error *error);
void published_free(struct published_tables *tables);

/* Parses the bytes of one file by its schema; `path` appears in messages. Owner: the caller,
 * published_table_free. Errors: as above. */
int published_parse(const char *path, const void *data, size_t size,
                    const struct published_schema *schema, struct published_table *table,
                    struct error *error);
void published_table_free(struct published_table *table);

/* NULL: the folder has no such table. */
const struct published_table *published_find(const struct published_tables *tables,
                                             const char *name);

/* Index of a column; column_count: there is none. */
size_t published_column(const struct published_schema *schema, const char *name);

/* Whether a row is of this model and its next keys are those of `key`, which parts them by bars:
 * "threshold|induction>=10|circuit"; keys that are left out may be any. */
bool published_matches(const struct published_table *table, size_t row, const char *model,
                       const char *key);

/* The number in a column of a row; NAN: there is no such column, or no number. */
double published_number(const struct published_table *table, size_t row, const char *column);

/* How many rows match, the first of them to *row. */
size_t published_rows(const struct published_table *table, const char *model, const char *key,
                      size_t *row);

struct head_id {
  int layer, head;
};

/* The next "L4H4" of a list, which *text then goes past; false at the end. */
bool published_next_head(const char **text, struct head_id *id);

#endif
