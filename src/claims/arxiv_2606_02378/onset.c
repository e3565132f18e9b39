/* F3: which comes first, induction heads or BOS heads. */
#include "claims/arxiv_2606_02378/measure.h"
#include "claims/arxiv_2606_02378/paper.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A reading of induction (its threshold) and, where a figure needs it, of BOS. */
struct reading {
  const char *definition;
  double induction;
  bool best_class, stated;
};

static const struct reading of_induction[] = {{"50x", CIRCUIT_THRESHOLD, false, true},
                                              {"30x", CLASS_THRESHOLD, false, false}};
static const struct reading of_bos[] = {{"screen", 0, false, true}, {"best-class", 0, true, false}};
static const struct reading of_both[] = {{"50x, screen", CIRCUIT_THRESHOLD, false, true},
                                         {"50x, best-class", CIRCUIT_THRESHOLD, true, false},
                                         {"30x, screen", CLASS_THRESHOLD, false, false},
                                         {"30x, best-class", CLASS_THRESHOLD, true, false}};

static struct finding onset_finding(const struct reading *reading, struct evidence *evidence)
{
  return (struct finding){.definition = reading->definition,
                          .stated = reading->stated,
                          .value = NAN,
                          .margin = NAN,
                          .evidence = evidence};
}

/* A first revision as a finding, with what was counted at every revision up to it. */
static void put_onset(const struct trajectory *trajectory, size_t onset, json_t *counts,
                      enum head_class class, double threshold, struct finding *finding)
{
  size_t last = onset < trajectory->count ? onset : trajectory->count - 1;
  struct nearest nearest = measure_nearest(trajectory, 0, last, INT_MAX, class, threshold);
  if (onset < trajectory->count)
    finding->value = trajectory->revisions[onset].tokens;
  else
    finding->words = "never";
  json_t *names = json_array();
  for (size_t r = 0; r <= last; r++)
    if (json_array_append_new(names, json_string(trajectory->revisions[r].name)) != 0)
      finding->evidence->failed = true;
  evidence_put(finding->evidence, "onset", evidence_revision(trajectory, onset));
  evidence_put(finding->evidence, "revisions", names);
  evidence_put(finding->evidence, "values", counts);
  evidence_put(finding->evidence, "nearest",
               evidence_nearest(trajectory, &nearest, class, threshold));
}

static void find_induction(const struct trajectory *trajectory, const struct reading *reading,
                           struct finding *finding)
{
  size_t onset = measure_induction_onset(trajectory, reading->induction);
  json_t *counts = json_array(), *heads = json_array();
  for (size_t r = 0; r < trajectory->count && r <= onset; r++) {
    const struct revision *revision = &trajectory->revisions[r];
    size_t count = measure_induction(revision, reading->induction);
    if (json_array_append_new(counts, json_integer((json_int_t)count)) != 0)
      finding->evidence->failed = true;
    for (size_t i = 0; r == onset && i < measure_heads(revision); i++)
      if (revision->heads[i].selectivity[CLASS_INDUCTION] >= reading->induction &&
          !evidence_add_head(heads, revision, &revision->heads[i], CLASS_INDUCTION))
        finding->evidence->failed = true;
  }
  put_onset(trajectory, onset, counts, CLASS_INDUCTION, reading->induction, finding);
  evidence_put(finding->evidence, "heads", heads);
  evidence_put(finding->evidence, "thresholds",
               json_pack("{s:f, s:i}", "induction", reading->induction, "heads", CIRCUIT_HEADS));
}

static int add_induction_onset(const struct subject *subject)
{
  struct figure figure;
  figure_open(subject, "F3", "induction_onset", "", UNIT_TOKENS, NEED_ALL, &figure);
  for (size_t i = 0; i < sizeof of_induction / sizeof *of_induction; i++) {
    struct evidence evidence = evidence_start();
    struct finding finding = onset_finding(&of_induction[i], &evidence);
    find_induction(subject->trajectory, &of_induction[i], &finding);
    if (figure_add(subject, &figure, &finding))
      return subject->error->code;
  }
  figure_close(subject, &figure);
  return 0;
}

static void find_bos(const struct trajectory *trajectory, const struct reading *reading,
                     int percent, struct finding *finding)
{
  size_t onset = measure_bos_onset(trajectory, reading->best_class, (size_t)percent);
  json_t *counts = json_array();
  for (size_t r = 0; r < trajectory->count && r <= onset; r++) {
    size_t count = measure_bos(&trajectory->revisions[r], reading->best_class, INT_MAX);
    if (json_array_append_new(counts, json_integer((json_int_t)count)) != 0)
      finding->evidence->failed = true;
  }
  put_onset(trajectory, onset, counts, CLASS_FIRST_TOKEN, BOS_THRESHOLD, finding);
  evidence_put(finding->evidence, "thresholds",
               json_pack("{s:f, s:f, s:I}", "first_token", BOS_THRESHOLD, "fraction",
                         (double)percent / 100, "of_heads",
                         (json_int_t)measure_heads(&trajectory->revisions[0])));
}

static int add_bos_onset(const struct subject *subject, const char *name, int percent)
{
  struct figure figure;
  figure_open(subject, "F3", name, "", UNIT_TOKENS, NEED_ALL, &figure);
  for (size_t i = 0; i < sizeof of_bos / sizeof *of_bos; i++) {
    struct evidence evidence = evidence_start();
    struct finding finding = onset_finding(&of_bos[i], &evidence);
    find_bos(subject->trajectory, &of_bos[i], percent, &finding);
    if (figure_add(subject, &figure, &finding))
      return subject->error->code;
  }
  figure_close(subject, &figure);
  return 0;
}

struct onsets {
  size_t induction, bos; /* trajectory->count: never */
};

static struct onsets find_both(const struct trajectory *trajectory, const struct reading *reading,
                               struct evidence *evidence)
{
  struct onsets onsets = {measure_induction_onset(trajectory, reading->induction),
                          measure_bos_onset(trajectory, reading->best_class, 50)};
  json_t *tokens = json_object();
  if ((onsets.induction < trajectory->count &&
       json_object_set_new(tokens, "induction",
                           json_real(trajectory->revisions[onsets.induction].tokens)) != 0) ||
      (onsets.bos < trajectory->count &&
       json_object_set_new(tokens, "bos", json_real(trajectory->revisions[onsets.bos].tokens)) !=
           0))
    evidence->failed = true;
  evidence_put(evidence, "revisions",
               json_pack("{s:o, s:o}", "induction", evidence_revision(trajectory, onsets.induction),
                         "bos", evidence_revision(trajectory, onsets.bos)));
  evidence_put(evidence, "values", tokens);
  evidence_put(evidence, "thresholds",
               json_pack("{s:f, s:i, s:f, s:f}", "induction", reading->induction, "heads",
                         CIRCUIT_HEADS, "first_token", BOS_THRESHOLD, "fraction", 0.5));
  return onsets;
}

static const char *order_of(size_t count, struct onsets onsets)
{
  if (onsets.induction == count && onsets.bos == count)
    return "both never";
  if (onsets.bos == count)
    return "BOS never";
  if (onsets.induction == count)
    return "induction never";
  if (onsets.induction == onsets.bos)
    return "same revision";
  return onsets.induction < onsets.bos ? "induction first" : "BOS first";
}

/* The tokens of the BOS onset over those of the induction onset. */
static void find_ratio(const struct trajectory *trajectory, struct onsets onsets, char why[96],
                       struct finding *finding)
{
  const char *order = order_of(trajectory->count, onsets);
  if (strstr(order, "never")) {
    finding->words = order;
    return;
  }
  double bos = trajectory->revisions[onsets.bos].tokens;
  double induction = trajectory->revisions[onsets.induction].tokens;
  finding->value = bos / induction;
  snprintf(why, 96, "sinks at %.4gB, induction at %.4gB", bos, induction);
  finding->why = why;
  if (!isfinite(finding->value))
    finding->missing = "the tokens seen at the induction onset are not given";
}

static int add_pair(const struct subject *subject, const char *name, enum claim_unit unit)
{
  const struct trajectory *trajectory = subject->trajectory;
  struct figure figure;
  figure_open(subject, "F3", name, "", unit, NEED_ALL, &figure);
  for (size_t i = 0; i < sizeof of_both / sizeof *of_both; i++) {
    struct evidence evidence = evidence_start();
    struct finding finding = onset_finding(&of_both[i], &evidence);
    struct onsets onsets = find_both(trajectory, &of_both[i], &evidence);
    char why[96];
    if (unit == UNIT_RATIO) {
      find_ratio(trajectory, onsets, why, &finding);
    } else {
      finding.words = order_of(trajectory->count, onsets);
      if (onsets.bos == trajectory->count) /* without sinks there is no order to judge */
        finding.missing = "BOS heads never reach 50 % in this trajectory";
      finding.holds = figure.asserted && strcmp(finding.words, figure.asserted->words) == 0;
    }
    if (figure_add(subject, &figure, &finding))
      return subject->error->code;
  }
  figure_close(subject, &figure);
  return 0;
}

/* Figures that the paper gives for some of its models only are omitted for its others. */
static bool wanted(const struct subject *subject, const char *figure)
{
  return !subject->named || paper_find_asserted(subject->paper, subject->model, figure, "");
}

int claim_induction_first(const struct subject *subject)
{
  if (add_induction_onset(subject) ||
      (wanted(subject, "bos_onset_10") && add_bos_onset(subject, "bos_onset_10", 10)) ||
      add_bos_onset(subject, "bos_onset_50", 50) ||
      (wanted(subject, "induction_to_bos_ratio") &&
       add_pair(subject, "induction_to_bos_ratio", UNIT_RATIO)) ||
      (subject->named && wanted(subject, "induction_to_bos_band") &&
       add_pair(subject, "induction_to_bos_band", UNIT_RATIO)) ||
      add_pair(subject, "induction_before_bos", UNIT_WORDS))
    return subject->error->code;
  return 0;
}
