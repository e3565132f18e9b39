/* Archives that mean harm: bombs, lies about sizes, and what is packed as nobody reads it. */
#define _GNU_SOURCE
#include "packing.h"

#include "base/memory.h"

#include <unistd.h>

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

/* A tar header, and `size` bytes of content where there are some. */
static void write_block(struct archive *archive, const char *name, char type, const char *content,
                        size_t size)
{
  static const char zeros[512];
  char header[512] = "";
  unsigned sum = 0;
  snprintf(header, 100, "%s", name);
  memcpy(header + 100, "0000644", 7);
  snprintf(header + 124, 12, "%011zo", size);
  memset(header + 148, ' ', 8);
  header[156] = type;
  memcpy(header + 257, "ustar\00000", 8);
  for (int i = 0; i < 512; i++)
    sum += (unsigned char)header[i];
  snprintf(header + 148, 8, "%06o", sum);
  assert_int_equal(archive_write_data(archive, header, 512), 512);
  if (!size)
    return;
  assert_int_equal(archive_write_data(archive, content, size), size);
  assert_int_equal(archive_write_data(archive, zeros, (512 - size % 512) % 512),
                   (512 - size % 512) % 512);
}

/* Nothing but empty files, each with a long name (replaced by a short one) or an extended header:
 * no entry declares them, yet they are unpacked. */
static void test_header_bomb(void **state)
{
  static const char types[] = "Lxg";
  size_t size = 100000;
  const char *path = support_path("headers.tar.zst");
  char *content = malloc(size + 1);
  (void)state;
  assert_non_null(content);
  for (int i = 0; i < 3; i++) {
    memset(content, 'A', size);
    if (types[i] != 'L')
      memcpy(content, "100000 comment=", 15);
    content[size - 1] = types[i] == 'L' ? 0 : '\n';
    struct archive *archive = start_stream(path);
    write_block(archive, "m/config.json", '0', "{}", 2);
    for (int k = 0; k < 300; k++) {
      write_block(archive, "long", types[i], content, size);
      if (types[i] == 'L')
        write_block(archive, "short", 'L', "o/a", 4);
      write_block(archive, "o/a", '0', NULL, 0);
    }
    finish(archive);
    assert_refused(path, "m", EXIT_INPUT, "more than 1000 times its size");
  }
  free(content);
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

static void assert_accepted(const char *archive, size_t size)
{
  char path[600];
  struct error error = {0};
  struct fileset *set;
  snprintf(path, sizeof path, "%s:m", archive);
  if (fileset_open(path, &set, &error))
    fail_msg("%s", error.text);
  assert_int_equal(set->files[0]->blob.size, size);
  assert_true(set->files[0]->inside);
  fileset_close(set);
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
  /* All there, if only as a hole of the file system: nothing is copied. */
  declare(path, (uint64_t)63 << 30, ((off_t)63 << 30) + 1024);
  assert_accepted(path, (size_t)63 << 30);
}

/* A stream of 256 MiB of zeros is the end of a tar file, and 1 GiB of window is not allocated. */
static void test_zstd_bombs(void **state)
{
  /* magic number; descriptor of the frame; of the window: 2^30 bytes; a raw block of 4 bytes */
  static const unsigned char window[] = {0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xA0, 0x21,
                                         0,    0,    't',  'e',  's',  't'};
  /* the same, where one segment of 2^32 bytes is the window; an RLE block */
  static const unsigned char segment[] = {0x28, 0xB5, 0x2F, 0xFD, 0xE0, 0, 0, 0,   0,
                                          1,    0,    0,    0,    0x03, 0, 1, 't', 0};
  const char *path = support_path("zeros.tar.zst");
  size_t size = (size_t)1 << 20;
  char *zeros = calloc(1, size);
  (void)state;
  assert_non_null(zeros);
  struct archive *archive = start_stream(path);
  for (int i = 0; i < 256; i++)
    assert_int_equal(archive_write_data(archive, zeros, size), size);
  finish(archive);
  free(zeros);
  assert_refused(path, "m", EXIT_INPUT, "no file in directory");
  support_write(path, window, sizeof window);
  assert_refused(path, "m", EXIT_INPUT, "pack it again without --long");
  support_write(path, segment, sizeof segment);
  assert_refused(path, "m", EXIT_INPUT, "pack it again without --long");
}

/* Extended headers of extended headers, and a path of too many directories. */
static void test_nesting(void **state)
{
  const char *path = support_path("nested.tar");
  char name[1100] = "";
  size_t size;
  (void)state;
  for (int i = 0; i < 500; i++)
    strcat(name, "d/");
  strcat(name, "config.json");
  struct archive *archive = start(path, TAR);
  add(archive, name, AE_IFREG, NULL, "{}", 2);
  finish(archive);
  assert_refused(path, "m", EXIT_INPUT, "no file in directory \"m\"");
  memmove(name + 20, name, strlen(name) + 1);
  memset(name, 'd', 20);
  archive = start(path, TAR);
  add(archive, name, AE_IFREG, NULL, "{}", 2);
  finish(archive);
  assert_refused(path, "m", EXIT_INPUT, "unsafe path");
  char *bytes = support_read(path, &size), *many = malloc(20000 * 1024);
  assert_non_null(many);
  assert_int_equal(bytes[156], 'x'); /* the long name is in an extended header of 2 blocks */
  size_t header = 512 + 3 * 512;
  for (size_t i = 0; i < 10000; i++)
    memcpy(many + i * header, bytes, header);
  support_write(path, many, 10000 * header);
  free(many);
  free(bytes);
  assert_refused(path, "m", EXIT_INPUT, "");
}

/* The declared size of a zip entry is held against what is unpacked. */
static void test_zip_lies(void **state)
{
  const char *path = support_path("lies.zip");
  size_t size;
  char *zeros = calloc(1, 65536);
  (void)state;
  assert_non_null(zeros);
  struct archive *archive = start(path, ZIP);
  add(archive, "m/config.json", AE_IFREG, NULL, zeros, 65536);
  finish(archive);
  free(zeros);
  char *bytes = support_read(path, &size), *central = memmem(bytes, size, "PK\1\2", 4);
  assert_non_null(central);
  for (int i = 0; i < 3; i++) {
    static const uint32_t sizes[] = {100, 65537, 0xFFFFFFFE};
    memcpy(central + 24, &sizes[i], 4);
    support_write(path, bytes, size);
    assert_refused(path, "m", EXIT_INPUT, "again");
  }
  free(bytes);
}

/* What is packed otherwise is refused by name; a file's name does not make it so. */
static void test_other_formats(void **state)
{
  static const struct {
    const char *name;
    int (*filter)(struct archive *);
  } cases[] = {{"gzip", archive_write_add_filter_gzip},
               {"xz", archive_write_add_filter_xz},
               {"bzip2", archive_write_add_filter_bzip2},
               {"LZ4", archive_write_add_filter_lz4}};
  char words[64];
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *path = support_path("other.tar.x");
    struct archive *archive = archive_write_new();
    assert_int_equal(archive_write_set_format_pax_restricted(archive), ARCHIVE_OK);
    assert_int_equal(cases[i].filter(archive), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
    add(archive, "m/config.json", AE_IFREG, NULL, "{}", 2);
    finish(archive);
    snprintf(words, sizeof words, "is packed with %s, which is not supported", cases[i].name);
    assert_refused(path, "m", EXIT_INPUT, words);
  }
  const char *path = support_path("name.tar");
  struct archive *archive = start(path, TAR);
  add(archive, "BZh/config.json", AE_IFREG, NULL, "{}", 2);
  finish(archive);
  assert_refused(path, "m", EXIT_INPUT, "no file in directory");
}

/* A zip file with this text stored as m/config.json; its bytes, free(). */
static char *stored_zip(const char *path, const char *text, size_t *size)
{
  struct archive *archive = start(path, ZIP);
  assert_int_equal(archive_write_zip_set_compression_store(archive), ARCHIVE_OK);
  add(archive, "m/config.json", AE_IFREG, NULL, text, strlen(text));
  finish(archive);
  return support_read(path, size);
}

/* A stored entry of a zip file whose bytes are not those of its checksum. */
static void test_stored_checksum(void **state)
{
  const char *path = support_path("checksum.zip");
  size_t size;
  (void)state;
  char *bytes = stored_zip(path, "{\"key\":1}", &size), *at = memmem(bytes, size, "{\"key", 5);
  assert_non_null(at);
  at[2] = 'K';
  support_write(path, bytes, size);
  free(bytes);
  assert_refused(path, "m", EXIT_INPUT, "ZIP bad CRC");
}

/* An encrypted zip entry, wherever it is: nobody has its password. */
static void test_encrypted(void **state)
{
  const char *path = support_path("encrypted.zip");
  size_t size;
  (void)state;
  char *bytes = stored_zip(path, "{}", &size), *central = memmem(bytes, size, "PK\1\2", 4);
  assert_non_null(central);
  bytes[6] |= 1;
  central[8] |= 1;
  support_write(path, bytes, size);
  free(bytes);
  assert_refused(path, "m", EXIT_INPUT,
                 "\"m/config.json\" is encrypted; pack it again without a password");
  assert_refused(path, "elsewhere", EXIT_INPUT, "is encrypted");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bomb),           cmocka_unit_test(test_too_many_entries),
      cmocka_unit_test(test_declared_sizes), cmocka_unit_test(test_zstd_bombs),
      cmocka_unit_test(test_nesting),        cmocka_unit_test(test_zip_lies),
      cmocka_unit_test(test_other_formats),  cmocka_unit_test(test_stored_checksum),
      cmocka_unit_test(test_header_bomb),    cmocka_unit_test(test_encrypted),
  };
  return cmocka_run_group_tests_name("archive bombs", tests, NULL, NULL);
}
