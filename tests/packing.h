/* Archives made by hand, for the tests of what is read from them. */
#ifndef ATTEST_TESTS_PACKING_H
#define ATTEST_TESTS_PACKING_H

#include "support.h"

#include "files/fileset.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum packing { TAR, TAR_ZST, ZIP };
static const char *const endings[] = {"tar", "tar.zst", "zip"};

static inline struct archive *start(const char *path, enum packing packing)
{
  struct archive *archive = archive_write_new();
  assert_non_null(archive);
  assert_int_equal(packing == ZIP ? archive_write_set_format_zip(archive)
                                  : archive_write_set_format_pax_restricted(archive),
                   ARCHIVE_OK);
  if (packing == TAR_ZST)
    assert_int_equal(archive_write_add_filter_zstd(archive), ARCHIVE_OK);
  assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
  return archive;
}

/* An entry of any type; `link` is the target of a symbolic link, or of a hard link when the type is
 * a regular file. */
static inline void add(struct archive *archive, const char *name, unsigned type, const char *link,
                       const void *data, size_t size)
{
  struct archive_entry *entry = archive_entry_new();
  assert_non_null(entry);
  archive_entry_set_pathname(entry, name);
  archive_entry_set_filetype(entry, type);
  archive_entry_set_perm(entry, 0644);
  if (link && type == AE_IFLNK)
    archive_entry_set_symlink(entry, link);
  else if (link)
    archive_entry_set_hardlink(entry, link);
  archive_entry_set_size(entry, (la_int64_t)size);
  /* ARCHIVE_WARN: a name is written as it is, being in no encoding that the locale knows. */
  int status = archive_write_header(archive, entry);
  assert_true(status == ARCHIVE_OK || status == ARCHIVE_WARN);
  if (size)
    assert_int_equal(archive_write_data(archive, data, size), size);
  archive_entry_free(entry);
}

/* A zstd stream of any bytes: archive_write_data gives them. */
static inline struct archive *start_stream(const char *path)
{
  struct archive *archive = archive_write_new();
  struct archive_entry *entry = archive_entry_new();
  assert_true(archive && entry);
  assert_int_equal(archive_write_set_format_raw(archive), ARCHIVE_OK);
  assert_int_equal(archive_write_add_filter_zstd(archive), ARCHIVE_OK);
  assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
  archive_entry_set_pathname(entry, "data");
  archive_entry_set_filetype(entry, AE_IFREG);
  assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
  archive_entry_free(entry);
  return archive;
}

static inline void finish(struct archive *archive)
{
  assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
  archive_write_free(archive);
}

static inline void assert_refused(const char *archive, const char *directory, int code,
                                  const char *words)
{
  char path[600];
  struct error error = {0};
  struct fileset *set;
  snprintf(path, sizeof path, "%s:%s", archive, directory);
  assert_int_equal(fileset_open(path, &set, &error), code);
  support_assert_error(&error, code, words);
  support_assert_error(&error, code, path);
}

#endif
