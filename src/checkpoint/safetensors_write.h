/* Writes the files of safetensors.h, one or several with their index, tensor by tensor and piece by
 * piece: no more than a piece need be in memory. They appear whole or not at all.
 *
 *   struct layout layout = {0};
 *   struct file_group group = {0};
 *   layout_add(&layout, where, &tensor, error)          once for each tensor
 *   layout_arrange(&layout, where, &rule, error)
 *   safetensors_writer_open(directory, &layout, &group, &writer, error)
 *   while (!safetensors_writer_next(&writer, &part, error) && part)
 *     safetensors_writer_write(&writer, bytes, size, error)   part->tensor.bytes of them in all
 *   safetensors_writer_finish(&writer, error)           or safetensors_save for all four
 *   file_group_publish(&group, error)
 *   file_group_close(&group)                            discards what was not published
 */
#ifndef ATTEST_CHECKPOINT_SAFETENSORS_WRITE_H
#define ATTEST_CHECKPOINT_SAFETENSORS_WRITE_H

#include "base/file_group.h"
#include "checkpoint/layout.h"

/* Adds the first bytes of file `file` of an arranged layout: the length of the header and the
 * header, "__metadata__" {"format":"pt"} first, then the tensors as they lie in the file, padded
 * with blanks to a multiple of 8. Errors: EXIT_INPUT (a header larger than SAFETENSORS_MAX_HEADER:
 * the tensors need more files), EXIT_RUN. */
int safetensors_header(const struct layout *layout, const char *where, size_t file,
                       struct text *header, struct error *error);

struct safetensors_writer {
  const char *directory;
  const struct layout *layout;
  struct file_group *group;
  struct file_writer *file; /* being written; NULL = none */
  size_t opened;            /* files so far */
  size_t at;                /* parts so far */
  uint64_t missing;         /* bytes of part at - 1 */
};

/* `directory` must exist; it, the layout (arranged) and the group must outlive the writer, and no
 * other file may be added to the group before safetensors_writer_finish. Nothing is to be freed.
 * Errors of all below: EXIT_RUN (I/O, memory; bytes that are missing or too many), then close the
 * group; EXIT_INPUT as safetensors_header. */
void safetensors_writer_open(const char *directory, const struct layout *layout,
                             struct file_group *group, struct safetensors_writer *writer);

/* Goes to the next tensor, in the order of the files, whose bytes are then written; *part NULL
 * behind the last. */
int safetensors_writer_next(struct safetensors_writer *writer, const struct layout_part **part,
                            struct error *error);

/* Adds little-endian bytes of the tensor in hand. */
int safetensors_writer_write(struct safetensors_writer *writer, const void *data, size_t size,
                             struct error *error);

/* All bytes are on the disk, and so is the index if there are several files. */
int safetensors_writer_finish(struct safetensors_writer *writer, struct error *error);

/* Writes all tensors of a layout from memory, each from its `data`. */
int safetensors_save(const char *directory, const struct layout *layout, struct file_group *group,
                     struct error *error);

#endif
