/* F5: in every final induction head the participation ratio is raised at or before the first
 * revision at which its induction selectivity reaches 50x. The paper does not say above what. */
#include "claims/arxiv_2606_02378/rise.h"
#include "claims/arxiv_2606_02378/measure.h"
#include "claims/arxiv_2606_02378/paper.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const readings[RISE_REFERENCES] = {"above-first", "above-minimum",
                                                      "above-median"};

static int compare_doubles(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* NAN when a head has no PR. */
static double median_pr(const struct revision *revision, double *scratch)
{
  size_t count = measure_heads(revision);
  for (size_t i = 0; i < count; i++) {
    scratch[i] = revision->heads[i].pr;
    if (isnan(scratch[i]))
      return NAN;
  }
  qsort(scratch, count, sizeof *scratch, compare_doubles);
  return scratch[(count - 1) / 2] / 2 + scratch[count / 2] / 2;
}

size_t rise_crossing(const struct trajectory *trajectory, size_t head, enum head_class class,
                     double threshold)
{
  size_t r = 0;
  while (r < trajectory->count &&
         trajectory->revisions[r].heads[head].selectivity[class] < threshold)
    r++;
  return r;
}

struct rise rise_find(const struct trajectory *trajectory, size_t head, size_t crossing,
                      enum rise_reference reference, const double *medians)
{
  struct rise rise = {crossing, trajectory->count, NAN, NAN, false, false};
  double first = trajectory->revisions[0].heads[head].pr, minimum = first;
  rise.judged = reference == ABOVE_MEDIAN || crossing > 0;
  for (size_t r = reference == ABOVE_MEDIAN ? 0 : 1; r <= crossing; r++) {
    double pr = trajectory->revisions[r].heads[head].pr;
    double above = reference == ABOVE_FIRST     ? first
                   : reference == ABOVE_MINIMUM ? minimum
                                                : medians[r];
    rise.missing = rise.missing || isnan(pr) || isnan(above);
    if (rise.raised_at == trajectory->count) {
      rise.pr = pr;
      rise.reference = above;
      if (pr > above)
        rise.raised_at = r;
    }
    minimum = fmin(minimum, pr);
  }
  return rise;
}

static json_t *describe(const struct trajectory *trajectory, const struct head_row *head,
                        const struct rise *rise)
{
  bool raised = rise->raised_at < trajectory->count;
  const char *outcome = rise->missing   ? "not available"
                        : !rise->judged ? "not evaluated: crosses at the first revision"
                        : raised        ? "raised"
                                        : "not raised";
  return json_pack("{s:i, s:i, s:o, s:o, s:o, s:o, s:s}", "layer", head->layer, "head", head->head,
                   "crossing", evidence_revision(trajectory, rise->crossing), "raised_at",
                   raised ? evidence_revision(trajectory, rise->raised_at) : json_null(), "pr",
                   evidence_number(rise->pr), "reference", evidence_number(rise->reference),
                   "outcome", outcome);
}

struct tally {
  size_t heads, judged, raised;
  bool missing;
};

static struct tally judge_heads(const struct trajectory *trajectory, enum rise_reference reference,
                                const double *medians, struct evidence *evidence)
{
  const struct revision *last = &trajectory->revisions[trajectory->count - 1];
  struct tally tally = {0, 0, 0, false};
  json_t *list = json_array();
  for (size_t i = 0; i < measure_heads(last); i++) {
    if (last->heads[i].selectivity[CLASS_INDUCTION] < CIRCUIT_THRESHOLD)
      continue;
    /* a head of the final set crosses at the last revision at the latest */
    size_t crossing = rise_crossing(trajectory, i, CLASS_INDUCTION, CIRCUIT_THRESHOLD);
    struct rise rise = rise_find(trajectory, i, crossing, reference, medians);
    tally.heads++;
    tally.judged += rise.judged;
    tally.raised += rise.judged && rise.raised_at < trajectory->count;
    tally.missing = tally.missing || rise.missing;
    if (json_array_size(list) < EVIDENCE_HEADS &&
        json_array_append_new(list, describe(trajectory, &last->heads[i], &rise)) != 0)
      evidence->failed = true;
  }
  evidence_put(evidence, "heads", list);
  return tally;
}

static int add_reading(const struct subject *subject, const struct figure *figure,
                       enum rise_reference reference, const double *medians)
{
  const struct trajectory *trajectory = subject->trajectory;
  struct evidence evidence = evidence_start();
  struct finding finding = {.definition = readings[reference],
                            .stated = reference == ABOVE_FIRST,
                            .value = NAN,
                            .margin = NAN,
                            .evidence = &evidence};
  char words[96];
  struct tally tally = judge_heads(trajectory, reference, medians, &evidence);
  int used = snprintf(words, sizeof words, "%zu of %zu heads", tally.raised, tally.judged);
  if (tally.judged < tally.heads)
    snprintf(words + used, sizeof words - (size_t)used, ", %zu open", tally.heads - tally.judged);
  if (tally.heads == 0)
    finding.missing = "no head reaches 50x at the last revision";
  else if (tally.missing)
    finding.missing = "a participation ratio is not available";
  else if (tally.judged == 0)
    finding.missing = "every final induction head crosses at the first revision";
  finding.words = tally.heads && !tally.missing ? words : NULL;
  finding.holds = tally.raised == tally.judged;
  finding.margin = (double)(tally.judged - tally.raised);
  evidence_put(&evidence, "revisions",
               json_pack("[s, s]", trajectory->revisions[0].name,
                         trajectory->revisions[trajectory->count - 1].name));
  evidence_put(&evidence, "values",
               json_pack("{s:I, s:I, s:I}", "final_heads", (json_int_t)tally.heads, "judged",
                         (json_int_t)tally.judged, "raised", (json_int_t)tally.raised));
  evidence_put(&evidence, "thresholds", json_pack("{s:f}", "induction", CIRCUIT_THRESHOLD));
  evidence_put(&evidence, "note",
               json_string("The paper does not say what a raised PR is above; we take its value at "
                           "the first revision as the stated reading, any revision up to the "
                           "crossing counts."));
  return figure_add(subject, figure, &finding);
}

double *rise_medians(const struct trajectory *trajectory, struct error *error)
{
  size_t heads = measure_heads(&trajectory->revisions[0]), count = trajectory->count;
  double *scratch = memory_alloc(heads, sizeof *scratch, "participation ratios", error);
  double *medians = memory_alloc(count, sizeof *medians, "median PR", error);
  for (size_t r = 0; scratch && medians && r < count; r++)
    medians[r] = median_pr(&trajectory->revisions[r], scratch);
  if (!scratch) {
    free(medians);
    medians = NULL;
  }
  free(scratch);
  return medians;
}

int claim_pr_rises_first(const struct subject *subject)
{
  double *medians = rise_medians(subject->trajectory, subject->error);
  struct figure figure;
  int status = 0;
  if (!medians)
    return subject->error->code;
  figure_open(subject, "F5", "pr_rises_first", "", UNIT_WORDS, NEED_ALL, &figure);
  for (int reference = 0; reference < RISE_REFERENCES && !status; reference++)
    status = add_reading(subject, &figure, (enum rise_reference)reference, medians);
  free(medians);
  if (!status)
    figure_close(subject, &figure);
  return status;
}
