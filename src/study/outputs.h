/* Where a command writes: no output may be one of its inputs, nor the same as another output, by
 * whatever spelling, symbolic or hard link. Asked before any work. */
#ifndef ATTEST_STUDY_OUTPUTS_H
#define ATTEST_STUDY_OUTPUTS_H

#include "manifest/manifest.h"

struct output {
  const char *option; /* what it is called: "--out" */
  const char *path;   /* NULL = not given; "-" = standard output */
  bool in_place;      /* may be the manifest that is read */
};

/* Whether all can be written and no two are the same file, a device such as /dev/null excepted.
 * Errors: EXIT_INPUT (two are the same), EXIT_RUN. */
int outputs_check(const struct output *outputs, size_t count, struct error *error);

/* Whether none of them, nor standard output if it goes to a file, is a file that was read so far
 * (file_use.h). Errors: EXIT_INPUT, naming both. */
int outputs_spare_read(const struct output *outputs, size_t count, struct error *error);

/* The same for a file that is about to be read or written, there or not; an archive if it is
 * "ARCHIVE:DIR/NAME". */
int outputs_spare(const struct output *outputs, size_t count, const char *path,
                  struct error *error);
int outputs_spare_inside(const struct output *outputs, size_t count, const char *directory,
                         const char *name, struct error *error);

/* The same for every file that is in a folder, or in one within it, whether it is read or not; a
 * folder that is not there, or is no folder, holds none. Errors: EXIT_RUN (it cannot be listed),
 * too. */
int outputs_spare_folder(const struct output *outputs, size_t count, const char *folder,
                         struct error *error);

/* The same for all that a manifest names: itself, its container, tensors, tasks, golden and
 * published tables, and the files of its revisions (`checkpoints` as for manifest_revision_path).
 */
int outputs_spare_manifest(const struct output *outputs, size_t count,
                           const struct manifest *manifest, const char *checkpoints,
                           struct error *error);

#endif
