/* Files of torch.save made by hand: every way a tensor can lie in its storage gives the values that
 * index arithmetic gives, and every contradiction between pickle and records is refused. */
#include "support.h"

#include "checkpoint/pytorch.h"
#include "torch_file.h"

#include <stdbool.h>
#include <sys/stat.h>

#define ELEMENTS 24
#define BYTES ((size_t)ELEMENTS * 4)

struct layout {
  const char *byteorder;  /* NULL = no record */
  const char *extra;      /* name of one more record, NULL = none */
  const char *version;    /* NULL = "3\n" */
  size_t storage_bytes;   /* of record a/data/0; 0 = BYTES */
  const char *first_name; /* NULL = a/data.pkl */
};

/* Storage 0 holds the floats 0, 1, 2, ... in the byte order of the file. */
static struct torch_file make(const struct layout *layout, const struct torch_view *views,
                              size_t count)
{
  struct torch_file pickle = {0}, file = {0};
  uint8_t storage[BYTES];
  bool big = layout->byteorder && strcmp(layout->byteorder, "big") == 0;
  torch_begin_dict(&pickle);
  for (size_t i = 0; i < count; i++)
    torch_tensor(&pickle, &views[i]);
  torch_ops(&pickle, "u.");
  for (size_t i = 0; i < ELEMENTS; i++) {
    float value = (float)i;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    torch_number(storage + 4 * i, 4, big ? __builtin_bswap32(bits) : bits);
  }
  torch_add(&file, layout->first_name ? layout->first_name : "a/data.pkl", pickle.data,
            pickle.size);
  if (layout->byteorder)
    torch_add(&file, "a/byteorder", layout->byteorder, strlen(layout->byteorder));
  torch_add(&file, "a/data/0", storage, layout->storage_bytes ? layout->storage_bytes : BYTES);
  if (layout->extra)
    torch_add(&file, layout->extra, "x", 1);
  const char *version = layout->version ? layout->version : "3\n";
  torch_add(&file, "a/version", version, strlen(version));
  torch_end(&file);
  torch_free(&pickle);
  return file;
}

/* The wanted value of element (i, j, ...) is its index in the storage. */
static void check_values(const struct torch_view *view, const struct tensor *tensor)
{
  size_t count = 1;
  for (int d = 0; d < view->rank; d++)
    count *= (size_t)view->shape[d];
  assert_string_equal(tensor->name, view->name);
  assert_int_equal(tensor->dtype, DTYPE_F32);
  assert_int_equal(tensor->rank, view->rank);
  assert_int_equal(tensor->elements, count);
  assert_int_equal(tensor->bytes, 4 * count);
  for (size_t i = 0; i < count; i++) {
    size_t rest = i, want = (size_t)view->offset;
    uint32_t bits = 0;
    float got;
    for (int d = view->rank; d-- > 0; rest /= (size_t)view->shape[d])
      want += rest % (size_t)view->shape[d] * (size_t)view->stride[d];
    for (int b = 4; b-- > 0;)
      bits = bits << 8 | ((const uint8_t *)tensor->data)[4 * i + (size_t)b];
    memcpy(&got, &bits, sizeof got);
    assert_true(got == (float)want);
  }
}

static const struct torch_view views[] = {
    {"a contiguous", "FloatStorage", "0", ELEMENTS, 0, 2, {4, 6}, {6, 1}},
    {"b part", "FloatStorage", "0", ELEMENTS, 7, 1, {5}, {1}},
    {"c scalar", "FloatStorage", "0", ELEMENTS, 23, 0, {0}, {0}},
    {"d length 1", "FloatStorage", "0", ELEMENTS, 2, 3, {1, 2, 1}, {0, 1, 99}},
    {"e empty", "FloatStorage", "0", ELEMENTS, 24, 2, {0, 3}, {3, 1}},
    {"f tied", "FloatStorage", "0", ELEMENTS, 0, 2, {4, 6}, {6, 1}},
    {"g transposed", "FloatStorage", "0", ELEMENTS, 1, 2, {3, 2}, {1, 3}},
    {"h steps", "FloatStorage", "0", ELEMENTS, 1, 3, {2, 2, 2}, {12, 1, 3}},
};

#define VIEWS (sizeof views / sizeof *views)
#define IN_PLACE 6 /* the first ones */

static void test_views(void **state)
{
  static const char *const orders[] = {NULL, "little", "big"};
  (void)state;
  for (size_t k = 0; k < 3; k++) {
    struct layout layout = {.byteorder = orders[k]};
    struct torch_file f = make(&layout, views, VIEWS);
    struct pytorch parsed;
    struct error error = {0};
    if (pytorch_parse("x.bin", f.data, f.size, &parsed, &error))
      fail_msg("%s", error.text);
    assert_int_equal(parsed.count, VIEWS);
    for (size_t i = 0; i < VIEWS; i++) {
      const struct tensor *tensor = &parsed.tensors[i];
      const uint8_t *data = tensor->data;
      bool inside = data >= f.data && data < f.data + f.size;
      check_values(&views[i], tensor);
      assert_int_equal(inside, k < 2 && i < IN_PLACE);
      assert_int_equal(tensor->mapped, inside);
    }
    assert_ptr_equal(parsed.tensors[0].data, parsed.tensors[5].data);
    pytorch_free(&parsed);
    torch_free(&f);
  }
}

/* Says what to do, and where a tensor's view is wrong, its REDUCE. */
static void assert_line(const struct torch_file *f, const struct error *error)
{
  char *end;
  if (!strstr(error->text, "again") && !strstr(error->text, "contiguous") &&
      !strstr(error->text, "save the state dict"))
    fail_msg("nothing to do: %s", error->text);
  if (!strstr(error->text, ": tensor \""))
    return;
  assert_int_equal(strncmp(error->text, "x.bin: offset ", 14), 0);
  unsigned long at = strtoul(error->text + 14, &end, 10);
  assert_int_equal(strncmp(end, ": tensor \"w\": ", 14), 0);
  assert_true(at < f->size);
  assert_int_equal(f->data[at], 'R');
}

static void assert_refused(const struct layout *layout, const struct torch_view *list, size_t count,
                           const char *words)
{
  struct torch_file f = make(layout, list, count);
  struct pytorch parsed;
  struct error error = {0};
  assert_int_equal(pytorch_parse("x.bin", f.data, f.size, &parsed, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, words);
  assert_line(&f, &error);
  torch_free(&f);
}

static void test_bad_views(void **state)
{
  static const struct layout plain = {0};
  static const struct torch_view bad[] = {
      {"w", "FloatStorage", "0", ELEMENTS, 1, 2, {4, 6}, {6, 1}},
      {"w", "FloatStorage", "0", ELEMENTS, 25, 1, {0}, {1}},
      {"w", "FloatStorage", "0", ELEMENTS, 0, 2, {2, 6}, {100, 1}},
      {"w", "FloatStorage", "0", ELEMENTS, 0, 2, {4, 6}, {0, 1}},
      {"w", "FloatStorage", "0", ELEMENTS, 0, 2, {20, 5}, {1, 1}},
      {"w", "FloatStorage", "0", ELEMENTS, 0, 3, {INT32_MAX, INT32_MAX, INT32_MAX}, {1, 1, 1}},
      {"w", "FloatStorage", "0", ELEMENTS - 1, 0, 1, {4}, {1}},
      {"w", "HalfStorage", "0", ELEMENTS, 0, 1, {4}, {1}},
      {"w", "FloatStorage", "1", ELEMENTS, 0, 1, {4}, {1}},
      {"w", "FloatStorage", "../version", ELEMENTS, 0, 1, {4}, {1}},
      {"w", "FloatStorage", "", ELEMENTS, 0, 1, {4}, {1}},
  };
  static const char *const words[] = {
      "tensor \"w\": reaches element 24 of a storage of 24",
      "reaches element 25 of a storage of 24",
      "reaches element 105",
      "overlap",
      "larger than the file",
      "more elements than fit in 64 bits",
      "23 F32 elements, but its record has 96 bytes",
      "24 F16 elements, but its record has 96 bytes",
      "storage \"1\" has no record",
      "has no record",
      "has no record",
  };
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_refused(&plain, &bad[i], 1, words[i]);
  static const struct torch_view two[] = {
      {"v", "FloatStorage", "0", ELEMENTS, 0, 1, {4}, {1}},
      {"w", "IntStorage", "0", ELEMENTS, 0, 1, {4}, {1}},
  };
  assert_refused(&plain, two, 2, "storage \"0\" is used as F32 and as I32");
}

static void test_records(void **state)
{
  (void)state;
  assert_refused(&(struct layout){.byteorder = "middle"}, views, 1, "\"little\" or \"big\"");
  assert_refused(&(struct layout){.version = "11\n"}, views, 1, "from 1 to 10");
  assert_refused(&(struct layout){.version = "x"}, views, 1, "from 1 to 10");
  assert_refused(&(struct layout){.extra = "a/other"}, views, 1, "\"a/other\" is not known");
  assert_refused(&(struct layout){.extra = "b/data/1"}, views, 1, "folder of the others");
  assert_refused(&(struct layout){.extra = "a/constants.pkl"}, views, 1, "TorchScript");
  assert_refused(&(struct layout){.extra = "a/code/x.py"}, views, 1, "TorchScript");
  assert_refused(&(struct layout){.storage_bytes = 95}, views, 1, "record has 95 bytes");
  assert_refused(&(struct layout){.first_name = "a/data/1"}, views, 1, "no record \"a/data.pkl\"");
  static const char *const known[] = {"a/.data/serialization_id", "a/.format_version",
                                      "a/.storage_alignment", "a/data/unused"};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    struct torch_file f = make(&(struct layout){.extra = known[i]}, views, VIEWS);
    struct pytorch parsed;
    struct error error = {0};
    assert_int_equal(pytorch_parse("x.bin", f.data, f.size, &parsed, &error), 0);
    pytorch_free(&parsed);
    torch_free(&f);
  }
}

static void test_other_formats(void **state)
{
  static const uint8_t magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                  0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
  uint8_t legacy[] = {0x80, 2, 0x95, 13, [sizeof magic + 11] = '.'};
  uint8_t tar[512] = {0};
  struct pytorch parsed;
  struct error error = {0};
  (void)state;
  memcpy(tar + 257, "ustar", 5);
  for (uint8_t protocol = 2; protocol <= 5; protocol++) {
    legacy[1] = protocol;
    memcpy(legacy + (protocol < 4 ? 2 : 11), magic, sizeof magic);
    assert_int_equal(pytorch_parse("x", legacy, sizeof legacy, &parsed, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, "before 1.6");
    memset(legacy + 2, 0, sizeof legacy - 2);
  }
  assert_int_equal(pytorch_parse("x", tar, sizeof tar, &parsed, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "before 1.6");
  assert_int_equal(pytorch_parse("x", "version https://", 16, &parsed, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "not the zip file that torch.save writes");
}

/* Any byte changed: refused in one line, or the same tensors in the same shapes but for what the
 * byte says. Every byte of what is accepted can be read. */
static void test_damage(void **state)
{
  struct torch_file f = make(&(struct layout){.byteorder = "little"}, views, VIEWS);
  struct pytorch parsed;
  struct error error = {0};
  size_t accepted = 0;
  uint64_t sum = 0;
  (void)state;
  for (size_t i = 0; i < f.size; i++)
    for (int bit = 0; bit < 8; bit++) {
      f.data[i] ^= (uint8_t)(1 << bit);
      if (pytorch_parse("x", f.data, f.size, &parsed, &error) == 0) {
        for (size_t t = 0; t < parsed.count; t++)
          for (size_t b = 0; b < parsed.tensors[t].bytes; b++)
            sum += ((const uint8_t *)parsed.tensors[t].data)[b];
        pytorch_free(&parsed);
        accepted++;
      } else
        support_assert_error(&error, EXIT_INPUT, "x: ");
      f.data[i] ^= (uint8_t)(1 << bit);
    }
  print_message("  %zu of %zu changes are harmless (%llu)\n", accepted, 8 * f.size,
                (unsigned long long)sum);
  torch_free(&f);
}

/* The safetensors file wins; an index of one format cannot name files of the other. */
static void test_choice(void **state)
{
  static const char config[] = "{}", index[] = "{\"weight_map\": {\"a\": \"x.safetensors\"}}";
  static const char bin_index[] = "{\"weight_map\": {\"a contiguous\": \"part.bin\"}}";
  struct torch_file f = make(&(struct layout){0}, views, 1);
  struct checkpoint *checkpoint;
  struct error error = {0};
  const char *folder = support_path("choice");
  (void)state;
  assert_int_equal(mkdir(folder, 0700), 0);
  support_write(support_path("choice/config.json"), config, 2);
  support_write(support_path("choice/pytorch_model.bin.index.json"), index, sizeof index - 1);
  assert_int_equal(checkpoint_open(folder, &checkpoint, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "is not the plain name of a .bin file");
  support_write(support_path("choice/pytorch_model.bin.index.json"), bin_index,
                sizeof bin_index - 1);
  support_write(support_path("choice/part.bin"), f.data, f.size);
  assert_int_equal(checkpoint_open(folder, &checkpoint, &error), 0);
  const struct tensor *tensor = checkpoint_find(checkpoint, "a contiguous");
  assert_non_null(tensor);
  check_values(&views[0], tensor);
  assert_true(tensor->mapped);
  checkpoint_close(checkpoint);
  support_write(support_path("choice/pytorch_model.bin"), "x", 1);
  assert_int_equal(checkpoint_open(folder, &checkpoint, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "pytorch_model.bin: is plain text");
  support_write(support_path("choice/model.safetensors.index.json"), index, sizeof index - 1);
  assert_int_equal(checkpoint_open(folder, &checkpoint, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "x.safetensors: missing");
  support_write(support_path("choice/model.safetensors"), "\2\0\0\0\0\0\0\0{}", 10);
  assert_int_equal(checkpoint_open(folder, &checkpoint, &error), 0);
  assert_int_equal(checkpoint_count(checkpoint), 0);
  checkpoint_close(checkpoint);
  torch_free(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_views),   cmocka_unit_test(test_bad_views),
      cmocka_unit_test(test_records), cmocka_unit_test(test_other_formats),
      cmocka_unit_test(test_damage),  cmocka_unit_test(test_choice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
