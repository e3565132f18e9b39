/* The safetensors format: 8 bytes little-endian header length, a JSON header, tensor bytes.
 * Source: huggingface/safetensors, README "Format"; the checks are those of its reader and a few
 * more (unknown keys, ranks above TENSOR_MAX_RANK, and dtypes of less than a byte are refused). */
#ifndef ATTEST_CHECKPOINT_SAFETENSORS_H
#define ATTEST_CHECKPOINT_SAFETENSORS_H

#include "base/error.h"
#include "checkpoint/checkpoint.h"

#include <jansson.h>
#include <stddef.h>

/* More is refused. */
#define SAFETENSORS_MAX_HEADER ((uint64_t)25 << 20)
#define SAFETENSORS_MAX_NAME 512

struct safetensors {
  json_t *header; /* owns the names */
  size_t count;
  struct tensor *tensors; /* in the order of their bytes */
};

/* Parses a whole file in memory. `file` and the bytes must outlive the result, in which all tensors
 * lie in them (`mapped`). Owner: the caller,
 * safetensors_free. Errors: EXIT_INPUT (with tensor name or offset), EXIT_RUN (memory). */
int safetensors_parse(const char *file, const void *data, size_t size, struct safetensors *parsed,
                      struct error *error);
void safetensors_free(struct safetensors *parsed);

#endif
