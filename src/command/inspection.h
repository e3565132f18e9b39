/* What is in a model directory, gathered for `attest inspect`. */
#ifndef ATTEST_COMMAND_INSPECTION_H
#define ATTEST_COMMAND_INSPECTION_H

#include "base/digest.h"
#include "checkpoint/contents.h"
#include "model/inventory.h"
#include "pass/forward.h"
#include "pass/runtime.h"
#include "probe/protocol.h"
#include "study/outputs.h"

#include <jansson.h>

#define INSPECTION_DTYPES (DTYPE_BOOL + 1)

struct tensor_sum {
  uint64_t tensors, elements, bytes;
};

/* Names of tensors: in the checkpoint's memory or in the inventory's. */
struct name_list {
  size_t count;
  const char **names;
};

struct inspection {
  const char *path;
  struct checkpoint *checkpoint;
  struct contents contents;
  struct digest *digests; /* [contents.count]; NULL = not asked for */
  char *model_type;       /* of config.json, as written there; NULL = none */

  bool known; /* whether config.json is one that attest can run; else `config` is empty */
  struct model_config config;
  struct tensor_sum dtypes[INSPECTION_DTYPES], all;
  struct tensor_sum passed_over;                     /* not read by the forward pass; known only */
  struct inventory *inventory;                       /* NULL unless known */
  struct name_list missing, unexpected, wrong_shape; /* against the inventory */

  struct error obstacle; /* why it cannot be screened; code 0 = it can */

  /* The screen of the published protocol, or of the largest part of it that the model allows. Set
   * when there is no obstacle. */
  struct protocol protocol;
  bool published;
  struct forward_plan plan;
  double seconds; /* 0 = not known */
};

/* Opens `path` and gathers all of it; `hash`: digests, too. `json` must not be one of the files
 * (outputs.h). Owner: the caller, inspection_free.
 * Errors: EXIT_INPUT (damaged), EXIT_RUN. A model that attest cannot run is not an error, but an
 * obstacle. */
int inspection_gather(const char *path, bool hash, const struct output *json,
                      const struct runtime *runtime, struct inspection *inspection,
                      struct error *error);
void inspection_free(struct inspection *inspection);

/* "safetensors" or "PyTorch". */
const char *inspection_format(const struct inspection *inspection);

/* Whether the tensors are those that config.json asks for. */
bool inspection_consistent(const struct inspection *inspection);

/* All of it as JSON; NULL without memory or for a path that is not UTF-8. */
json_t *inspection_json(const struct inspection *inspection, const struct runtime *runtime);

/* Prints it to standard output; `tensors`: every tensor, too. */
void inspection_print(const struct inspection *inspection, const struct runtime *runtime,
                      bool tensors);

#endif
