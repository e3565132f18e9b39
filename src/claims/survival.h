/* Whether verdicts survive the interval: the claims evaluated again for every resample of the
 * sequences that figures were screened with (probe/bootstrap.h). Figures of published tables have
 * no resamples, as the tables hold nothing of single sequences. */
#ifndef ATTEST_CLAIMS_SURVIVAL_H
#define ATTEST_CLAIMS_SURVIVAL_H

#include "claims/claims.h"

/* Why published figures have none. */
#define CLAIM_TABLES_ALONE "published tables alone hold no figures of single sequences"

/* Gives the rows of a list of one trajectory their intervals. rows[r][b * heads + h] is head h of
 * revision r in resample b of `resamples`; the same sequences are drawn for every revision. Errors:
 * EXIT_RUN. */
int claims_survive(struct claim_list *list, struct head_row *const *rows, size_t resamples,
                   struct error *error);

/* A verdict survives when at least 95 % of the resamples give it. False without resamples. */
bool claim_survives(const struct claim_row *row);

/* Why a row has no interval, in a few words; NULL when it has one. */
const char *claim_no_interval(const struct claim_row *row);

#endif
