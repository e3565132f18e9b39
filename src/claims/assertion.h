/* Asserted figures as a table: what a text states, as printed, and how it is recomputed from the
 * paper's published tables and trajectories. A figure is evaluated under each of its readings; the
 * first is the one that the text states, every other one names the text, code or plot that it is
 * from. */
#ifndef ATTEST_CLAIMS_ASSERTION_H
#define ATTEST_CLAIMS_ASSERTION_H

#include "claims/figure.h"
#include "claims/published.h"
#include "claims/stated.h"

#define ARGUMENTS 16
#define READINGS 5

struct facts; /* what a paper's figures are recomputed from beside its tables; its own */
struct question;
struct outcome;
typedef void evaluation(const struct question *question, struct outcome *outcome);

struct reading {
  const char *definition; /* "as stated", "best-class" */
  const char *basis;      /* where it is from; NULL: the place of the figure itself */
  bool remark;            /* printed, but never counted: no reading of the figure, or one that
                             nothing published states */
  evaluation *evaluate;
  const char *arguments[ARGUMENTS]; /* of the kind of evaluation; NULL behind the last */
};

struct assertion {
  struct claim_source source; /* id and place */
  const char *group;          /* id of the paper's list of claims */
  const char *model;          /* key, or ALL_MODELS */
  const char *figure;         /* what is asserted */
  const char *stated;         /* as printed */
  struct reading readings[READINGS];
};

/* A reading of a figure that is to be evaluated. */
struct question {
  const struct published_tables *tables;
  const struct facts *facts;
  const struct assertion *assertion;
  const struct reading *reading;
  const struct trajectory *trajectory; /* of the assertion's model; NULL: none is given */
  const struct claim_list *list;       /* rows so far */
};

/* Numbers, which are compared with those of the stated text, or words, which say for themselves
 * whether they are what is stated. */
struct outcome {
  double values[STATED_MOST];
  size_t count;
  char words[96]; /* "" where numbers say it */
  bool holds;     /* of words */
  double slack;   /* relative, of numbers from tables cut to six digits */
  char missing[160], why[96];
  struct evidence *evidence;
};

/* What a paper asserts, and where its models are found. */
struct assertion_set {
  const struct assertion *const *lists; /* [count]; each ends with a group of NULL */
  size_t count;
  const struct published_tables *tables;
  const struct facts *facts;
  /* The trajectory of a model; NULL: there is none. */
  const struct trajectory *(*find)(const struct facts *facts, const char *model);
  const char *model; /* that all rows are about; NULL = each says its own */
  bool apart;        /* of the rows (claims.h) */
};

/* Adds the rows of all assertions, one a reading. Errors: EXIT_RUN. */
int assertions_add(const struct subject *subject, const struct assertion_set *set);

/* --- kinds of evaluation that need no figure of a model --- */

/* The assertion cannot be evaluated; the argument says what is missing. */
evaluation not_evaluated;
/* All figures of a table come out as stated. Arguments: ids of assertions before this one. */
evaluation list_rows;

/* --- what kinds share --- */

/* Argument i; "" behind the last. */
const char *question_argument(const struct question *question, size_t i);
size_t question_arguments(const struct question *question);
double question_number(const struct question *question, size_t i); /* NAN: not a number */

/* Adds a number to the outcome. */
void outcome_add(struct outcome *outcome, double value);
void outcome_words(struct outcome *outcome, bool holds, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void outcome_missing(struct outcome *outcome, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void outcome_why(struct outcome *outcome, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A number of a published table: "METRIC TABLE KEY", or "METRIC TABLE @MODEL KEY" for another model
 * than the assertion's. METRIC is a column, or top1, the percentage of n_examples that top1_items
 * is. NAN, and outcome->missing, where there is none. */
double data_number(const struct question *question, const char *operand, struct outcome *outcome);

/* The list of heads of a row: "TABLE KEY" or "TABLE @MODEL KEY"; NULL, and outcome->missing. */
const char *data_heads(const struct question *question, const char *operand,
                       struct outcome *outcome);

/* The table and its first row of this key; NULL, and outcome->missing. */
const struct published_table *data_row(const struct question *question, const char *operand,
                                       size_t *row, struct outcome *outcome);
bool data_cell_is(const struct published_table *table, size_t row, const char *column,
                  const char *text);

#endif
