#include "claims/arxiv_2407_10827/paper.h"

#include <string.h>

const struct pythia pythias[SIZES] = {{PYTHIA_70M, 6, 8, 512, 70e6},
                                      {PYTHIA_160M, 12, 12, 768, 160e6},
                                      {PYTHIA_410M, 24, 16, 1024, 410e6},
                                      {PYTHIA_1_4B, 24, 16, 2048, 14e9},
                                      {PYTHIA_2_8B, 32, 32, 2560, 28e9}};

double pythia_parameters(const struct pythia *p)
{
  double vocabulary = 50304, d = (double)p->hidden, l = (double)p->layers;
  return 2 * vocabulary * d + l * (12 * d * d + 13 * d) + 2 * d;
}

double pythia_edges(const struct pythia *p)
{
  double h = (double)p->heads, l = (double)p->layers;
  return (3 * h + 1) * (l + (h + 1) * l * (l - 1) / 2) + 1 + l * (h + 1);
}

const struct pythia *pythia_find(const char *key)
{
  for (size_t i = 0; i < SIZES; i++)
    if (strcmp(pythias[i].key, key) == 0)
      return &pythias[i];
  return NULL;
}

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
};
