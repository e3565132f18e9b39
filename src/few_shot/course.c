#include "few_shot/course.h"

#include <math.h>

static double first_below(const struct few_evaluation *evaluations, size_t count, enum few_set set)
{
  for (size_t i = 0; i < count; i++)
    if (evaluations[i].sets[set].loss < FEW_LEARNED_LOSS)
      return (double)evaluations[i].sequences;
  return NAN;
}

static double first_accurate(const struct few_evaluation *evaluations, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (evaluations[i].sets[FEW_SET_TRAIN].acc >= FEW_LEARNED_ACCURACY)
      return (double)evaluations[i].sequences;
  return NAN;
}

static double drop_of(const struct few_evaluation *evaluations, size_t count)
{
  double high = NAN;
  for (size_t i = 0; i < count; i++) {
    double loss = evaluations[i].sets[FEW_SET_TRAIN].loss;
    if (loss < FEW_LEARNED_LOSS)
      return (double)evaluations[i].sequences - high;
    if (loss >= FEW_LN2 - FEW_NEAR)
      high = (double)evaluations[i].sequences;
  }
  return NAN;
}

static void find_plateau(const struct few_evaluation *evaluations, size_t count,
                         struct few_course *course)
{
  size_t stretch = 0, first = 0;
  for (size_t i = 0; i < count; i++) {
    bool near = fabs(evaluations[i].sets[FEW_SET_TRAIN].loss - FEW_LN2) < FEW_NEAR;
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

struct few_course few_course_of(const struct few_evaluation *evaluations, size_t count)
{
  struct few_course course = {.loss = NAN, .accuracy = NAN};
  for (int set = 0; set < FEW_SETS; set++)
    course.learned[set] = first_below(evaluations, count, (enum few_set)set);
  course.learned_accuracy = first_accurate(evaluations, count);
  course.drop = drop_of(evaluations, count);
  find_plateau(evaluations, count, &course);
  if (count) {
    course.loss = evaluations[count - 1].sets[FEW_SET_TRAIN].loss;
    course.accuracy = evaluations[count - 1].sets[FEW_SET_TRAIN].acc;
  }
  return course;
}
