/* `attest train --examine`: what the heads of a few-shot model do, as the tables that a study of
 * arXiv 2404.07129 makes of its models (study/formation_examine.h), in the run's folder. */
#ifndef ATTEST_COMMAND_TRAIN_EXAMINE_H
#define ATTEST_COMMAND_TRAIN_EXAMINE_H

#include "command/train_few_shot.h"
#include "study/outputs.h"

#include <jansson.h>

/* What is going to be examined, and what that takes. */
struct train_examination {
  uint64_t n;         /* of N.safetensors */
  size_t sequences;   /* examined */
  size_t checkpoints; /* rows of checkpoints.csv: all that are kept, or the one that is asked for */
  double work, seconds;
  uint64_t bytes;
};

/* Before the run. Errors: EXIT_INPUT (a checkpoint that the recipe does not keep, more memory than
 * is allowed), EXIT_RUN. */
int train_examination_plan(const struct train_options *options, const struct runtime *runtime,
                           const struct few_training *training,
                           struct train_examination *examination, struct error *error);

/* A line of print_plan's. */
void train_examination_print(const struct train_options *options,
                             const struct train_examination *examination);

/* The JSON must not be one of the tables. Errors: EXIT_INPUT. */
int train_examination_spare(const struct train_options *options, const struct output *json,
                            struct error *error);

/* After the run has ended: writes the tables, together; prints and adds to `json` (NULL: none) what
 * they come to. Errors: EXIT_INPUT, EXIT_RUN (also: interrupted). */
int train_examine(const struct train_options *options, const struct runtime *runtime,
                  const struct few_training *training, const struct train_examination *examination,
                  json_t *json, struct error *error);

#endif
