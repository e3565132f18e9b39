/* The pickle reader: state dicts of protocols 2, 4 and 5 are read; every other thing a pickle can
 * say is refused by name, with its offset. */
#include "support.h"

#include "checkpoint/pickle.h"
#include "torch_file.h"

#include <stdio.h>

#define BASE 1000

static const struct torch_view view = {"w", "FloatStorage", "0", 6, 1, 2, {2, 2}, {3, 1}};

/* Parses a copy of exactly this size, so that a sanitizer sees every read past it. */
static int parse(const void *data, size_t size, struct pickle *pickle, struct error *error)
{
  uint8_t *copy = malloc(size + !size);
  assert_non_null(copy);
  memcpy(copy, data, size);
  *error = (struct error){0};
  int code = pickle_parse("x.bin", BASE, copy, size, pickle, error);
  free(copy); /* names are copies */
  return code;
}

static void assert_refused_bytes(const void *data, size_t size, const char *words)
{
  struct error error;
  struct pickle pickle;
  assert_int_equal(parse(data, size, &pickle, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, words);
  support_assert_error(&error, EXIT_INPUT, "x.bin: offset ");
}

#define assert_refused(literal, words) assert_refused_bytes(literal, sizeof literal - 1, words)

static void assert_seed(const char *path, size_t count)
{
  size_t size;
  struct error error;
  struct pickle pickle;
  char *data = support_read(path, &size);
  if (parse(data, size, &pickle, &error))
    fail_msg("%s: %s", path, error.text);
  assert_int_equal(pickle.count, count);
  assert_string_equal(pickle.items[0].name, "a.weight");
  const struct pickle_tensor *tensor = &pickle.tensor[pickle.items[1].tensor];
  assert_int_equal(tensor->offset, 1);
  assert_int_equal(tensor->rank, 2);
  assert_int_equal(tensor->stride[0], 1);
  assert_int_equal(tensor->stride[1], 2);
  assert_int_equal(pickle.storage[tensor->storage].elements, 6);
  assert_int_equal(pickle.storage[tensor->storage].dtype, DTYPE_F32);
  assert_int_equal(pickle.tensor[pickle.items[3].tensor].rank, 0);
  pickle_free(&pickle);
  free(data);
}

/* Made by CPython's pickler; the first with the attribute _metadata. */
static void test_protocols(void **state)
{
  (void)state;
  assert_seed("tests/fuzz/corpus/pickle/protocol2", 4);
  assert_seed("tests/fuzz/corpus/pickle/protocol4", 4);
  assert_seed("tests/fuzz/corpus/pickle/protocol5", 4);
}

static void test_code(void **state)
{
  (void)state;
  assert_refused("\x80\2cos\nsystem\n(X\2\0\0\0lstR.",
                 "offset 1002: pickle opcode GLOBAL: \"os.system\" is refused");
  assert_refused("\x80\4\x8c\5posix\x8c\6system\x93)R.",
                 "STACK_GLOBAL: \"posix.system\" is refused");
  assert_refused("\x80\2c__builtin__\neval\n)R.", "\"__builtin__.eval\" is refused");
  assert_refused("\x80\2ctorch._utils\n_rebuild_parameter\n)R.", "_rebuild_parameter\" is refused");
  assert_refused("\x80\2ctorch.storage\nUntypedStorage\n)R.", "UntypedStorage\" is refused");
  assert_refused("\x80\2ctorch\nFloatStorage\n)R.", "REDUCE: a storage type cannot be called");
  assert_refused("\x80\2ccollections\nOrderedDict\nN\x85R.", "only without arguments");
  assert_refused("\x80\2X\1\0\0\0a)R.", "REDUCE: only OrderedDict");
  assert_refused("\x80\2ctorch._utils\n_rebuild_tensor_v2\n)R.", "with 0 arguments");
  assert_refused("\x80\2(ios\nsystem\n.", "offset 1003: pickle opcode INST");
  assert_refused("\x80\2}(cos\nsystem\nob.", "\"os.system\" is refused");
  assert_refused("\x80\2}\x81.", "NEWOBJ");
  assert_refused("\x80\2\x82\1.", "EXT1");
  assert_refused("\x80\2Vabc\n.", "UNICODE");
  assert_refused("\x80\2\xff.", "0xff");
  assert_refused("\x80\2}}b.", "BUILD: it may be used only on an OrderedDict");
  assert_refused("\x80\2ccollections\nOrderedDict\n)R}X\1\0\0\0aNsb.", "_metadata and no other");
}

static void test_limits(void **state)
{
  (void)state;
  assert_refused("", "missing");
  assert_refused("}.", "must start with PROTO");
  assert_refused("\x80\1}.", "protocol 1");
  assert_refused("\x80\6}.", "protocol 6");
  assert_refused("\x80\2\x80\2}.", "only at the start");
  assert_refused("\x80\4\x95\xff\0\0\0\0\0\0\0}.", "a frame of 255 bytes");
  assert_refused("\x80\2X\xff\xff\xff\xff"
                 "a.",
                 "4294967295 bytes are promised, 2 are left");
  assert_refused("\x80\4\x8d\xff\xff\xff\xff\xff\xff\xff\x7f"
                 "a.",
                 "9223372036854775807 bytes");
  assert_refused("\x80\2\x8a\x09\1\1\1\1\1\1\1\1\1.", "at most 8");
  assert_refused("\x80\2}r\xff\xff\xff\x7f.", "memo entry 2147483647, the next one is 0");
  assert_refused("\x80\2h\0.", "memo entry 0 of 0");
  assert_refused("\x80\2(q\0.", "needs a value");
  assert_refused("\x80\2t.", "needs a mark");
  assert_refused("\x80\2u.", "needs a mark");
  assert_refused("\x80\2(u.", "needs a dict before the mark");
  assert_refused("\x80\2N(u.", "may change only a dict");
  assert_refused("\x80\2}(Nu.", "a key without a value");
  assert_refused("\x80\2}Nu.", "needs a mark");
  assert_refused("\x80\2}a.", "needs a value");
  assert_refused("\x80\2}Na.", "may change only a list");
  assert_refused("\x80\2(\x86.", "fewer");
  assert_refused("\x80\2}}.", "1 values are left over");
  assert_refused("\x80\2}.}", "1 bytes follow it");
  assert_refused("\x80\2}", "missing");
  assert_refused("\x80\2N.", "the pickle is a None");
}

static void test_entries(void **state)
{
  (void)state;
  assert_refused("\x80\2}X\5\0\0\0model}s.", "is a dict, no tensor: this is a training checkpoint");
  assert_refused("\x80\2}X\5\0\0\0epochK\1s.", "\"epoch\" of the state dict is no tensor");
  assert_refused("\x80\2}K\1K\1s.", "a key that is no string");
  assert_refused("\x80\2}X\0\0\0\0Ns.", "1 to 512 bytes");
  size_t size;
  char *nested = support_read("tests/fuzz/corpus/pickle/nested", &size);
  assert_refused_bytes(nested, size, "training checkpoint");
  free(nested);
  for (int i = 0; i < 4; i++) {
    static const char *const names[] = {"w", "a\nb", "\xc0\x80", "x"};
    static const char *const words[] = {"is there twice", "not printable", "not printable", NULL};
    struct error error;
    struct pickle pickle;
    struct torch_file p = {0};
    struct torch_view other = view;
    other.name = names[i];
    torch_begin_dict(&p);
    torch_tensor(&p, &view);
    torch_tensor(&p, &other);
    torch_ops(&p, "u.");
    if (words[i])
      assert_refused_bytes(p.data, p.size, words[i]);
    else {
      assert_int_equal(parse(p.data, p.size, &pickle, &error), 0);
      assert_int_equal(pickle.count, 2);
      pickle_free(&pickle);
    }
    torch_free(&p);
  }
}

static void assert_view_refused(struct torch_view changed, const char *words)
{
  struct torch_file p = {0};
  torch_begin_dict(&p);
  torch_tensor(&p, &changed);
  torch_ops(&p, "u.");
  assert_refused_bytes(p.data, p.size, words);
  torch_free(&p);
}

static void test_negative(void **state)
{
  struct torch_view changed = view;
  (void)state;
  changed.shape[0] = -2;
  assert_view_refused(changed, "integers >= 0");
  changed = view;
  changed.stride[1] = -1;
  assert_view_refused(changed, "integers >= 0");
  changed = view;
  changed.offset = -1;
  assert_view_refused(changed, "storage offset");
  changed = view;
  changed.elements = -6;
  assert_view_refused(changed, "persistent id");
}

/* A tuple that holds the one before twice, over and over: exponential for whoever unfolds it, and a
 * tuple in a tuple in a tuple, for whoever recurses. */
static void test_bombs(void **state)
{
  struct error error;
  struct pickle pickle;
  struct torch_file p = {0};
  (void)state;
  torch_ops(&p, "\x80\4)\x94");
  for (int i = 0; i < 200; i++) {
    uint8_t twice[] = {'h', (uint8_t)i, 0x86, 0x94};
    torch_bytes(&p, twice, sizeof twice);
  }
  torch_ops(&p, ".");
  assert_refused_bytes(p.data, p.size, "the pickle is a tuple");
  torch_free(&p);
  torch_ops(&p, "\x80\2)");
  for (int i = 0; i < 300000; i++)
    torch_ops(&p, "\x85");
  torch_ops(&p, ".");
  assert_refused_bytes(p.data, p.size, "the pickle is a tuple");
  torch_free(&p);
  torch_ops(&p, "\x80\2");
  for (int i = 0; i < (1 << 20) + 1; i++)
    torch_ops(&p, "(");
  assert_refused_bytes(p.data, p.size, "more than 1048576 values on the stack");
  torch_free(&p);
  assert_int_equal(parse("\x80\2}q\0X\1\0\0\0ah\0s.", 15, &pickle, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "is a dict"); /* a dict that holds itself */
}

static void test_damage(void **state)
{
  size_t size, accepted = 0;
  struct error error;
  struct pickle pickle;
  char *data = support_read("tests/fuzz/corpus/pickle/protocol2", &size);
  (void)state;
  for (size_t i = 0; i < size; i++)
    assert_refused_bytes(data, i, "offset");
  for (size_t i = 0; i < size; i++)
    for (int mask = 1; mask < 256; mask++) {
      data[i] = (char)(data[i] ^ mask);
      if (parse(data, size, &pickle, &error) == 0) {
        pickle_free(&pickle);
        accepted++;
      } else
        support_assert_error(&error, EXIT_INPUT, "x.bin: offset ");
      data[i] = (char)(data[i] ^ mask);
    }
  print_message("  %zu of %zu changes still say a state dict\n", accepted, 255 * size);
  free(data);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_protocols), cmocka_unit_test(test_code),
      cmocka_unit_test(test_limits),    cmocka_unit_test(test_entries),
      cmocka_unit_test(test_negative),  cmocka_unit_test(test_bombs),
      cmocka_unit_test(test_damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
