/* What arXiv 2407.10827 asserts of components over training, evaluated on those of a run. */
#include "claims/arxiv_2407_10827/courses.h"
#include "claims/assertion_rows.h"

#include <math.h>
#include <string.h>

#define MOVER_SCORE 50 /* percent of a name mover's cases, as for the published ones */

void course_say(struct words *words, struct outcome *outcome)
{
  outcome->evidence->failed = outcome->evidence->failed || words->text.failed;
  outcome_words(outcome, words->holds, "%s", words->text.data ? words->text.data : "");
  text_free(&words->text);
}

size_t course_emerges(const struct circuit_course *course, size_t task)
{
  double goal = course_at(course, course->revision_count - 1, task)->clean / 2;
  size_t r = 0;
  while (r < course->revision_count && !(goal > 0 && course_at(course, r, task)->clean > goal))
    r++;
  return r;
}

static double tokens_of(const struct circuit_course *course, size_t revision)
{
  return revision < course->revision_count ? course->revisions[revision].tokens : INFINITY;
}

static const char *name_of(const struct circuit_course *course, size_t revision)
{
  return revision < course->revision_count ? course->revisions[revision].name : "never";
}

/* Within a factor of two, both having emerged at all. */
static bool is_near(double a, double b)
{
  return isfinite(a) && isfinite(b) && a <= 2 * b && b <= 2 * a;
}

/* --- movers --- */

struct movers {
  size_t count;       /* at the last revision */
  size_t first, last; /* revisions at which one of them first has MOVER_SCORE */
};

/* The first revision at which a head has MOVER_SCORE. */
static size_t mover_emerges(const struct circuit_course *course, size_t task, size_t head)
{
  size_t r = 0;
  while (r < course->revision_count &&
         !(mover_copy_score(&course_at(course, r, task)->components[head].mover) > MOVER_SCORE))
    r++;
  return r;
}

/* Whether the edge from a head into the logits is in the circuit. */
static bool acts_on_logits(const struct found *found, size_t head)
{
  const struct graph *g = &found->graph;
  size_t source = graph_head(g, head / g->heads, head % g->heads);
  return found->by[FOUND_BY_RATIO].kept[graph_first_edge(g, g->destinations - 1) + source];
}

/* Heads with MOVER_SCORE at the last revision; `acting`: that are in its circuit so. */
static struct movers find_movers(const struct circuit_course *course, size_t task, bool acting)
{
  const struct found *last = course_at(course, course->revision_count - 1, task);
  struct movers movers = {0, course->revision_count, 0};
  for (size_t h = 0; h < last->component_count; h++) {
    const struct mover_scores *mover = &last->components[h].mover;
    if (!mover_is(mover) || !(mover_copy_score(mover) > MOVER_SCORE) ||
        (acting && !acts_on_logits(last, h)))
      continue;
    size_t r = mover_emerges(course, task, h);
    movers.count++;
    movers.first = r < movers.first ? r : movers.first;
    movers.last = r > movers.last ? r : movers.last;
  }
  return movers;
}

static bool has_cases(const struct found *found)
{
  return found->component_count && found->components[0].mover.cases;
}

/* Whether a question is about a task, which has answers in its prompts. */
static bool is_asked(const struct question *question, size_t task)
{
  const struct circuit_course *course = question->facts->course;
  const char *which = question_argument(question, 1);
  return has_cases(course_at(course, course->revision_count - 1, task)) &&
         (!*which || strcmp(which, course->tasks[task].name) == 0);
}

void course_movers(const struct question *question, struct outcome *outcome)
{
  const struct circuit_course *course = question->facts->course;
  struct words words = {.holds = true};
  bool acting = strcmp(question_argument(question, 0), "acting") == 0;
  size_t asked = 0;
  for (size_t t = 0; t < course->task_count; t++) {
    if (!is_asked(question, t))
      continue;
    const struct movers movers = find_movers(course, t, acting);
    double tokens = tokens_of(course, course_emerges(course, t));
    text_add(&words.text, "%s%s ", course_part(asked++), course->tasks[t].name);
    if (movers.count && isfinite(tokens))
      text_add(&words.text, "%zu: %.2gx to %.2gx", movers.count,
               tokens_of(course, movers.first) / tokens, tokens_of(course, movers.last) / tokens);
    else
      text_add(&words.text, movers.count ? "never" : "no mover");
    words.holds = words.holds && movers.count && is_near(tokens_of(course, movers.first), tokens) &&
                  is_near(tokens_of(course, movers.last), tokens);
  }
  if (asked) {
    course_say(&words, outcome);
    return;
  }
  if (*question_argument(question, 1))
    outcome_missing(outcome, "needs component scores of the paper's tasks at every checkpoint");
  else
    outcome_missing(outcome, "no task has its answers in its prompts");
}

/* --- patterns --- */

static double pattern_of(const struct component *c, const char *which)
{
  return strcmp(which, "previous") == 0 ? c->patterns.previous : c->patterns.induction;
}

/* Of the head that has most of it; they are those of a model, the same for every task. */
static double largest(const struct circuit_course *course, size_t revision, const char *which)
{
  const struct found *found = course_at(course, revision, 0);
  double most = 0;
  for (size_t h = 0; h < found->component_count; h++)
    most = fmax(most, pattern_of(&found->components[h], which));
  return most;
}

/* The first revision at which the largest score exceeds half of the last one's. */
static size_t pattern_emerges(const struct circuit_course *course, const char *which)
{
  double goal = largest(course, course->revision_count - 1, which) / 2;
  size_t r = 0;
  while (r < course->revision_count && !(goal > 0 && largest(course, r, which) > goal))
    r++;
  return r;
}

/* The heads of a pattern emerge within a factor of two of every task. Argument: which. */
static void course_pattern(const struct question *question, struct outcome *outcome)
{
  const struct circuit_course *course = question->facts->course;
  const char *which = question_argument(question, 0);
  size_t heads = pattern_emerges(course, which);
  struct words words = {.holds = true};
  text_add(&words.text, "heads %s", name_of(course, heads));
  for (size_t t = 0; t < course->task_count; t++) {
    size_t task = course_emerges(course, t);
    text_add(&words.text, "; %s %s", course->tasks[t].name, name_of(course, task));
    words.holds = words.holds && is_near(tokens_of(course, heads), tokens_of(course, task));
  }
  course_say(&words, outcome);
}

/* The first revision with an S-inhibition head on any task. */
static size_t inhibition_emerges(const struct circuit_course *course)
{
  for (size_t r = 0; r < course->revision_count; r++)
    for (size_t t = 0; t < course->task_count; t++)
      for (size_t h = 0; h < course_at(course, r, t)->component_count; h++)
        if (inhibition_is(&course_at(course, r, t)->components[h].inhibition))
          return r;
  return course->revision_count;
}

/* Induction and previous-token heads are there no later than the first name mover of any task, and
 * than the first S-inhibition head where there is one. */
static void course_order(const struct question *question, struct outcome *outcome)
{
  const struct circuit_course *course = question->facts->course;
  size_t previous = pattern_emerges(course, "previous");
  size_t induction = pattern_emerges(course, "induction"), mover = course->revision_count;
  for (size_t t = 0; t < course->task_count; t++) {
    const struct movers movers = find_movers(course, t, false);
    mover = movers.first < mover ? movers.first : mover;
  }
  if (mover == course->revision_count) {
    outcome_missing(outcome, "no head is a name mover at the last revision");
    return;
  }
  size_t inhibition = inhibition_emerges(course);
  bool first = previous <= mover && induction <= mover;
  if (inhibition == course->revision_count)
    outcome_words(outcome, first, "previous %s, induction %s, movers %s", name_of(course, previous),
                  name_of(course, induction), name_of(course, mover));
  else
    outcome_words(outcome, first && previous <= inhibition && induction <= inhibition,
                  "previous %s, induction %s, movers %s, S-inhibition %s",
                  name_of(course, previous), name_of(course, induction), name_of(course, mover),
                  name_of(course, inhibition));
}

#define ABSTRACT "abstract"
#define ORDER "section on components, as far as we know"

/* clang-format off */
const struct assertion course_components[] = {
    {{"P2-60", ABSTRACT, false}, "CMP", ANY_MODEL, "name movers emerge with the tasks",
     "at similar token counts",
     {FIRST("half of the cases, heads that are movers at the end", course_movers, "all"),
      ALSO("of these, heads with an edge into the logits in the last circuit",
           "movers write the answer into the logits", course_movers, "acting")}},
    {{"P2-61", ABSTRACT, false}, "CMP", ANY_MODEL, "induction heads emerge with the tasks",
     "at similar token counts", {FIRST("half of the final value", course_pattern, "induction")}},
    {{"P2-62", ABSTRACT, false}, "CMP", ANY_MODEL, "previous-token heads emerge with the tasks",
     "at similar token counts", {FIRST("half of the final value", course_pattern, "previous")}},
    {{"P2-63", ORDER, false}, "CMP", ANY_MODEL, "induction and previous-token heads come first",
     "yes", {FIRST("no later than the first name mover", course_order)}},
    {{"P2-64", ORDER, false}, "CMP", ANY_MODEL, "successor heads follow them", "yes",
     {READ(not_evaluated, "needs tokens of the paper's nine families of words in the model's "
           "vocabulary")}},
    {{"P2-65", ORDER, false}, "CMP", ANY_MODEL, "copy suppression emerges with IOI", "yes",
     {READ(not_evaluated, "needs the web text and the dictionary of related tokens of the "
           "published script, which are not published as text")}},
    {{"P2-66", ABSTRACT, false}, "CMP", ANY_MODEL, "the algorithm stays while heads change",
     "remains",
     {READ(not_evaluated, "needs shares of path-patching effects on the paper's tasks")}},
    {.group = NULL}};
/* clang-format on */
