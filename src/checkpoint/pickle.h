/* The pickle that torch.save writes for a state dict, and nothing else that pickles can say: no
 * code runs, and every name but those of tensors, storages and OrderedDict is refused. Source:
 * CPython Lib/pickletools.py (opcodes, protocols 2 to 5) and torch/serialization.py (persistent
 * ids, _rebuild_tensor_v2). */
#ifndef ATTEST_CHECKPOINT_PICKLE_H
#define ATTEST_CHECKPOINT_PICKLE_H

#include "base/error.h"
#include "checkpoint/checkpoint.h"

#include <stddef.h>
#include <stdint.h>

struct pickle_storage {
  enum dtype dtype;
  const char *key; /* inside the pickle, not zero-terminated */
  size_t key_length;
  uint64_t elements;
  uint64_t at; /* offset in the file, for messages */
};

/* A view of a storage: element (i, j, ...) is element offset + i * stride[0] + ... of it. */
struct pickle_tensor {
  size_t storage;
  uint64_t at; /* offset in the file, for messages */
  uint64_t offset;
  int rank;
  int64_t shape[TENSOR_MAX_RANK], stride[TENSOR_MAX_RANK]; /* elements, >= 0 */
};

struct pickle_item {
  const char *name; /* printable UTF-8, zero-terminated, unique */
  size_t tensor;
};

struct pickle {
  size_t storages, tensors, count;
  struct pickle_storage *storage; /* those of one key may be several */
  struct pickle_tensor *tensor;   /* one an item, no others */
  struct pickle_item *items;      /* by name */
  char *names;                    /* what they point into */
};

#define PICKLE_MAX_MIB 8
#define PICKLE_MAX_OBJECTS 200000 /* tensors, storages, dicts and entries of dicts, of each */

/* Parses `size` bytes at offset `base` of `file`; they must outlive the result. Memory
 * is proportional to size, and what is kept to the items. Owner: the caller, pickle_free. Errors:
 * EXIT_INPUT (with the opcode or the name, and the offset in the file), EXIT_RUN (memory). */
int pickle_parse(const char *file, uint64_t base, const void *data, size_t size,
                 struct pickle *pickle, struct error *error);
void pickle_free(struct pickle *pickle);

#endif
