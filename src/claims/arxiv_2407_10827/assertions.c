/* What arXiv 2407.10827 asserts and its published figures can say.
 * One row an asserted figure: id, place, whether the summary names it, group, model, figure, as
 * printed; then its readings (assertion.h). */
#include "claims/arxiv_2407_10827/paper.h"
#include "claims/assertion_rows.h"

#define ABSTRACT "abstract"
#define SCRIPT "plotting/correlation.py"
#define SEARCH "plotting/plot_faithfulness_data.ipynb"
#define GRAPHS "plotting/plot_model_task_graph_metrics.ipynb"
#define SIZE_PLOT "plotting/plot_model_task_size.ipynb"
#define RULE "published code (threshold 0.8)"

#define SCALE "emerges at like token counts across scale"
#define SCALE_MODELS "pythia-160m early", "pythia-410m early", "pythia-1.4b early"
#define FOUR_MODELS SCALE_MODELS, "pythia-2.8b later"

/* clang-format off */
static const struct assertion emergence_assertions[] = {
    {{"P2-01", ABSTRACT, true}, "TOK", ALL_MODELS, "IOI " SCALE, "consistently",
     {FIRST("half of the final value, checkpoints", emergence_spread, "final", "checkpoints",
            FOUR_MODELS),
      ALSO("half of the final value, between checkpoints", "checkpoints are sparse",
           emergence_spread, "final", "between", FOUR_MODELS),
      ALSO("half of the largest value, checkpoints", "plots show the whole course",
           emergence_spread, "largest", "checkpoints", FOUR_MODELS),
      ALSO("the run with 160M to 1.4B", "Pythia_IOI_Circuit_Performance_Over_Time.ipynb",
           emergence_spread, "final", "checkpoints", SCALE_MODELS),
      REMARK("with 70M, which never learns it", "the text excepts 70M, as far as we know",
             emergence_spread, "final", "checkpoints", "pythia-70m early", FOUR_MODELS)}},
    {{"P2-02", ABSTRACT, false}, "TOK", ALL_MODELS, "greater-than " SCALE, "consistently",
     {READ(not_evaluated, "no behaviour curves are published as numbers; run attest circuit on "
           "manifests/circuits/pythia-*.json")}},
    {{"P2-03", ABSTRACT, false}, "TOK", ALL_MODELS, "gendered pronoun " SCALE, "consistently",
     {READ(not_evaluated, "no behaviour curves are published as numbers; run attest circuit on "
           "manifests/circuits/pythia-*.json")}},
    {{"P2-04", ABSTRACT, false}, "TOK", ALL_MODELS, "agreement " SCALE, "consistently",
     {READ(not_evaluated, "no behaviour curves are published as numbers; run attest circuit on "
           "manifests/circuits/pythia-*.json")}},
    {{"P2-05", ABSTRACT, true}, "CMP", PYTHIA_410M, "name movers emerge with IOI",
     "at similar token counts",
     {FIRST("half of the final value", movers_emerge, "final", "checkpoints", "later", "L12H8",
            "L13H5", "L17H6"),
      ALSO("early run", "Pythia_IOI_Circuit_Performance_Over_Time.ipynb", movers_emerge, "final",
           "checkpoints", "early", "L12H8", "L13H5", "L17H6")}},
    {{"P2-06", ABSTRACT, false}, "CMP", ALL_MODELS, "other components emerge with their tasks",
     "at similar token counts",
     {READ(not_evaluated, "component scores are published as plots alone; they need the "
           "checkpoints")}},
    {{"P2-07", ABSTRACT, false}, "CMP", ALL_MODELS, "the algorithm stays while heads change",
     "remains",
     {READ(not_evaluated, "shares of path-patching effects are published as plots alone; they "
           "need the checkpoints")}},
    {.group = NULL}};

#define FOUND "a circuit keeps 0.8 of the metric"
#define VISITS "sizes that its search tries"
#define KEEPS "larger circuits keep 0.8, too"
#define SEED(number, model, visits)                                                                \
    {{"P2-" number "a", RULE, false}, "CIR", model, FOUND, "yes", {READ(search_answer)}},          \
    {{"P2-" number "b", SEARCH, false}, "CIR", model, VISITS, visits, {READ(search_visits)}},      \
    {{"P2-" number "c", "implied by a search that stops at 0.8", true}, "CIR", model, KEEPS,       \
     "implied", {READ(search_keeps)}}

static const struct assertion circuit_lists[] = {
    SEED("10", PYTHIA_160M, "48"),
    SEED("11", PYTHIA_160M "-seed1", "42"),
    SEED("12", PYTHIA_160M "-seed2", "51"),
    SEED("13", PYTHIA_160M "-seed3", "53"),
    {{"P2-14", GRAPHS, false}, "CIR", PYTHIA_410M, "circuits are few of the edges, at all steps",
     "yes", {FIRST("at most 1 %", circuit_share, "1")}},
    {{"P2-15", GRAPHS, false}, "CIR", PYTHIA_2_8B, "circuits are few of the edges, at all steps",
     "yes", {FIRST("at most 1 %", circuit_share, "1")}},
    {{"P2-16", RULE, false}, "CIR", ALL_MODELS, "the empty circuit fails the rule", "implied",
     {READ(not_evaluated, "no corrupted metric of this paper is published; a run of attest circuit "
           "evaluates it")}},
    {.group = NULL}};

#define ENTERED(number, model, size, headline)                                                     \
    {{"P2-" number, SCRIPT, headline}, "SIZ", model, "parameters, as the script enters them",      \
     size,                                                                                         \
     {FIRST("by the model's shape", size_parameters)}}
#define GROWS(number, task, name)                                                                  \
    {{"P2-" number "a", ABSTRACT, true}, "SIZ", ALL_MODELS, "nodes grow with parameters, " name,   \
     "correlates",                                                                                 \
     {FIRST("sizes as coded (14e9, 28e9)", size_correlation, task, "as coded"),                    \
      ALSO("sizes as the models are called", "names of the models", size_correlation, task,        \
           "as called"),                                                                           \
      ALSO("exact parameter counts", "shapes of the models", size_correlation, task, "exact")}},   \
    {{"P2-" number "b", ABSTRACT, false}, "SIZ", ALL_MODELS, "that is beyond chance, " name,       \
     "implied",                                                                                    \
     {FIRST("sizes as coded, n = 5", size_significant, task, "as coded"),                          \
      ALSO("sizes as the models are called", "names of the models", size_significant, task,        \
           "as called"),                                                                           \
      ALSO("exact parameter counts", "shapes of the models", size_significant, task, "exact")}}

static const struct assertion size_assertions[] = {
    ENTERED("20", PYTHIA_70M, "7e+07", false),
    ENTERED("21", PYTHIA_160M, "1.6e+08", false),
    ENTERED("22", PYTHIA_410M, "4.1e+08", false),
    ENTERED("23", PYTHIA_1_4B, "1.4e+10", true),
    ENTERED("24", PYTHIA_2_8B, "2.8e+10", true),
    GROWS("25", "ioi", "IOI"),
    GROWS("26", "greater_than", "greater-than"),
    GROWS("27", "gender_pronoun", "gendered pronoun"),
    GROWS("28", "sva", "agreement"),
    {.group = NULL}};

#define INVERTED(number, model, task)                                                              \
    {{"P2-" number, SIZE_PLOT, false}, "VAR", model,                                               \
     "its averages are of a similarity, alpha 0.5", "a Jaccard",                                   \
     {FIRST("of a longer series", change_inverted, task),                                          \
      ALSO("adjusted to a start at the first row", "pandas' default", change_inverted, task,       \
           "adjusted")}}

static const struct assertion change_assertions[] = {
    {{"P2-30", SIZE_PLOT, true}, "VAR", PYTHIA_1_4B, "the average of the Jaccard of SVA ends at",
     "0.681176",
     {FIRST("of the similarity, from its first value", change_average, "sva", "similarity", "36"),
      ALSO("of the change 1 - J, from 0", "\"change rate\"", change_average, "sva", "change",
           "36")}},
    INVERTED("31", PYTHIA_70M, "gender_pronoun"),
    INVERTED("32", PYTHIA_160M, "gender_pronoun"),
    INVERTED("33", PYTHIA_410M, "gender_pronoun"),
    INVERTED("34", PYTHIA_1_4B, "gender_pronoun"),
    INVERTED("35", PYTHIA_2_8B, "gender_pronoun"),
    INVERTED("36", PYTHIA_410M, "sva"),
    {{"P2-37", SIZE_PLOT, false}, "VAR", ALL_MODELS,
     "larger models change less, gendered pronoun", "yes",
     {FIRST("from 70M on", change_by_size, "gender_pronoun", PYTHIA_70M),
      ALSO("from 160M on", "70M is called unstable, as far as we know", change_by_size,
           "gender_pronoun", PYTHIA_160M)}},
    {{"P2-38", ABSTRACT, true}, "VAR", PYTHIA_410M, "size fluctuates at a stable metric, IOI",
     "considerably", {FIRST("last quarter over first", change_edges, "ioi", "later"),
      ALSO("largest over smallest", "the plots show every checkpoint", change_range, "ioi")}},
    {{"P2-39", ABSTRACT, false}, "VAR", PYTHIA_2_8B, "size fluctuates at a stable metric, IOI",
     "considerably", {FIRST("last quarter over first", change_edges, "ioi", "later"),
      ALSO("largest over smallest", "the plots show every checkpoint", change_range, "ioi")}},
    {.group = NULL}};

#define NODES(number, model)                                                                       \
    {{"P2-" number, SCRIPT, false}, "NOD", model, "mean nodes from step 1000 on, four tasks",      \
     "published", {READ(not_evaluated, "needs its checkpoints: manifests/circuits/" model ".json")}}

static const struct assertion node_assertions[] = {
    NODES("40", PYTHIA_70M), NODES("41", PYTHIA_160M), NODES("42", PYTHIA_410M),
    NODES("43", PYTHIA_1_4B), NODES("44", PYTHIA_2_8B), {.group = NULL}};
/* clang-format on */

static const struct assertion *const lists[] = {
    emergence_assertions, circuit_lists, size_assertions, change_assertions, node_assertions};

/* The figures are in the tables alone. */
static const struct trajectory *find_none(const struct facts *facts, const char *model)
{
  (void)facts;
  (void)model;
  return NULL;
}

int circuit_assertions(const struct subject *subject, const struct published_tables *tables)
{
  const struct assertion_set set = {
      .lists = lists, .count = sizeof lists / sizeof *lists, .tables = tables, .find = find_none};
  return assertions_add(subject, &set);
}
