/* The columns of the published tables (golden/published/tables). */
#include "claims/arxiv_2606_02378/paper.h"
#include "claims/published_columns.h"

/* clang-format off */
static const struct published_column induction_ablations[] = {
    KEY("model"), KEY("experiment"), KEY("condition"), KEY("control"), KEY("seed"), HEADS("heads"),
    NUMBER("n_heads"), NUMBER("n_examples"), NUMBER("top1_items"), OPTIONAL("top5_items"),
    OPTIONAL("cross_entropy"), OPTIONAL("target_logit")};
static const struct published_column natural_text_ablations[] = {
    KEY("model"), KEY("condition"), KEY("control"), HEADS("heads"), NUMBER("n_heads"),
    NUMBER("n_examples"), NUMBER("top1_items"), NUMBER("top5_items"), NUMBER("cross_entropy"),
    NUMBER("target_logit")};
static const struct published_column task_ablations[] = {
    KEY("model"), KEY("task"), KEY("condition"), KEY("control"), HEADS("heads"), NUMBER("n_heads"),
    NUMBER("n_heads_out_of_range"), NUMBER("n_examples"), NUMBER("top1_items"),
    TEXT("second_figure"), NUMBER("second_value"), TEXT("third_figure"), NUMBER("third_value")};
static const struct published_column task_controls[] = {
    KEY("model"), KEY("task"), KEY("seed"), HEADS("heads"), NUMBER("n_heads"),
    NUMBER("n_examples"), NUMBER("top1_items"), NUMBER("logit_figure")};
static const struct published_column null_heads[] = {
    KEY("model"), KEY("revision"), KEY("layer"), KEY("head"), NUMBER("induction"),
    NUMBER("null_pr")};
static const struct published_column null_selectivity[] = {
    KEY("model"), KEY("revision"), KEY("draws"), NUMBER("null_max"), NUMBER("null_p99"),
    NUMBER("null_p95"), NUMBER("null_median"), NUMBER("real_max"), NUMBER("real_median")};
static const struct published_column null_pr[] = {
    KEY("model"), KEY("revision"), NUMBER("null_min"), NUMBER("null_max"), NUMBER("null_p95"),
    NUMBER("null_p99"), NUMBER("null_median"), NUMBER("null_mean"), NUMBER("k_18_percent")};
static const struct published_column selectivity_calibration[] = {
    KEY("model"), TEXT("precision"), NUMBER("heads"), NUMBER("k_18_percent"), NUMBER("null_p99"),
    NUMBER("null_p95"), NUMBER("null_max"), NUMBER("real_max"), NUMBER("real_median"),
    NUMBER("heads_ge_2"), NUMBER("heads_gt_null_p99"), NUMBER("heads_ge_10"),
    NUMBER("heads_ge_30"), NUMBER("heads_ge_50"), NUMBER("heads_ge_100")};
static const struct published_column main_classes[] = {
    KEY("model"), KEY("revision"), KEY("layer"), KEY("head"), TEXT("class"),
    NUMBER("first_token_ge_30")};
static const struct published_column weight_bridge[] = {
    KEY("model"), KEY("against"), NUMBER("stable_rank_pearson"), NUMBER("stable_rank_spearman"),
    NUMBER("weight_pr_pearson"), NUMBER("weight_pr_spearman"), NUMBER("sigma1_pearson"),
    NUMBER("sigma1_spearman"), NUMBER("gap_pearson"), NUMBER("gap_spearman")};
static const struct published_column weight_bridge_training[] = {
    KEY("model"), KEY("metric"), NUMBER("trajectory_mean"), NUMBER("trajectory_median"),
    NUMBER("share_positive"), NUMBER("growth_spearman"), NUMBER("revision_1"),
    NUMBER("revision_2"), NUMBER("revision_3"), NUMBER("revision_4"), NUMBER("revision_5"),
    NUMBER("revision_6"), NUMBER("revision_7"), NUMBER("revision_8"), NUMBER("revision_9"),
    NUMBER("revision_10")};

#define TABLE(name) {#name, name, sizeof name / sizeof *name}
const struct published_schema published_schemas[] = {
    TABLE(induction_ablations), TABLE(natural_text_ablations), TABLE(task_ablations),
    TABLE(task_controls), TABLE(null_heads), TABLE(null_selectivity), TABLE(null_pr),
    TABLE(selectivity_calibration), TABLE(main_classes), TABLE(weight_bridge),
    TABLE(weight_bridge_training), {0}};
/* clang-format on */
