/* Verdicts as a golden file: what came out of the evaluation, one line a figure and reading. */
#ifndef ATTEST_CLAIMS_VERDICTS_H
#define ATTEST_CLAIMS_VERDICTS_H

#include "claims/claims.h"

#define VERDICTS_FILE "verdicts.tsv"
#define VERDICTS_SOURCES_FILE "assertions.tsv" /* of rows that have a source (claims.h), but */
#define VERDICTS_COMPONENTS_FILE "component_assertions.tsv" /* these rows on components */

/* The texts of the files. text->failed without memory. */
void verdicts_format(const struct claim_list *list, struct text *text);
void verdicts_format_sources(const struct claim_list *list, struct text *text);
void verdicts_format_components(const struct claim_list *list, struct text *text);

/* Compares the bytes of a VERDICTS_FILE with the verdicts; `path` appears in messages. *difference
 * (free()) names the first line that says something else or, where all lines say the same, the
 * first byte that is not as it would be written; NULL when the bytes are equal. Lines say the same
 * when their columns do, apart from blanks around them and from how a number is spelled.
 * Errors: EXIT_RUN. */
int verdicts_compare_text(const struct claim_list *list, const char *path, const void *data,
                          size_t size, char **difference, struct error *error);

/* The same with DIR/verdicts.tsv and, where a row belongs to one of them, the other two files.
 * Errors: EXIT_INPUT (no such file), EXIT_RUN. */
int verdicts_compare(const struct claim_list *list, const char *directory, char **difference,
                     struct error *error);

/* How many rows are in the second file, and in the third. */
size_t verdicts_sources(const struct claim_list *list);
size_t verdicts_components(const struct claim_list *list);

/* Writes the same files. Errors: EXIT_RUN. */
int verdicts_write(const struct claim_list *list, const char *directory, struct error *error);

#endif
