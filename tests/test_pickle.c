/* The pickle reader: state dicts of protocols 2 to 5 are read; every other thing a pickle can
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
  support_assert_error(&error, EXIT_INPUT, "torch.save"); /* what to do */
}

#define assert_refused(literal, words) assert_refused_bytes(literal, sizeof literal - 1, words)

static void assert_seed(const char *path, char protocol)
{
  size_t size;
  struct error error;
  struct pickle pickle;
  char *data = support_read(path, &size);
  data[1] = protocol;
  if (parse(data, size, &pickle, &error))
    fail_msg("%s: %s", path, error.text);
  assert_int_equal(pickle.count, 4);
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

/* Made by CPython's pickler; the first with the attribute _metadata. What it uses of protocol 3 is
 * that of 2. */
static void test_protocols(void **state)
{
  (void)state;
  assert_seed("tests/fuzz/corpus/pickle/protocol2", 2);
  assert_seed("tests/fuzz/corpus/pickle/protocol2", 3);
  assert_seed("tests/fuzz/corpus/pickle/protocol4", 4);
  assert_seed("tests/fuzz/corpus/pickle/protocol5", 5);
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
  assert_refused("\x80\2ctorch._utils\n_rebuild_parameter\n)R.", "tensor.detach().clone()");
  assert_refused("\x80\2ctorch\nFloat8_e4m3fnStorage\n.", "save plain F32, F16 or BF16 tensors");
  assert_refused("\x80\2ctorc\nx\n.", "fetch the file again, or save the plain state dict");
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
  assert_refused("\x80\2}X\5\0\0\0model}s.",
                 "is a dict, not a tensor: this is a training checkpoint");
  assert_refused("\x80\2}X\5\0\0\0epochK\1s.", "\"epoch\" of the state dict is not a tensor");
  assert_refused("\x80\2}K\1K\1s.",
                 "offset 1007: the pickle's dict has a key that is not a string but a number");
  assert_refused("\x80\2}X\0\0\0\0Ns.", "1 to 512 bytes");
  size_t size;
  char *nested = support_read("tests/fuzz/corpus/pickle/nested", &size);
  assert_refused_bytes(nested, size, "training checkpoint");
  free(nested);
  for (int i = 0; i < 4; i++) {
    static const char *const names[] = {"w", "a\nb", "\xc0\x80", "x"};
    static const char *const words[] = {"appears twice", "not printable", "not printable", NULL};
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

/* An OrderedDict with one tensor, and on the stack above it a dict, "_metadata" and a list: what is
 * appended to that belongs to nothing. Memo: 0 a string, 1 _rebuild_tensor_v2, 2 a persistent id,
 * 3 arguments, 4 the tensor. */
static struct torch_file prepared(void)
{
  struct torch_file p = {0};
  torch_ops(&p, "\x80\4"
                "ccollections\nOrderedDict\n)R");
  torch_text(&p, "w");
  torch_ops(&p, "\x94"
                "ctorch._utils\n_rebuild_tensor_v2\n\x94((");
  torch_text(&p, "storage");
  torch_ops(&p, "ctorch\nByteStorage\n");
  torch_text(&p, "0");
  torch_text(&p, "cpu");
  torch_ops(&p, "K\1t\x94Q");
  torch_int(&p, 0);
  torch_ops(&p, "))\x89}t\x94R\x94s}");
  torch_text(&p, "_metadata");
  torch_ops(&p, "]");
  return p;
}

/* `count` times some opcodes behind `before`: refused at the very last one. */
static void assert_too_many(const char *before, const char *unit, size_t size, size_t count,
                            const char *words)
{
  char expected[128];
  struct torch_file p = prepared();
  torch_ops(&p, before);
  for (size_t i = 0; i < count; i++)
    torch_bytes(&p, unit, size);
  snprintf(expected, sizeof expected, "offset %zu: pickle opcode %s", BASE + p.size - 1, words);
  assert_refused_bytes(p.data, p.size, expected);
  torch_free(&p);
}

static void test_too_many(void **state)
{
  size_t size = ((size_t)8 << 20) + 1;
  char *zeros = calloc(1, size);
  (void)state;
  assert_too_many("(", "h\1h\3R", 5, 200000, "REDUCE: more than 200000 tensors");
  assert_too_many("(", "h\2Q", 3, 200000, "BINPERSID: more than 200000 storages");
  assert_too_many("(", "}", 1, 200001 - 3, "EMPTY_DICT: more than 200000 dicts");
  assert_too_many("}", "h\0h\4s", 5, 200000, "SETITEM: more than 200000 entries of dicts");
  assert_too_many("", "\x94", 1, ((size_t)1 << 20) - 4, "MEMOIZE: more than 1048576 values");
  assert_non_null(zeros);
  assert_refused_bytes(zeros, size, "offset 1000: a pickle of 8388609 bytes, at most 8 MiB");
  assert_refused_bytes(zeros, size - 1, "must start with PROTO");
  free(zeros);
}

/* Tensors and storages that belong to nothing are not kept. */
static void test_hidden(void **state)
{
  struct error error;
  struct pickle pickle;
  struct torch_file p = prepared();
  (void)state;
  torch_ops(&p, "(");
  for (int i = 0; i < 199999; i++)
    torch_bytes(&p, "h\1h\3Rh\2Q", 8);
  torch_ops(&p, "esb.");
  if (parse(p.data, p.size, &pickle, &error))
    fail_msg("%s", error.text);
  assert_int_equal(pickle.count, 1);
  assert_int_equal(pickle.tensors, 1);
  assert_int_equal(pickle.storages, 1);
  assert_int_equal(pickle.items[0].tensor, 0);
  assert_int_equal(pickle.tensor[0].storage, 0);
  assert_int_equal(pickle.storage[0].elements, 1);
  assert_int_equal(p.data[pickle.tensor[0].at - BASE], 'R');
  pickle_free(&pickle);
  torch_free(&p);
}

/* However long the texts of the pickle and the path are, what to do comes at the end. */
static void test_long_texts(void **state)
{
  static const char *const before[] = {"\x80\2c", "\x80\2ctorch", "\x80\2}X\1\1\1\1"};
  static const char *const after[] = {"\n)R.", "\n)R.", "Ns."};
  char path[301], text[2 * 0x101 + 2];
  (void)state;
  memset(path, 'p', 300);
  path[300] = 0;
  for (size_t i = 0; i < 3; i++) {
    struct error error = {0};
    struct pickle pickle;
    struct torch_file p = {0};
    torch_ops(&p, before[i]);
    memset(text, '\x1b', sizeof text);
    text[0x101] = '\n';
    size_t length = i == 2 ? 0x101 : sizeof text;
    if (i == 2)
      torch_number(p.data + p.size - 4, 4, length);
    torch_bytes(&p, text, length);
    torch_ops(&p, after[i]);
    assert_int_equal(pickle_parse(path, BASE, p.data, p.size, &pickle, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, "\\x1B");
    const char *end = i == 1 ? "tensor in STATE_DICT.items()}, FILE)" : "with torch.save";
    assert_string_equal(error.text + strlen(error.text) - strlen(end), end);
    torch_free(&p);
  }
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
      cmocka_unit_test(test_protocols),  cmocka_unit_test(test_code),
      cmocka_unit_test(test_limits),     cmocka_unit_test(test_entries),
      cmocka_unit_test(test_negative),   cmocka_unit_test(test_bombs),
      cmocka_unit_test(test_too_many),   cmocka_unit_test(test_hidden),
      cmocka_unit_test(test_long_texts), cmocka_unit_test(test_damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
