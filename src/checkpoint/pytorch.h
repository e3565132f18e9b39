/* A state dict as torch.save writes it (torch 1.6 and later): a zip archive (zip.h) with a pickle
 * (pickle.h) that names the tensors and one record of raw bytes for every storage. Source:
 * torch/serialization.py and caffe2/serialize/inline_container.cc.
 *
 * Records below one prefix: data.pkl, version and data/KEY; byteorder, .data/serialization_id,
 * .format_version and .storage_alignment may be there. Storages may be shared (tied weights); one
 * that no tensor uses counts as nothing. */
#ifndef ATTEST_CHECKPOINT_PYTORCH_H
#define ATTEST_CHECKPOINT_PYTORCH_H

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/pickle.h"

#include <stddef.h>

struct pytorch {
  struct pickle pickle; /* owns the names */
  size_t count;
  struct tensor *tensors; /* by name */
  size_t copy_count;
  void **copies; /* bytes of tensors that do not lie in the file as they are needed */
};

/* Parses a whole file in memory; `file` and the bytes must outlive the result. Contiguous tensors
 * stay where they are (`mapped` says so); those with other strides are gathered, and the storages
 * of a big-endian file are swapped, into at most twice as many bytes as the file has. Owner: the
 * caller, pytorch_free. Errors: EXIT_INPUT (with the offset where there is one), EXIT_RUN (memory).
 */
int pytorch_parse(const char *file, const void *data, size_t size, struct pytorch *parsed,
                  struct error *error);
void pytorch_free(struct pytorch *parsed);

#endif
