#include "claims/arxiv_2404_07129/paper.h"

/* Columns of summaries: data sets. */
static const struct paper_model models[] = {
    {"omniglot", NULL, 0}, {"F", NULL, 0}, {"gaussian", NULL, 0}, {"file", NULL, 0}};

static const struct paper_claim claims[] = {
    {"STR", "induction strengths and single heads"},
    {"RED", "redundant heads"},
    {"DIS", "previous-token heads and value heads"},
    {"WIR", "wiring of the two layers"},
    {"PHC", "the phase change"},
    {"HED", "heads trained alone"},
    {"CLP", "six clamps (Figure 5b)"},
    {"PRV", "previous-token clamps"},
    {"SWP", "more classes, more labels"},
    {"MAT", "strengths of the match"},
    {"GRF", "grafts of layer 0"},
    {"TOY", "the toy product model"},
};

const struct paper arxiv_2404_07129 = {
    .arxiv = "2404.07129",
    .title = "What needs to go right for an induction head?",
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .models = models,
    .model_count = sizeof models / sizeof *models,
    .schemas = formation_schemas,
    .evaluate_tables = formation_predicates,
};
