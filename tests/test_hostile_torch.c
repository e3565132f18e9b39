/* Hostile pytorch_model.bin files through the command line: one clear line with the offset, exit
 * code 2, nothing printed and no output file. */
#include "workshop.h"

#include "torch_file.h"

#define ELEMENTS 6

static const struct torch_view good = {"w", "FloatStorage", "0", ELEMENTS, 0, 2, {2, 3}, {3, 1}};

/* A file of torch.save with this pickle and two storages of six floats. */
static struct torch_file pack(const void *pickle, size_t size, bool wide)
{
  static const uint8_t storage[4 * ELEMENTS];
  struct torch_file f = {.wide = wide};
  torch_add(&f, "a/data.pkl", pickle, size);
  torch_add(&f, "a/data/0", storage, sizeof storage);
  torch_add(&f, "a/data/1", storage, sizeof storage);
  torch_add(&f, "a/version", "3\n", 2);
  torch_end(&f);
  return f;
}

/* Screens and inspects a model with this file as its weights. */
static void refuse(struct torch_file f, const char *words)
{
  const char *model = workshop_path("torch"), *out = workshop_path("never.csv");
  workshop_shell("mkdir -p %s && cp " WORKSHOP_MODEL "/config.json %s", model, model);
  support_write(workshop_path("torch/pytorch_model.bin"), f.data, f.size);
  char *line =
      workshop_refuse(EXIT_INPUT, words, "screen %s " WORKSHOP_PROTOCOL " --out %s --json %s.json",
                      model, out, out);
  workshop_contains(line, "pytorch_model.bin: offset ");
  free(line);
  free(workshop_refuse(EXIT_INPUT, words, "inspect %s --json %s.json", model, out));
  workshop_shell("! ls -A %s | grep -q 'never'", support_directory());
  torch_free(&f);
}

static void refuse_pickle(const void *pickle, size_t size, const char *words)
{
  refuse(pack(pickle, size, false), words);
}

#define REFUSE(literal, words) refuse_pickle(literal, sizeof literal - 1, words)

static void test_code(void **state)
{
  (void)state;
  REFUSE("\x80\2cos\nsystem\n(X\2\0\0\0lstR.", "GLOBAL: \"os.system\" is refused");
  REFUSE("\x80\4\x8c\5posix\x8c\6system\x93X\2\0\0\0ls\x85R.", "\"posix.system\" is refused");
  REFUSE("\x80\2(ios\nsystem\n.", "pickle opcode INST");
  REFUSE("\x80\2X\2\0\0\0ls)R.", "REDUCE: only OrderedDict and _rebuild_tensor_v2 may be called");
  REFUSE("\x80\2ctorch\nFloatStorage\n)R.", "REDUCE: a storage type cannot be called");
}

static void test_sizes(void **state)
{
  (void)state;
  REFUSE("\x80\2}(X\xff\xff\xff\xff"
         "abcu.",
         "4294967295 bytes are promised, 5 are left");
  REFUSE("\x80\4\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
         "abc.",
         "a string of 18446744073709551615 bytes");
  REFUSE("\x80\2}q\0X\1\0\0\0ah\0s.", "entry \"a\" of the state dict is a dict");
}

/* Values in values in values: for whoever recurses, and for whoever unfolds what is shared. */
static void test_recursion(void **state)
{
  struct torch_file deep = {0}, shared = {0};
  (void)state;
  torch_ops(&deep, "\x80\2)");
  torch_ops(&shared, "\x80\4)\x94");
  for (int i = 0; i < 200000; i++)
    torch_ops(&deep, "\x85");
  for (int i = 0; i < 250; i++) {
    uint8_t twice[] = {'h', (uint8_t)i, 0x86, 0x94};
    torch_bytes(&shared, twice, sizeof twice);
  }
  torch_ops(&deep, ".");
  torch_ops(&shared, ".");
  refuse_pickle(deep.data, deep.size, "the pickle is a tuple");
  refuse_pickle(shared.data, shared.size, "the pickle is a tuple");
  torch_free(&deep);
  torch_free(&shared);
}

static struct torch_file pack_view(struct torch_view view, bool wide)
{
  struct torch_file pickle = {0};
  torch_begin_dict(&pickle);
  torch_tensor(&pickle, &view);
  torch_ops(&pickle, "u.");
  struct torch_file f = pack(pickle.data, pickle.size, wide);
  torch_free(&pickle);
  return f;
}

static void test_views(void **state)
{
  static const struct {
    struct torch_view view;
    const char *words;
  } cases[] = {
      {{"w", "FloatStorage", "0", 6, 0, 1, {-6}, {1}}, "shape and stride"},
      {{"w", "FloatStorage", "0", 6, 5, 1, {6}, {-1}}, "shape and stride"},
      {{"w", "FloatStorage", "0", 6, -1, 1, {6}, {1}}, "storage offset"},
      {{"w", "FloatStorage", "0", -6, 0, 1, {6}, {1}}, "persistent id"},
      {{"w", "FloatStorage", "0", 6, 1, 2, {2, 3}, {3, 1}}, "reaches element 6"},
      {{"w", "FloatStorage", "0", 6, 0, 2, {9, 6}, {0, 1}}, "its elements overlap"},
      {{"w", "FloatStorage", "0", 6, 0, 3, {2, 3, 3}, {1, 1, 1}}, "larger than the file"},
      {{"w", "FloatStorage", "0", 7, 0, 1, {7}, {1}}, "its record has 24 bytes"},
      {{"w", "FloatStorage", "2", 6, 0, 1, {6}, {1}}, "has no record"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    refuse(pack_view(cases[i].view, false), cases[i].words);
}

/* Where bytes of the zip file are changed: records of the first storage, which is the second entry,
 * and of the end. */
enum place { LOCAL, DESCRIPTOR, CENTRAL, EXTRA, END64, LOCATOR };

static size_t find(const struct torch_file *f, enum place place)
{
  size_t first = f->directory_at + 46 + strlen("a/data.pkl") + (f->wide ? 20 : 0);
  uint64_t header = 0;
  for (size_t i = 4; i-- > 0;)
    header = header << 8 | f->data[first + 42 + i];
  size_t extra = f->wide ? 24 : 4; /* without padding */
  size_t data = (header + 30 + strlen("a/data/0") + extra + 63) / 64 * 64;
  switch (place) {
  case LOCAL:
    return header;
  case DESCRIPTOR:
    return data + sizeof(float) * ELEMENTS;
  case CENTRAL:
    return first;
  case EXTRA:
    return first + 46 + strlen("a/data/0");
  case END64:
    return f->size - TORCH_END - TORCH_LOCATOR - TORCH_END64;
  case LOCATOR:
    return f->size - TORCH_END - TORCH_LOCATOR;
  }
  return 0;
}

static void test_zip(void **state)
{
  static const struct {
    enum place place;
    bool wide; /* zip64 entries */
    size_t at, width;
    uint64_t value;
    const char *words;
  } cases[] = {
      {END64, false, 24, 8, UINT64_MAX, "several disks"},
      {END64, false, 40, 8, UINT64_MAX, "contradict"},
      {END64, false, 48, 8, UINT64_C(1) << 63, "contradict"},
      {LOCATOR, false, 8, 8, UINT64_MAX - 10, "expected the zip64 end record just before"},
      {EXTRA, true, 4, 8, UINT64_MAX, "two different sizes"},
      {EXTRA, true, 2, 2, 8, "extra fields are damaged"},
      {CENTRAL, true, 42, 4, UINT32_MAX, "extra fields are damaged"},
      {CENTRAL, false, 20, 8, 200 | UINT64_C(200) << 32, "an entry overlaps the one before"},
      {CENTRAL, false, 42, 4, 0, "entry"}, /* which of the two comes first is open */
      {DESCRIPTOR, false, 0, 4, 0, "the data descriptor and the directory contradict"},
      {DESCRIPTOR, false, 8, 4, 99, "the data descriptor and the directory contradict"},
      {DESCRIPTOR, true, 20, 4, 1, "the data descriptor and the directory contradict"},
      {LOCAL, false, 6, 2, 0x800, "the entry and the directory contradict"},
      {LOCAL, false, 18, 4, 99, "the entry and the directory contradict"},
      {CENTRAL, false, 8, 2, 0x809, "the entry is encrypted"},
      {CENTRAL, false, 10, 2, 8, "the entry is compressed"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct torch_file f = pack_view(good, cases[i].wide);
    torch_number(f.data + find(&f, cases[i].place) + cases[i].at, cases[i].width, cases[i].value);
    refuse(f, cases[i].words);
  }
}

/* What the cases change is read when nothing is changed. */
static void test_unchanged(void **state)
{
  (void)state;
  for (int wide = 0; wide < 2; wide++) {
    struct torch_file f = pack_view(good, wide);
    const char *model = workshop_path("torch");
    support_write(workshop_path("torch/pytorch_model.bin"), f.data, f.size);
    free(workshop_refuse(EXIT_INPUT, "is missing", "screen %s " WORKSHOP_PROTOCOL, model));
    torch_free(&f);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_code),  cmocka_unit_test(test_sizes), cmocka_unit_test(test_recursion),
      cmocka_unit_test(test_views), cmocka_unit_test(test_zip),   cmocka_unit_test(test_unchanged),
  };
  return cmocka_run_group_tests_name("hostile torch", tests, NULL, NULL);
}
