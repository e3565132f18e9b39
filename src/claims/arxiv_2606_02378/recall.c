/* F4: how early the screen finds the induction heads of the final revision. */
#include "claims/arxiv_2606_02378/measure.h"
#include "claims/arxiv_2606_02378/paper.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

/* The thresholds of the screen at a revision and of the final set. */
static const struct reading {
  const char *definition;
  double screen, final_set;
  bool stated;
} readings[] = {{"50x", CIRCUIT_THRESHOLD, CIRCUIT_THRESHOLD, true},
                {"30x", CLASS_THRESHOLD, CLASS_THRESHOLD, false},
                {"30x of the 50x set", CLASS_THRESHOLD, CIRCUIT_THRESHOLD, false}};
#define READINGS (sizeof readings / sizeof *readings)

/* 33 % and 67 % stand for one and two thirds: the final sets have three or four heads. */
static const struct level {
  const char *figure;
  size_t thirds;
} levels[] = {{"recall_33_tokens", 1}, {"recall_67_tokens", 2}, {"recall_100_tokens", 3}};

static size_t find_level(const struct trajectory *trajectory, const struct reading *reading,
                         size_t thirds)
{
  size_t r = 0;
  for (; r < trajectory->count; r++) {
    struct recall recall = measure_recall(trajectory, r, reading->screen, reading->final_set);
    if (recall.total > 0 && 3 * recall.found >= thirds * recall.total)
      break;
  }
  return r;
}

static json_t *recall_value(const struct trajectory *trajectory, size_t r,
                            const struct reading *reading)
{
  struct recall recall = measure_recall(trajectory, r, reading->screen, reading->final_set);
  return evidence_number(recall.total ? (double)recall.found / (double)recall.total : NAN);
}

/* Recall at every revision and, where the paper gives tokens, at the revision that it names. */
static void put_values(const struct trajectory *trajectory, const struct reading *reading,
                       const struct asserted *asserted, enum claim_unit unit,
                       struct evidence *evidence)
{
  json_t *names = json_array(), *values = json_array();
  for (size_t r = 0; r < trajectory->count; r++) {
    const struct revision *revision = &trajectory->revisions[r];
    if (json_array_append_new(names, json_string(revision->name)) != 0 ||
        json_array_append_new(values, recall_value(trajectory, r, reading)) != 0)
      evidence->failed = true;
    if (asserted && unit == UNIT_TOKENS &&
        figure_rounds_to(revision->tokens, asserted->low, asserted->low_decimals))
      evidence_put(evidence, "at_published",
                   json_pack("{s:s, s:o}", "revision", revision->name, "recall",
                             recall_value(trajectory, r, reading)));
  }
  evidence_put(evidence, "revisions", names);
  evidence_put(evidence, "values", values);
}

static void put_final_set(const struct trajectory *trajectory, const struct reading *reading,
                          struct evidence *evidence)
{
  const struct revision *last = &trajectory->revisions[trajectory->count - 1];
  json_t *heads = json_array();
  for (size_t i = 0; i < measure_heads(last); i++)
    if (last->heads[i].selectivity[CLASS_INDUCTION] >= reading->final_set &&
        !evidence_add_head(heads, last, &last->heads[i], CLASS_INDUCTION))
      evidence->failed = true;
  evidence_put(evidence, "heads", heads);
}

/* The nearest heads show how safe the screen up to the onset and the final set are. */
static void put_nearest(const struct trajectory *trajectory, const struct reading *reading,
                        size_t onset, struct evidence *evidence)
{
  size_t last = trajectory->count - 1;
  struct nearest screen = measure_nearest(trajectory, 0, onset < last ? onset : last, INT_MAX,
                                          CLASS_INDUCTION, reading->screen);
  struct nearest final_set =
      measure_nearest(trajectory, last, last, INT_MAX, CLASS_INDUCTION, reading->final_set);
  evidence_put(evidence, "nearest",
               evidence_nearest(trajectory, &screen, CLASS_INDUCTION, reading->screen));
  evidence_put(evidence, "nearest_of_final_set",
               evidence_nearest(trajectory, &final_set, CLASS_INDUCTION, reading->final_set));
}

/* What the screen finds where the paper has the onset and, if later, where the onset is. */
static void explain(const struct trajectory *trajectory, const struct reading *reading,
                    size_t onset, const struct asserted *asserted, char why[96])
{
  for (size_t r = 0; r < trajectory->count; r++) {
    struct recall there = measure_recall(trajectory, r, reading->screen, reading->final_set);
    if (!asserted || r == onset ||
        !figure_rounds_to(trajectory->revisions[r].tokens, asserted->low, asserted->low_decimals))
      continue;
    snprintf(why, 96, "at %.4gB it finds %zu of %zu", trajectory->revisions[r].tokens, there.found,
             there.total);
  }
}

/* UNIT_TOKENS: tokens of the onset; UNIT_FRACTION: its share of all training tokens. */
static void find_recall(const struct trajectory *trajectory, const struct reading *reading,
                        size_t onset, enum claim_unit unit, struct finding *finding)
{
  const struct revision *last = &trajectory->revisions[trajectory->count - 1];
  if (onset == trajectory->count) {
    finding->words = measure_induction(last, reading->final_set) ? "never" : "no final heads";
    return;
  }
  finding->value = trajectory->revisions[onset].tokens;
  if (unit == UNIT_FRACTION)
    finding->value /= last->tokens;
  if (!isfinite(finding->value))
    finding->missing = "the tokens of the last revision are not given";
}

static int add_recall(const struct subject *subject, const char *name, size_t thirds,
                      enum claim_unit unit)
{
  const struct trajectory *trajectory = subject->trajectory;
  struct figure figure;
  figure_open(subject, "F4", name, "", unit, NEED_ALL, &figure);
  for (size_t i = 0; i < READINGS; i++) {
    const struct reading *reading = &readings[i];
    struct evidence evidence = evidence_start();
    struct finding finding = {.definition = reading->definition,
                              .stated = reading->stated,
                              .value = NAN,
                              .margin = NAN,
                              .evidence = &evidence};
    char why[96] = "";
    size_t onset = find_level(trajectory, reading, thirds);
    if (unit == UNIT_TOKENS)
      explain(trajectory, reading, onset, figure.asserted, why);
    finding.why = why;
    find_recall(trajectory, reading, onset, unit, &finding);
    evidence_put(&evidence, "onset", evidence_revision(trajectory, onset));
    put_values(trajectory, reading, figure.asserted, unit, &evidence);
    put_final_set(trajectory, reading, &evidence);
    evidence_put(&evidence, "thresholds",
                 json_pack("{s:f, s:f, s:f}", "screen", reading->screen, "final_set",
                           reading->final_set, "recall", (double)thirds / 3));
    put_nearest(trajectory, reading, onset, &evidence);
    if (figure_add(subject, &figure, &finding))
      return subject->error->code;
  }
  figure_close(subject, &figure);
  return 0;
}

int claim_recall(const struct subject *subject)
{
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
    if (add_recall(subject, levels[i].figure, levels[i].thirds, UNIT_TOKENS))
      return subject->error->code;
  if (add_recall(subject, "recall_67_share", 2, UNIT_FRACTION))
    return subject->error->code;
  return subject->named ? add_recall(subject, "recall_67_band", 2, UNIT_FRACTION) : 0;
}
