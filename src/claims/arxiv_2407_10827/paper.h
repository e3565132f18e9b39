/* arXiv 2407.10827, Tigges, Hanna, Yu, Biderman: circuits over training and scale, of Pythia 70M to
 * 2.8B. What it asserts, from its published figures and from circuits over training. */
#ifndef ATTEST_CLAIMS_ARXIV_2407_10827_PAPER_H
#define ATTEST_CLAIMS_ARXIV_2407_10827_PAPER_H

#include "claims/assertion.h"

#define PYTHIA_70M "pythia-70m"
#define PYTHIA_160M "pythia-160m"
#define PYTHIA_410M "pythia-410m"
#define PYTHIA_1_4B "pythia-1.4b"
#define PYTHIA_2_8B "pythia-2.8b"
#define SIZES 5 /* models with circuits */

#define TOKENS_A_STEP 2097152.0 /* of every Pythia */

extern const struct paper arxiv_2407_10827;
extern const struct published_schema circuit_schemas[]; /* ends with a name of NULL */

/* The figures that follow from the published tables. Errors: EXIT_RUN. */
int circuit_assertions(const struct subject *subject, const struct published_tables *tables);

/* The figures that follow from a model's circuits over training. Errors: EXIT_RUN. */
int course_assertions(const struct subject *subject, const struct circuit_course *course);

/* A model by its place in ascending size: its key, its shape, its size as the published script has
 * it. */
struct pythia {
  const char *key;
  size_t layers, heads, hidden;
  double as_coded;
};
extern const struct pythia pythias[SIZES];

/* Parameters of its shape: 2 V D + L (12 D^2 + 13 D) + 2 D, V = 50304. */
double pythia_parameters(const struct pythia *pythia);

/* Edges of its graph (circuit/graph.h). */
double pythia_edges(const struct pythia *pythia);

/* NULL: no model has this key. */
const struct pythia *pythia_find(const char *key);

/* A column of numbers over the rows of a table that match a key, in the order of the table. */
#define SERIES_MOST 256
struct series {
  double at[SERIES_MOST], value[SERIES_MOST]; /* of the first and the second column that is asked */
  size_t count;
};

/* Of `model`; NULL `at` = not read. false, and outcome->missing, when there is no row. */
bool series_read(const struct question *question, const char *table, const char *model,
                 const char *key, const char *at, const char *value, struct series *series,
                 struct outcome *outcome);

/* The mean of values [first, first + count), added in order from +0. */
double series_mean(const struct series *series, size_t first, size_t count);

/* --- kinds of evaluation; what each takes stands in its file --- */
evaluation emergence_tokens, emergence_spread, movers_emerge;
evaluation search_answer, search_visits, search_keeps, circuit_share;
evaluation size_parameters, size_correlation, size_significant;
evaluation change_average, change_inverted, change_by_size, change_edges, change_range;

#endif
