/* A directory of an archive as a set of files. */
#include "files/archive_walk.h"
#include "files/fileset.h"

#include "base/memory.h"
#include "base/text.h"

#include <archive.h>
#include <stdlib.h>
#include <string.h>

struct reader {
  struct fileset *set;
  bool lasting;          /* the archive's bytes outlive the set */
  uint64_t kept, memory; /* bytes copied, and the most that may be */
  char directory[ARCHIVE_MAX_PATH];
};

/* A piece of an entry's data, as libarchive hands it out. */
struct block {
  const uint8_t *data;
  size_t size;
  int64_t offset; /* in the entry; at its end, where the data end */
  bool end;
};

static int next_block(struct archive_walk *walk, struct block *block, struct error *error)
{
  const void *data = NULL;
  int status = archive_read_data_block(walk->archive, &data, &block->size, &block->offset);
  if (status != ARCHIVE_OK && status != ARCHIVE_EOF)
    return archive_walk_damaged(walk, error);
  block->end = status == ARCHIVE_EOF;
  block->data = data;
  if (block->end)
    block->size = 0;
  return 0;
}

static int wrong_size(const struct archive_walk *walk, bool longer, uint64_t size,
                      struct error *error)
{
  return error_set(error, EXIT_INPUT,
                   "%s: archive entry %zu is %s than the %llu bytes it declares; fetch it again",
                   walk->name, walk->entries, longer ? "longer" : "shorter",
                   (unsigned long long)size);
}

/* Copies exactly `size` bytes, `first` being what was read so far: fewer or more than declared is
 * damage. The holes of a sparse file are zeros. */
static int copy_data(struct archive_walk *walk, struct block first, uint8_t *data, size_t size,
                     struct error *error)
{
  size_t used = 0;
  for (struct block block = first;;) {
    if (block.offset >= 0 && (uint64_t)block.offset > used && (uint64_t)block.offset <= size) {
      memset(data + used, 0, (size_t)block.offset - used);
      used = (size_t)block.offset;
    }
    if (block.end)
      return used == size ? 0 : wrong_size(walk, false, size, error);
    if (block.size && (block.offset != (int64_t)used || block.size > size - used))
      return wrong_size(walk, true, size, error);
    if (block.size)
      memcpy(data + used, block.data, block.size);
    used += block.size;
    if (next_block(walk, &block, error))
      return error->code;
  }
}

static int copy(struct reader *reader, struct archive_walk *walk, struct block first,
                const char *name, uint64_t size, struct blob *blob, struct error *error)
{
  static const uint8_t nothing[1];
  char need[32], have[32];
  if (reader->kept + size > reader->memory)
    return error_set(error, EXIT_RUN,
                     "%s: needs %s of memory, %s may be used; unpack it and give the directory",
                     walk->name, text_bytes(need, sizeof need, reader->kept + size),
                     text_bytes(have, sizeof have, reader->memory));
  reader->kept += size;
  uint8_t *data = memory_alloc(size, 1, name, error);
  if (!data)
    return error->code;
  if (copy_data(walk, first, data, size, error)) {
    free(data);
    return error->code;
  }
  if (size == 0)
    free(data);
  *blob = (struct blob){size ? data : nothing, size, false};
  return 0;
}

/* Whether the first block is the whole entry as it lies in the archive, which is so where nothing
 * is compressed. */
static bool in_place(const struct reader *reader, const struct archive_walk *walk,
                     const struct block *first, uint64_t size)
{
  uintptr_t at = (uintptr_t)first->data, archive = (uintptr_t)walk->data;
  return reader->lasting && !first->end && size > 0 && first->offset == 0 && first->size == size &&
         size <= walk->size && at >= archive && at - archive <= walk->size - size;
}

static int keep(struct reader *reader, struct archive_walk *walk, const char *name, uint64_t size,
                struct error *error)
{
  struct block first, rest;
  struct blob blob = {0};
  if (next_block(walk, &first, error))
    return error->code;
  if (!in_place(reader, walk, &first, size))
    return copy(reader, walk, first, name, size, &blob, error)
               ? error->code
               : fileset_add(reader->set, name, blob, NULL, error);
  do { /* to the end: there a zip file's checksum is looked at */
    if (next_block(walk, &rest, error))
      return error->code;
    if (rest.size)
      return wrong_size(walk, true, size, error);
  } while (!rest.end);
  return fileset_add_inside(reader->set, name, first.data, (size_t)size, error);
}

/* The name of a file directly in the wanted directory, else NULL. */
static const char *name_inside(const struct reader *reader, const char *path)
{
  size_t length = strlen(reader->directory);
  if (length) {
    if (strncmp(path, reader->directory, length) != 0 || path[length] != '/')
      return NULL;
    path += length + 1;
  }
  return strchr(path, '/') ? NULL : path;
}

static int visit(void *context, struct archive_walk *walk, const char *path, uint64_t size,
                 struct error *error)
{
  struct reader *reader = context;
  const char *name = name_inside(reader, path);
  return name ? keep(reader, walk, name, size, error) : archive_walk_skip(walk, error);
}

static int by_name(const void *a, const void *b)
{
  const struct fileset_file *const *left = a, *const *right = b;
  return strcmp((*left)->name, (*right)->name);
}

/* `directory`: as it was given, at the end of the path. */
static int nothing_inside(const struct reader *reader, const char *directory, struct error *error)
{
  const char *path = reader->set->path;
  size_t length = strlen(path), tail = strlen(directory) + 1;
  if (length > tail && path[length - tail] == ':' && text_ends_with(path, directory))
    length -= tail;
  return error_set(error, EXIT_INPUT,
                   "%s: the archive has no file in directory \"%s\"%s; its model directories are "
                   "listed by: attest inspect %.*s",
                   path, reader->directory, *reader->directory ? "" : " (its root)", (int)length,
                   path);
}

static int finish(const struct reader *reader, const char *directory, struct error *error)
{
  struct fileset *set = reader->set;
  if (set->count == 0)
    return nothing_inside(reader, directory, error);
  qsort(set->files, set->count, sizeof *set->files, by_name);
  for (size_t i = 1; i < set->count; i++)
    if (strcmp(set->files[i - 1]->name, set->files[i]->name) == 0)
      return error_set(error, EXIT_INPUT, "%s: is in the archive twice; pack it again",
                       set->files[i]->label);
  return 0;
}

int fileset_open_archive(const char *path, const void *data, size_t size, bool lasting,
                         const char *directory, struct fileset **set, struct error *error)
{
  struct reader reader = {.lasting = lasting};
  uint64_t available = memory_available();
  reader.memory = available ? available / 10 * 9 : (uint64_t)ARCHIVE_MAX_GIB << 30;
  if (!archive_plain_path(directory, reader.directory))
    return error_set(error, EXIT_INPUT,
                     "%s: \"%.200s\" is not a directory inside an archive; give it as ARCHIVE:a/b",
                     path, directory);
  if (fileset_new(path, false, &reader.set, error))
    return error->code;
  int status = archive_walk(path, data, size, visit, &reader, error);
  if (!status)
    status = finish(&reader, directory, error);
  if (status) {
    fileset_close(reader.set);
    return status;
  }
  *set = reader.set;
  return 0;
}
