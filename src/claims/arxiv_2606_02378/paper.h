/* arXiv 2606.02378, "When Do Attention Circuits Form?": claims F1 to F5 of docs/PROTOCOL.md. */
#ifndef ATTEST_CLAIMS_ARXIV_2606_02378_PAPER_H
#define ATTEST_CLAIMS_ARXIV_2606_02378_PAPER_H

#include "claims/figure.h"
#include "claims/published.h"

extern const struct paper arxiv_2606_02378;
extern const struct asserted asserted_figures[]; /* ends with an id of NULL */

/* The claims; each adds rows. Errors: EXIT_RUN. */
int claim_no_early_bos(const struct subject *subject);    /* F1 */
int claim_bos_fractions(const struct subject *subject);   /* F2 */
int claim_bos_course(const struct subject *subject);      /* F2: none through, jump, shape */
int claim_induction_first(const struct subject *subject); /* F3 */
int claim_recall(const struct subject *subject);          /* F4 */
int claim_pr_rises_first(const struct subject *subject);  /* F5 */
/* The columns of F4 over the three models, from the rows of their own. */
int claim_columns(const struct subject *subject);

extern const struct published_schema published_schemas[]; /* ends with a name of NULL */

/* The other figures of the text, from the published tables. Errors: EXIT_RUN. */
int claim_assertions(const struct subject *subject, const struct published_tables *tables);

#endif
