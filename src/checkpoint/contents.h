/* The files that an open checkpoint was read from. */
#ifndef ATTEST_CHECKPOINT_CONTENTS_H
#define ATTEST_CHECKPOINT_CONTENTS_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/shards.h"
#include "files/fileset.h"

struct contents {
  enum shard_format format; /* of the files with tensors */
  size_t count;
  const struct fileset_file **files; /* config.json, the index if any, then those with tensors, by
                                        name; they belong to the checkpoint */
  bool indexed;                      /* files[1] is an index */
};

/* Owner: the caller, contents_free, before the checkpoint is closed. Errors: EXIT_RUN. */
int contents_list(const struct checkpoint *checkpoint, struct contents *contents,
                  struct error *error);
void contents_free(struct contents *contents);

#endif
