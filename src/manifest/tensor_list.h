/* Tensor lists: which tensors the checkpoints of a manifest must hold (its "tensors"). Text of
 * lines that end with a newline: first comments (#...), then the header line, then a tensor a line
 * in strcmp order of names, columns separated by tabs:
 *
 *   name                          dtype    shape           optional
 *   gpt_neox.embed_in.weight      F16      50304,2048
 *   ...attention.bias             U8|BOOL  1,1,2048,2048   optional
 *   ...attention.masked_bias      F16|F32  scalar          optional
 *
 * dtype: those that are allowed, as in safetensors. A line without a fourth column is a tensor that
 * must be there. Names are read as those of a checkpoint are (names.h), so that a list of one form
 * fits files of the other. */
#ifndef ATTEST_MANIFEST_TENSOR_LIST_H
#define ATTEST_MANIFEST_TENSOR_LIST_H

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/names.h"
#include "manifest/manifest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TENSOR_LIST_HEADER "name\tdtype\tshape\toptional"

struct tensor_list_row {
  const char *name; /* lies in the list's text, or is a new one of `naming` */
  unsigned dtypes;  /* 1u << enum dtype for every one that is allowed */
  int rank;
  int64_t shape[TENSOR_MAX_RANK]; /* rank entries, each 1 or more */
  uint64_t elements;
  bool optional;
};

struct tensor_list {
  char *path;
  char *text;
  size_t bytes;                 /* of the text */
  char digest[33];              /* XXH3-128 of them */
  size_t count;                 /* 1 or more */
  struct tensor_list_row *rows; /* ascending by name, unique */
  struct naming naming;
};

/* Reads a list of at most 16 MiB. Owner: the caller, tensor_list_free. Errors: EXIT_INPUT (with the
 * line), EXIT_RUN. */
int tensor_list_load(const char *path, struct tensor_list *list, struct error *error);

/* The same for bytes in memory, which may be released afterwards; `path` appears in messages. */
int tensor_list_parse(const char *path, const void *data, size_t size, struct tensor_list *list,
                      struct error *error);
void tensor_list_free(struct tensor_list *list); /* all zero is allowed */

/* Bytes of all tensors, optional ones too, each in the narrowest type that it may have; UINT64_MAX
 * when they are more. */
uint64_t tensor_list_bytes(const struct tensor_list *list);

/* Compares an open checkpoint with the list: tensors that are missing or not expected, and those of
 * another dtype or shape. Of each of these four kinds the first 5 by name are a line to `report`,
 * and the others one more line that counts them. *failures: the number of all deviations. */
void tensor_list_check(const struct tensor_list *list, const struct checkpoint *checkpoint,
                       manifest_report *report, void *context, size_t *failures);

#endif
