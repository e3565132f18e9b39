/* F1 and F2: where and when BOS heads are. */
#include "claims/arxiv_2606_02378/measure.h"
#include "claims/arxiv_2606_02378/paper.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define READINGS 2

static const char *const readings[READINGS] = {"screen", "best-class"};

static struct finding bos_finding(int best_class, struct evidence *evidence)
{
  return (struct finding){.definition = readings[best_class],
                          .stated = !best_class,
                          .value = NAN,
                          .margin = NAN,
                          .evidence = evidence};
}

static double fraction_at(const struct revision *revision, bool best_class)
{
  return (double)measure_bos(revision, best_class, INT_MAX) / (double)measure_heads(revision);
}

/* The BOS heads in the first `layers` layers of revisions 0 .. last, as count and evidence. */
static size_t count_heads(const struct trajectory *trajectory, size_t last, int layers,
                          bool best_class, struct evidence *evidence, char why[96])
{
  size_t count = 0;
  json_t *list = json_array(), *names = json_array();
  for (size_t r = 0; r <= last; r++) {
    const struct revision *revision = &trajectory->revisions[r];
    size_t heads = measure_heads(revision);
    if (json_array_append_new(names, json_string(revision->name)) != 0)
      evidence->failed = true;
    for (size_t i = 0; i < heads; i++) {
      const struct head_row *head = &revision->heads[i];
      if (head->layer >= layers || !measure_is_bos(head, best_class))
        continue;
      if (count++ == 0)
        snprintf(why, 96, "layer %d head %d at %.60s", head->layer, head->head, revision->name);
      if (!evidence_add_head(list, revision, head, CLASS_FIRST_TOKEN))
        evidence->failed = true;
    }
  }
  struct nearest nearest =
      measure_nearest(trajectory, 0, last, layers, CLASS_FIRST_TOKEN, BOS_THRESHOLD);
  evidence_put(evidence, "revisions", names);
  evidence_put(evidence, "heads", list);
  evidence_put(evidence, "values", json_pack("{s:I}", "bos_heads", (json_int_t)count));
  evidence_put(evidence, "thresholds", json_pack("{s:f}", "first_token", BOS_THRESHOLD));
  evidence_put(evidence, "nearest",
               evidence_nearest(trajectory, &nearest, CLASS_FIRST_TOKEN, BOS_THRESHOLD));
  return count;
}

/* A claim of no BOS head: one head breaks it, whatever else is missing and however small its part
 * of all heads. */
static int add_none(const struct subject *subject, const struct figure *figure, size_t last,
                    int layers)
{
  for (int best_class = 0; best_class < READINGS; best_class++) {
    struct evidence evidence = evidence_start();
    struct finding finding = bos_finding(best_class, &evidence);
    char why[96] = "";
    size_t count = count_heads(subject->trajectory, last, layers, best_class, &evidence, why);
    finding.why = why;
    finding.value = (double)count;
    finding.conclusive = count > 0;
    evidence_put(&evidence, "note",
                 json_string("Read as a claim of no head at all; the fraction of a single head "
                             "can still round to 0 %."));
    if (figure_add(subject, figure, &finding))
      return subject->error->code;
  }
  figure_close(subject, figure);
  return 0;
}

int claim_no_early_bos(const struct subject *subject)
{
  struct figure figure;
  figure_open(subject, "F1", "bos_heads_layers_0_1", "", UNIT_COUNT, NEED_ALL, &figure);
  return add_none(subject, &figure, subject->trajectory->count - 1, 2);
}

static int add_fraction(const struct subject *subject, const char *name)
{
  const struct trajectory *trajectory = subject->trajectory;
  struct figure figure;
  figure_open(subject, "F2", "bos_fraction", name, UNIT_FRACTION, NEED_ONE, &figure);
  size_t r = trajectory_find(trajectory, name);
  for (int best_class = 0; best_class < READINGS; best_class++) {
    struct evidence evidence = evidence_start();
    struct finding finding = bos_finding(best_class, &evidence);
    if (r < trajectory->count) {
      const struct revision *revision = &trajectory->revisions[r];
      struct nearest nearest =
          measure_nearest(trajectory, r, r, INT_MAX, CLASS_FIRST_TOKEN, BOS_THRESHOLD);
      finding.value = fraction_at(revision, best_class);
      evidence_put(&evidence, "revisions", json_pack("[s]", name));
      evidence_put(&evidence, "values",
                   json_pack("{s:I, s:I}", "bos_heads",
                             (json_int_t)measure_bos(revision, best_class, INT_MAX), "heads",
                             (json_int_t)measure_heads(revision)));
      evidence_put(&evidence, "thresholds", json_pack("{s:f}", "first_token", BOS_THRESHOLD));
      evidence_put(&evidence, "nearest",
                   evidence_nearest(trajectory, &nearest, CLASS_FIRST_TOKEN, BOS_THRESHOLD));
    }
    if (figure_add(subject, &figure, &finding))
      return subject->error->code;
  }
  figure_close(subject, &figure);
  return 0;
}

/* At the revisions that the paper lists; at every one of a model it does not name. */
int claim_bos_fractions(const struct subject *subject)
{
  const struct trajectory *trajectory = subject->trajectory;
  for (size_t r = 0; !subject->named && r < trajectory->count; r++)
    if (add_fraction(subject, trajectory->revisions[r].name))
      return subject->error->code;
  for (const struct asserted *asserted = asserted_figures; subject->named && asserted->id;
       asserted++) {
    if (strcmp(asserted->figure, "bos_fraction") == 0 &&
        strcmp(asserted->model, subject->model) == 0 && add_fraction(subject, asserted->revision))
      return subject->error->code;
  }
  return 0;
}

static int add_through(const struct subject *subject, const char *name)
{
  const struct trajectory *trajectory = subject->trajectory;
  struct figure figure;
  figure_open(subject, "F2", "bos_heads_through", name, UNIT_COUNT, NEED_THROUGH, &figure);
  size_t last = trajectory_find(trajectory, name);
  if (last < trajectory->count)
    return add_none(subject, &figure, last, INT_MAX);
  for (int best_class = 0; best_class < READINGS; best_class++) {
    struct evidence evidence = evidence_start();
    struct finding finding = bos_finding(best_class, &evidence);
    if (figure_add(subject, &figure, &finding))
      return subject->error->code;
  }
  return 0;
}

static int add_jump(const struct subject *subject, const struct asserted *asserted)
{
  const struct trajectory *trajectory = subject->trajectory;
  struct figure figure;
  figure_open(subject, "F2", "bos_jump", asserted->revision, UNIT_JUMP, NEED_ONE, &figure);
  size_t from = trajectory_find(trajectory, asserted->from);
  size_t to = trajectory_find(trajectory, asserted->revision);
  for (int best_class = 0; best_class < READINGS; best_class++) {
    struct evidence evidence = evidence_start();
    struct finding finding = bos_finding(best_class, &evidence);
    char words[64];
    if (to < trajectory->count && from + 1 == to) {
      double low = fraction_at(&trajectory->revisions[from], best_class);
      double high = fraction_at(&trajectory->revisions[to], best_class);
      char low_text[24], high_text[24];
      figure_percent_text(low, low_text, sizeof low_text);
      figure_percent_text(high, high_text, sizeof high_text);
      snprintf(words, sizeof words, "%s -> %s", low_text, high_text);
      finding.words = words;
      finding.holds = figure_rounds_to(low, asserted->low, asserted->low_decimals) &&
                      figure_rounds_to(high, asserted->high, asserted->high_decimals);
      finding.margin = fmax(fabs(low - asserted->low), fabs(high - asserted->high));
      evidence_put(&evidence, "values", json_pack("[f, f]", low, high));
      evidence_put(&evidence, "thresholds", json_pack("{s:f}", "first_token", BOS_THRESHOLD));
    } else {
      finding.missing = "the two revisions are not in the trajectory, one after the other";
    }
    evidence_put(&evidence, "revisions", json_pack("[s, s]", asserted->from, asserted->revision));
    if (figure_add(subject, &figure, &finding))
      return subject->error->code;
  }
  figure_close(subject, &figure);
  return 0;
}

/* The largest step between adjacent revisions, in heads; *to is where it arrives. */
static size_t largest_step(const struct trajectory *trajectory, bool best_class, size_t *to)
{
  size_t largest = 0, before = measure_bos(&trajectory->revisions[0], best_class, INT_MAX);
  *to = 0;
  for (size_t r = 1; r < trajectory->count; r++) {
    size_t now = measure_bos(&trajectory->revisions[r], best_class, INT_MAX);
    if (now > before && now - before > largest) {
      largest = now - before;
      *to = r;
    }
    before = now;
  }
  return largest;
}

/* The paper gives no test for its two shapes. Ours: sharp when one step makes at least half of the
 * final fraction. */
static void judge_shape(const struct trajectory *trajectory, bool best_class,
                        const struct asserted *asserted, struct finding *finding)
{
  size_t to, step = largest_step(trajectory, best_class, &to);
  size_t final = measure_bos(&trajectory->revisions[trajectory->count - 1], best_class, INT_MAX);
  double part = final ? (double)step / (double) final : NAN;
  struct evidence *evidence = finding->evidence;
  if (trajectory->count == 1)
    finding->missing = "a shape needs two revisions";
  else
    finding->words = !final ? "no BOS heads at the end" : 2 * step >= final ? "sharp" : "ramp";
  finding->holds = asserted && finding->words && strcmp(finding->words, asserted->words) == 0;
  finding->margin = fabs(part - 0.5);
  if (to > 0)
    evidence_put(
        evidence, "revisions",
        json_pack("[s, s]", trajectory->revisions[to - 1].name, trajectory->revisions[to].name));
  evidence_put(evidence, "values",
               json_pack("{s:I, s:I, s:o}", "largest_step_heads", (json_int_t)step, "final_heads",
                         (json_int_t) final, "step_over_final", evidence_number(part)));
  evidence_put(evidence, "thresholds",
               json_pack("{s:f, s:f}", "first_token", BOS_THRESHOLD, "step_over_final", 0.5));
  evidence_put(evidence, "note",
               json_string("The paper does not define the shapes; here sharp means that one step "
                           "between adjacent revisions makes at least half of the final count."));
}

static int add_shape(const struct subject *subject)
{
  struct figure figure;
  figure_open(subject, "F2", "bos_shape", "", UNIT_WORDS, NEED_ALL, &figure);
  for (int best_class = 0; best_class < READINGS; best_class++) {
    struct evidence evidence = evidence_start();
    struct finding finding = bos_finding(best_class, &evidence);
    judge_shape(subject->trajectory, best_class, figure.asserted, &finding);
    if (figure_add(subject, &figure, &finding))
      return subject->error->code;
  }
  figure_close(subject, &figure);
  return 0;
}

int claim_bos_course(const struct subject *subject)
{
  for (const struct asserted *asserted = asserted_figures; asserted->id; asserted++) {
    if (strcmp(asserted->model, subject->model) != 0)
      continue;
    if (strcmp(asserted->figure, "bos_heads_through") == 0 &&
        add_through(subject, asserted->revision))
      return subject->error->code;
    if (strcmp(asserted->figure, "bos_jump") == 0 && add_jump(subject, asserted))
      return subject->error->code;
  }
  return add_shape(subject);
}
