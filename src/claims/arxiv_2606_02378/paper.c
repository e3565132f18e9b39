#include "claims/arxiv_2606_02378/paper.h"

static const char *const pythia_revisions[] = {"step1",     "step4",     "step16",   "step64",
                                               "step256",   "step512",   "step3000", "step10000",
                                               "step38000", "step143000"};
static const char *const olmo_revisions[] = {"step1000-tokens2B",      "step2000-tokens4B",
                                             "step5000-tokens10B",     "step11000-tokens23B",
                                             "step25000-tokens52B",    "step56000-tokens117B",
                                             "step126000-tokens264B",  "step285000-tokens597B",
                                             "step644000-tokens1350B", "step1454000-tokens3048B"};
static const char *const olmoe_revisions[] = {"step5000-tokens20B",     "step10000-tokens41B",
                                              "step25000-tokens104B",   "step50000-tokens209B",
                                              "step100000-tokens419B",  "step200000-tokens838B",
                                              "step400000-tokens1677B", "step600000-tokens2516B",
                                              "step800000-tokens3355B", "step1220000-tokens5117B"};

#define MODEL(key, revisions)                                                                      \
  {                                                                                                \
    key, revisions, sizeof revisions / sizeof *revisions                                           \
  }
static const struct paper_model models[] = {MODEL("pythia-1b", pythia_revisions),
                                            MODEL("olmo-1b-0724", olmo_revisions),
                                            MODEL("olmoe-1b-7b-0924", olmoe_revisions)};

static const struct paper_claim claims[] = {
    {"F1", "no BOS heads in layers 0 and 1"},
    {"F2", "BOS fraction: ramps, a jump in OLMo"},
    {"F3", "induction heads long before sinks"},
    {"F4", "the final set is found early"},
    {"F5", "participation ratio raised first"},
    {"ABL", "ablations on induction sequences"},
    {"NAT", "ablations on natural text"},
    {"TSK", "ablations on composed tasks"},
    {"CAL", "calibration nulls"},
    {"INT", "ranking by the integral of PR"},
    {"WGT", "weights against PR"},
    {"SNK", "attention sinks"},
    {"EMG", "emergence, recall, leads"},
};

static int evaluate_model(const struct subject *subject)
{
  if (claim_no_early_bos(subject) || claim_bos_fractions(subject) || claim_bos_course(subject) ||
      claim_induction_first(subject) || claim_recall(subject) || claim_pr_rises_first(subject))
    return subject->error->code;
  return 0;
}

const struct paper arxiv_2606_02378 = {
    .arxiv = "2606.02378",
    .title = "When Do Attention Circuits Form?",
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .models = models,
    .model_count = sizeof models / sizeof *models,
    .asserted = asserted_figures,
    .evaluate_model = evaluate_model,
    .evaluate_all = claim_columns,
    .schemas = published_schemas,
    .evaluate_tables = claim_assertions,
};
