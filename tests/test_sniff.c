/* What a file is, by its first bytes. */
#include "support.h"

#include "base/sniff.h"

#include <stdlib.h>
#include <string.h>

/* The zero that ends the string is not of the file. */
#define IS(kind, bytes) assert_int_equal(sniff(bytes, sizeof bytes - 1), kind)

static void test_pages(void **state)
{
  (void)state;
  IS(SNIFF_HTML, "<!DOCTYPE html><title>Login</title>");
  IS(SNIFF_HTML, "\r\n\t <HTML lang=en>");
  IS(SNIFF_HTML, "<!-- served by a proxy -->\n<!doctype HTML>");
  IS(SNIFF_HTML, "<?xml version=\"1.0\"?>\n<!DOCTYPE html PUBLIC \"-//W3C\">");
  IS(SNIFF_HTML, "\xef\xbb\xbf<html>");
  IS(SNIFF_HTML, "<h1>403 Forbidden</h1>");
  IS(SNIFF_XML, "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>");
  IS(SNIFF_XML, "<Error><Code>NoSuchKey</Code></Error>");
  IS(SNIFF_XML, "<!-- a comment without end");
  IS(SNIFF_TEXT, "< 3 tokens");
  IS(SNIFF_TEXT, "<");
}

static void test_text(void **state)
{
  (void)state;
  IS(SNIFF_EMPTY, "");
  IS(SNIFF_TEXT, "Entry not found");
  IS(SNIFF_TEXT, "na\xc3\xafve\n");
  IS(SNIFF_TEXT, "cut in the middle: \xc3");
  IS(SNIFF_UNKNOWN, "\xc3");
  IS(SNIFF_UNKNOWN, "not \x01 text, it goes on");
  IS(SNIFF_UNKNOWN, "a zero \0 in it");
  IS(SNIFF_JSON, "{\"error\": \"Repository not found\"}");
  IS(SNIFF_JSON, " \n[1, 2]");
  IS(SNIFF_BOM, "\xef\xbb\xbf{\"model_type\": \"olmo\"}");
  IS(SNIFF_UTF16, "\xff\xfe{\0}\0");
  IS(SNIFF_UTF16, "\xfe\xff\0{\0}");
  IS(SNIFF_LFS_POINTER, "version https://git-lfs.github.com/spec/v1\noid sha256:");
}

static void test_archives_and_weights(void **state)
{
  char tar[512] = "config.json";
  (void)state;
  IS(SNIFF_TEXT, "config.json");
  memcpy(tar + 257, "ustar", 5);
  assert_int_equal(sniff(tar, sizeof tar), SNIFF_TAR);
  assert_int_equal(sniff(tar, 261), SNIFF_UNKNOWN); /* the magic is cut */
  IS(SNIFF_ZIP, "PK\3\4\x14");
  IS(SNIFF_ZIP, "PK\5\6");
  IS(SNIFF_GZIP, "\x1f\x8b\x08");
  IS(SNIFF_ZSTD, "\x28\xb5\x2f\xfd\x04");
  IS(SNIFF_XZ, "\xfd\x37zXZ\0");
  IS(SNIFF_BZIP2, "BZh91AY");
  IS(SNIFF_HDF5, "\x89HDF\r\n\x1a\n");
  IS(SNIFF_GGUF, "GGUF\3");
  IS(SNIFF_NPY, "\x93NUMPY\1");
  IS(SNIFF_PICKLE, "\x80\x02}q");
  IS(SNIFF_UNKNOWN, "\x80\x09}q");
  IS(SNIFF_SAFETENSORS, "\x02\0\0\0\0\0\0\0{}");
  IS(SNIFF_SAFETENSORS, "{\0\0\0\0\0\0\0{\"a\""); /* a size that looks like JSON */
  IS(SNIFF_UNKNOWN, "\x01\0\0\0\0\0\0\0{}");
  IS(SNIFF_UNKNOWN, "\x02\0\0\0\x01\0\0\0{}"); /* a header of 4 GiB */
}

/* Nothing behind the bytes is read, and nothing behind those that matter counts. */
static void test_sizes(void **state)
{
  char page[2 * SNIFF_BYTES];
  (void)state;
  memset(page, 'a', sizeof page);
  page[SNIFF_BYTES] = 1;
  assert_int_equal(sniff(page, sizeof page), SNIFF_TEXT);
  page[SNIFF_BYTES - 1] = 1;
  assert_int_equal(sniff(page, sizeof page), SNIFF_UNKNOWN);
  memset(page, '\xef', SNIFF_BYTES); /* the first byte of a character, over and over */
  assert_int_equal(sniff(page, sizeof page), SNIFF_UNKNOWN);
  for (size_t size = 1; size < 9; size++) {
    char *copy = malloc(size); /* ASan sees what lies behind */
    assert_non_null(copy);
    memcpy(copy, "\x02\0\0\0\0\0\0\0", size);
    assert_int_equal(sniff(copy, size), SNIFF_UNKNOWN);
    free(copy);
  }
}

static void test_names(void **state)
{
  (void)state;
  for (int kind = SNIFF_UNKNOWN; kind <= SNIFF_TEXT; kind++)
    assert_non_null(sniff_name((enum sniff_kind)kind));
  assert_string_equal(sniff_name(SNIFF_HTML), "an HTML page");
  assert_string_equal(sniff_name(SNIFF_LFS_POINTER), "a git-lfs pointer");
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_pages), cmocka_unit_test(test_text),
                                     cmocka_unit_test(test_archives_and_weights),
                                     cmocka_unit_test(test_sizes), cmocka_unit_test(test_names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
