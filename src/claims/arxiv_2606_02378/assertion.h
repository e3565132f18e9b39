/* Asserted figures as a table: what the text states, as printed, and how it is recomputed from the
 * published tables and trajectories. A figure is evaluated under each of its readings; the first is
 * the one that the text states, every other one names the text, code or plot that it is from. */
#ifndef ATTEST_CLAIMS_ARXIV_2606_02378_ASSERTION_H
#define ATTEST_CLAIMS_ARXIV_2606_02378_ASSERTION_H

#include "claims/arxiv_2606_02378/paper.h"
#include "claims/published.h"
#include "claims/stated.h"

#define PYTHIA "pythia-1b"
#define OLMO "olmo-1b-0724"
#define OLMOE "olmoe-1b-7b-0924"
#define MODEL_COUNT 3
#define ARGUMENTS 16
#define READINGS 5

/* What the figures are recomputed from. */
struct facts {
  const struct published_tables *tables;
  const struct trajectory *models[MODEL_COUNT]; /* in the paper's order; NULL: not given */
};

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

/* Each list ends with a group of NULL. */
extern const struct assertion ablation_assertions[], tasks_assertions[], calibration_assertions[],
    integral_assertions[], sinks_assertions[], emergence_assertions[];

/* A reading of a figure that is to be evaluated. */
struct question {
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

/* --- kinds of evaluation; what each takes stands in its file --- */
evaluation cell_values, cell_difference, cell_ratio, cell_drop, cell_specificity, cell_differential,
    cell_within, cell_at_most, cell_not_negative, cell_equal;
evaluation seeds_mean, seeds_task;
evaluation null_below, null_share, null_is_floor, null_recount, null_pr_recount, null_pr_rule,
    null_revisions, null_range, null_correlation;
evaluation heads_counts, heads_plateau, heads_of_class, heads_strongest, heads_disjoint,
    heads_still_class, heads_own_circuit, heads_own_effects, heads_class_range, heads_values,
    heads_group_sum;
evaluation integral_of, integral_largest, integral_rank_of, integral_first_layer, integral_outside,
    integral_elbow_of, integral_elbows, integral_precision, integral_top_classes, integral_class_pr,
    integral_layer_range;
evaluation course_share, course_share_difference, course_onset, course_ratio, course_layers,
    course_head, course_monotonic, course_leaving, course_jaccard;
evaluation recall_at, recall_columns, recall_share, recall_window, recall_late, recall_names,
    recall_unsourced;
evaluation pr_lead, pr_plotted, pr_leads;
evaluation list_revisions, list_rows, not_evaluated;

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

/* The trajectory of the question, or of the model of this key; NULL, and outcome->missing. */
const struct trajectory *question_trajectory(const struct question *question, const char *model,
                                             struct outcome *outcome);

/* CLASS_COUNT: no class has this name. */
enum head_class class_of_name(const char *name);

#endif
