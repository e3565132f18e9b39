#include "files/archive_guard.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *_Atomic reading; /* name of the archive; NULL = outside */

static void at_exit(void)
{
  struct error error;
  const char *name = atomic_load(&reading);
  if (!name)
    return;
  archive_guard_failed(name, &error);
  fprintf(stderr, "attest: %s\n", error.text); /* nobody is left who could */
  _exit(EXIT_RUN);
}

void archive_guard_enter(const char *name)
{
  static atomic_flag installed = ATOMIC_FLAG_INIT;
  if (!atomic_flag_test_and_set(&installed))
    (void)atexit(at_exit); /* has room for 32 without memory */
  atomic_store(&reading, name);
}

void archive_guard_leave(void)
{
  atomic_store(&reading, NULL);
}

int archive_guard_failed(const char *name, struct error *error)
{
  return error_set(error, EXIT_RUN, "%s: out of memory for reading the archive", name);
}

/* zstd and zlib, which fail for nothing else there, have words of their own for it. */
bool archive_guard_short(struct archive *archive)
{
  static const char *const words[] = {"not enough memory", "Can't initialize ZIP decompression"};
  const char *reason = archive_error_string(archive);
  bool found = archive_errno(archive) == ENOMEM;
  for (size_t i = 0; reason && i < sizeof words / sizeof *words; i++)
    found = found || strstr(reason, words[i]);
  return found;
}

static la_ssize_t give(struct archive *archive, void *context, const void **data)
{
  struct archive_guard_memory *memory = context;
  size_t rest = memory->size - memory->at;
  (void)archive;
  *data = memory->data + memory->at;
  memory->at = memory->size;
  return (la_ssize_t)rest;
}

static la_int64_t skip(struct archive *archive, void *context, la_int64_t wanted)
{
  struct archive_guard_memory *memory = context;
  la_int64_t rest = (la_int64_t)(memory->size - memory->at);
  la_int64_t skipped = wanted < 0 ? 0 : wanted < rest ? wanted : rest;
  (void)archive;
  memory->at += (size_t)skipped;
  return skipped;
}

static la_int64_t seek(struct archive *archive, void *context, la_int64_t offset, int whence)
{
  struct archive_guard_memory *memory = context;
  la_int64_t size = (la_int64_t)memory->size, at;
  la_int64_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (la_int64_t)memory->at : size;
  (void)archive;
  if (__builtin_add_overflow(from, offset, &at) || at < 0 || at > size)
    return ARCHIVE_FAILED;
  memory->at = (size_t)at;
  return at;
}

int archive_guard_open(struct archive *archive, struct archive_guard_memory *memory)
{
  if (archive_read_set_read_callback(archive, give) != ARCHIVE_OK ||
      archive_read_set_skip_callback(archive, skip) != ARCHIVE_OK ||
      archive_read_set_seek_callback(archive, seek) != ARCHIVE_OK ||
      archive_read_set_callback_data(archive, memory) != ARCHIVE_OK) {
    archive_set_error(archive, ENOMEM, "No memory");
    return ARCHIVE_FATAL;
  }
  return archive_read_open1(archive);
}
