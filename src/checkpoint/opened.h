/* The inside of an open checkpoint, for the files of this room that make one. */
#ifndef ATTEST_CHECKPOINT_OPENED_H
#define ATTEST_CHECKPOINT_OPENED_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/names.h"
#include "checkpoint/shard_file.h"
#include "checkpoint/shards.h"
#include "files/fileset.h"

struct checkpoint {
  struct fileset *files;
  const struct fileset_file *config;
  struct shard_list shards;
  struct shard_file *parsed; /* one a shard; owns the names of the tensors */
  size_t count;
  struct tensor *tensors; /* of all shards, by name */
  struct naming naming;
  char choice[1000]; /* see checkpoint_choice */
};

/* Puts the tensors into the order that checkpoint_find needs. */
void checkpoint_sort(struct checkpoint *checkpoint);

#endif
