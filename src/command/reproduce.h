/* What `reproduce` and `merge` have in common: running manifests and saying what came of them. */
#ifndef ATTEST_COMMAND_REPRODUCE_H
#define ATTEST_COMMAND_REPRODUCE_H

#include "pass/runtime.h"
#include "study/parts.h"
#include "study/sharding.h"

#define REPRODUCE_MOST_MANIFESTS 64

struct reproduce_options {
  struct common_options common;
  const char *checkpoints, *work, *report, *plots;
  bool update_golden, allow_unpinned, allow_uncompared, stream, every;
  const char *base;
  uint64_t resamples;
  const char *shard;         /* "2/4"; NULL = everything */
  struct sharding *sharding; /* made of it */
  const struct parts *parts; /* of shards, to be joined; NULL = none */
  int argc;                  /* the command line, which the JSON names */
  char **argv;
};

/* Whether JSON and report can be written, and are not one file. Errors: EXIT_INPUT, EXIT_RUN. */
int reproduce_check_outputs(const struct reproduce_options *options, struct error *error);

/* Runs the manifests, prints and writes what the options say. EXIT_CHECK when a check failed.
 * Errors: EXIT_INPUT, EXIT_RUN. */
int reproduce_all(const struct reproduce_options *options, struct runtime *runtime,
                  const char *const *paths, size_t count, struct error *error);

#endif
