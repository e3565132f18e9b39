/* The work of one shard: its parts of every screen of the manifests, verified and kept, and an
 * index of them that `attest merge` starts from:
 *
 *   WORK/shard-2-of-4/<model>/current/<revision>.<from>-<to>.part    (piece.h)
 *   WORK/shard-2-of-4/shard.json                                     written last
 *
 *   {"format": 1, "attest": "0.1.0", "shard": 2, "of": 4,
 *    "manifests": [{"path": "manifests/x.json", "xxh3_128": "...", "model": "x",
 *                   "parts": ["step0.0-125.part"],
 *                   "read": [{"file": "...", "bytes": N, "sha256": "...", "xxh3_128": "..."}]}]}
 *
 * What is not a screen is left to the merge: published tables take no time, and ablations need the
 * last revision's whole screen. */
#ifndef ATTEST_STUDY_SHARDING_H
#define ATTEST_STUDY_SHARDING_H

#include "base/error.h"
#include "study/shard.h"

#include <jansson.h>

#define SHARD_INDEX "shard.json"
#define SHARD_FORMAT 1

struct manifest_run;

struct sharding {
  struct shard shard;
  json_t *manifests; /* of the index, filled as they are done; owned by who made it */
};

/* Everything that the shard has to do of a manifest; resumes what an earlier run finished. Says in
 * the journal what was done. Errors: EXIT_INPUT, EXIT_RUN. */
int sharding_run(struct manifest_run *run, struct error *error);

/* Writes the index into `work`, which is made if no part was. Errors: EXIT_RUN. */
int sharding_write(const struct sharding *sharding, const char *work, struct error *error);

/* "WORK/shard-2-of-4", free(). NULL and EXIT_RUN without memory. */
char *sharding_folder(const char *work, const struct shard *shard, struct error *error);

#endif
