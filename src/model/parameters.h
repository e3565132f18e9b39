/* The parameters of a model as arrays of fp32 that can change, each with its gradient: what
 * training owns, and what the tape (tape/model.h) reads and writes. */
#ifndef ATTEST_MODEL_PARAMETERS_H
#define ATTEST_MODEL_PARAMETERS_H

#include "model/inventory.h"
#include "model/model.h"

struct parameter {
  const char *name; /* canonical: that of transformers' state_dict; owned by the inventory */
  enum inventory_kind kind;
  int rank;
  size_t shape[FAMILY_RANK];
  size_t rows, columns; /* of a matrix [out][in]; of a vector 1 and its length */
  size_t elements;      /* rows * columns */
  bool decays; /* every matrix but the embeddings of tokens and positions; no norm or bias */
  float *values, *gradient; /* [elements], 64-byte aligned; parts of the blocks below */
};

struct parameters {
  size_t count;
  struct parameter *list; /* [count], in the order of the table of families (family.h) */
  size_t elements;        /* of all, without the padding between them */

  /* The same as a model, whose tensors are the values: the forward pass can run on it. */
  struct model model;

  /* Owned: */
  struct inventory inventory;
  struct checkpoint *checkpoint;
  float *values, *gradients; /* one block each */
};

/* Arrays for the model of this config.json (`name` appears in messages), values and gradients 0.
 * Owner: the caller, parameters_free, also after an error. Errors: EXIT_INPUT (a config.json that
 * model_config_parse refuses), EXIT_RUN. */
int parameters_create(const char *name, const char *config_json, size_t size,
                      struct parameters *parameters, struct error *error);
void parameters_free(struct parameters *parameters);

/* Bytes that parameters_create takes for values and gradients. */
uint64_t parameters_bytes(const struct model_config *config);

/* Creates the same from a checkpoint's model, bf16 and f16 widened exactly. Errors: EXIT_INPUT for
 * a weight that is not finite or a base model without LM head, EXIT_RUN (also when interrupted). */
int parameters_read(const struct model *model, struct parameters *parameters, struct error *error);

/* The same without gradients, which are NULL then, and half the memory. */
int parameters_read_values(const struct model *model, struct parameters *parameters,
                           struct error *error);

/* The parameter whose values this tensor of `model` is; NULL for NULL. */
struct parameter *parameters_of(const struct parameters *parameters, const struct tensor *tensor);

#endif
