/* A paper: what it asserts, as data, and how its figures follow from trajectories. Nothing
 * recomputed is here. Each paper has a folder of its own beside this file. */
#ifndef ATTEST_CLAIMS_PAPER_H
#define ATTEST_CLAIMS_PAPER_H

#include <stddef.h>

#define ANY_MODEL "*"
#define ALL_MODELS "all"

struct published_schema;
struct published_tables;
struct subject;
struct circuit_course;

struct paper_model {
  const char *key;
  const char *const *revisions; /* ascending in tokens; the last is the final one */
  size_t revision_count;
};

/* A claim in words: what the rows of its figures have in common. */
struct paper_claim {
  const char *id, *title;
};

/* One asserted figure: words, a number (low == high), a band, or a jump (from low to high). */
struct asserted {
  const char *id, *figure;
  const char *model;    /* ANY_MODEL: of every model */
  const char *revision; /* "" when the figure spans revisions */
  const char *from;     /* of a jump: the revision before it, else NULL */
  double low, high;     /* NAN when words say it */
  int low_decimals, high_decimals;
  const char *words;     /* NULL when numbers say it */
  const char *statement; /* one sentence */
};

struct paper {
  const char *arxiv, *title;
  const struct paper_claim *claims; /* in the order in which they are shown */
  size_t claim_count;
  const struct paper_model *models;
  size_t model_count;
  /* Of trajectories, ends with an id of NULL; NULL: the paper is about none, nor is
   * evaluate_model then. */
  const struct asserted *asserted;
  int (*evaluate_model)(const struct subject *subject); /* adds the rows of one trajectory */
  /* Adds rows of ALL_MODELS, from those of one kind; NULL: the paper has none. */
  int (*evaluate_all)(const struct subject *subject);
  /* Tables beside the trajectories, ends with a name of NULL, and what follows from them; NULL: the
   * paper has none. */
  const struct published_schema *schemas;
  int (*evaluate_tables)(const struct subject *subject, const struct published_tables *tables);
  /* What follows from circuits over training; NULL: the paper says nothing of them. */
  int (*evaluate_course)(const struct subject *subject, const struct circuit_course *course);
};

/* All papers that are checked, NULL-terminated: a new one is a folder and a line in papers.c. */
extern const struct paper *const papers[];

/* The paper's facts about a model; NULL: it does not name it. */
const struct paper_model *paper_find_model(const struct paper *paper, const char *key);

/* The figure as asserted of this model, or of any model; NULL when the paper has none. */
const struct asserted *paper_find_asserted(const struct paper *paper, const char *model,
                                           const char *figure, const char *revision);

#endif
