/* What a state file consists of: tensors that stand in memory, "identity" U8 [64] first, the
 * SHA-256 of the recipe in hex, and "digest" U8 [16] last, the XXH3-128 of the bytes of all before.
 */
#ifndef ATTEST_TRAIN_STATE_PARTS_H
#define ATTEST_TRAIN_STATE_PARTS_H

#include "base/digest.h"
#include "checkpoint/safetensors.h"
#include "model/inventory.h"

#define TRAIN_STATE_STEM "state"
#define TRAIN_STATE_FILE TRAIN_STATE_STEM ".safetensors"
#define TRAIN_IDENTITY_BYTES 64
#define STATE_PART_NAME (INVENTORY_NAME + 16)

/* All zero = empty. */
struct state_parts {
  struct tensor *tensors;
  char (*names)[STATE_PART_NAME];
  size_t count;
  char identity[TRAIN_IDENTITY_BYTES];
  uint8_t digest[DIGEST_XXH3_BYTES];
};

/* Room for `most` tensors beside identity and digest, and the identity; NULL: a file that has
 * neither. Owner: the caller, state_parts_free, also after an error. Errors: EXIT_RUN. */
int state_parts_open(struct state_parts *parts, const char *identity, size_t most,
                     struct error *error);
void state_parts_free(struct state_parts *parts);

/* Adds the tensor "KINDNAME", whose bytes stay where they are. */
void state_parts_add(struct state_parts *parts, enum dtype dtype, int rank, const size_t *shape,
                     void *data, const char *kind, const char *name);

/* Writes DIRECTORY/STEM.safetensors, whole or not at all. Errors: EXIT_RUN. */
int state_parts_save(struct state_parts *parts, const char *directory, const char *stem,
                     struct error *error);

/* Copies the tensors of a file, which must be just these, to where the parts lie. Errors:
 * EXIT_INPUT (damaged; of another recipe), EXIT_RUN; then what was filled is undefined. */
int state_parts_load(struct state_parts *parts, const char *path, const struct safetensors *file,
                     struct error *error);

/* The XXH3-128 of a file that a run has written, to know it again. Errors: EXIT_INPUT, EXIT_RUN. */
int state_parts_digest_file(const char *path, uint8_t digest[DIGEST_XXH3_BYTES],
                            struct error *error);

/* Whether it is still the file of that digest; `out` is the run's directory. Errors: EXIT_INPUT (it
 * was changed), EXIT_RUN. */
int state_parts_check_file(const char *path, const char *out,
                           const uint8_t digest[DIGEST_XXH3_BYTES], struct error *error);

/* Sets the error: the file at `path` is damaged. Returns EXIT_INPUT. */
int state_parts_damaged(const char *path, const char *what, struct error *error);

#endif
