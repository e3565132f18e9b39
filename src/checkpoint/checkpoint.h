/* A model directory (or the same inside an archive) -> config.json and named tensors.
 *
 * The first of these that is there is read, and nothing else, in the order of transformers:
 * model.safetensors, the shards of model.safetensors.index.json, pytorch_model.bin, the shards of
 * pytorch_model.bin.index.json. Formats: safetensors.h and pytorch.h. */
#ifndef ATTEST_CHECKPOINT_CHECKPOINT_H
#define ATTEST_CHECKPOINT_CHECKPOINT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype {
  DTYPE_F32,
  DTYPE_BF16,
  DTYPE_F16,
  DTYPE_F64,
  DTYPE_I64,
  DTYPE_I32,
  DTYPE_I16,
  DTYPE_I8,
  DTYPE_U64,
  DTYPE_U32,
  DTYPE_U16,
  DTYPE_U8,
  DTYPE_BOOL
};
size_t dtype_size(enum dtype dtype);      /* bytes an element */
const char *dtype_name(enum dtype dtype); /* "F32", "BF16", ... */

#define TENSOR_MAX_RANK 8

struct tensor {
  const char *name;   /* owned by the checkpoint, as is all below */
  const char *file;   /* the file it lies in, for messages */
  const char *stored; /* its name in the file where that is another (names.h), else NULL */
  enum dtype dtype;
  int rank;
  int64_t shape[TENSOR_MAX_RANK]; /* row-major, rank entries */
  uint64_t elements, bytes;
  bool mapped;      /* pages of a file, which can be dropped and read again (pages.h) */
  const void *data; /* little-endian, may be unaligned, mapped or in memory; read-only */
};

struct checkpoint;

/* Opens `path`: a directory (or one of the hub's cache above its only snapshot, hub_cache.h), or
 * "ARCHIVE:DIR" for directory DIR inside a .tar, .tar.zst or .zip file ("ARCHIVE:" for its root).
 * Reads config.json and maps all tensors; nothing is unpacked to disk. Owner: the caller,
 * checkpoint_close. Errors: EXIT_INPUT (missing or damaged, with file, offset or tensor name),
 * EXIT_RUN. */
int checkpoint_open(const char *path, struct checkpoint **checkpoint, struct error *error);

/* The same of files that are open already, which belong to the checkpoint from now on, also on
 * failure: an archive is unpacked once. */
struct fileset;
int checkpoint_of_files(struct fileset *files, struct checkpoint **checkpoint, struct error *error);
void checkpoint_close(struct checkpoint *checkpoint); /* NULL is allowed */

const char *checkpoint_path(const struct checkpoint *checkpoint); /* of the snapshot, if any */

/* For people: which of several files of tensors, or which snapshot, was read; printable, "" = there
 * was no choice. */
const char *checkpoint_choice(const struct checkpoint *checkpoint);

/* Adds to an error about the tensors that another file might have held them; returns its code. */
int checkpoint_explain(const struct checkpoint *checkpoint, struct error *error);

/* The bytes of config.json. */
const char *checkpoint_config(const struct checkpoint *checkpoint, size_t *size);

/* What was done to the names of tensors to make them those of a plain checkpoint (names.h), for
 * people: "names are read without \"module.\""; "" = nothing. */
const char *checkpoint_naming(const struct checkpoint *checkpoint);

/* Whether names lacked the prefix of a whole model: then it is one that has no LM head, or may. */
bool checkpoint_headless(const struct checkpoint *checkpoint);

/* Errors: EXIT_INPUT where names can be read in two ways, with both. */
int checkpoint_check_names(const struct checkpoint *checkpoint, struct error *error);

/* Tensors that hold all experts of a layer, as they are stored; NULL behind the last. Those of a
 * fitting shape are among the checkpoint's tensors, taken apart. */
const struct tensor *checkpoint_fused(const struct checkpoint *checkpoint, size_t index);

/* By exact name; NULL when there is none. */
const struct tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *name);

/* All tensors, one array in name order. */
size_t checkpoint_count(const struct checkpoint *checkpoint);
const struct tensor *checkpoint_at(const struct checkpoint *checkpoint, size_t index);

#endif
