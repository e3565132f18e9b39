/* What comes of a training run of arXiv 2404.07129 as text: lines of the tables of its claims
 * (claims/arxiv_2404_07129/paper.h), each begun by the name of its table, and lines of curves,
 *   curve,FIGURE,NAME,X,Y
 * Numbers have 17 digits; what is not known is empty. */
#ifndef ATTEST_STUDY_FORMATION_ROWS_H
#define ATTEST_STUDY_FORMATION_ROWS_H

#include "few_shot/course.h"
#include "few_shot/examine.h"
#include "study/formation_runs.h"

/* The row of a run in table runs, and the curve of its losses. `parameters` are its last, `count`
 * of them. rows->failed without memory. */
void formation_rows_run(const char *model, const struct formation_run *run,
                        const struct few_log *log, const float *parameters, size_t count,
                        struct text *rows);

/* The rows of an examination in all tables but runs and checkpoints. */
void formation_rows_examination(const char *model, const struct few_sizes *sizes,
                                const float *parameters, const struct few_examination *found,
                                bool wiring, struct text *rows);

/* What a checkpoint shows on the evaluation set fsl_train, as it is and with the direct output of
 * layer 0 removed. */
struct formation_checkpoint {
  uint64_t sequences;
  size_t heads;
  struct few_scores whole, direct;
  struct few_strengths strengths;
};
void formation_rows_checkpoint(const char *model, const struct formation_checkpoint *checkpoint,
                               struct text *rows);

/* The toy model of a seed: rows of table toy and curves. */
void formation_rows_toy(const char *model, uint32_t seed, struct text *rows);

/* A row of table models: of a seed that was examined, or not (NULL). */
void formation_rows_model(const char *model, const char *data, uint32_t seed, uint64_t sequences,
                          const struct few_examination *found, struct text *rows);

#endif
