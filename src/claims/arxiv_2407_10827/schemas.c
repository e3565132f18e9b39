/* The columns of the published tables (golden/published-circuits), and series of their numbers. */
#include "claims/arxiv_2407_10827/paper.h"
#include "claims/published_columns.h"

/* clang-format off */
static const struct published_column mean_nodes[] = {
    KEY("model"), NUMBER("ioi"), NUMBER("greater_than"), NUMBER("gender_pronoun"), NUMBER("sva")};
static const struct published_column circuit_edges[] = {
    KEY("model"), KEY("task"), KEY("step"), NUMBER("edges")};
static const struct published_column task_metric[] = {
    KEY("model"), KEY("task"), KEY("run"), KEY("step"), NUMBER("metric")};
static const struct published_column ratio_by_size[] = {
    KEY("model"), KEY("task"), KEY("step"), KEY("edges"), NUMBER("ratio")};
static const struct published_column similarity[] = {
    KEY("model"), KEY("task"), KEY("measure"), KEY("step_1"), KEY("step_2"), NUMBER("value")};
static const struct published_column copy_scores[] = {
    KEY("model"), KEY("heads"), KEY("step"), NUMBER("copy_score")};

#define TABLE(name) {#name, name, sizeof name / sizeof *name}
const struct published_schema circuit_schemas[] = {
    TABLE(mean_nodes), TABLE(circuit_edges), TABLE(task_metric), TABLE(ratio_by_size),
    TABLE(similarity), TABLE(copy_scores), {0}};
/* clang-format on */
