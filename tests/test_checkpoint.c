/* Safetensors, shards and model directories: what is read, and every refusal. */
#define _GNU_SOURCE
#include "support.h"

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIXTURES "tests/fixtures/conformance/"

/* A safetensors file with this header and `data` bytes after it, of exactly its size so that ASan
 * sees any step beyond; free(). */
static uint8_t *file_bytes(const char *header, size_t data, size_t *size)
{
  size_t length = strlen(header);
  *size = 8 + length + data;
  uint8_t *bytes = calloc(1, *size);
  assert_non_null(bytes);
  for (size_t i = 0; i < 8; i++)
    bytes[i] = (uint8_t)(length >> (8 * i));
  memcpy(bytes + 8, header, length);
  for (size_t i = 0; i < data; i++)
    bytes[8 + length + i] = (uint8_t)i;
  return bytes;
}

static void write_tensors(const char *path, const char *header, size_t data)
{
  size_t size;
  uint8_t *bytes = file_bytes(header, data, &size);
  support_write(path, bytes, size);
  free(bytes);
}

static void assert_refused(const char *header, size_t data, const char *words)
{
  struct error error = {0};
  struct safetensors parsed;
  size_t size;
  uint8_t *bytes = file_bytes(header, data, &size);
  assert_int_equal(safetensors_parse("x.safetensors", bytes, size, &parsed, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, words);
  support_assert_error(&error, EXIT_INPUT, "x.safetensors: ");
  free(bytes);
}

#define ONE(dtype, shape, offsets)                                                                 \
  "{\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define TWO(first, second)                                                                         \
  "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" first                                 \
  "},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" second "}}"

static void test_header_refusals(void **state)
{
  static const struct {
    const char *header;
    size_t data;
    const char *words;
  } cases[] = {
      {"", 0, "header must start with '{'"},
      {" {}", 0, "header must start with '{'"},
      {"[]", 0, "header must start with '{'"},
      {"{", 0, "line 1"},
      {"{}}", 0, "line 1"},
      {"{\"a\":1}", 0, "tensor \"a\": must be an object"},
      {"{\"\":{}}", 0, "1 to 512 bytes"},
      {"{\"__metadata__\":1}", 0, "\"__metadata__\" must be an object"},
      {"{\"__metadata__\":{\"format\":1}}", 0, "\"format\" must be a string"},
      {"{}", 3, "3 bytes after the last tensor"},
      {ONE("F8_E4M3", "[4]", "[0,4]"), 4, "dtype \"F8_E4M3\" is not known"},
      {ONE("f32", "[1]", "[0,4]"), 4, "dtype \"f32\" is not known"},
      {"{\"a\":{\"dtype\":3,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "\"dtype\" is wrong"},
      {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "\"dtype\" is missing"},
      {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,4]}}", 4, "\"shape\" is missing"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4]}}", 4, "\"data_offsets\" is missing"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4],\"x\":1}}", 4,
       "unknown key \"x\""},
      {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
       "duplicate"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
       "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
       0, "duplicate"},
      {ONE("F32", "4", "[0,4]"), 4, "\"shape\" is wrong"},
      {ONE("F32", "[1.0]", "[0,4]"), 4, "shape[0] must be an integer >= 0"},
      {ONE("F32", "[1,-1]", "[0,4]"), 4, "shape[1] must be an integer >= 0"},
      {ONE("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "9 dimensions"},
      {ONE("F32", "[2]", "[0,4]"), 4, "span 4 bytes, dtype and shape need 8"},
      {ONE("F32", "[9223372036854775807,3]", "[0,4]"), 4, "more elements than fit in 64 bits"},
      {ONE("F32", "[9223372036854775807,3,0]", "[0,0]"), 0, "more elements than fit in 64 bits"},
      {ONE("F32", "[9223372036854775807]", "[0,4]"), 4, "more bytes than fit in 64 bits"},
      {ONE("F32", "[18446744073709551617]", "[0,4]"), 4, "too big"},
      {ONE("F32", "[1e999]", "[0,4]"), 4, "line 1"},
      {ONE("F32", "[1]", "[0]"), 4, "must be two integers"},
      {ONE("F32", "[1]", "[0,4,4]"), 4, "must be two integers"},
      {ONE("F32", "[1]", "[0,\"4\"]"), 4, "must be two integers"},
      {ONE("F32", "[1]", "[-4,0]"), 4, "0 <= begin <= end"},
      {ONE("F32", "[1]", "[4,0]"), 4, "0 <= begin <= end"},
      {ONE("F32", "[1]", "[4,8]"), 4, "the file holds 4 bytes of tensors"},
      {ONE("F32", "[1]", "[0,9223372036854775807]"), 4, "the file holds 4 bytes"},
      {ONE("F32", "[1]", "[0,4]"), 5, "1 bytes after the last tensor"},
      {ONE("F32", "[1]", "[1,5]"), 5, "starts at offset 1, the one before ends at 0"},
      {TWO("[0,4]", "[3,7]"), 7, "without overlap"},
      {TWO("[0,4]", "[0,4]"), 4, "without overlap"},
      {TWO("[0,4]", "[5,9]"), 9, "without holes"},
      {"{\"a\\u0000b\":{}}", 0, "line 1"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_refused(cases[i].header, cases[i].data, cases[i].words);
}

static void test_header_bombs(void **state)
{
  char deep[6000] = "{\"a\":", name[700] = "{\"";
  (void)state;
  memset(deep + 5, '[', sizeof deep - 6);
  assert_refused(deep, 0, "2048 deep");
  memset(name + 2, 'n', 513);
  strcpy(name + 515, "\":{}}");
  assert_refused(name, 0, "1 to 512 bytes");
}

static void test_header_length(void **state)
{
  static const struct {
    uint8_t bytes[10];
    size_t size;
    const char *words;
  } cases[] = {
      {{0}, 0, "is not enough"},
      {{2, 0, 0}, 3, "is not enough"},
      {{0, 0, 0, 0, 0, 0, 0, 0x80, '{', '}'}, 10, "header of 9223372036854775808 bytes"},
      {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, '{', '}'}, 10, "larger than 25 MiB"},
      {{3, 0, 0, 0, 0, 0, 0, 0, '{', '}'}, 10, "header of 3 bytes is larger than the file"},
      {{0, 0, 0, 0, 0, 0, 0, 0, '{', '}'}, 10, "header must start with '{'"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct error error = {0};
    struct safetensors parsed;
    int status = safetensors_parse("x", cases[i].bytes, cases[i].size, &parsed, &error);
    assert_int_equal(status, EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, cases[i].words);
  }
}

#define GOOD                                                                                       \
  "{\"__metadata__\":{\"format\":\"pt\"},"                                                         \
  "\"z\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},"                              \
  "\"none\":{\"shape\":[3,0],\"dtype\":\"F16\",\"data_offsets\":[8,8]},"                           \
  "\"scalar\":{\"dtype\":\"BOOL\",\"shape\":[],\"data_offsets\":[8,9]},"                           \
  "\"a\":{\"dtype\":\"I64\",\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[9,17]}}  "
#define GOOD_DATA 17

static void test_good_file(void **state)
{
  static const char *const names[] = {"z", "none", "scalar", "a"};
  struct error error = {0};
  struct safetensors parsed;
  size_t size;
  uint8_t *bytes = file_bytes(GOOD, GOOD_DATA, &size);
  (void)state;
  assert_int_equal(safetensors_parse("x", bytes, size, &parsed, &error), 0);
  assert_int_equal(parsed.count, 4);
  for (size_t i = 0; i < 4; i++)
    assert_string_equal(parsed.tensors[i].name, names[i]);
  const struct tensor *scalar = &parsed.tensors[2], *last = &parsed.tensors[3];
  assert_int_equal(scalar->rank, 0);
  assert_int_equal(scalar->elements, 1);
  assert_int_equal(*(const uint8_t *)scalar->data, 8);
  assert_int_equal(last->rank, 8);
  assert_int_equal(last->dtype, DTYPE_I64);
  assert_int_equal(last->bytes, 8);
  assert_ptr_equal(last->data, bytes + size - 8);
  assert_int_equal(parsed.tensors[1].elements, 0);
  safetensors_free(&parsed);
  free(bytes);
}

/* Cut anywhere, a file is refused; with any one byte changed nothing but a refusal may happen. */
static void test_damage(void **state)
{
  struct error error;
  struct safetensors parsed;
  size_t size;
  uint8_t *bytes = file_bytes(GOOD, GOOD_DATA, &size);
  (void)state;
  for (size_t cut = 0; cut < size; cut++) {
    uint8_t *copy = malloc(cut ? cut : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, cut);
    assert_int_equal(safetensors_parse("x", copy, cut, &parsed, &error), EXIT_INPUT);
    free(copy);
  }
  for (size_t at = 0; at < size - GOOD_DATA; at++)
    for (int bit = 0; bit < 8; bit++) {
      bytes[at] ^= (uint8_t)(1 << bit);
      if (safetensors_parse("x", bytes, size, &parsed, &error) == 0)
        safetensors_free(&parsed);
      else
        assert_int_equal(error.code, EXIT_INPUT);
      bytes[at] ^= (uint8_t)(1 << bit);
    }
  free(bytes);
}

static void test_dtypes(void **state)
{
  static const char *const names[] = {"F32", "BF16", "F16", "F64", "I64", "I32", "I16",
                                      "I8",  "U64",  "U32", "U16", "U8",  "BOOL"};
  static const size_t sizes[] = {4, 2, 2, 8, 8, 4, 2, 1, 8, 4, 2, 1, 1};
  (void)state;
  for (int i = 0; i <= DTYPE_BOOL; i++) {
    assert_string_equal(dtype_name((enum dtype)i), names[i]);
    assert_int_equal(dtype_size((enum dtype)i), sizes[i]);
  }
}

/* A fresh model directory with "{}" as config.json. */
static const char *model_directory(void)
{
  static char path[256];
  static int number;
  char config[300];
  snprintf(path, sizeof path, "%s/model%d", support_directory(), number++);
  assert_int_equal(mkdir(path, 0700), 0);
  snprintf(config, sizeof config, "%s/config.json", path);
  support_write(config, "{}", 2);
  return path;
}

static const char *inside(const char *directory, const char *name)
{
  static char path[600];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return path;
}

static void assert_open_refused(const char *path, const char *words)
{
  struct error error = {0};
  struct checkpoint *checkpoint = NULL;
  assert_int_equal(checkpoint_open(path, &checkpoint, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, words);
  assert_null(checkpoint);
}

static void test_directory_refusals(void **state)
{
  const char *model = model_directory(), *single = "model.safetensors";
  (void)state;
  assert_open_refused("", "no such directory");
  assert_open_refused(support_path("absent"), "no such directory");
  assert_open_refused("Makefile", "is not a directory");
  assert_open_refused(model, "neither model.safetensors nor");
  support_write(inside(model, "pytorch_model.bin"), "x", 1);
  assert_open_refused(model, "pytorch_model.bin: is plain text, not weights that torch.save wrote");
  support_write(inside(model, single), "", 0);
  assert_open_refused(model, "model.safetensors: is an empty file");
  assert_int_equal(unlink(inside(model, single)), 0);
  assert_int_equal(mkfifo(inside(model, single), 0600), 0);
  assert_open_refused(model, "model.safetensors: not a regular file"); /* and does not hang */
  assert_int_equal(unlink(inside(model, single)), 0);
  assert_int_equal(mkdir(inside(model, single), 0700), 0);
  assert_open_refused(model, "model.safetensors: not a regular file");
  assert_int_equal(truncate(inside(model, "config.json"), (1 << 20) + 1), 0);
  assert_open_refused(model, "more than the 1048576 a config may have");
  assert_int_equal(unlink(inside(model, "config.json")), 0);
  assert_open_refused(model, "config.json: missing");
  assert_int_equal(mkfifo(inside(model, "config.json"), 0600), 0);
  assert_open_refused(model, "config.json: not a regular file");
}

#define SHARD(name) "{\"" name "\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}"

static void test_index_refusals(void **state)
{
  static const struct {
    const char *index, *words;
  } cases[] = {
      {"", "is an empty file"},
      {"[]", "must be a JSON object"},
      {"{}", "\"weight_map\" is missing"},
      {"{\"weight_map\":[]}", "\"weight_map\" is wrong"},
      {"{\"weight_map\":{}}", "\"weight_map\" is empty"},
      {"{\"weight_map\":{\"a\":\"s1.safetensors\"},\"x\":1}", "unknown key \"x\""},
      {"{\"weight_map\":{\"a\":\"s1.safetensors\"},\"metadata\":1}", "\"metadata\" is wrong"},
      {"{\"weight_map\":{\"a\":1}}", "not the plain name"},
      {"{\"weight_map\":{\"a\":\"../x.safetensors\"}}", "not the plain name"},
      {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "not the plain name"},
      {"{\"weight_map\":{\"a\":\"/x.safetensors\"}}", "not the plain name"},
      {"{\"weight_map\":{\"a\":\"a/b.safetensors\"}}", "not the plain name"},
      {"{\"weight_map\":{\"a\":\"..\"}}", "not the plain name"},
      {"{\"weight_map\":{\"a\":\".safetensors\"}}", "not the plain name"},
      {"{\"weight_map\":{\"a\":\"model.safetensors.index.json\"}}", "not the plain name"},
      {"{\"weight_map\":{\"a\":\"gone.safetensors\"}}", "gone.safetensors: missing"},
      {"{\"weight_map\":{\"b\":\"s1.safetensors\"}}", "which the index does not name"},
      {"{\"weight_map\":{\"a\":\"s2.safetensors\",\"b\":\"s1.safetensors\"}}",
       "which the index assigns to"},
      {"{\"weight_map\":{\"a\":\"s1.safetensors\",\"twin\":\"s2.safetensors\","
       "\"b\":\"s2.safetensors\"}}",
       "tensor \"twin\" is not in s2.safetensors"},
      {"{\"weight_map\":{\"a\":\"s1.safetensors\",\"b\":\"s2.safetensors\","
       "\"c\":\"copy.safetensors\"}}",
       "copy.safetensors: holds tensor \"a\", which the index assigns to s1"},
  };
  const char *model = model_directory();
  (void)state;
  write_tensors(inside(model, "s1.safetensors"), SHARD("a"), 4);
  write_tensors(inside(model, "s2.safetensors"), SHARD("b"), 4);
  write_tensors(inside(model, "copy.safetensors"), SHARD("a"), 4);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    support_write(inside(model, "model.safetensors.index.json"), cases[i].index,
                  strlen(cases[i].index));
    assert_open_refused(model, cases[i].words);
  }
}

static void test_too_many_shards(void **state)
{
  const char *model = model_directory();
  (void)state;
  FILE *index = fopen(inside(model, "model.safetensors.index.json"), "w");
  assert_non_null(index);
  fputs("{\"weight_map\":{", index);
  for (int i = 0; i <= 4096; i++)
    fprintf(index, "%s\"t%d\":\"s%d.safetensors\"", i ? "," : "", i, i);
  fputs("}}", index);
  assert_int_equal(fclose(index), 0);
  assert_open_refused(model, "names 4097 shards");
  assert_int_equal(truncate(inside(model, "model.safetensors.index.json"), (25 << 20) + 1), 0);
  assert_open_refused(model, "more than the 26214400 an index may have");
}

/* As in transformers, model.safetensors goes before an index. */
static void test_single_before_index(void **state)
{
  struct error error = {0};
  struct checkpoint *checkpoint;
  const char *model = model_directory();
  size_t size;
  (void)state;
  support_write(inside(model, "model.safetensors.index.json"), "damaged", 7);
  write_tensors(inside(model, "model.safetensors"), SHARD("a"), 4);
  assert_int_equal(checkpoint_open(model, &checkpoint, &error), 0);
  assert_int_equal(checkpoint_count(checkpoint), 1);
  assert_string_equal(checkpoint_path(checkpoint), model);
  assert_memory_equal(checkpoint_config(checkpoint, &size), "{}", 2);
  assert_int_equal(size, 2);
  assert_null(checkpoint_find(checkpoint, "b"));
  assert_ptr_equal(checkpoint_find(checkpoint, "a"), checkpoint_at(checkpoint, 0));
  checkpoint_close(checkpoint);
  checkpoint_close(NULL);
}

static void test_shards_equal_single(void **state)
{
  struct error error = {0};
  struct checkpoint *single, *shards;
  (void)state;
  assert_int_equal(checkpoint_open(FIXTURES "olmo-f32/model", &single, &error), 0);
  assert_int_equal(checkpoint_open(FIXTURES "olmo-f32/model-2shards", &shards, &error), 0);
  assert_int_equal(checkpoint_count(single), checkpoint_count(shards));
  for (size_t i = 0; i < checkpoint_count(single); i++) {
    const struct tensor *a = checkpoint_at(single, i), *b = checkpoint_at(shards, i);
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->dtype, b->dtype);
    assert_int_equal(a->rank, b->rank);
    assert_memory_equal(a->shape, b->shape, sizeof a->shape);
    assert_int_equal(a->bytes, b->bytes);
    assert_memory_equal(a->data, b->data, a->bytes);
    assert_ptr_equal(checkpoint_find(shards, a->name), b);
    assert_non_null(strstr(b->file, "-of-00002.safetensors"));
  }
  checkpoint_close(single);
  checkpoint_close(shards);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_header_refusals),
      cmocka_unit_test(test_header_bombs),
      cmocka_unit_test(test_header_length),
      cmocka_unit_test(test_good_file),
      cmocka_unit_test(test_damage),
      cmocka_unit_test(test_dtypes),
      cmocka_unit_test(test_directory_refusals),
      cmocka_unit_test(test_index_refusals),
      cmocka_unit_test(test_too_many_shards),
      cmocka_unit_test(test_single_before_index),
      cmocka_unit_test(test_shards_equal_single),
  };
  return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
