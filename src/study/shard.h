/* Shards: the screens of a manifest shared out among machines. All its sequences, revision after
 * revision, form one line of revisions * n; shard I of N is the part from revisions * n * (I - 1) /
 * N to revisions * n * I / N, rounded down. That depends on nothing else, so every machine cuts
 * alike, and each shard has the same work to within one sequence. */
#ifndef ATTEST_STUDY_SHARD_H
#define ATTEST_STUDY_SHARD_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARD_MOST 10000

struct shard {
  size_t index, count; /* 1 <= index <= count; count 0 = everything is done here */
};

/* Sequences [from, to) of a revision; none when both are equal. */
struct shard_range {
  int64_t from, to;
};

/* Reads "2/4". Errors: EXIT_INPUT. */
int shard_parse(const char *text, struct shard *shard, struct error *error);

/* What a shard has of a revision, counted from 0, of `revisions` with n sequences each. */
struct shard_range shard_range(const struct shard *shard, size_t revision, size_t revisions,
                               int64_t n);

#endif
