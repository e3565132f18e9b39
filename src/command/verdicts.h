/* Verdicts as a golden file: what came out of the evaluation, one line a figure and reading. */
#ifndef ATTEST_COMMAND_VERDICTS_H
#define ATTEST_COMMAND_VERDICTS_H

#include "claims/claims.h"

#define VERDICTS_FILE "verdicts.tsv"

/* Compares with DIR/verdicts.tsv; *difference (free()) names the first differing line, NULL when
 * equal. Errors: EXIT_INPUT (no such file), EXIT_RUN. */
int verdicts_compare(const struct claim_list *list, const char *directory, char **difference,
                     struct error *error);

/* Writes DIR/verdicts.tsv. Errors: EXIT_RUN. */
int verdicts_write(const struct claim_list *list, const char *directory, struct error *error);

#endif
