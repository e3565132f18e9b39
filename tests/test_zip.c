/* The zip reader on files made by hand: what torch.save writes is read in place, every trick is
 * refused with the offset. */
#include "support.h"

#include "files/crc32.h"
#include "files/zip.h"
#include "torch_file.h"

#include <stdbool.h>

#define LOCAL 0
#define FIRST_DATA 64 /* the records are aligned to 64 bytes */

static void add_records(struct torch_file *f)
{
  torch_add(f, "a/data.pkl", "pickle", 6);
  torch_add(f, "a/data/0", "0123456789", 10);
  torch_add(f, "a/version", "3\n", 2);
}

/* With one end record, which every field of it can then contradict. */
static struct torch_file sample(void)
{
  struct torch_file f = {0};
  add_records(&f);
  torch_end_plain(&f);
  return f;
}

/* As torch writes it, with an empty record. */
static struct torch_file torch_sample(bool wide)
{
  struct torch_file f = {.wide = wide};
  add_records(&f);
  torch_add(&f, "a/data/1", "", 0);
  torch_end(&f);
  return f;
}

static void assert_refused(const struct torch_file *f, const char *words)
{
  struct error error = {0};
  struct zip zip;
  assert_int_equal(zip_parse("x.bin", f->data, f->size, &zip, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, words);
  support_assert_error(&error, EXIT_INPUT, "x.bin: offset ");
}

/* Writes over `width` bytes of the sample: at `at` of the first local header, of the first entry of
 * the directory, or of the end record. */
enum part { IN_LOCAL, IN_DIRECTORY, IN_END };
static void assert_change_refused(enum part part, size_t at, size_t width, uint64_t value,
                                  const char *words)
{
  struct torch_file f = sample();
  size_t start = part == IN_LOCAL ? LOCAL : part == IN_DIRECTORY ? f.directory_at : f.size - 22;
  torch_number(f.data + start + at, width, value);
  assert_refused(&f, words);
  torch_free(&f);
}

static void test_crc(void **state)
{
  (void)state;
  assert_int_equal(crc32_add(0, "123456789", 9), 0xcbf43926); /* the check value of the CRC */
  assert_int_equal(crc32_add(crc32_add(0, "12345678901234", 14), "567890", 6),
                   crc32_add(0, "12345678901234567890", 20));
}

/* Parses a sample; its entry of ten bytes. */
static const struct zip_entry *parse_sample(const struct torch_file *f, struct zip *zip)
{
  struct error error = {0};
  assert_int_equal(zip_parse("x.bin", f->data, f->size, zip, &error), 0);
  assert_int_equal(zip->count, 4);
  const struct zip_entry *entry = zip_find(zip, "a/data/0");
  assert_non_null(entry);
  assert_int_equal(entry->size, 10);
  assert_int_equal(entry->offset % 64, 0);
  return entry;
}

static void test_read_in_place(void **state)
{
  struct error error = {0};
  struct zip zip;
  struct torch_file f = torch_sample(false);
  (void)state;
  const struct zip_entry *entry = parse_sample(&f, &zip);
  assert_memory_equal(f.data + entry->offset, "0123456789", 10);
  assert_null(zip_find(&zip, "a/data"));
  assert_null(zip_find(&zip, "a/data/00"));
  assert_int_equal(zip_check("x.bin", f.data, entry, &error), 0);
  f.data[entry->offset]++;
  assert_int_equal(zip_check("x.bin", f.data, entry, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "CRC-32");
  support_assert_error(&error, EXIT_INPUT, "torch.serialization.set_crc32_options(True)");
  zip_free(&zip);
  torch_free(&f);
}

static void test_refusals(void **state)
{
  (void)state;
  assert_change_refused(IN_DIRECTORY, 8, 2, 0x809, "encrypted");
  assert_change_refused(IN_DIRECTORY, 8, 2, 0x848, "encrypted");
  assert_change_refused(IN_DIRECTORY, 8, 2, 0x2808, "encrypted");
  assert_change_refused(IN_DIRECTORY, 8, 2, 0x818, "flags that PyTorch does not use");
  assert_change_refused(IN_DIRECTORY, 8, 2, 0x800, "contradict");
  assert_change_refused(IN_DIRECTORY, 10, 2, 8, "compressed");
  assert_change_refused(IN_DIRECTORY, 16, 4, 1, "data descriptor and the directory contradict");
  assert_change_refused(IN_DIRECTORY, 20, 4, 5, "two different sizes");
  assert_change_refused(IN_DIRECTORY, 20, 8, 0x500000005, "data descriptor of 16 or 24 bytes");
  assert_change_refused(IN_DIRECTORY, 20, 8, 0xfffffff0fffffff0, "reaches into the directory");
  assert_change_refused(IN_DIRECTORY, 24, 4, UINT32_MAX, "extra fields are damaged");
  assert_change_refused(IN_DIRECTORY, 28, 2, 0, "not a plain relative path");
  assert_change_refused(IN_DIRECTORY, 28, 2, 60000, "past the end of the directory");
  assert_change_refused(IN_DIRECTORY, 32, 2, 1, "has a comment");
  assert_change_refused(IN_DIRECTORY, 34, 2, 1, "another disk");
  assert_change_refused(IN_DIRECTORY, 42, 4, 1, "first entry must start here");
  assert_change_refused(IN_LOCAL, 0, 4, 0, "expected an entry to start here");
  assert_change_refused(IN_LOCAL, 6, 2, 0x800, "contradict");
  assert_change_refused(IN_LOCAL, 8, 2, 8, "contradict");
  assert_change_refused(IN_LOCAL, 18, 4, 5, "contradict");
  assert_change_refused(IN_LOCAL, 28, 2, 60000, "reaches into the directory");
  assert_change_refused(IN_LOCAL, 28, 2, 23, "data descriptor of 16 or 24 bytes");
  assert_change_refused(IN_LOCAL, 30, 1, 'b', "contradict");
  assert_change_refused(IN_LOCAL, FIRST_DATA + 6, 4, 0, "data descriptor");
  assert_change_refused(IN_LOCAL, FIRST_DATA + 6 + 8, 4, 7, "data descriptor");
  assert_change_refused(IN_END, 4, 2, 1, "several disks");
  assert_change_refused(IN_END, 8, 2, 2, "several disks");
  assert_change_refused(IN_END, 8, 4, 0x40004, "more entries are promised");
  assert_change_refused(IN_END, 8, 4, 0x20002, "more than its entries");
  assert_change_refused(IN_END, 8, 4, 0xffffffff, "more entries are promised");
  assert_change_refused(IN_END, 12, 4, UINT32_MAX, "does not end where");
  assert_change_refused(IN_END, 16, 4, 1, "does not end where");
  assert_change_refused(IN_END, 20, 2, 1, "comment");
}

static void test_names(void **state)
{
  static const char *const bad[] = {"/a", "a//b", "../a", "a/..", "a/./b",
                                    "a/", "a\\b", "a\nb", "a\xff"};
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct torch_file f = {0};
    torch_add(&f, bad[i], "x", 1);
    torch_end(&f);
    assert_refused(&f, "not a plain relative path");
    torch_free(&f);
  }
  struct torch_file f = {0};
  torch_add(&f, "a/b", "x", 1);
  torch_add(&f, "a/b", "y", 1);
  torch_end(&f);
  assert_refused(&f, "a second entry has this name");
  torch_free(&f);
}

/* Bytes before, between and after the entries. */
static void test_hidden_bytes(void **state)
{
  struct torch_file f = {0};
  (void)state;
  torch_bytes(&f, "x", 1);
  torch_add(&f, "a/b", "x", 1);
  torch_end(&f);
  assert_refused(&f, "first entry must start here");
  torch_free(&f);
  torch_add(&f, "a/b", "x", 1);
  torch_bytes(&f, "x", 1);
  torch_end(&f);
  assert_refused(&f, "data descriptor of 16 or 24 bytes and nothing else");
  torch_free(&f);
  f = sample();
  torch_bytes(&f, "x", 1);
  assert_refused(&f, "comment");
  torch_free(&f);
  /* Two entries of the directory for the same bytes under two names. */
  f = sample();
  torch_number(f.data + f.directory_at + 46 + 10 + 42, 4, 0);
  assert_refused(&f, "");
  torch_free(&f);
}

/* What torch writes, with this added to what the zip64 end record says. The old record points to
 * it, as it must where a number is too large. */
static struct torch_file sample64(uint64_t entries, uint64_t size, uint64_t start)
{
  struct torch_file f = torch_sample(false);
  uint8_t *old = f.data + f.size - TORCH_END, *end = old - TORCH_LOCATOR - TORCH_END64;
  torch_number(end + 24, 8, f.entries + entries);
  torch_number(end + 32, 8, f.entries + entries);
  torch_number(end + 40, 8, f.directory_size + size);
  torch_number(end + 48, 8, f.directory_at + start);
  memset(old + 8, 0xff, 12);
  return f;
}

static void test_zip64(void **state)
{
  struct error error = {0};
  struct zip zip;
  struct torch_file f = sample64(0, 0, 0);
  (void)state;
  assert_int_equal(zip_parse("x.bin", f.data, f.size, &zip, &error), 0);
  assert_int_equal(zip.count, 4);
  zip_free(&zip);
  torch_number(f.data + f.size - TORCH_END + 10, 2, 3);
  torch_number(f.data + f.size - TORCH_END + 8, 2, 3);
  assert_refused(&f, "contradict");
  torch_free(&f);
  static const uint64_t lies[][3] = {{1, 0, 0},
                                     {UINT64_MAX, 0, 0},
                                     {UINT64_MAX - 4, 0, 0},
                                     {0, 1, 0},
                                     {0, UINT64_MAX, 0},
                                     {0, 0, 1},
                                     {0, 1, UINT64_MAX},
                                     {0, UINT64_C(1) << 63, UINT64_C(1) << 63}};
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    f = sample64(lies[i][0], lies[i][1], lies[i][2]);
    assert_refused(&f, "");
    torch_free(&f);
  }
  f = sample64(0, 0, 0);
  torch_number(f.data + f.size - TORCH_END - TORCH_LOCATOR + 8, 8, UINT64_MAX);
  assert_refused(&f, "expected the zip64 end record just before");
  torch_free(&f);
}

/* Entries whose sizes are in zip64 fields, with descriptors of 24 bytes. */
static void test_wide_entries(void **state)
{
  static const struct {
    size_t at, width; /* in the first entry of the directory, whose name has 10 bytes */
    uint64_t value;
    const char *words;
  } lies[] = {
      {46 + 10 + 4, 8, 5, "two different sizes"},
      {46 + 10 + 12, 8, UINT64_MAX, "two different sizes"},
      {46 + 10 + 2, 2, 8, "extra fields are damaged"},
      {46 + 10 + 2, 2, 24, "extra fields are damaged"},
      {46 + 10, 2, 2, "extra fields are damaged"},
      {24, 4, 6, "extra fields are damaged"},
      {42, 4, UINT32_MAX, "extra fields are damaged"},
      {30, 2, 0, "extra fields are damaged"},
  };
  struct error error = {0};
  struct zip zip;
  struct torch_file f = torch_sample(true);
  (void)state;
  const struct zip_entry *entry = parse_sample(&f, &zip);
  assert_int_equal(zip_check("x.bin", f.data, entry, &error), 0);
  size_t descriptor = entry->offset + entry->size;
  zip_free(&zip);
  torch_number(f.data + descriptor + 16, 8, UINT64_C(10) + (UINT64_C(1) << 32));
  assert_refused(&f, "the data descriptor and the directory contradict");
  torch_free(&f);
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    f = torch_sample(true);
    torch_number(f.data + f.directory_at + lies[i].at, lies[i].width, lies[i].value);
    assert_refused(&f, lies[i].words);
    torch_free(&f);
  }
  /* Both sizes, and the same lie. */
  f = torch_sample(true);
  torch_number(f.data + f.directory_at + 46 + 10 + 4, 8, UINT64_C(1) << 63);
  torch_number(f.data + f.directory_at + 46 + 10 + 12, 8, UINT64_C(1) << 63);
  assert_refused(&f, "reaches into the directory");
  torch_free(&f);
}

/* Cut off at every byte, refused; with any byte changed, refused or of the same shape. The copy has
 * exactly the size, so that a sanitizer sees every read past it. */
static void assert_damage(struct torch_file f)
{
  struct error error = {0};
  struct zip zip;
  size_t accepted = 0;
  for (size_t size = 0; size < f.size; size++) {
    uint8_t *copy = malloc(size + !size);
    assert_non_null(copy);
    memcpy(copy, f.data, size);
    assert_int_equal(zip_parse("x", copy, size, &zip, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, "offset");
    free(copy);
  }
  for (size_t i = 0; i < f.size; i++)
    for (int mask = 1; mask < 256; mask = 2 * mask + 1) {
      f.data[i] ^= (uint8_t)mask;
      if (zip_parse("x", f.data, f.size, &zip, &error) == 0) {
        assert_int_equal(zip.count, f.entries);
        zip_free(&zip);
        accepted++;
      } else
        support_assert_error(&error, EXIT_INPUT, "offset");
      f.data[i] ^= (uint8_t)mask;
    }
  print_message("  %zu of %zu changes are harmless\n", accepted, 8 * f.size);
  torch_free(&f);
}

static void test_damage(void **state)
{
  (void)state;
  assert_damage(sample());
  assert_damage(torch_sample(false));
  assert_damage(torch_sample(true));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_crc),          cmocka_unit_test(test_read_in_place),
      cmocka_unit_test(test_refusals),     cmocka_unit_test(test_names),
      cmocka_unit_test(test_hidden_bytes), cmocka_unit_test(test_zip64),
      cmocka_unit_test(test_wide_entries), cmocka_unit_test(test_damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
