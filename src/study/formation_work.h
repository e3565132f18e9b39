/* Carrying out one training run of a manifest of arXiv 2404.07129: trained, examined, and kept, so
 * that a killed study goes on where it was, to the same bits.
 *
 *   CURRENT/MODEL.RUN.run/         while it is trained (few_shot/run.h)
 *   CURRENT/MODEL.RUN.rows         what came of it (formation_rows.h), with a digest of its bytes
 *   CURRENT/MODEL.RUN.parameters   its last parameters, fp32, if others graft from it */
#ifndef ATTEST_STUDY_FORMATION_WORK_H
#define ATTEST_STUDY_FORMATION_WORK_H

#include "study/formation_runs.h"
#include "study/workdir.h"

/* What all runs of a study share; several may be carried out side by side. */
struct formation_work {
  const struct manifest *manifest;
  const struct few_items *items;
  const struct workdir *dir;
  const struct kernels *kernels;
  bool (*go_on)(void *context);                      /* asked now and then; false = stop */
  void (*advanced)(void *context, uint64_t updates); /* so many more are done */
  void *context;
};

/* The kept rows of a run, if there are any. *rows is then its text. Errors: EXIT_RUN. */
int formation_kept(const struct formation_work *work, const struct formation_run *run,
                   struct text *rows, bool *kept, struct error *error);

/* Trains and examines it, from where it was, and keeps what came of it. Errors: EXIT_INPUT,
 * EXIT_RUN (also: stopped). */
int formation_carry_out(const struct formation_work *work, const struct formation_run *run,
                        struct text *rows, struct error *error);

/* What a run takes: measured seconds of an update and an evaluation, bytes of memory, and of the
 * disk while it is trained. Errors: EXIT_INPUT, EXIT_RUN. */
struct formation_cost {
  double update, evaluation;
  uint64_t bytes, disk;
};
int formation_measure_cost(const struct formation_work *work, const struct formation_run *run,
                           struct formation_cost *cost, struct error *error);

/* The items of a manifest. Owner: the caller, few_items_close. Errors: EXIT_INPUT, EXIT_RUN. */
int formation_items_open(const struct manifest_formation *formation, struct few_items *items,
                         struct error *error);

uint64_t formation_updates(const struct formation_work *work, const struct formation_run *run);

#endif
