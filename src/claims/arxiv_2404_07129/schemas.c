/* The columns of the tables. */
#include "claims/arxiv_2404_07129/paper.h"
#include "claims/published_columns.h"

/* clang-format off */
static const struct published_column models[] = {
    KEY("model"), TEXT("data"), NUMBER("seed"), NUMBER("sequences"), OPTIONAL("accuracy"),
    OPTIONAL("accuracy_direct"), OPTIONAL("match_errors")};
static const struct published_column heads[] = {
    KEY("model"), KEY("head"), NUMBER("strength"), OPTIONAL("alone"), OPTIONAL("without"),
    OPTIONAL("fixes"), OPTIONAL("match_alone"), OPTIONAL("match_fixes")};
static const struct published_column previous[] = {
    KEY("model"), KEY("head"), NUMBER("labels"), NUMBER("tokens")};
static const struct published_column composition[] = {
    KEY("model"), KEY("layer0_head"), KEY("layer1_head"), NUMBER("queries"), NUMBER("keys"),
    NUMBER("values")};
static const struct published_column ablations[] = {
    KEY("model"), KEY("set"), KEY("kept"), HEADS("heads"), NUMBER("accuracy")};
static const struct published_column wiring[] = {
    KEY("model"), KEY("layer1_head"), KEY("layer0_head"), KEY("kept"), OPTIONAL("only"),
    OPTIONAL("change")};
static const struct published_column key_sources[] = {
    KEY("model"), KEY("layer1_head"), NUMBER("layer0_head")};
static const struct published_column sets[] = {
    KEY("model"), KEY("set"), HEADS("heads"), NUMBER("accuracy")};
static const struct published_column correlations[] = {KEY("model"), NUMBER("strength_alone")};
static const struct published_column runs[] = {
    KEY("model"), KEY("run"), TEXT("figure"), NUMBER("sequences"), OPTIONAL("learned"),
    OPTIONAL("learned_accuracy"), OPTIONAL("learned_relabel"), OPTIONAL("learned_exemplars"),
    OPTIONAL("learned_classes"), NUMBER("plateau"), NUMBER("plateau_longest"),
    NUMBER("plateau_between"), OPTIONAL("drop"), NUMBER("loss"), NUMBER("accuracy"),
    TEXT("parameters"), TEXT("curves")};
static const struct published_column checkpoints[] = {
    KEY("model"), KEY("sequences"), NUMBER("loss"), NUMBER("accuracy"), NUMBER("loss_direct"),
    NUMBER("accuracy_direct"), NUMBER("strength0"), NUMBER("strength1"), NUMBER("strength2"),
    NUMBER("strength3"), NUMBER("strength4"), NUMBER("strength5"), NUMBER("strength6"),
    NUMBER("strength7")};
static const struct published_column toy[] = {
    KEY("model"), KEY("clamp"), NUMBER("plateau"), OPTIONAL("learned"), OPTIONAL("half"),
    NUMBER("loss"), TEXT("curve")};

#define TABLE(name) {#name, name, sizeof name / sizeof *name}
const struct published_schema formation_schemas[] = {
    TABLE(models), TABLE(heads), TABLE(previous), TABLE(composition), TABLE(ablations),
    TABLE(wiring), TABLE(key_sources), TABLE(sets), TABLE(correlations), TABLE(runs),
     TABLE(checkpoints), TABLE(toy),
    {0}};
/* clang-format on */
