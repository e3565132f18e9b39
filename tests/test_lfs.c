/* Git-lfs pointers: what is one, what only begins like one, and checkpoints that hold them. */
#include "support.h"

#include "checkpoint/checkpoint.h"
#include "files/lfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SHA "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
#define HEAD "version https://git-lfs.github.com/spec/v1\n"
#define OID "oid sha256:" SHA "\n"
#define GOOD HEAD OID "size 12345\n"
#define MARK_SIZE (sizeof "version https://git-lfs" - 1)

/* Parses a copy of exactly this size, so that ASan sees any step beyond. A pointer that was not
 * found must leave the result alone. */
static enum lfs_kind parse(const void *data, size_t size, struct lfs_pointer *pointer)
{
  char *copy = malloc(size ? size : 1);
  assert_non_null(copy);
  memcpy(copy, data, size);
  memset(pointer, 'x', sizeof *pointer);
  struct lfs_pointer untouched = *pointer;
  enum lfs_kind kind = lfs_pointer_parse(copy, size, pointer);
  if (kind != LFS_POINTER)
    assert_memory_equal(pointer, &untouched, sizeof untouched);
  free(copy);
  return kind;
}

static enum lfs_kind parse_text(const char *text)
{
  struct lfs_pointer pointer;
  return parse(text, strlen(text), &pointer);
}

static void test_good(void **state)
{
  static const struct {
    const char *text;
    uint64_t bytes;
  } cases[] = {
      {GOOD, 12345},
      {HEAD OID "size 0\n", 0},
      {HEAD OID "size 10\n", 10},
      {HEAD OID "size 18446744073709551615\n", UINT64_MAX},
  };
  struct lfs_pointer pointer;
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(parse(cases[i].text, strlen(cases[i].text), &pointer), LFS_POINTER);
    assert_string_equal(pointer.sha256, SHA);
    assert_true(pointer.bytes == cases[i].bytes);
  }
}

static void test_cut_off(void **state)
{
  struct lfs_pointer pointer;
  (void)state;
  for (size_t size = 0; size < strlen(GOOD); size++)
    assert_int_equal(parse(GOOD, size, &pointer), size < MARK_SIZE ? LFS_NONE : LFS_DAMAGED);
}

/* What the pointer is when the byte at `at` becomes `byte`. */
static enum lfs_kind kind_with(size_t at, char byte)
{
  const size_t digest = strlen(HEAD "oid sha256:"), number = strlen(HEAD OID "size ");
  if (at < MARK_SIZE)
    return LFS_NONE;
  if (at >= digest && at < digest + 64)
    return byte && strchr("0123456789abcdef", byte) ? LFS_POINTER : LFS_DAMAGED;
  if (at >= number && at < number + 5)
    return byte >= (at == number ? '1' : '0') && byte <= '9' ? LFS_POINTER : LFS_DAMAGED;
  return LFS_DAMAGED;
}

/* Every byte as every other value. */
static void test_changed(void **state)
{
  char text[] = GOOD;
  struct lfs_pointer pointer;
  (void)state;
  for (size_t at = 0; at < strlen(GOOD); at++) {
    for (int value = 0; value < 256; value++) {
      char byte = (char)value;
      if (byte == GOOD[at])
        continue;
      text[at] = byte;
      if (parse(text, strlen(GOOD), &pointer) != kind_with(at, byte))
        fail_msg("byte %zu as %d", at, value);
    }
    text[at] = GOOD[at];
  }
}

static void test_damaged(void **state)
{
  static const char *const cases[] = {
      GOOD "\n",
      GOOD " ",
      GOOD GOOD,
      "version https://git-lfs.github.com/spec/v1\r\noid sha256:" SHA "\r\nsize 12345\r\n",
      HEAD OID "size 12345\r\n",
      HEAD OID "size 012345\n",
      HEAD OID "size 00\n",
      HEAD OID "size \n",
      HEAD OID "size\n",
      HEAD OID "size -1\n",
      HEAD OID "size +1\n",
      HEAD OID "size 1.0\n",
      HEAD OID "size 0x10\n",
      HEAD OID "size  12\n",
      HEAD OID "size 12 \n",
      HEAD OID "size 18446744073709551616\n",
      HEAD OID "size 99999999999999999999999999999999999999999\n",
      HEAD "oid sha256:4D7A214614AB2935C943F9E0FF69D22EADBB8F32B1258DAAA5E2CA24D17E2393\n"
           "size 12345\n",
      HEAD "oid sha256:" SHA "0\nsize 12345\n",
      HEAD "oid sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709\nsize 12345\n",
      HEAD "ext-0-foo sha256:" SHA "\n" OID "size 12345\n",
      HEAD "size 12345\n" OID,
      HEAD OID "size 12345\nx y\n",
      HEAD OID OID "size 12345\n",
      "version https://git-lfs.github.com/spec/v2\n" OID "size 12345\n",
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (parse_text(cases[i]) != LFS_DAMAGED)
      fail_msg("case %zu", i);
}

/* Files that are something else, and a long one that begins like a pointer. */
static void test_others(void **state)
{
  static char large[1 << 16];
  struct lfs_pointer pointer;
  (void)state;
  assert_int_equal(parse_text("{}"), LFS_NONE);
  assert_int_equal(parse_text(" " GOOD), LFS_NONE);
  assert_int_equal(parse_text("\xef\xbb\xbf" GOOD), LFS_NONE);
  assert_int_equal(parse_text("version 1\n"), LFS_NONE);
  assert_int_equal(parse_text("Version https://git-lfs.github.com/spec/v1\n"), LFS_NONE);
  assert_int_equal(lfs_pointer_parse("", 0, &pointer), LFS_NONE);
  memcpy(large, GOOD, strlen(GOOD));
  assert_int_equal(parse(large, sizeof large, &pointer), LFS_DAMAGED);
}

static void assert_checkpoint_refused(const char *directory, const char *words)
{
  struct checkpoint *checkpoint;
  struct error error = {0};
  assert_int_equal(checkpoint_open(directory, &checkpoint, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, words);
}

/* Clones without git-lfs: single files and shards, of both formats. */
static void test_checkpoints(void **state)
{
  static const struct {
    const char *directory, *weights, *index;
  } cases[] = {
      {"single", "model.safetensors", NULL},
      {"bin", "pytorch_model.bin", NULL},
      {"shards", "a.safetensors", "model.safetensors.index.json"},
      {"shards-bin", "a.bin", "pytorch_model.bin.index.json"},
  };
  char place[512], path[1024], text[200], words[256];
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    snprintf(place, sizeof place, "%s", support_path(cases[i].directory));
    assert_int_equal(mkdir(place, 0700), 0);
    snprintf(path, sizeof path, "%s/config.json", place);
    support_write(path, "{}", 2);
    if (cases[i].index) {
      snprintf(path, sizeof path, "%s/%s", place, cases[i].index);
      snprintf(text, sizeof text, "{\"weight_map\":{\"t\":\"%s\"}}", cases[i].weights);
      support_write(path, text, strlen(text));
    }
    snprintf(path, sizeof path, "%s/%s", place, cases[i].weights);
    support_write(path, GOOD, strlen(GOOD));
    snprintf(words, sizeof words,
             "/%s: is a git-lfs pointer (12345 bytes, sha256 " SHA
             "), not the file; fetch it with git lfs pull or attest fetch",
             cases[i].weights);
    assert_checkpoint_refused(place, words);
    support_write(path, GOOD, strlen(GOOD) - 1);
    snprintf(words, sizeof words,
             "/%s: begins like a git-lfs pointer but is not one; fetch the file", cases[i].weights);
    assert_checkpoint_refused(place, words);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_good),    cmocka_unit_test(test_cut_off),
      cmocka_unit_test(test_changed), cmocka_unit_test(test_damaged),
      cmocka_unit_test(test_others),  cmocka_unit_test(test_checkpoints),
  };
  return cmocka_run_group_tests_name("lfs", tests, NULL, NULL);
}
