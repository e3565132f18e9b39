/* A model that can be trained: loss and gradients of all parameters for a batch.
 *
 *   loss = cross-entropy + sum over layers (load_balancing * A + router_z * Z)
 *
 * Cross-entropy is the mean over all tokens of the batch; A and Z (operations.h) are those of a
 * micro-batch, and their mean over micro-batches. A batch larger than a micro-batch is taken in
 * micro-batches in order, whose gradients are added in that order: part of the recipe, as it
 * changes the bits. Nothing else does: not the instruction set, the threads or the memory. */
#ifndef ATTEST_TAPE_MODEL_H
#define ATTEST_TAPE_MODEL_H

#include "tape/pass.h"

struct tape_model_options {
  const struct kernels *kernels;   /* borrowed */
  struct threads *threads;         /* borrowed; NULL = the caller's thread alone */
  size_t batch;                    /* sequences of a step */
  size_t micro_batch;              /* divides `batch`; 0 = the whole batch */
  size_t seq_len;                  /* inputs of a sequence; it has one token more */
  double load_balancing, router_z; /* 0 = computed alone; 0.01 and 0.001 in the reference */
  const struct tape_replacement *replacements; /* sequences count within the micro-batch */
  size_t replacement_count;
};

struct tape_model;

/* What a batch gives. The layers' arrays belong to the model. */
struct tape_losses {
  double loss;                             /* of which the gradients are */
  double cross_entropy;                    /* mean over tokens */
  size_t layers;                           /* 0 without experts */
  const double *load_balancing, *router_z; /* [layers] A and Z */
};

/* Records the tape for `parameters`, which are borrowed: every run reads their values and writes
 * their gradients. Owner: the caller, tape_model_free, also after an error. Errors: EXIT_INPUT (a
 * batch or sequence of impossible size, a micro-batch that does not divide it, a site the model
 * does not have), EXIT_RUN. */
int tape_model_create(const struct parameters *parameters, const struct tape_model_options *options,
                      struct tape_model **model, struct error *error);
void tape_model_free(struct tape_model *model); /* NULL is allowed */

/* The pass on the tape, for its sites; and the tape, where values and gradients to be read can be
 * kept (tape_keep) before it is planned. */
const struct tape_pass *tape_model_pass(const struct tape_model *model);
struct tape *tape_model_tape(struct tape_model *model);

/* Plans the memory; takes it. Errors: EXIT_RUN. */
int tape_model_plan(struct tape_model *model, struct error *error);
int tape_model_allocate(struct tape_model *model, struct error *error);

/* Once planned: the bytes that it takes beside the parameters (parameters_bytes), exact. */
uint64_t tape_model_bytes(const struct tape_model *model);

/* Floating-point operations of a step: forward and backward, products and attention. */
double tape_model_gflop(const struct tape_model *model);

/* Losses and gradients of tokens [batch][seq_len + 1]. Errors: EXIT_INPUT for a token outside the
 * vocabulary; for a loss or a gradient that is not finite, naming the first value where it shows,
 * or the parameter, and the element. Gradients are undefined then. */
int tape_model_run(struct tape_model *model, const int32_t *tokens, struct tape_losses *losses,
                   struct error *error);

/* The loss alone, without gradients, as in `losses` above. Errors: the same. */
int tape_model_evaluate(struct tape_model *model, const int32_t *tokens, struct tape_losses *losses,
                        struct error *error);

/* Mean loss of every token of the last micro-batch, [micro_batch][seq_len]; borrowed until the next
 * run. */
const double *tape_model_token_losses(const struct tape_model *model);

#endif
