/* Which tensors a model of a config.json has: names, shapes and what they are, in the order in
 * which Hugging Face's transformers keeps them (its state_dict): those of the table of families. */
#ifndef ATTEST_MODEL_INVENTORY_H
#define ATTEST_MODEL_INVENTORY_H

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "model/family.h"

#define INVENTORY_NAME 80

/* A checkpoint of more tensors has an index that no reader here takes. */
#define INVENTORY_MOST 100000

struct inventory {
  size_t count;
  struct tensor *tensors; /* [count]; `data` and `file` are NULL */
  enum inventory_kind *kinds;
  char (*names)[INVENTORY_NAME]; /* what the tensors' names point to */
  uint64_t parameters;           /* elements without the buffers */
  uint64_t bytes;                /* with the buffers */
};

/* Lists the tensors with their parameters stored as `dtype`; `buffers`: also those of older
 * gpt_neox checkpoints. `name` appears in messages. Owner: the caller, inventory_free. Errors:
 * EXIT_INPUT (more than INVENTORY_MOST tensors, sizes beyond 64 bits), EXIT_RUN. */
int inventory_create(const char *name, const struct model_config *config, enum dtype dtype,
                     bool buffers, struct inventory *inventory, struct error *error);
void inventory_free(struct inventory *inventory);

#endif
