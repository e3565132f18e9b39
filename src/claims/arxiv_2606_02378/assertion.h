/* What the figures of arXiv 2606.02378 are recomputed from, and how. */
#ifndef ATTEST_CLAIMS_ARXIV_2606_02378_ASSERTION_H
#define ATTEST_CLAIMS_ARXIV_2606_02378_ASSERTION_H

#include "claims/arxiv_2606_02378/paper.h"
#include "claims/assertion.h"

#define PYTHIA "pythia-1b"
#define OLMO "olmo-1b-0724"
#define OLMOE "olmoe-1b-7b-0924"
#define MODEL_COUNT 3

struct facts {
  const struct trajectory *models[MODEL_COUNT]; /* in the paper's order; NULL: not given */
};

/* Each list ends with a group of NULL. */
extern const struct assertion ablation_assertions[], tasks_assertions[], calibration_assertions[],
    integral_assertions[], sinks_assertions[], emergence_assertions[];

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
evaluation list_revisions;

/* The trajectory of the question, or of the model of this key; NULL, and outcome->missing. */
const struct trajectory *question_trajectory(const struct question *question, const char *model,
                                             struct outcome *outcome);

/* CLASS_COUNT: no class has this name. */
enum head_class class_of_name(const char *name);

#endif
