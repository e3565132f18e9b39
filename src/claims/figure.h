/* How a figure of a claim becomes rows: opened, a finding added for every reading, closed. */
#ifndef ATTEST_CLAIMS_FIGURE_H
#define ATTEST_CLAIMS_FIGURE_H

#include "claims/claims.h"
#include "claims/paper.h"

/* What is being evaluated. */
struct subject {
  const struct trajectory *trajectory; /* NULL for ALL_MODELS */
  const struct paper *paper;
  const struct paper_model *named; /* the paper's facts about the model; NULL: it names none */
  const char *model;
  enum trajectory_kind kind;
  struct claim_list *list;
  struct error *error;
};

enum claim_unit { UNIT_COUNT, UNIT_FRACTION, UNIT_TOKENS, UNIT_RATIO, UNIT_JUMP, UNIT_WORDS };

/* Which of the paper's revisions a figure of a paper's model needs. */
enum figure_need { NEED_ONE, NEED_THROUGH, NEED_ALL };

struct figure {
  const char *id, *name, *revision;
  enum claim_unit unit;
  const struct asserted *asserted; /* NULL: the paper gives none for this model */
  size_t first;                    /* its first row */
  char missing[160];               /* the revision that is not there, "" when all are */
};

/* What a trajectory says of a figure under one reading. */
struct finding {
  const char *definition;
  bool stated;
  double value;        /* NAN: `words` say it, such as "never" */
  const char *words;   /* NULL when the value says it */
  bool holds;          /* of words: they are what is asserted */
  bool conclusive;     /* the verdict stands even if revisions are missing */
  double margin;       /* of words: a distance in the figure's own terms, NAN when it has none */
  const char *missing; /* why it cannot be judged, NULL when it can */
  const char *why;     /* what it rests on, in a few words; NULL: nothing more to say */
  struct evidence *evidence;
};

struct evidence {
  json_t *object;
  bool failed; /* memory ran out; figure_add reports it */
};

void figure_open(const struct subject *subject, const char *id, const char *name,
                 const char *revision, enum claim_unit unit, enum figure_need need,
                 struct figure *figure);

/* Adds a row and takes over the evidence, also on errors (EXIT_RUN). */
int figure_add(const struct subject *subject, const struct figure *figure,
               const struct finding *finding);

/* Gives the rows of a figure their verdicts in the light of each other. */
void figure_close(const struct subject *subject, const struct figure *figure);

/* The matching rule of claims.h. */
bool figure_rounds_to(double value, double published, int decimals);

/* A fraction as a percentage: one decimal from 1 % up, two below. */
void figure_percent_text(double fraction, char *out, size_t capacity);

/* "7.4 %", "0.3-2 %", "6.3B", "11x", "ramp": as published. */
void figure_published_text(const struct asserted *asserted, enum claim_unit unit, char *out,
                           size_t capacity);

#define EVIDENCE_HEADS 32 /* a list names at most this many heads; counts are always whole */

struct evidence evidence_start(void);
/* Takes over the value; NULL (out of memory) is remembered. */
void evidence_put(struct evidence *evidence, const char *key, json_t *value);
json_t *evidence_number(double value); /* null when not finite */
/* A revision's name; "never" when the index is trajectory->count. */
json_t *evidence_revision(const struct trajectory *trajectory, size_t index);
/* Appends {"revision", "layer", "head", "value"} unless the list is full; false without memory. */
bool evidence_add_head(json_t *list, const struct revision *revision, const struct head_row *head,
                       enum head_class class);

#endif
