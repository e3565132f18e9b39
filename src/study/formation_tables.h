/* The rows of training runs as tables in the form of the published ones, which the claims of arXiv
 * 2404.07129 are evaluated on and which a golden folder holds: tables.json and a CSV a table. */
#ifndef ATTEST_STUDY_FORMATION_TABLES_H
#define ATTEST_STUDY_FORMATION_TABLES_H

#include "base/text.h"
#include "claims/published.h"
#include "manifest/manifest.h"
#include "study/curves.h"

struct formation_table {
  const struct published_schema *schema;
  struct text text; /* the file */
};

/* Whose results they are. */
struct formation_origin {
  const char *path;            /* begins messages */
  const char *name;            /* of curves of a model that there are already: "NAME-MODEL" */
  const char *made;            /* by which command, of what: ends the first line of every table */
  const char *source, *caveat; /* of tables.json; NULL: without one */
  size_t heads;                /* of a layer: so many columns of strengths has table checkpoints */
};

/* All zero: none. Release with formation_tables_free. */
struct formation_tables {
  struct formation_table *tables; /* those with rows, in the order of the schemas; owned */
  size_t count;
  struct text index; /* tables.json */
};

/* Sorts rows[count] (formation_rows.h) into tables; their curves go to `curves`, unless that is
 * NULL. Errors: EXIT_INPUT (a line of no table),
 * EXIT_RUN. */
int formation_tables_make(const struct formation_origin *origin, const struct text *rows,
                          size_t count, struct formation_tables *tables,
                          struct study_curves *curves, struct error *error);
void formation_tables_free(struct formation_tables *tables);

/* The same for evaluation. Owner: the caller, published_free. Errors: EXIT_INPUT, EXIT_RUN. */
int formation_tables_parse(const struct formation_tables *tables, const struct manifest *manifest,
                           struct published_tables *parsed, struct error *error);

/* Writes the folder, all files together; compares its bytes: *difference (free()) names the first
 * file and byte, NULL when all are equal. Errors: EXIT_INPUT, EXIT_RUN. */
int formation_tables_write(const struct formation_tables *tables, const char *directory,
                           struct error *error);
/* Whether tables.json is there and each table that it names. One that cannot be read is left to the
 * comparison. Errors: EXIT_INPUT, EXIT_RUN. */
int formation_tables_check(const char *directory, struct error *error);
int formation_tables_compare(const struct formation_tables *tables, const char *directory,
                             char **difference, struct error *error);

#endif
