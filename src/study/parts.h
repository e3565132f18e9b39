/* What all shards of a run have made, to be joined by `attest merge`. */
#ifndef ATTEST_STUDY_PARTS_H
#define ATTEST_STUDY_PARTS_H

#include "base/digest.h"
#include "manifest/manifest.h"
#include "pass/runtime.h"
#include "probe/bootstrap.h"
#include "trajectory/trajectory.h"

/* A file that a shard has read. */
struct parts_read {
  char *file; /* owned */
  uint64_t bytes;
  struct digest digest; /* "" = that one was not computed */
  size_t shard;         /* which has read it: a place in `folders` */
};

/* Of one manifest. */
struct parts_manifest {
  char *path; /* as the first shard was given it; owned */
  char digest[33];
  char **files; /* [count] paths of the parts; owned */
  size_t count;
  struct parts_read *read; /* [read_count], each file once */
  size_t read_count;
};

/* All zero: none. Release with parts_free. */
struct parts {
  char **folders; /* [shard_count] of the shards, in their order; owned */
  size_t shard_count;
  struct parts_manifest *manifests; /* [manifest_count] */
  size_t manifest_count;
};

/* Reads the indexes of shards (sharding.h) from their folders: every shard of one run, of the same
 * program and manifests, which have read the same bytes. Errors: EXIT_INPUT (naming what is
 * missing, there twice or of another run), EXIT_RUN. */
int parts_load(const char *const *folders, size_t count, struct parts *parts, struct error *error);
void parts_free(struct parts *parts);

/* The parts of a manifest. Errors: EXIT_INPUT (the shards were run with another one). */
int parts_find(const struct parts *parts, const struct manifest *manifest,
               const struct parts_manifest **found, struct error *error);

/* Whether they are those of the manifest and cover every sequence of every revision once, each
 * revision with the same checkpoint. Errors: EXIT_INPUT (a gap, an overlap, mixed inputs),
 * EXIT_RUN.
 */
int parts_check(const struct parts_manifest *parts, const struct manifest *manifest,
                struct error *error);

/* The figures of a revision, to the bits of one screen: shape and heads, the name is "". With
 * `resamples`, also their bootstrap. Owner of both: the caller. Errors: those of parts_check,
 * EXIT_RUN. */
int parts_join(const struct parts_manifest *parts, const struct manifest *manifest,
               const struct manifest_revision *which, const struct runtime *runtime,
               size_t resamples, struct bootstrap *bootstrap, struct revision *revision,
               struct error *error);

#endif
