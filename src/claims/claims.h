/* Claims: the figures that arXiv 2606.02378 asserts (F1 to F5 of docs/PROTOCOL.md) against what
 * follows from trajectories.
 *
 * Every figure is evaluated under every reading of its definition, one row each; one reading is
 * the one that the paper's text states. Recomputed figures come only from the trajectories.
 *
 * When a number matches: a figure published with d decimals is reproduced when the recomputed one
 * rounds to it, |recomputed - published| <= half a unit of the last published digit + 1e-12. A
 * published band is met up to half a unit of the last digit of either end. Percentages are held
 * as fractions (7.4 % is 0.074 with 3 decimals).
 *
 * Verdicts: the row of the stated reading carries the figure's verdict; it is "reproduced under
 * another definition" when only another reading matches. The row of another reading is "reproduced
 * under another definition" when it matches, else "not reproduced". Summaries and exit codes
 * count stated rows only. */
#ifndef ATTEST_CLAIMS_CLAIMS_H
#define ATTEST_CLAIMS_CLAIMS_H

#include "base/error.h"
#include "base/text.h"
#include "trajectory/trajectory.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum claim_verdict {
  CLAIM_REPRODUCED,
  CLAIM_UNDER_ANOTHER,  /* reproduced under another definition */
  CLAIM_NOT_REPRODUCED, /* what comes out instead is in `recomputed` */
  CLAIM_NOT_EVALUATED,  /* what is missing is in `missing` */
  CLAIM_VERDICT_COUNT
};
const char *claim_verdict_name(enum claim_verdict verdict);

struct paper;
struct published_tables;
struct circuit_course;

/* Where the text asserts a figure that is recomputed from its published tables. */
struct claim_source {
  const char *id;    /* "P1-001", "C-03" */
  const char *where; /* "methodology_paper.md 4.3" */
  bool headline;     /* one of the few that a summary names */
};

/* What resamples of the sequences make of a row (survival.h). */
struct claim_interval {
  size_t resamples;    /* 0 = it has none */
  size_t same_verdict; /* of these, those with the verdict of the row */
  size_t same_text;    /* those with its recomputed_text */
  double low, high;    /* 95 % interval of `recomputed`; NAN unless all have a number */
};

/* One figure under one reading. Strings without an array are static or belong to a trajectory. */
struct claim_row {
  const struct paper *paper;
  const char *id;    /* "F1" .. "F5" */
  const char *model; /* "all": the three models of the paper together */
  enum trajectory_kind kind;
  const char *figure;     /* "bos_fraction" */
  const char *revision;   /* the one that the figure names, else "" */
  const char *definition; /* the reading: "screen", "50x, best-class" */
  bool stated;            /* whether the paper's text states this reading */
  double published;       /* fractions as 0.074, tokens in units of 1e9; NAN: not one number */
  double recomputed;
  char published_text[96]; /* "7.4 %"; "" when the paper gives none for this model */
  char recomputed_text[96];
  enum claim_verdict verdict;
  char under[96];        /* the other definitions that match; "" when none does */
  char missing[160];     /* of CLAIM_NOT_EVALUATED */
  char why[96];          /* in a few words, what a figure that differs rests on; may be "" */
  double margin;         /* distance to the published figure in its unit; NAN where it has none */
  json_t *evidence;      /* object: revisions, heads, values, thresholds, ...; owned */
  const char *statement; /* one sentence: what the paper asserts */
  struct claim_interval interval;
  const struct claim_source *source; /* NULL: F1 to F5 */
  bool apart;        /* of a row with a source: on scores of components (verdicts.h) */
  const char *basis; /* of a row with a source: where this reading is from */
};

struct claim_list {
  struct trajectory *trajectories; /* as given to claims_evaluate, not owned */
  size_t trajectory_count;
  struct claim_row *rows;
  size_t count, capacity;
};

/* Evaluates all claims from `count` trajectories, which must outlive the list. Rows come in the
 * order of the trajectories, then those of "all". Owner: the caller, claims_free. Errors:
 * EXIT_INPUT (no revisions, a model given twice in one kind), EXIT_RUN (memory). */
int claims_evaluate(struct trajectory *trajectories, size_t count, struct claim_list *list,
                    struct error *error);

/* Adds the figures that follow from a paper's published tables together with the list's published
 * trajectories. The tables need not outlive the list. Errors: EXIT_RUN. */
int claims_add_tables(const struct published_tables *tables, struct claim_list *list,
                      struct error *error);

/* Adds the figures that follow from a model's circuits over training. The course need not outlive
 * the list, but the name of its model must. Errors: EXIT_RUN. */
int claims_add_course(const struct circuit_course *course, struct claim_list *list,
                      struct error *error);
void claims_free(struct claim_list *list);

/* How many stated rows have this verdict. */
size_t claims_count(const struct claim_list *list, enum claim_verdict verdict);

/* {"trajectories": [...], "claims": [a row each]}; json_decref. NULL and error without memory. */
json_t *claims_json(const struct claim_list *list, struct error *error);

/* The rows for a terminal, by model and claim: of the stated readings, with what else holds behind
 * them, or of `all` readings. text->failed without memory. */
void claims_text(const struct claim_list *list, bool all, struct text *text);

#endif
