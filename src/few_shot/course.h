/* When a run learned, and how long its loss stood still, from its evaluations (arXiv 2404.07129).
 * Both words are read in several ways, each a figure of its own. */
#ifndef ATTEST_FEW_SHOT_COURSE_H
#define ATTEST_FEW_SHOT_COURSE_H

#include "base/table.h"
#include "few_shot/run.h"

#define FEW_LN2 0.69314718055994531 /* the loss of a guess between the two labels of a sequence */
#define FEW_LEARNED_LOSS (0.4 * FEW_LN2)
#define FEW_LEARNED_ACCURACY 0.9
#define FEW_NEAR 0.05 /* |loss - ln 2| below it is a plateau */

/* On one evaluation set. Times in sequences, of the first evaluation that shows it; NAN = never. */
struct few_course {
  double learned;          /* loss < FEW_LEARNED_LOSS */
  double learned_accuracy; /* accuracy >= FEW_LEARNED_ACCURACY */
  /* From the last evaluation before `learned` whose loss was at least ln 2 - FEW_NEAR to that one;
   * NAN without either. */
  double drop;
  /* Evaluations whose loss is near ln 2: all, the longest stretch of them, and from the first to
   * the last, both included. */
  size_t plateau, plateau_longest, plateau_between;
  double loss, accuracy; /* of the last evaluation; NAN = there is none */
};

/* Of evaluations in order. */
struct few_course few_course_of(const struct few_evaluation *evaluations, size_t count,
                                enum few_set set);

/* The course as a table, a row a set, none without evaluations:
 *   set,learned,learned_accuracy,plateau,plateau_longest,plateau_between,drop,sequences,loss,
 *   accuracy
 * as above, `sequences` being those of the last evaluation. */
#define FEW_COURSE_COLUMNS 10
extern const struct table_column few_course_columns[FEW_COURSE_COLUMNS];

/* Fills an empty table; table->failed without memory. */
void few_course_table(const struct few_log *log, struct table *table);

#endif
