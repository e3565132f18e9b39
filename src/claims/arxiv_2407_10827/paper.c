#include "claims/arxiv_2407_10827/paper.h"

static const struct paper_model models[] = {{PYTHIA_70M, NULL, 0},
                                            {PYTHIA_160M, NULL, 0},
                                            {PYTHIA_410M, NULL, 0},
                                            {PYTHIA_1_4B, NULL, 0},
                                            {PYTHIA_2_8B, NULL, 0}};

static const struct paper_claim claims[] = {
    {"TOK", "tasks emerge at like token counts"},  {"CMP", "components emerge with the tasks"},
    {"CIR", "few edges keep 0.8 of the metric"},   {"SIZ", "circuits grow with the model"},
    {"VAR", "circuits change while tasks do not"}, {"NOD", "mean nodes of each model"},
};

/* Screens of heads say nothing about circuits of edges. */
static int evaluate_model(const struct subject *subject)
{
  (void)subject;
  return 0;
}

static const struct asserted none[] = {{.id = NULL}};

const struct paper arxiv_2407_10827 = {
    .arxiv = "2407.10827",
    .title = "LLM Circuit Analyses Are Consistent Across Training and Scale",
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .models = models,
    .model_count = sizeof models / sizeof *models,
    .asserted = none,
    .evaluate_model = evaluate_model,
    .schemas = circuit_schemas,
    .evaluate_tables = circuit_assertions,
    .evaluate_course = course_assertions,
};
