/* The checkpoint writer: its bytes against a file made by hand, what our reader makes of it, what
 * is refused, and every call that can fail. */
#define _GNU_SOURCE
#include "workshop.h"

#include "checkpoint/safetensors.h"
#include "checkpoint/safetensors_write.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#define WHERE "checkpoint"

static const struct layout_rule single = {.stem = "model", .ending = "safetensors"};

static struct tensor tensor(const char *name, enum dtype dtype, int rank, int64_t rows,
                            int64_t columns, const void *data)
{
  struct tensor made = {.name = name, .dtype = dtype, .rank = rank, .data = data};
  made.shape[0] = rows;
  made.shape[1] = columns;
  return made;
}

static void add(struct layout *layout, struct tensor added)
{
  struct error error = {0};
  if (layout_add(layout, WHERE, &added, &error))
    fail_msg("%s", error.text);
}

static void refuse_add(struct layout *layout, struct tensor added, const char *words)
{
  struct error error = {0};
  assert_int_equal(layout_add(layout, WHERE, &added, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, words);
}

static void refuse_rule(struct layout *layout, struct layout_rule rule, const char *words)
{
  struct error error = {0};
  assert_int_equal(layout_arrange(layout, WHERE, &rule, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, words);
  layout_free(layout);
}

/* Arranges, writes from memory, publishes and closes. */
static int save(const char *directory, struct layout *layout, const struct layout_rule *rule,
                struct error *error)
{
  struct file_group group = {0};
  int status = layout_arrange(layout, WHERE, rule, error);
  if (!status)
    status = safetensors_save(directory, layout, &group, error);
  if (!status)
    status = file_group_write(&group, directory, "config.json", "{}", 2, error);
  if (!status)
    status = file_group_publish(&group, error);
  file_group_close(&group);
  layout_free(layout);
  return status;
}

static const char *fresh(const char *name)
{
  const char *directory = workshop_path(name);
  assert_int_equal(mkdir(directory, 0777), 0);
  return directory;
}

static size_t entries(const char *directory)
{
  size_t count = 0;
  DIR *stream = opendir(directory);
  assert_non_null(stream);
  while (readdir(stream))
    count++;
  closedir(stream);
  return count - 2;
}

/* Written by hand after the format's description: 200 bytes of header, then large elements first;
 * a tensor without elements; a scalar whose name must be escaped. */
static const char golden[] =
    "\xC8\0\0\0\0\0\0\0"
    "{\"__metadata__\":{\"format\":\"pt\"},"
    "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
    "\"z\":{\"dtype\":\"F16\",\"shape\":[0,4],\"data_offsets\":[8,8]},"
    "\"a\\\"\\\\\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[8,9]}}     "
    "\x00\x00\x80\x3F\x00\x00\x00\xC0"
    "\x07";

static void test_bytes(void **state)
{
  static const unsigned char seven = 7;
  static const float values[] = {1.0f, -2.0f};
  struct error error = {0};
  struct layout layout = {0};
  const char *directory = fresh("bytes");
  size_t size;
  (void)state;
  add(&layout, tensor("a\"\\", DTYPE_U8, 0, 0, 0, &seven));
  add(&layout, tensor("z", DTYPE_F16, 2, 0, 4, NULL));
  add(&layout, tensor("b", DTYPE_F32, 1, 2, 0, values));
  if (save(directory, &layout, &single, &error))
    fail_msg("%s", error.text);
  assert_int_equal(entries(directory), 2);
  char *file = support_read(workshop_path("bytes/model.safetensors"), &size);
  assert_int_equal(size, sizeof golden - 1);
  assert_memory_equal(file, golden, size);
  free(file);
}

/* The order of layout_add, where it is asked for. */
static void test_stated_order(void **state)
{
  struct layout layout = {0};
  struct layout_rule rule = single;
  struct error error = {0};
  (void)state;
  rule.order = ORDER_STATED;
  add(&layout, tensor("small", DTYPE_U8, 1, 3, 0, "abc"));
  add(&layout, tensor("large", DTYPE_I64, 1, 1, 0, "12345678"));
  add(&layout, tensor("also", DTYPE_U8, 1, 1, 0, "z"));
  if (save(fresh("stated"), &layout, &rule, &error))
    fail_msg("%s", error.text);
  size_t size;
  char *file = support_read(workshop_path("stated/model.safetensors"), &size);
  assert_memory_equal(file + size - 12, "abc12345678z", 12);
  free(file);
}

/* Tensors of 40, 16, 16, 12 and 0 bytes with at most 32 a file: the first has a file of its own. */
static void make_shards(struct layout *layout, char data[40])
{
  static const char *const names[] = {"layers.0.w", "layers.1.w", "layers.2.w", "ends", "none"};
  static const int64_t rows[] = {10, 4, 4, 3, 0};
  for (int i = 0; i < 40; i++)
    data[i] = (char)i;
  for (size_t i = 0; i < 5; i++)
    add(layout, tensor(names[i], DTYPE_F32, 1, rows[i], 0, data));
}

static void test_shards(void **state)
{
  static const char index[] = "{\n  \"metadata\": {\n    \"total_size\": 84\n  },\n"
                              "  \"weight_map\": {\n"
                              "    \"ends\": \"model-00003-of-00003.safetensors\",\n"
                              "    \"layers.0.w\": \"model-00001-of-00003.safetensors\",\n"
                              "    \"layers.1.w\": \"model-00002-of-00003.safetensors\",\n"
                              "    \"layers.2.w\": \"model-00002-of-00003.safetensors\",\n"
                              "    \"none\": \"model-00003-of-00003.safetensors\"\n"
                              "  }\n}\n";
  struct layout layout = {0};
  struct layout_rule rule = single;
  struct error error = {0};
  struct checkpoint *checkpoint = NULL;
  char data[40];
  size_t size;
  const char *directory = fresh("shards");
  (void)state;
  rule.file_bytes = 32;
  make_shards(&layout, data);
  if (save(directory, &layout, &rule, &error) || checkpoint_open(directory, &checkpoint, &error))
    fail_msg("%s", error.text);
  char *file = support_read(workshop_path("shards/model.safetensors.index.json"), &size);
  assert_string_equal(file, index);
  free(file);
  assert_int_equal(checkpoint_count(checkpoint), 5);
  const struct tensor *last = checkpoint_find(checkpoint, "layers.2.w");
  assert_non_null(last);
  assert_int_equal(last->bytes, 16);
  assert_memory_equal(last->data, data, 16);
  checkpoint_close(checkpoint);
}

/* Byte after byte; and neither too few nor too many of them. */
static void test_pieces(void **state)
{
  struct layout layout = {0};
  struct file_group group = {0};
  struct safetensors_writer writer;
  const struct layout_part *part;
  struct error error = {0};
  const char *directory = fresh("pieces");
  (void)state;
  add(&layout, tensor("a", DTYPE_U8, 1, 3, 0, NULL));
  add(&layout, tensor("b", DTYPE_U8, 1, 2, 0, NULL));
  assert_int_equal(layout_arrange(&layout, WHERE, &single, &error), 0);
  safetensors_writer_open(directory, &layout, &group, &writer);
  assert_int_equal(safetensors_writer_next(&writer, &part, &error), 0);
  assert_int_equal(part->index, 0);
  for (int i = 0; i < 2; i++)
    assert_int_equal(safetensors_writer_write(&writer, "x", 1, &error), 0);
  assert_int_equal(safetensors_writer_next(&writer, &part, &error), EXIT_RUN);
  support_assert_error(&error, EXIT_RUN, "tensor \"a\" lacks 1 bytes");
  error = (struct error){0};
  assert_int_equal(safetensors_writer_write(&writer, "xy", 2, &error), EXIT_RUN);
  support_assert_error(&error, EXIT_RUN, "2 bytes are more than");
  error = (struct error){0};
  assert_int_equal(safetensors_writer_write(&writer, "y", 1, &error), 0);
  assert_int_equal(safetensors_writer_finish(&writer, &error), EXIT_RUN);
  support_assert_error(&error, EXIT_RUN, "only 1 of 2 tensors");
  file_group_close(&group);
  layout_free(&layout);
  assert_int_equal(entries(directory), 0);
}

static void test_names_and_sizes_refused(void **state)
{
  struct layout layout = {0};
  char name[514];
  (void)state;
  memset(name, 'n', sizeof name - 1);
  name[513] = 0;
  refuse_add(&layout, tensor("", DTYPE_U8, 0, 0, 0, NULL), "1 to 512 bytes");
  refuse_add(&layout, tensor(name, DTYPE_U8, 0, 0, 0, NULL), "this has 513");
  refuse_add(&layout, tensor("\xFF", DTYPE_U8, 0, 0, 0, NULL), "not UTF-8");
  refuse_add(&layout, tensor("__metadata__", DTYPE_U8, 0, 0, 0, NULL), "__metadata__");
  refuse_add(&layout, tensor("a", DTYPE_U8, 1, -1, 0, NULL), "too many elements");
  refuse_add(&layout, tensor("a", DTYPE_U8, 2, INT64_MAX, 3, NULL), "too many elements");
  refuse_add(&layout, tensor("a", DTYPE_F64, 1, INT64_MAX, 0, NULL), "too many bytes");
  add(&layout, tensor("a", DTYPE_U8, 2, INT64_MAX, 2, NULL));
  refuse_add(&layout, tensor("b", DTYPE_U8, 1, 2, 0, NULL), "tensors have too many bytes");
  assert_int_equal(layout.count, 1);
  layout_free(&layout);
  add(&layout, tensor("a", DTYPE_U8, 0, 0, 0, NULL));
  add(&layout, tensor("b", DTYPE_U8, 0, 0, 0, NULL));
  add(&layout, tensor("a", DTYPE_U8, 0, 0, 0, NULL));
  refuse_rule(&layout, single, "two tensors are called \"a\"");
}

/* `count` tensors of one byte, whose names have `length` bytes; free() once the layout is. */
static char *add_many(struct layout *layout, int count, int length)
{
  char *names = malloc((size_t)count * ((size_t)length + 1));
  assert_non_null(names);
  for (int i = 0; i < count; i++) {
    char *name = names + (size_t)i * ((size_t)length + 1);
    snprintf(name, (size_t)length + 1, "%0*d", length, i);
    add(layout, tensor(name, DTYPE_U8, 0, 0, 0, "x"));
  }
  return names;
}

static void test_too_many(void **state)
{
  struct layout layout = {0};
  struct layout_rule rule = single;
  struct error error = {0};
  (void)state;
  char *names = add_many(&layout, LAYOUT_MOST_FILES + 1, 8);
  rule.file_bytes = 1;
  refuse_rule(&layout, rule, "would take 4097 files");
  free(names);
  names = add_many(&layout, 3, 8);
  rule.files = 4;
  refuse_rule(&layout, rule, "shards must not be more than its 3 tensors");
  free(names);
  names = add_many(&layout, LAYOUT_MOST_TENSORS, 300);
  refuse_add(&layout, tensor("more", DTYPE_U8, 0, 0, 0, NULL), "more than 100000 tensors");
  assert_int_equal(save(fresh("long"), &layout, &single, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "spread the tensors over more files");
  assert_int_equal(entries(workshop_path("long")), 0);
  free(names);
}

/* As many as are allowed, and our reader takes them. */
static void test_many(void **state)
{
  struct layout layout = {0};
  struct error error = {0};
  struct checkpoint *checkpoint = NULL;
  const char *directory = fresh("many");
  (void)state;
  char *names = add_many(&layout, LAYOUT_MOST_TENSORS, 6);
  if (save(directory, &layout, &single, &error) || checkpoint_open(directory, &checkpoint, &error))
    fail_msg("%s", error.text);
  assert_int_equal(checkpoint_count(checkpoint), LAYOUT_MOST_TENSORS);
  checkpoint_close(checkpoint);
  free(names);
}

/* What the child of test_failing_calls does: shards into a directory. */
static int write_shards(const char *directory)
{
  struct layout layout = {0};
  struct layout_rule rule = single;
  struct error error = {0};
  char data[40];
  rule.file_bytes = 32;
  make_shards(&layout, data);
  if (save(directory, &layout, &rule, &error))
    fprintf(stderr, "%s\n", error.text);
  return error.code;
}

/* This program as the child, with call `at` of a kind failing; 0 = none does, and they are counted.
 */
static int run_child(const char *directory, const char *call, int at, int reason, char **err)
{
  char self[400], number[32];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  assert_true(length > 0);
  self[length] = 0;
  const char *const words[] = {self, directory, NULL};
  snprintf(number, sizeof number, "%d", at);
  setenv("ATTEST_FAIL_AT", number, 1);
  snprintf(number, sizeof number, "%d", reason);
  setenv("ATTEST_FAIL_ERRNO", number, 1);
  setenv("ATTEST_FAIL_CALL", call, 1);
  setenv("ATTEST_FAIL_COUNT", at ? "/dev/null" : workshop_path("count"), 1);
  setenv("LD_PRELOAD", workshop_path("preload_io.so"), 1);
  int code = support_run(words, NULL, err);
  unsetenv("LD_PRELOAD");
  return code;
}

/* How often the run without failures made a call. */
static int count_of(const char *call)
{
  char name[32];
  int count, found = 0;
  size_t size;
  char *text = support_read(workshop_path("count"), &size);
  for (const char *line = text; sscanf(line, "%31s %d", name, &count) == 2;
       line = strchr(line, '\n') + 1)
    if (strcmp(name, call) == 0)
      found = count;
  free(text);
  return found;
}

static void test_failing_calls(void **state)
{
  static const struct {
    const char *call;
    int reason;
    const char *words;
  } kinds[] = {{"write", ENOSPC, "the disk is full"},
               {"open-write", ENOSPC, "the disk is full"},
               {"fsync", EIO, "Input/output error"},
               {"rename", EIO, "Input/output error"}};
  const char *directory = fresh("failing");
  char *err;
  (void)state;
  if (support_emulated())
    skip();
  workshop_preload("preload_io.so");
  assert_int_equal(run_child(directory, "", 0, 0, NULL), 0);
  assert_int_equal(entries(directory), 5); /* three shards, index, config.json */
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    int count = count_of(kinds[k].call);
    assert_true(count >= 5);
    for (int at = 1; at <= count; at++) {
      workshop_shell("rm -rf %s && mkdir %s", directory, directory);
      int code = run_child(directory, kinds[k].call, at, kinds[k].reason, &err);
      /* The fsync of a directory may fail; some file systems have none. */
      if (code != EXIT_RUN && !(code == 0 && strcmp(kinds[k].call, "fsync") == 0))
        fail_msg("%s %d: exit code %d", kinds[k].call, at, code);
      if (code && (!strstr(err, kinds[k].words) || strchr(err, '\n') != err + strlen(err) - 1))
        fail_msg("%s %d: %s", kinds[k].call, at, err);
      assert_int_equal(entries(directory), code ? 0 : 5);
      free(err);
    }
  }
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bytes),
      cmocka_unit_test(test_stated_order),
      cmocka_unit_test(test_shards),
      cmocka_unit_test(test_pieces),
      cmocka_unit_test(test_names_and_sizes_refused),
      cmocka_unit_test(test_too_many),
      cmocka_unit_test(test_many),
      cmocka_unit_test(test_failing_calls),
  };
  if (argc == 2)
    return write_shards(argv[1]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
