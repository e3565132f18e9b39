/* What arXiv 2407.10827 asserts of circuits over training, evaluated on those of a run. */
#include "claims/arxiv_2407_10827/courses.h"
#include "claims/assertion_rows.h"

#include <math.h>
#include <string.h>

/* All tasks emerge within a factor of two in tokens. */
static void course_emergence(const struct question *question, struct outcome *outcome)
{
  const struct circuit_course *course = question->facts->course;
  struct words words = {.holds = true};
  double low = INFINITY, high = 0;
  for (size_t t = 0; t < course->task_count; t++) {
    size_t r = course_emerges(course, t);
    bool ever = r < course->revision_count;
    double tokens = ever ? course->revisions[r].tokens : INFINITY;
    text_add(&words.text, "%s%s %s", course_part(t), course->tasks[t].name,
             ever ? course->revisions[r].name : "never");
    low = fmin(low, tokens);
    high = fmax(high, tokens);
  }
  words.holds = isfinite(high) && high <= 2 * low;
  course_say(&words, outcome);
}

/* Every revision has a circuit that meets the threshold. Argument: "ratio" or "normalised". */
static void course_met(const struct question *question, struct outcome *outcome)
{
  const struct circuit_course *course = question->facts->course;
  bool normalised = strcmp(question_argument(question, 0), "normalised") == 0;
  enum found_by by = normalised ? FOUND_BY_NORMALISED : FOUND_BY_RATIO;
  struct words words = {.holds = true};
  for (size_t t = 0; t < course->task_count; t++) {
    size_t met = 0;
    for (size_t r = 0; r < course->revision_count; r++)
      met += course_at(course, r, t)->by[by].met && course_at(course, r, t)->by[by].is.edges > 0;
    text_add(&words.text, "%s%s %zu of %zu", course_part(t), course->tasks[t].name, met,
             course->revision_count);
    words.holds = words.holds && met == course->revision_count;
  }
  course_say(&words, outcome);
}

/* The corrupted run alone stays below the threshold. */
static void course_empty(const struct question *question, struct outcome *outcome)
{
  const struct circuit_course *course = question->facts->course;
  struct words words = {.holds = true};
  for (size_t t = 0; t < course->task_count; t++) {
    size_t passes = 0;
    for (size_t r = 0; r < course->revision_count; r++)
      passes +=
          course_at(course, r, t)->corrupted / course_at(course, r, t)->clean >= course->threshold;
    text_add(&words.text, "%s%s passes at %zu of %zu", course_part(t), course->tasks[t].name,
             passes, course->revision_count);
    words.holds = words.holds && !passes;
  }
  course_say(&words, outcome);
}

/* Sizes above the one that was found meet the threshold, too. */
static void course_keeps(const struct question *question, struct outcome *outcome)
{
  const struct circuit_course *course = question->facts->course;
  struct words words = {.holds = true};
  for (size_t t = 0; t < course->task_count; t++) {
    size_t tried = 0, below = 0;
    for (size_t r = 0; r < course->revision_count; r++) {
      tried += course_at(course, r, t)->tried;
      below += course_at(course, r, t)->below;
    }
    text_add(&words.text, "%s%s %zu of %zu below", course_part(t), course->tasks[t].name, below,
             tried);
    words.holds = words.holds && !below;
  }
  course_say(&words, outcome);
}

/* Among revisions whose metric is within a tenth of the last one's, the largest circuit has more
 * than twice the edges of the smallest. */
static void course_fluctuates(const struct question *question, struct outcome *outcome)
{
  const struct circuit_course *course = question->facts->course;
  struct words words = {.holds = false};
  bool any = false;
  for (size_t t = 0; t < course->task_count; t++) {
    double last = course_at(course, course->revision_count - 1, t)->clean;
    size_t least = SIZE_MAX, most = 0, count = 0;
    for (size_t r = 0; r < course->revision_count; r++) {
      const struct found *f = course_at(course, r, t);
      if (!(fabs(f->clean / last - 1) < .1))
        continue;
      count++;
      least = f->by[FOUND_BY_RATIO].is.edges < least ? f->by[FOUND_BY_RATIO].is.edges : least;
      most = f->by[FOUND_BY_RATIO].is.edges > most ? f->by[FOUND_BY_RATIO].is.edges : most;
    }
    text_add(&words.text, "%s%s %zu to %zu at %zu", course_part(t), course->tasks[t].name,
             count ? least : 0, most, count);
    words.holds = words.holds || (count > 1 && most > 2 * least);
    any = any || count > 1;
  }
  if (!any)
    outcome_missing(outcome, "the metric is stable at the last revision alone");
  course_say(&words, outcome);
}

/* The published mean nodes, checkpoints from step 1000 on. */
static const struct {
  const char *model, *task;
  double nodes;
} published_nodes[] = {{PYTHIA_70M, "ioi", 28.9166667},
                       {PYTHIA_70M, "greater-than", 13.2482270},
                       {PYTHIA_70M, "gendered-pronoun", 17.6666667},
                       {PYTHIA_70M, "sva", 14.9650350},
                       {PYTHIA_160M, "ioi", 43.2553191},
                       {PYTHIA_160M, "greater-than", 17.3239437},
                       {PYTHIA_160M, "gendered-pronoun", 23.6969697},
                       {PYTHIA_160M, "sva", 34.6643357},
                       {PYTHIA_410M, "ioi", 88.2867133},
                       {PYTHIA_410M, "greater-than", 36.7042254},
                       {PYTHIA_410M, "gendered-pronoun", 39.2727273},
                       {PYTHIA_410M, "sva", 51.8449612},
                       {PYTHIA_1_4B, "ioi", 46.6400000},
                       {PYTHIA_1_4B, "greater-than", 35.0419580},
                       {PYTHIA_1_4B, "gendered-pronoun", 56.5600000},
                       {PYTHIA_1_4B, "sva", 93.9393939},
                       {PYTHIA_2_8B, "ioi", 135.4400000},
                       {PYTHIA_2_8B, "greater-than", 72.7500000},
                       {PYTHIA_2_8B, "gendered-pronoun", 42.3333333},
                       {PYTHIA_2_8B, "sva", 97.8484848}};

static double published_of(const char *model, const char *task)
{
  for (size_t i = 0; i < sizeof published_nodes / sizeof *published_nodes; i++)
    if (strcmp(published_nodes[i].model, model) == 0 && strcmp(published_nodes[i].task, task) == 0)
      return published_nodes[i].nodes;
  return NAN;
}

/* NAN: no revision is late enough. */
static double mean_nodes(const struct circuit_course *course, size_t task)
{
  double sum = 0;
  size_t count = 0;
  for (size_t r = 0; r < course->revision_count; r++) {
    if (course->revisions[r].step < 1000)
      continue;
    sum += (double)course_at(course, r, task)->by[FOUND_BY_RATIO].is.nodes;
    count++;
  }
  return count ? sum / (double)count : NAN;
}

/* Mean nodes are within 30 % of the published ones: prompts are not the paper's. */
static void course_nodes(const struct question *question, struct outcome *outcome)
{
  const struct circuit_course *course = question->facts->course;
  struct words words = {.holds = true};
  size_t known = 0;
  for (size_t t = 0; t < course->task_count; t++) {
    double published = published_of(course->model, course->tasks[t].name);
    double mean = mean_nodes(course, t);
    text_add(&words.text, "%s%s %.4g", course_part(t), course->tasks[t].name, mean);
    if (isnan(published))
      continue;
    known++;
    words.holds = words.holds && fabs(mean / published - 1) <= .3;
  }
  if (!known)
    outcome_missing(outcome,
                    "no figure of %.60s is published; needs Pythia 70M to 2.8B "
                    "(manifests/circuits)",
                    course->model);
  course_say(&words, outcome);
}

#define ABSTRACT "abstract"
#define RULE "published code (threshold 0.8)"

/* clang-format off */
static const struct assertion asserted[] = {
    {{"P2-50", ABSTRACT, false}, "TOK", ANY_MODEL, "tasks emerge at like token counts",
     "consistently", {FIRST("half of the final value, one model", course_emergence)}},
    {{"P2-51", ABSTRACT, false}, "TOK", ANY_MODEL, "that is so across scale", "consistently",
     {READ(not_evaluated, "needs models of several sizes: manifests/circuits/pythia-*.json")}},
    {{"P2-52", ABSTRACT, false}, "CMP", ANY_MODEL, "components emerge with the tasks",
     "at similar token counts", {READ(course_movers, "all", "ioi")}},
    {{"P2-53", RULE, true}, "CIR", ANY_MODEL, "a circuit keeps 0.8 at every revision", "yes",
     {FIRST("ratio", course_met, "ratio"),
      ALSO("normalised ratio", "arXiv 2403.17806", course_met, "normalised")}},
    {{"P2-54", RULE, true}, "CIR", ANY_MODEL, "the empty circuit fails the rule", "implied",
     {READ(course_empty)}},
    {{"P2-55", "implied by a search that stops at 0.8", false}, "CIR", ANY_MODEL,
     "larger circuits keep 0.8, too", "implied", {READ(course_keeps)}},
    {{"P2-56", ABSTRACT, false}, "SIZ", ANY_MODEL, "nodes grow with parameters", "correlates",
     {READ(not_evaluated, "needs models of several sizes: manifests/circuits/pythia-*.json")}},
    {{"P2-57", ABSTRACT, false}, "VAR", ANY_MODEL, "size fluctuates at a stable metric",
     "considerably", {FIRST("edges, largest over smallest", course_fluctuates)}},
    {{"P2-58", "plotting/correlation.py", true}, "NOD", ANY_MODEL,
     "mean nodes from step 1000 on, within 30 %", "published", {READ(course_nodes)}},
    {.group = NULL}};
/* clang-format on */

static const struct trajectory *find_none(const struct facts *facts, const char *model)
{
  (void)facts;
  (void)model;
  return NULL;
}

int course_assertions(const struct subject *subject, const struct circuit_course *course)
{
  static const struct assertion *const lists[] = {asserted}, *const apart[] = {course_components};
  const struct facts facts = {course};
  struct assertion_set set = {
      .lists = lists, .count = 1, .facts = &facts, .find = find_none, .model = course->model};
  if (assertions_add(subject, &set) || !circuit_course_has_components(course))
    return subject->error->code;
  set.lists = apart;
  set.apart = true;
  return assertions_add(subject, &set);
}
