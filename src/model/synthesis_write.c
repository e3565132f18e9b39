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
  struct file_writer *files; /* [shards + 2]: shards, index, config */
  size_t file_count;
};

/* Elements [first, first + count) of a tensor on their way into the buffer. */
struct stretch {
  const struct synthesis *synthesis;
  const struct synthesis_part *part;
  uint64_t first;
  size_t count, piece; /* elements */
  char *buffer;
};

static void fill_piece(void *context, size_t index, int worker)
{
  const struct stretch *s = context;
  const struct tensor *tensor = s->part->tensor;
  size_t at = index * s->piece, left = s->count - at;
  (void)worker;
  weights_fill(&s->synthesis->config, s->synthesis->seed, tensor, s->part->kind, s->first + at,
               left < s->piece ? left : s->piece, s->buffer + at * dtype_size(tensor->dtype));
}

static int write_tensor(void *context, const struct synthesis_part *part, struct file_writer *file,
                        uint32_t *crc, struct error *error)
{
  struct writing *w = context;
  size_t size = dtype_size(part->tensor->dtype), most = BUFFER_BYTES / size;
  for (uint64_t first = 0; first < part->tensor->elements;) {
    uint64_t left = part->tensor->elements - first;
    size_t count = left < most ? (size_t)left : most, piece = PIECE_BYTES / size;
    struct stretch stretch = {w->synthesis, part, first, count, piece, w->buffer};
    threads_run(w->threads, (count + piece - 1) / piece, fill_piece, &stretch);
    if (file_writer_add(file, w->buffer, count * size, error))
      return error->code;
    if (crc)
      *crc = crc32_add(*crc, w->buffer, count * size);
    if (interrupt_requested())
      return error_set(error, EXIT_RUN, "%s: interrupted; nothing of it is left", w->directory);
    first += count;
    w->done += count * size;
    progress_update(&w->progress, (double)w->done);
  }
  return 0;
}

static int open_file(struct writing *w, const char *name, struct error *error)
{
  char *path = file_join(w->directory, name, error);
  int status = path ? file_writer_open(path, &w->files[w->file_count], error) : error->code;
  w->file_count += !status;
  free(path);
  return status;
}

static int write_safetensors(struct writing *w, const struct synthesis_shard *shard,
                             struct file_writer *file, struct error *error)
{
  uint8_t length[8];
  for (int i = 0; i < 8; i++)
    length[i] = (uint8_t)((uint64_t)shard->header.length >> 8 * i);
  if (file_writer_add(file, length, sizeof length, error) ||
      file_writer_add(file, shard->header.data, shard->header.length, error))
    return error->code;
  for (size_t i = shard->first; i < shard->first + shard->count; i++)
    if (write_tensor(w, &w->synthesis->parts[i], file, NULL, error))
      return error->code;
  return 0;
}

static int write_shard(struct writing *w, const struct synthesis_shard *shard, struct error *error)
{
  const struct synthesis *s = w->synthesis;
  uint64_t bytes;
  if (open_file(w, shard->name, error))
    return error->code;
  struct file_writer *file = &w->files[w->file_count - 1];
  if (s->pytorch ? synthesis_pytorch_records(s, shard, file, write_tensor, w, &bytes, error)
                 : write_safetensors(w, shard, file, error))
    return error->code;
  return file_writer_finish(file, error);
}

static int write_text(struct writing *w, const char *name, const char *text, struct error *error)
{
  if (open_file(w, name, error))
    return error->code;
  struct file_writer *file = &w->files[w->file_count - 1];
  if (file_writer_add(file, text, strlen(text), error))
    return error->code;
  return file_writer_finish(file, error);
}

const char *synthesis_index_name(const struct synthesis *s)
{
  return s->pytorch ? "pytorch_model.bin.index.json" : "model.safetensors.index.json";
}

static int write_files(struct writing *w, struct error *error)
{
  const struct synthesis *s = w->synthesis;
  for (size_t i = 0; i < s->shard_count; i++)
    if (write_shard(w, &s->shards[i], error))
      return error->code;
  if (s->shard_count > 1 && write_text(w, synthesis_index_name(s), s->index.data, error))
    return error->code;
  if (write_text(w, "config.json", s->config_json, error))
    return error->code;
  for (size_t i = 0; i < w->file_count; i++)
    if (file_writer_publish(&w->files[i], error))
      return error->code;
  return 0;
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

static int check_space(const char *directory, uint64_t bytes, struct error *error)
{
  char need[32], have[32];
  uint64_t available;
  if (!file_free_bytes(directory, &available) || bytes <= available)
    return 0;
  return error_set(error, EXIT_RUN, "%s: %s are needed and %s are free; take another disk",
                   directory, text_bytes(need, sizeof need, bytes),
                   text_bytes(have, sizeof have, available));
}

/* Filling the largest tensor again and again tells how fast weights are made; what the disk takes
 * comes on top. */
static void announce(struct writing *w, const struct notices *notices)
{
  const struct synthesis *s = w->synthesis;
  const struct synthesis_part *largest = &s->parts[0];
  char size[32];
  double start = progress_clock(), seconds = 0, bytes = 0;
  for (size_t i = 1; i < s->inventory.count; i++)
    if (s->parts[i].tensor->bytes > largest->tensor->bytes)
      largest = &s->parts[i];
  size_t width = dtype_size(largest->tensor->dtype), count = BUFFER_BYTES / width;
  struct stretch stretch = {s, largest, 0, count, PIECE_BYTES / width, w->buffer};
  for (; seconds < 0.5; seconds = progress_clock() - start, bytes += (double)BUFFER_BYTES)
    threads_run(w->threads, BUFFER_BYTES / PIECE_BYTES, fill_piece, &stretch);
  notices_add(notices, "%s: %s to write, about %.0f s and what the disk takes",
              text_shown(w->directory).text, text_bytes(size, sizeof size, s->bytes),
              (double)s->bytes * seconds / bytes);
}

static int write_all(struct writing *w, bool quiet, const struct notices *notices,
                     struct error *error)
{
  size_t most = w->synthesis->shard_count + 2;
  w->files = memory_zeroed(most, sizeof *w->files, "synth", error);
  if (!w->files)
    return error->code;
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
    status = check_space(directory, synthesis->bytes, error);
  if (!status)
    status = write_all(&w, quiet, notices, error);
  for (size_t i = 0; i < w.file_count; i++) {
    if (status && !w.files[i].beside)
      unlink(w.files[i].path); /* published before another could not be */
    file_writer_close(&w.files[i]);
  }
  free(w.files);
  free(w.buffer);
  lock_release(&lock);
  if (status && fresh)
    rmdir(directory); /* only if it is empty */
  return status;
}
