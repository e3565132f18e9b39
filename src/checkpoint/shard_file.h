/* One file of tensors, of either format. */
#ifndef ATTEST_CHECKPOINT_SHARD_FILE_H
#define ATTEST_CHECKPOINT_SHARD_FILE_H

#include "base/error.h"
#include "checkpoint/pytorch.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/shards.h"
#include "files/fileset.h"

struct shard_file {
  size_t count;
  struct tensor *tensors; /* belong to the owner */
  enum shard_format format;
  union {
    struct safetensors safetensors;
    struct pytorch pytorch;
  } owner;
};

/* Parses a file, which must outlive the result. Owner: the caller, shard_file_free. Errors:
 * EXIT_INPUT, EXIT_RUN. */
int shard_file_parse(const struct fileset_file *file, enum shard_format format,
                     struct shard_file *shard, struct error *error);
void shard_file_free(struct shard_file *shard); /* all zero is allowed */

#endif
