/* Files against what a manifest says of them. */
#ifndef ATTEST_MANIFEST_MANIFEST_VERIFY_H
#define ATTEST_MANIFEST_MANIFEST_VERIFY_H

#include "checkpoint/values.h"
#include "manifest/manifest.h"
#include "manifest/moves.h"
#include "manifest/tensor_list.h"

struct manifest_check {
  const struct manifest *manifest;
  const char *checkpoints; /* a directory or archive instead of the manifest's; NULL = none. A
                              container is checked only without it */
  const struct manifest_revision *only; /* one revision; NULL = all, and the container */
  const char *pointers; /* a git checkout with git-lfs pointers in place of the large files, laid
                           out as the checkpoints; NULL = none */
  const struct tensor_list *tensors; /* that of the manifest, if it was read before; else NULL */
  bool allow_unpinned;               /* unpinned files are noted and are not findings */
  bool quiet;                        /* no progress */

  manifest_report *finding; /* gets each finding as one line */
  manifest_report *note;    /* gets what is worth saying but is not a finding; NULL = drop it */

  /* Gets what moved from one revision to the next; NULL = that is not measured. */
  void (*moved)(void *context, const struct manifest_revision *before,
                const struct manifest_revision *after, const struct move_list *moves);
  /* Takes the files of a revision that is not a checkpoint, once they were looked at, to read them:
   * fileset_close. NULL = nobody does. */
  void (*files)(void *context, size_t revision, struct fileset *files);
  void *context; /* of all of them */
};

struct manifest_result {
  size_t findings;
  size_t unpinned;            /* files without a pinned SHA-256, of all that were checked */
  size_t by_sha256;           /* files that are pinned by it, but not by size or XXH3-128 */
  struct values_count values; /* tensors that were compared over all revisions, and were not */
  size_t pointers_equal, pointers_missing; /* files with and without a counterpart in `pointers` */
  struct pinned_file container;            /* what was found; incomplete = not read; no path */
  struct pinned_file **found;              /* [revision_count][file_count], likewise */
  size_t revision_count;
};

/* Checks every pinned file: present, size, both digests, as far as they are pinned, and against
 * `pointers`; that nothing unpinned would be read instead; the tensors against the manifest's
 * inventory; that no two revisions hold the same payload (all files but *.json; by their pins, or
 * as found) nor share a file of tensors, nor tensors of the same values (values.h); that `pointers`
 * has a counterpart of at least one file of each revision. Of `only` one revision: what is known of
 * it alone, and what it has in common with the pins of others. A git-lfs pointer in place of a file
 * is a finding. Owner of the result: the caller, manifest_result_free, also on failure. Returns 0
 * also with findings; errors (EXIT_INPUT: nothing is there at all; EXIT_RUN) mean that checking was
 * impossible. */
int manifest_verify(const struct manifest_check *check, struct manifest_result *result,
                    struct error *error);
void manifest_result_free(struct manifest_result *result);

#endif
