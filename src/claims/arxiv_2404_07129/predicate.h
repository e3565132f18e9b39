/* Predicates as a table: what is claimed, and readings of it, each with a kind of evaluation, a
 * limit and arguments. */
#ifndef ATTEST_CLAIMS_ARXIV_2404_07129_PREDICATE_H
#define ATTEST_CLAIMS_ARXIV_2404_07129_PREDICATE_H

#include "claims/arxiv_2404_07129/paper.h"

#define PREDICATE_READINGS 5
#define PREDICATE_ARGUMENTS 6
#define PREDICATE_MODELS 64 /* seeds of a data set */
#define FORMATION_HEADS 8   /* of the paper's models, and of ours */

/* The models of one data set, and which of them is asked about. */
struct predicate_case {
  const struct published_tables *tables;
  const char *models[PREDICATE_MODELS];
  size_t count, index;
  double limit;
  const char *const *arguments; /* NULL behind the last */
};

/* What a model says. */
struct judged {
  char missing[120]; /* "" = it was judged */
  bool holds;
  double value; /* NAN: none to show */
};

typedef void predicate_evaluation(const struct predicate_case *c, struct judged *judged);

struct predicate_reading {
  const char *definition;
  predicate_evaluation *evaluate; /* NULL behind the last reading */
  double limit;
  const char *arguments[PREDICATE_ARGUMENTS + 1];
};

struct predicate {
  struct claim_source source;
  const char *group;  /* of the paper's list of claims */
  const char *figure; /* what is claimed */
  const char *stated; /* of the published: in a few words */
  bool across;        /* about all seeds of a data set together */
  struct predicate_reading readings[PREDICATE_READINGS + 1];
};

/* End with a group of NULL. */
extern const struct predicate trained_predicates[], course_predicates[];

/* --- kinds of evaluation of trained models; what each takes stands in trained.c --- */
predicate_evaluation strong_heads, rank_correlation, rank_correlation_published, strongest_alone,
    all_beat_best, strongest_differs, accuracy_above, direct_drop, without_one, best_fix, least_fix,
    match_best_fix, match_raises, direct_course, ablation_gap, wiring_top, wiring_apart,
    same_source, sets_rise;

/* --- of training runs; courses.c --- */
predicate_evaluation run_at_least, run_below, run_ratio, run_learned, run_never, run_sooner,
    run_follows, heads_first, heads_additive, heads_spread, run_ordered, run_more_through,
    run_within, run_apart, toy_ordered;

/* --- what they share; predicate.c --- */

const char *case_model(const struct predicate_case *c);
const char *case_argument(const struct predicate_case *c, size_t i); /* "" behind the last */

/* A number of the model's row of a table with this key; NAN, and judged->missing, where there is
 * none, unless `empty` is given: that where the row is there and the cell is empty. */
double case_number(const struct predicate_case *c, const char *table, const char *key,
                   const char *column, const double *empty, struct judged *judged);

/* A column of the 8 heads of layer 1; false, and judged->missing, unless all are there. */
bool case_heads(const struct predicate_case *c, const char *column, double values[FORMATION_HEADS],
                struct judged *judged);

size_t largest(const double *values, size_t count); /* first among equals */

/* Whether the head is one of the model's previous-token heads: of "previous" in table ablations. */
bool case_is_previous(const struct predicate_case *c, int head, struct judged *judged);

void judged_missing(struct judged *judged, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* value, and whether it is at least, at most the limit. */
void judge_at_least(struct judged *judged, double value, double limit);
void judge_at_most(struct judged *judged, double value, double limit);

#endif
