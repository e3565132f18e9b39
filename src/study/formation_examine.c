#include "study/formation_examine.h"

#include "base/memory.h"
#include "few_shot/measure.h"
#include "study/formation_rows.h"

#include <stdlib.h>

#define WIRING_STRIDE 17 /* prime to the 32 sequences of a pair of classes */
#define BATCH 250        /* of an evaluation set */

struct few_examined formation_examined_by(const struct formation_examined *e,
                                          const float *parameters)
{
  return (struct few_examined){.kernels = e->kernels,
                               .data = e->data,
                               .sizes = e->sizes,
                               .parameters = parameters,
                               .stride = e->stride,
                               .wiring_stride = WIRING_STRIDE * e->stride,
                               .wiring = e->wiring};
}

int formation_examine(const struct formation_examined *e, const float *parameters,
                      uint64_t sequences, struct few_examination *found, struct text *rows,
                      struct error *error)
{
  const struct few_examined examined = formation_examined_by(e, parameters);
  if (few_examine(&examined, e->go_on, e->context, found, error))
    return error->code;
  formation_rows_model(e->model, formation_data_name(e->recipe->items), e->recipe->initial_seed,
                       sequences, found, rows);
  formation_rows_examination(e->model, e->sizes, parameters, found, e->wiring, rows);
  return 0;
}

/* --- checkpoints --- */

/* The evaluation set fsl_train, as training draws it. */
static int draw_set(const struct formation_examined *e, struct few_sequence **sequences,
                    struct error *error)
{
  struct random random;
  size_t count = e->recipe->evaluation_sequences;
  *sequences = memory_alloc(count, sizeof **sequences, "sequences", error);
  if (!*sequences)
    return error->code;
  random_seed(&random, e->recipe->evaluation_seed);
  few_data_draw(e->data, FEW_SET_TRAIN, &random, *sequences, count);
  return 0;
}

static int open_model(const struct formation_examined *e, const struct few_clamp *clamp,
                      const float *parameters, struct few_model **model, struct error *error)
{
  const struct few_model_options options = {.kernels = e->kernels,
                                            .sizes = *e->sizes,
                                            .batch = BATCH,
                                            .items = few_data_table(e->data, FEW_SET_TRAIN).rows,
                                            .clamp = clamp};
  return few_model_create(&options, parameters, NULL, model, error);
}

static int look_at(const struct formation_examined *e, const float *parameters,
                   const struct few_sequence *sequences, struct formation_checkpoint *found,
                   struct error *error)
{
  const struct few_clamp direct = {.ablate = {UINT64_MAX >> (64 - e->sizes->heads), 0},
                                   .preserve = FEW_PRESERVE_BOTH};
  const struct few_table table = few_data_table(e->data, FEW_SET_TRAIN);
  size_t count = e->recipe->evaluation_sequences;
  struct few_model *whole = NULL, *without = NULL;
  int status = open_model(e, NULL, parameters, &whole, error);
  if (!status)
    status = open_model(e, &direct, parameters, &without, error);
  if (!status)
    status = few_measure(whole, &table, sequences, count, NULL, NULL, &found->whole, error);
  if (!status)
    status = few_measure(without, &table, sequences, count, NULL, NULL, &found->direct, error);
  if (!status)
    status = few_strengths_of(whole, e->sizes, &table, sequences, count, NULL, NULL,
                              &found->strengths, error);
  few_model_free(whole);
  few_model_free(without);
  return status;
}

int formation_examine_checkpoint(const struct formation_examined *e, const float *parameters,
                                 uint64_t sequences, struct text *rows, struct error *error)
{
  struct formation_checkpoint found = {.sequences = sequences, .heads = e->sizes->heads};
  struct few_sequence *drawn = NULL;
  int status = draw_set(e, &drawn, error);
  if (!status)
    status = look_at(e, parameters, drawn, &found, error);
  if (!status)
    formation_rows_checkpoint(e->model, &found, rows);
  free(drawn);
  return status;
}
