/* How tensors are spread over the files of a checkpoint: which file each lies in, in which order,
 * and what the files are called. Nothing here touches a disk. */
#ifndef ATTEST_CHECKPOINT_LAYOUT_H
#define ATTEST_CHECKPOINT_LAYOUT_H

#include "base/text.h"
#include "checkpoint/checkpoint.h"

/* More have an index that checkpoint_open does not take. */
#define LAYOUT_MOST_TENSORS 100000
#define LAYOUT_MOST_FILES 4096

enum layout_order {
  ORDER_LIBRARY, /* that of the safetensors library: large elements first, then by name */
  ORDER_STATED   /* that of layout_add */
};

struct layout_rule {
  const char *stem, *ending; /* "model", "safetensors": model.safetensors, or, of three files,
                                model-00001-of-00003.safetensors */
  size_t files;              /* this many of about equal size; 0 = as file_bytes says */
  uint64_t file_bytes;       /* a tensor that would take a file past it opens the next; 0 = one file
                                for all */
  enum layout_order order;   /* within a file */
};

struct layout_part {
  struct tensor tensor; /* its `elements` and `bytes` follow from dtype and shape */
  size_t index;         /* of its layout_add: 0, 1, ... */
  size_t file;
};

struct layout_file {
  char name[96];
  size_t first, count; /* its parts */
  uint64_t bytes;      /* of its tensors */
};

/* All zero = empty. layout_free. */
struct layout {
  struct layout_part *parts; /* [count]; once arranged: by file, and as they lie in it */
  size_t count, capacity;
  struct layout_file *files; /* [file_count], once arranged */
  size_t file_count;
  uint64_t bytes;      /* of all tensors */
  char index_name[96]; /* "model.safetensors.index.json"; several files have one */
};

/* Adds a tensor by its name, dtype, rank and shape; `data` may be NULL. The name must outlive the
 * layout. Tensors are assigned to files in the order in which they are added. `where` appears in
 * messages. Errors: EXIT_INPUT (a name that is empty, longer than SAFETENSORS_MAX_NAME, no UTF-8 or
 * "__metadata__"; a size beyond 64 bits; too many tensors), EXIT_RUN. */
int layout_add(struct layout *layout, const char *where, const struct tensor *tensor,
               struct error *error);

/* Assigns all tensors to files, once. Errors: EXIT_INPUT (two tensors of one name; more files than
 * tensors, or than LAYOUT_MOST_FILES), EXIT_RUN. */
int layout_arrange(struct layout *layout, const char *where, const struct layout_rule *rule,
                   struct error *error);

/* Adds the index of several files, in the form in which transformers writes it. Errors: EXIT_RUN.
 */
int layout_index(const struct layout *layout, struct text *index, struct error *error);

void layout_free(struct layout *layout);

#endif
