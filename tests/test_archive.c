/* Model directories inside .tar, .tar.zst and .zip files; archives that mean harm. */
#define _GNU_SOURCE
#include "support.h"

#include "base/memory.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/fileset.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIXTURES "tests/fixtures/conformance"

enum packing { TAR, TAR_ZST, ZIP };
static const char *const endings[] = {"tar", "tar.zst", "zip"};

static struct archive *start(const char *path, enum packing packing)
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
static void add(struct archive *archive, const char *name, unsigned type, const char *link,
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
  assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
  if (size)
    assert_int_equal(archive_write_data(archive, data, size), size);
  archive_entry_free(entry);
}

static void finish(struct archive *archive)
{
  assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
  archive_write_free(archive);
}

/* All files of folder `from` as `prefix` + name. */
static void add_folder(struct archive *archive, const char *from, const char *prefix)
{
  struct dirent *found;
  DIR *folder = opendir(from);
  assert_non_null(folder);
  while ((found = readdir(folder))) {
    char path[512], name[512];
    size_t size;
    if (found->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, "%s/%s", from, found->d_name);
    snprintf(name, sizeof name, "%s%s", prefix, found->d_name);
    char *data = support_read(path, &size);
    add(archive, name, AE_IFREG, NULL, data, size);
    free(data);
  }
  closedir(folder);
}

static void assert_same(const char *left, const char *right)
{
  struct error error = {0};
  struct checkpoint *a, *b;
  size_t a_size, b_size;
  assert_int_equal(checkpoint_open(left, &a, &error), 0);
  if (checkpoint_open(right, &b, &error))
    fail_msg("%s", error.text);
  const char *config = checkpoint_config(a, &a_size);
  assert_memory_equal(config, checkpoint_config(b, &b_size), a_size);
  assert_int_equal(a_size, b_size);
  assert_true(checkpoint_count(a) > 0);
  assert_int_equal(checkpoint_count(a), checkpoint_count(b));
  for (size_t i = 0; i < checkpoint_count(a); i++) {
    const struct tensor *x = checkpoint_at(a, i), *y = checkpoint_at(b, i);
    assert_string_equal(x->name, y->name);
    assert_int_equal(x->dtype, y->dtype);
    assert_int_equal(x->rank, y->rank);
    assert_memory_equal(x->shape, y->shape, sizeof x->shape);
    assert_int_equal(x->bytes, y->bytes);
    assert_memory_equal(x->data, y->data, x->bytes);
    assert_memory_equal(y->file, right, strlen(right));
  }
  checkpoint_close(a);
  checkpoint_close(b);
}

/* Every conformance model, from every kind of archive: in a directory, and at the root. */
static void test_all_models(void **state)
{
  int models = 0;
  struct dirent *found;
  DIR *folder = opendir(FIXTURES);
  (void)state;
  assert_non_null(folder);
  while ((found = readdir(folder))) {
    char model[512], packed[1024];
    snprintf(model, sizeof model, FIXTURES "/%s/model", found->d_name);
    if (found->d_name[0] == '.' || access(model, F_OK) != 0)
      continue;
    models++;
    for (enum packing packing = TAR; packing <= ZIP; packing++) {
      const char *path = support_path(endings[packing]);
      struct archive *archive = start(path, packing);
      add(archive, "./other/", AE_IFDIR, NULL, NULL, 0);
      add(archive, "other/model.safetensors", AE_IFREG, NULL, "x", 1);
      add_folder(archive, model, "a/b:c/");
      add_folder(archive, model, "./");
      finish(archive);
      snprintf(packed, sizeof packed, "%s:a/b:c", path);
      assert_same(model, packed);
      snprintf(packed, sizeof packed, "%s:", path);
      assert_same(model, packed);
    }
  }
  closedir(folder);
  assert_int_equal(models, 11);
}

static void test_shards_in_archive(void **state)
{
  char packed[600];
  const char *path = support_path("shards.tar.zst");
  (void)state;
  struct archive *archive = start(path, TAR_ZST);
  add_folder(archive, FIXTURES "/olmo-f32/model-2shards", "m/");
  finish(archive);
  snprintf(packed, sizeof packed, "%s:./m/", path);
  assert_same(FIXTURES "/olmo-f32/model", packed);
}

static void assert_refused(const char *archive, const char *directory, int code, const char *words)
{
  char path[600];
  struct error error = {0};
  struct fileset *set;
  snprintf(path, sizeof path, "%s:%s", archive, directory);
  assert_int_equal(fileset_open(path, &set, &error), code);
  support_assert_error(&error, code, words);
  support_assert_error(&error, code, path);
}

/* Refused wherever they are, also outside the wanted directory. */
static void test_unsafe_entries(void **state)
{
  static const struct {
    const char *name;
    unsigned type;
    const char *link, *words;
  } cases[] = {
      {"m/link", AE_IFLNK, "/etc/passwd", "a link or a special file"},
      {"elsewhere/link", AE_IFLNK, "x", "a link or a special file"},
      {"m/hard", AE_IFREG, "m/config.json", "a link or a special file"},
      {"m/pipe", AE_IFIFO, NULL, "a link or a special file"},
      {"m/device", AE_IFCHR, NULL, "a link or a special file"},
      {"m/block", AE_IFBLK, NULL, "a link or a special file"},
      {"/etc/passwd", AE_IFREG, NULL, "unsafe path"},
      {"../passwd", AE_IFREG, NULL, "unsafe path"},
      {"m/../../passwd", AE_IFREG, NULL, "unsafe path"},
      {"m/..", AE_IFDIR, NULL, "unsafe path"},
      {"m\\..\\x", AE_IFREG, NULL, "unsafe path"},
      {"m/\033[2J", AE_IFREG, NULL, "unsafe path"},
      {"m/config.json", AE_IFREG, NULL, "is in the archive twice"},
      {"./m//config.json", AE_IFREG, NULL, "is in the archive twice"},
  };
  const char *path = support_path("unsafe.tar");
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct archive *archive = start(path, TAR);
    add(archive, "m/config.json", AE_IFREG, NULL, "{}", 2);
    add(archive, cases[i].name, cases[i].type, cases[i].link, NULL, 0);
    finish(archive);
    assert_refused(path, "m", EXIT_INPUT, cases[i].words);
  }
  assert_refused(path, "../m", EXIT_INPUT, "is no directory inside an archive");
  assert_refused(path, "/m", EXIT_INPUT, "is no directory inside an archive");
}

static void test_missing(void **state)
{
  const char *path = support_path("missing.tar"), *pipe = support_path("pipe.tar");
  struct error error = {0};
  struct fileset *set;
  const struct fileset_file *file;
  char inside[600];
  (void)state;
  struct archive *archive = start(path, TAR);
  add(archive, "m/config.json", AE_IFREG, NULL, "{}", 2);
  add(archive, "m/empty", AE_IFREG, NULL, NULL, 0);
  add(archive, "m/sub/config.json", AE_IFREG, NULL, "{}", 2);
  finish(archive);
  assert_refused(path, "n", EXIT_INPUT, "no file in directory \"n\"");
  assert_refused(path, "", EXIT_INPUT, "no file in directory \"\"");
  snprintf(inside, sizeof inside, "%s:m", path);
  assert_int_equal(fileset_open(inside, &set, &error), 0);
  assert_int_equal(set->count, 2);
  assert_true(fileset_has(set, "empty"));
  assert_false(fileset_has(set, "sub"));
  assert_int_equal(fileset_get(set, "sub", &file, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "missing.tar:m/sub: missing");
  fileset_close(set);
  assert_int_equal(mkfifo(pipe, 0600), 0);
  snprintf(inside, sizeof inside, "%s:m", pipe);
  assert_int_equal(fileset_open(inside, &set, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "not a regular file"); /* and does not hang */
}

/* Flips every byte of a small archive in turn: a refusal or a set, nothing else. */
static void test_flipped(void **state)
{
  const char *path = support_path("small");
  (void)state;
  for (enum packing packing = TAR; packing <= ZIP; packing++) {
    struct error error;
    struct fileset *set;
    size_t size;
    struct archive *archive = start(path, packing);
    add(archive, "m/config.json", AE_IFREG, NULL, "{}", 2);
    finish(archive);
    char *bytes = support_read(path, &size);
    for (size_t at = 0; at < size; at++) {
      bytes[at] = (char)(bytes[at] ^ 0x11);
      if (fileset_open_archive("small:m", bytes, size, "m", &set, &error) == 0)
        fileset_close(set);
      else
        support_assert_error(&error, EXIT_INPUT, "small:m: ");
      bytes[at] = (char)(bytes[at] ^ 0x11);
    }
    free(bytes);
  }
}

static void test_damaged(void **state)
{
  const char *path = support_path("damaged"), *cut = support_path("cut");
  (void)state;
  for (enum packing packing = TAR; packing <= ZIP; packing++) {
    size_t size;
    struct archive *archive = start(path, packing);
    add_folder(archive, FIXTURES "/olmo-smooth-f32/model", "m/");
    finish(archive);
    char *bytes = support_read(path, &size);
    for (size_t kept = 1; kept < size / 2; kept += size / 37) {
      support_write(cut, bytes, kept);
      assert_refused(cut, "m", EXIT_INPUT, "");
    }
    free(bytes);
  }
  support_write(cut, "", 0);
  assert_refused(cut, "m", EXIT_INPUT, "no .tar, .tar.zst or .zip archive");
  support_write(cut, "plain text", 10);
  assert_refused(cut, "m", EXIT_INPUT, "no .tar, .tar.zst or .zip archive");
}

/* 64 MiB of zeros in a few kB: refused by the size the entry declares, kept or skipped. */
static void test_bomb(void **state)
{
  size_t size = (size_t)64 << 20;
  char *zeros = calloc(1, size);
  const char *path = support_path("bomb");
  (void)state;
  assert_non_null(zeros);
  for (enum packing packing = TAR_ZST; packing <= ZIP; packing++) {
    struct archive *archive = start(path, packing);
    add(archive, "m/config.json", AE_IFREG, NULL, "{}", 2);
    add(archive, "m/model.safetensors", AE_IFREG, NULL, zeros, size);
    finish(archive);
    assert_refused(path, "m", EXIT_INPUT, "more than 1000 times its size");
    assert_refused(path, "elsewhere", EXIT_INPUT, "more than 1000 times its size");
  }
  free(zeros);
}

static void test_too_many_entries(void **state)
{
  const char *path = support_path("many.tar.zst");
  struct archive *archive = start(path, TAR_ZST);
  char name[32];
  (void)state;
  for (int i = 0; i <= 100000; i++) {
    snprintf(name, sizeof name, "other/%d", i);
    add(archive, name, AE_IFREG, NULL, NULL, 0);
  }
  finish(archive);
  assert_refused(path, "m", EXIT_INPUT, "more than 100000 entries");
}

/* A tar file whose one header declares `size` bytes (in base 256), with a hole of `hole` bytes as
 * its data. */
static void declare(const char *path, uint64_t size, off_t hole)
{
  size_t length;
  unsigned sum = 0;
  struct archive *archive = start(path, TAR);
  add(archive, "m/model.safetensors", AE_IFREG, NULL, "x", 1);
  finish(archive);
  char *bytes = support_read(path, &length);
  memset(bytes + 124, 0, 12);
  bytes[124] = (char)0x80;
  for (int i = 0; i < 8; i++)
    bytes[135 - i] = (char)(size >> (8 * i));
  memset(bytes + 148, ' ', 8);
  for (int i = 0; i < 512; i++)
    sum += (unsigned char)bytes[i];
  snprintf(bytes + 148, 8, "%06o", sum);
  support_write(path, bytes, 512);
  free(bytes);
  assert_int_equal(truncate(path, 512 + hole), 0);
}

static void test_declared_sizes(void **state)
{
  const char *path = support_path("declared.tar");
  (void)state;
  declare(path, (uint64_t)65 << 30, 0);
  assert_refused(path, "m", EXIT_INPUT, "unpacks to more than 64.0 GiB");
  declare(path, (uint64_t)1 << 62, 0);
  assert_refused(path, "m", EXIT_INPUT, "unpacks to more than 64.0 GiB");
  declare(path, 4096, 1000);
  assert_refused(path, "m", EXIT_INPUT, "");
  declare(path, (uint64_t)63 << 30, 70 << 20);
  assert_refused(path, "elsewhere", EXIT_INPUT, "");
  if (memory_available() < (uint64_t)63 << 30)
    assert_refused(path, "m", EXIT_RUN, "needs 63.0 GiB of memory");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_all_models),     cmocka_unit_test(test_shards_in_archive),
      cmocka_unit_test(test_unsafe_entries), cmocka_unit_test(test_missing),
      cmocka_unit_test(test_flipped),        cmocka_unit_test(test_damaged),
      cmocka_unit_test(test_bomb),           cmocka_unit_test(test_too_many_entries),
      cmocka_unit_test(test_declared_sizes),
  };
  return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
