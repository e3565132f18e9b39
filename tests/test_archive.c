/* Model directories inside .tar, .tar.zst and .zip files; entries that are refused. */
#include "packing.h"

#include "checkpoint/checkpoint.h"
#include "files/archive_list.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIXTURES "tests/fixtures/conformance"

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

/* The same tensors from every kind of archive: in a directory, and at the root. */
static void assert_same_packed(const char *model)
{
  char packed[1024];
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

/* Every conformance model. */
static void test_all_models(void **state)
{
  int models = 0;
  struct dirent *found;
  DIR *folder = opendir(FIXTURES);
  (void)state;
  assert_non_null(folder);
  while ((found = readdir(folder))) {
    char model[512];
    snprintf(model, sizeof model, FIXTURES "/%s/model", found->d_name);
    if (found->d_name[0] == '.' || access(model, F_OK) != 0)
      continue;
    models++;
    assert_same_packed(model);
  }
  closedir(folder);
  assert_int_equal(models, 11);
}

static void test_pytorch_models(void **state)
{
  (void)state;
  assert_same_packed(FIXTURES "/gpt_neox-smooth-f32/model-bin");
  assert_same_packed(FIXTURES "/gpt_neox-parallel-f16/model-bin-2shards");
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
  assert_refused(path, "../m", EXIT_INPUT, "is not a directory inside an archive");
  assert_refused(path, "/m", EXIT_INPUT, "is not a directory inside an archive");
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
  assert_refused(path, "", EXIT_INPUT, "no file in directory \"\" (its root); its model");
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
      if (fileset_open_archive("small:m", bytes, size, true, "m", &set, &error) == 0)
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
  assert_refused(cut, "m", EXIT_INPUT, "not a .tar, .tar.zst or .zip archive");
  support_write(cut, "plain text", 10);
  assert_refused(cut, "m", EXIT_INPUT, "not a .tar, .tar.zst or .zip archive");
}

static void expect_no_model(const char *path)
{
  struct error error = {0};
  struct archive_list list;
  size_t size;
  char *bytes = support_read(path, &size);
  assert_int_equal(archive_list_models(path, bytes, size, &list, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "no model directory");
  free(bytes);
}

/* Directories with a config.json, in order, with what lies directly in them. */
static void test_list(void **state)
{
  static const struct archive_model expected[] = {{"", 2, 5}, {"a", 2, 6}, {"a/b", 1, 2}};
  const char *path = support_path("list.tar");
  struct error error = {0};
  struct archive_list list;
  size_t size;
  (void)state;
  struct archive *archive = start(path, TAR);
  finish(archive);
  expect_no_model(path);
  archive = start(path, TAR);
  add(archive, "x/config.json.old", AE_IFREG, NULL, "{}", 2);
  add(archive, "x/config.json", AE_IFDIR, NULL, NULL, 0);
  finish(archive);
  expect_no_model(path);
  archive = start(path, TAR);
  add(archive, "a/b/config.json", AE_IFREG, NULL, "{}", 2);
  add(archive, "config.json", AE_IFREG, NULL, "{}", 2);
  add(archive, "a/", AE_IFDIR, NULL, NULL, 0);
  add(archive, "./a/config.json", AE_IFREG, NULL, "{}", 2);
  add(archive, "b/no-model", AE_IFREG, NULL, "1", 1);
  add(archive, "a/model", AE_IFREG, NULL, "1234", 4);
  add(archive, "model", AE_IFREG, NULL, "123", 3);
  finish(archive);
  char *bytes = support_read(path, &size);
  assert_int_equal(archive_list_models(path, bytes, size, &list, &error), 0);
  assert_int_equal(list.count, 3);
  for (size_t i = 0; i < 3; i++) {
    assert_string_equal(list.models[i].directory, expected[i].directory);
    assert_int_equal(list.models[i].files, expected[i].files);
    assert_int_equal(list.models[i].bytes, expected[i].bytes);
  }
  archive_list_free(&list);
  free(bytes);
}

/* Only what is compressed is copied: a model in a .tar, or stored in a .zip, stays in the mapped
 * file, whose pages can be dropped. */
static void test_in_place(void **state)
{
  static const bool inside[] = {[TAR] = true, [TAR_ZST] = false, [ZIP] = false};
  char packed[600];
  (void)state;
  for (int i = TAR; i <= ZIP + 1; i++) {
    const char *path = support_path(i > ZIP ? "stored.zip" : endings[i]);
    struct archive *archive = start(path, i > ZIP ? ZIP : (enum packing)i);
    if (i > ZIP)
      assert_int_equal(archive_write_zip_set_compression_store(archive), ARCHIVE_OK);
    add(archive, "before", AE_IFREG, NULL, "odd", 3);
    add_folder(archive, FIXTURES "/olmoe-f32/model", "m/");
    finish(archive);
    snprintf(packed, sizeof packed, "%s:m", path);
    assert_same(FIXTURES "/olmoe-f32/model", packed);
    struct error error = {0};
    struct checkpoint *checkpoint;
    assert_int_equal(checkpoint_open(packed, &checkpoint, &error), 0);
    for (size_t t = 0; t < checkpoint_count(checkpoint); t++)
      assert_int_equal(checkpoint_at(checkpoint, t)->mapped, i > ZIP || inside[i]);
    checkpoint_close(checkpoint);
  }
}

/* An entry that is larger than its archive was unpacked, whatever the addresses: the archive lies
 * below the heap here, where "from the archive on" alone would also hold. */
static void test_larger_than_archive(void **state)
{
  static const char *const seeds[] = {"tests/fuzz/corpus/archive/expands.tar.zst",
                                      "tests/fuzz/corpus/archive/expands.zip"};
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    struct error error = {0};
    struct fileset *set;
    size_t size;
    char *bytes = support_read(seeds[i], &size);
    char *low = mmap((void *)(uintptr_t)0x10000000, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(low != MAP_FAILED);
    memcpy(low, bytes, size);
    if (fileset_open_archive("low:m", low, size, true, "m", &set, &error))
      fail_msg("%s", error.text);
    assert_true(set->files[0]->blob.size > size);
    assert_false(set->files[0]->inside);
    fileset_close(set);
    munmap(low, size);
    free(bytes);
  }
}

/* The holes of a sparse file are zeros, also the one at its end. */
static void test_sparse(void **state)
{
  const char *path = support_path("sparse.tar");
  char packed[600], expected[4096] = {0};
  struct error error = {0};
  struct fileset *set;
  (void)state;
  struct archive *archive = archive_write_new();
  assert_int_equal(archive_write_set_format_pax(archive), ARCHIVE_OK);
  assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
  struct archive_entry *entry = archive_entry_new();
  archive_entry_set_pathname(entry, "m/config.json");
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_size(entry, sizeof expected);
  archive_entry_sparse_add_entry(entry, 512, 512);
  archive_entry_sparse_add_entry(entry, 2048, 512);
  memset(expected + 512, 'a', 512);
  memset(expected + 2048, 'b', 512);
  assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
  assert_true(archive_write_data(archive, expected, sizeof expected) > 0);
  archive_entry_free(entry);
  finish(archive);
  snprintf(packed, sizeof packed, "%s:m", path);
  if (fileset_open(packed, &set, &error))
    fail_msg("%s", error.text);
  assert_int_equal(set->files[0]->blob.size, sizeof expected);
  assert_memory_equal(set->files[0]->blob.data, expected, sizeof expected);
  fileset_close(set);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_all_models),
      cmocka_unit_test(test_pytorch_models),
      cmocka_unit_test(test_shards_in_archive),
      cmocka_unit_test(test_larger_than_archive),
      cmocka_unit_test(test_list),
      cmocka_unit_test(test_in_place),
      cmocka_unit_test(test_sparse),
      cmocka_unit_test(test_unsafe_entries),
      cmocka_unit_test(test_missing),
      cmocka_unit_test(test_flipped),
      cmocka_unit_test(test_damaged),
  };
  return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
