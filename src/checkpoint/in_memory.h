/* A checkpoint over tensors in memory, for runs that need the shapes of a model and not its files.
 */
#ifndef ATTEST_CHECKPOINT_IN_MEMORY_H
#define ATTEST_CHECKPOINT_IN_MEMORY_H

#include "checkpoint/checkpoint.h"

/* Makes a checkpoint of `count` tensors; `path` appears in messages. The array and the config are
 * copied; names, files and data are borrowed and must outlive the checkpoint. Names must differ;
 * data may be shared by several tensors. A tensor whose file is NULL gets `path`. Owner: the
 * caller, checkpoint_close. Errors: EXIT_RUN. */
int checkpoint_of_tensors(const char *path, const char *config_json, const struct tensor *tensors,
                          size_t count, struct checkpoint **checkpoint, struct error *error);

#endif
