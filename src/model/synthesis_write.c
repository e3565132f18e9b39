#define _GNU_SOURCE
#include "model/synthesis.h"

#include "base/file.h"
#include "base/interrupt.h"
#include "base/lock.h"
#include "base/memory.h"
#include "base/notice.h"
#include "base/progress.h"
#include "base/temporary.h"
#include "base/text.h"
#include "checkpoint/safetensors_write.h"
#include "files/crc32.h"
#include "model/weights.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)16 << 20) /* of a tensor at a time */
#define LOCK_FILE ".attest.lock"
#define LONG_BYTES ((uint64_t)1 << 30)  /* worth an estimate of time */
#define PIECE_BYTES ((size_t)256 << 10) /* of it for a thread at a time */

struct writing {
  const struct synthesis *synthesis;
  const char *directory;
  struct threads *threads;
  struct progress progress;
  uint64_t done; /* bytes */
  char *buffer;
  struct file_group group;
  struct safetensors_writer safetensors;
  struct file_writer *file; /* for PyTorch */
};

/* Elements [first, first + count) of a tensor on their way into the buffer. */
struct stretch {
  const struct synthesis *synthesis;
  const struct layout_part *part;
  uint64_t first;
  size_t count, piece; /* elements */
  char *buffer;
};

static void fill_piece(void *context, size_t index, int worker)
{
  const struct stretch *s = context;
  const struct tensor *tensor = &s->part->tensor;
  size_t at = index * s->piece, left = s->count - at;
  (void)worker;
  weights_fill(&s->synthesis->config, s->synthesis->seed, tensor,
               s->synthesis->inventory.kinds[s->part->index], s->first + at,
               left < s->piece ? left : s->piece, s->buffer + at * dtype_size(tensor->dtype));
}

static int write_piece(struct writing *w, size_t size, uint32_t *crc, struct error *error)
{
  if (!w->synthesis->pytorch)
    return safetensors_writer_write(&w->safetensors, w->buffer, size, error);
  *crc = crc32_add(*crc, w->buffer, size);
  return file_writer_add(w->file, w->buffer, size, error);
}

static int write_tensor(void *context, const struct layout_part *part, uint32_t *crc,
                        struct error *error)
{
  struct writing *w = context;
  size_t size = dtype_size(part->tensor.dtype), most = BUFFER_BYTES / size;
  for (uint64_t first = 0; first < part->tensor.elements;) {
    uint64_t left = part->tensor.elements - first;
    size_t count = left < most ? (size_t)left : most, piece = PIECE_BYTES / size;
    struct stretch stretch = {w->synthesis, part, first, count, piece, w->buffer};
    threads_run(w->threads, (count + piece - 1) / piece, fill_piece, &stretch);
    if (write_piece(w, count * size, crc, error))
      return error->code;
    if (interrupt_requested())
      return error_set(error, EXIT_RUN, "%s: interrupted; nothing was kept", w->directory);
    first += count;
    w->done += count * size;
    progress_update(&w->progress, (double)w->done);
  }
  return 0;
}

static int write_safetensors(struct writing *w, struct error *error)
{
  const struct layout_part *part;
  safetensors_writer_open(w->directory, &w->synthesis->layout, &w->group, &w->safetensors);
  for (;;) {
    if (safetensors_writer_next(&w->safetensors, &part, error))
      return error->code;
    if (!part)
      return safetensors_writer_finish(&w->safetensors, error);
    if (write_tensor(w, part, NULL, error))
      return error->code;
  }
}

static int write_pytorch_file(struct writing *w, size_t index, struct error *error)
{
  const struct synthesis *s = w->synthesis;
  uint64_t bytes;
  if (file_group_open(&w->group, w->directory, s->layout.files[index].name, &w->file, error) ||
      synthesis_pytorch_records(s, index, w->file, write_tensor, w, &bytes, error))
    return error->code;
  return file_writer_finish(w->file, error);
}

static int write_pytorch(struct writing *w, struct error *error)
{
  const struct layout *layout = &w->synthesis->layout;
  struct text index = {0};
  for (size_t i = 0; i < layout->file_count; i++)
    if (write_pytorch_file(w, i, error))
      return error->code;
  if (layout->file_count == 1)
    return 0;
  int status = layout_index(layout, &index, error);
  if (!status)
    status = file_group_write(&w->group, w->directory, layout->index_name, index.data, index.length,
                              error);
  text_free(&index);
  return status;
}

static int write_files(struct writing *w, struct error *error)
{
  const char *config = w->synthesis->config_json;
  int status = w->synthesis->pytorch ? write_pytorch(w, error) : write_safetensors(w, error);
  if (!status)
    status =
        file_group_write(&w->group, w->directory, "config.json", config, strlen(config), error);
  return status ? status : file_group_publish(&w->group, error);
}

static int check_empty(const char *directory, struct error *error)
{
  DIR *stream = opendir(directory);
  if (!stream)
    return error_set(error, EXIT_RUN, "%s: cannot be read: %s", directory, error_reason(errno));
  int status = 0;
  for (struct dirent *entry; !status && (entry = readdir(stream));)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
        strcmp(entry->d_name, LOCK_FILE) != 0)
      status =
          error_set(error, EXIT_INPUT, "%s: holds %s; --out must be a new or an empty directory",
                    directory, entry->d_name);
  closedir(stream);
  return status;
}

/* Against another synth, whose files would mix with these; then what that left when it was killed
 * goes. */
static int take(const char *directory, struct lock *lock, struct error *error)
{
  char *path = file_join(directory, LOCK_FILE, error);
  int status = path ? lock_take(path, directory, lock, error) : error->code;
  if (!status)
    temporary_sweep(path);
  free(path);
  return status;
}

/* Filling the largest tensor again and again tells how fast weights are made; what the disk takes
 * comes on top. */
static void announce(struct writing *w, const struct notices *notices)
{
  const struct synthesis *s = w->synthesis;
  const struct layout_part *largest = &s->layout.parts[0];
  char size[32];
  double start = progress_clock(), seconds = 0, bytes = 0;
  for (size_t i = 1; i < s->layout.count; i++)
    if (s->layout.parts[i].tensor.bytes > largest->tensor.bytes)
      largest = &s->layout.parts[i];
  size_t width = dtype_size(largest->tensor.dtype), count = BUFFER_BYTES / width;
  struct stretch stretch = {s, largest, 0, count, PIECE_BYTES / width, w->buffer};
  for (; seconds < 0.5; seconds = progress_clock() - start, bytes += (double)BUFFER_BYTES)
    threads_run(w->threads, BUFFER_BYTES / PIECE_BYTES, fill_piece, &stretch);
  notices_add(notices, "%s: %s to write, about %.0f s plus what the disk takes",
              text_shown(w->directory).text, text_bytes(size, sizeof size, s->bytes),
              (double)s->bytes * seconds / bytes);
}

static int write_all(struct writing *w, bool quiet, const struct notices *notices,
                     struct error *error)
{
  w->buffer = memory_alloc(BUFFER_BYTES, 1, "synth", error);
  if (!w->buffer)
    return error->code;
  if (notices->line && w->synthesis->bytes > LONG_BYTES)
    announce(w, notices);
  progress_start(&w->progress, w->directory, (double)w->synthesis->bytes, quiet);
  int status = write_files(w, error);
  progress_end(&w->progress);
  return status;
}

int synthesis_write(const struct synthesis *synthesis, const char *directory,
                    struct threads *threads, bool quiet, const struct notices *notices,
                    struct error *error)
{
  struct writing w = {.synthesis = synthesis, .directory = directory, .threads = threads};
  bool fresh = !file_exists(directory);
  struct lock lock = {0};
  int status = file_make_directory(directory, error);
  if (!status)
    status = take(directory, &lock, error);
  if (!status)
    status = check_empty(directory, error);
  if (!status)
    status = file_check_space(directory, synthesis->bytes, error);
  if (!status)
    status = write_all(&w, quiet, notices, error);
  file_group_close(&w.group);
  free(w.buffer);
  lock_release(&lock);
  if (status && fresh)
    rmdir(directory); /* only if it is empty */
  return status;
}
