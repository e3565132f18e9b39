/* What the work of manifests will take in time, memory and disk: of the whole, of each shard, and
 * of what the merge does. Times are those of this machine, as the kernels run now. */
#ifndef ATTEST_STUDY_PLAN_H
#define ATTEST_STUDY_PLAN_H

#include "base/table.h"
#include "base/text.h"
#include "manifest/manifest.h"
#include "pass/runtime.h"

#include <jansson.h>

struct plan_row {
  const char *model; /* borrowed from the manifest */
  const char *work;  /* "screens", "ablations", "training", "circuits": static */
  char where[32];    /* "in all", "shard 2/4", "merge", a task, "figure 5b" */
  size_t revisions;  /* that it reads; of training, the runs, or the revisions that one keeps */
  int64_t sequences; /* over all of them */
  double gflop;      /* NAN: not counted */
  double seconds;    /* of the passes and of hashing what is read */
  uint64_t memory;   /* bytes at a time */
  uint64_t reads;    /* bytes of checkpoints, read and hashed */
  uint64_t writes;   /* bytes on the disk meanwhile: results and what a killed run goes on from */
};

/* All zero but for the runtime and `memory` at first; owns its rows: plan_free. */
struct plan {
  const struct runtime *runtime;
  uint64_t memory; /* that was allowed with --memory: less than what is needed is refused; 0 = not
                      given: circuits and training runs may be planned for other machines */
  struct plan_row *rows;
  size_t count, capacity;
  double seconds_a_gflop, seconds_a_byte; /* measured once; 0 = not yet */
  json_t *notes; /* of manifests without rows: a sentence each; owned, NULL = none yet */
  bool failed;   /* memory ran out */
};

/* Seconds of so much work, after a measurement of half a second at first. */
double plan_seconds(struct plan *plan, double gflop, uint64_t bytes);

void plan_add(struct plan *plan, const struct plan_row *row);

/* Adds work that is not cut: all of it and, where there are several shards, what each has of it,
 * which is nothing, and the merge, which does it. */
void plan_add_uncut(struct plan *plan, const struct plan_row *all, size_t shards);

/* Adds a sentence, which stands below the rows. */
void plan_note(struct plan *plan, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds the rows of a manifest, cut into `shards` (1 = not at all). The shape of its models is read
 * from the first revision that is on the disk below `checkpoints` (NULL = where the manifest says);
 * sizes of files from the disk or, where they are not there, from the pins. The manifest must
 * outlive the plan. Errors: EXIT_INPUT (no revision is there, or it cannot be screened), EXIT_RUN.
 */
int plan_manifest(const struct manifest *manifest, const char *checkpoints, size_t shards,
                  struct plan *plan, struct error *error);

/* As aligned text, and {"attest", "isa", "threads", "shards", "rows": [...],
 * "notes": [...]}. The latter is NULL
 * without memory. */
void plan_text(const struct plan *plan, struct text *text);
json_t *plan_json(const struct plan *plan, size_t shards);

void plan_free(struct plan *plan);

#endif
