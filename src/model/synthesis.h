/* Checkpoints of random weights, in the files that transformers would write:
 * one model.safetensors or pytorch_model.bin, or shards and their index, and
 * config.json. */
#ifndef ATTEST_MODEL_SYNTHESIS_H
#define ATTEST_MODEL_SYNTHESIS_H

#include "base/file.h"
#include "base/notice.h"
#include "base/text.h"
#include "base/threads.h"
#include "checkpoint/layout.h"
#include "model/inventory.h"

struct synthesis_file {
  uint64_t bytes;
  struct text pickle; /* for PyTorch */
};

struct synthesis {
  uint64_t seed;
  bool pytorch; /* pytorch_model.bin instead of model.safetensors */
  char *config_json;
  struct model_config config;
  enum dtype dtype;
  struct inventory inventory;
  struct layout layout;         /* its parts' `index` is that of the inventory */
  struct synthesis_file *files; /* [layout.file_count] */
  uint64_t bytes;               /* of all files */
};

/* Plans the checkpoint of recipe `like` (model/recipe.h), as safetensors or for
 * PyTorch. Owner: the caller, synthesis_free. Errors: EXIT_INPUT (a recipe that
 * is wrong or too large), EXIT_RUN. */
int synthesis_plan(const char *like, uint64_t seed, bool pytorch, struct synthesis *synthesis,
                   struct error *error);
void synthesis_free(struct synthesis *synthesis);

/* Writes the elements of a tensor; its CRC to *crc unless NULL. */
typedef int synthesis_tensor(void *context, const struct layout_part *part, uint32_t *crc,
                             struct error *error);

/* For PyTorch (synthesis_pytorch.c): makes the pickle of file `index`, and writes the whole file
 * with its tensors; file NULL = only its bytes are counted. Errors: EXIT_RUN. */
void synthesis_pickle(struct synthesis *synthesis, size_t index);
int synthesis_pytorch_records(const struct synthesis *synthesis, size_t index,
                              struct file_writer *file, synthesis_tensor *tensor, void *context,
                              uint64_t *bytes, struct error *error);

/* Writes it into `directory`, which is made if missing and must be empty. Files
 * get their names when all of them are on the disk, config.json last. Errors:
 * EXIT_INPUT (not empty), EXIT_RUN (too little free space, I/O); then nothing
 * is left. Shows progress unless quiet; an estimate goes to `notices`. */
int synthesis_write(const struct synthesis *synthesis, const char *directory,
                    struct threads *threads, bool quiet, const struct notices *notices,
                    struct error *error);

#endif
