#include "few_shot/course.h"

#include <math.h>

const struct table_column few_course_columns[FEW_COURSE_COLUMNS] = {
    {"set", "set", CELL_TEXT},
    {"learned", "learned", CELL_INTEGER},
    {"learned_accuracy", "by accuracy", CELL_INTEGER},
    {"plateau", "near ln 2", CELL_INTEGER},
    {"plateau_longest", "longest", CELL_INTEGER},
    {"plateau_between", "first to last", CELL_INTEGER},
    {"drop", "fall", CELL_INTEGER},
    {"sequences", NULL, CELL_INTEGER},
    {"loss", "loss", CELL_NUMBER},
    {"accuracy", "accuracy", CELL_NUMBER},
};

static void find_learned(const struct few_evaluation *evaluations, size_t count, enum few_set set,
                         struct few_course *course)
{
  double high = NAN; /* the last evaluation that was not below the plateau */
  for (size_t i = 0; i < count; i++) {
    const struct few_scores *s = &evaluations[i].sets[set];
    double at = (double)evaluations[i].sequences;
    if (isnan(course->learned_accuracy) && s->acc >= FEW_LEARNED_ACCURACY)
      course->learned_accuracy = at;
    if (isnan(course->learned) && s->loss < FEW_LEARNED_LOSS) {
      course->learned = at;
      course->drop = at - high;
    }
    if (s->loss >= FEW_LN2 - FEW_NEAR)
      high = at;
  }
}

static void find_plateau(const struct few_evaluation *evaluations, size_t count, enum few_set set,
                         struct few_course *course)
{
  size_t stretch = 0, first = 0;
  for (size_t i = 0; i < count; i++) {
    bool near = fabs(evaluations[i].sets[set].loss - FEW_LN2) < FEW_NEAR;
    stretch = near ? stretch + 1 : 0;
    if (!near)
      continue;
    if (!course->plateau++)
      first = i;
    course->plateau_between = i - first + 1;
    if (stretch > course->plateau_longest)
      course->plateau_longest = stretch;
  }
}

struct few_course few_course_of(const struct few_evaluation *evaluations, size_t count,
                                enum few_set set)
{
  struct few_course course = {
      .learned = NAN, .learned_accuracy = NAN, .drop = NAN, .loss = NAN, .accuracy = NAN};
  find_learned(evaluations, count, set, &course);
  find_plateau(evaluations, count, set, &course);
  if (count) {
    course.loss = evaluations[count - 1].sets[set].loss;
    course.accuracy = evaluations[count - 1].sets[set].acc;
  }
  return course;
}

static void add_time(struct table *table, double sequences)
{
  if (isfinite(sequences))
    table_integer(table, (int64_t)sequences);
  else
    table_missing(table);
}

void few_course_table(const struct few_log *log, struct table *table)
{
  size_t count = log->evaluation_count;
  *table = (struct table){.columns = few_course_columns, .column_count = FEW_COURSE_COLUMNS};
  for (int set = 0; set < FEW_SETS && count; set++) {
    const struct few_course c = few_course_of(log->evaluations, count, (enum few_set)set);
    table_text(table, few_set_names[set]);
    add_time(table, c.learned);
    add_time(table, c.learned_accuracy);
    table_integer(table, (int64_t)c.plateau);
    table_integer(table, (int64_t)c.plateau_longest);
    table_integer(table, (int64_t)c.plateau_between);
    add_time(table, c.drop);
    table_integer(table, (int64_t)log->evaluations[count - 1].sequences);
    table_number(table, c.loss);
    table_number(table, c.accuracy);
  }
}
