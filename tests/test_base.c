/* The foundations: messages, numbers, options and JSON. */
#define _GNU_SOURCE
#include "support.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/progress.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_error_is_one_printable_line(void **state)
{
  static const struct {
    const char *in, *out;
  } cases[] = {
      {"plain", "plain"},
      {"a\nb\tc\x7F", "a\\x0Ab\\x09c\\x7F"},
      {"\x1B[2J", "\\x1B[2J"},
      {"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"},
      {"\xC2\x9B\x31m", "\\xC2\\x9B1m"},         /* the control sequence introducer of C1 */
      {"\xE2\x80\xAEgpj", "\\xE2\\x80\\xAEgpj"}, /* right-to-left override */
      {"\xC0\xAF \xED\xA0\x80", "\\xC0\\xAF \\xED\\xA0\\x80"}, /* overlong, surrogate */
      {"\xFF \xE2\x82", "\\xFF \\xE2\\x82"},                   /* no UTF-8, cut off */
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct error error = {0};
    assert_int_equal(error_set(&error, EXIT_INPUT, "%s", cases[i].in), EXIT_INPUT);
    assert_string_equal(error.text, cases[i].out);
    assert_int_equal(error_prefix(&error, "in\r%d", 7), EXIT_INPUT);
    assert_memory_equal(error.text, "in\\x0D7: ", 9);
    assert_string_equal(error.text + 9, cases[i].out);
  }
}

static size_t printable_length(const char *text)
{
  size_t length = 0;
  for (size_t step; (step = text_printable(text + length));)
    length += step;
  return length;
}

/* Whatever its length, a text ends in its buffer and with a whole character or escape. */
static void test_error_is_cut(void **state)
{
  static const char *const units[] = {"x", "\x01", "\xC3\xA9", "\xF0\x9F\x98\x80", "\xFF"};
  static const size_t written[] = {1, 4, 2, 4, 4};
  (void)state;
  for (size_t unit = 0; unit < 5; unit++)
    for (size_t shift = 0; shift < 5; shift++) {
      struct text text = {0};
      struct error error = {0};
      text_add(&text, "%.*s", (int)shift, "aaaa");
      for (size_t i = 0; i < 1024; i++)
        text_add(&text, "%s", units[unit]);
      error_set(&error, EXIT_RUN, "%s", text.data);
      size_t length = strlen(error.text);
      assert_true(length < sizeof error.text && length + 5 > sizeof error.text);
      assert_int_equal((length - shift) % written[unit], 0);
      error_prefix(&error, "file");
      assert_memory_equal(error.text, "file: ", 6);
      assert_int_equal(printable_length(error.text), strlen(error.text));
      text_free(&text);
    }
}

static void test_progress_label(void **state)
{
  struct progress progress;
  char long_label[300] = "";
  (void)state;
  progress_start(&progress, "m\xC3\xA9/\x1B[2J\xC2\x9B", 1, true);
  assert_string_equal(progress.label, "m\xC3\xA9/?[2J??");
  for (size_t i = 0; i < 100; i++)
    strcat(long_label, "\xC3\xA9");
  progress_start(&progress, long_label, 1, true);
  assert_int_equal(strlen(progress.label), sizeof progress.label - 2); /* no half character */
}

static bool is_u64(const char *text, uint64_t expected)
{
  uint64_t value = 77;
  bool good = text_to_u64(text, strlen(text), &value);
  assert_true(good || value == 77);
  return good && value == expected;
}

static void test_u64(void **state)
{
  static const char *const wrong[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "0x10",
                                      "1.0",
                                      "1e3",
                                      "18446744073709551616",
                                      "99999999999999999999"};
  uint64_t value;
  (void)state;
  assert_true(is_u64("0", 0) && is_u64("007", 7) && is_u64("18446744073709551615", UINT64_MAX));
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_false(text_to_u64(wrong[i], strlen(wrong[i]), &value));
  assert_true(text_to_u64("12345", 3, &value) && value == 123);
  assert_false(text_to_u64("1\0002", 3, &value));
}

static void test_double(void **state)
{
  static const char *const wrong[] = {"",      "+1",  " 1",  "1 ", "0x1p3", "inf", "nan",  "1e",
                                      "1e999", "--1", "1,5", "e5", ".",     "-",   "1.2.3"};
  static const double exact[] = {0.1, 1e-308, 4.9e-324, 1.7976931348623157e308, 1.0 / 3.0, -0.0};
  double value;
  (void)state;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_false(text_to_double(wrong[i], strlen(wrong[i]), &value));
  for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
    struct text text = {0};
    text_add_double(&text, exact[i]);
    assert_true(text_to_double(text.data, text.length, &value));
    assert_memory_equal(&value, &exact[i], sizeof value);
    text_free(&text);
  }
  assert_false(text_to_double("1\0002", 3, &value));
  char long_text[100];
  memset(long_text, '1', sizeof long_text);
  assert_false(text_to_double(long_text, sizeof long_text, &value));
  /* Nothing past `length` is read: ASan sees a step beyond. */
  char *tight = malloc(3);
  assert_non_null(tight);
  memcpy(tight, "1.5", 3);
  assert_true(text_to_double(tight, 3, &value) && value == 1.5);
  free(tight);
}

static void test_size(void **state)
{
  static const char *const wrong[] = {"", "K", "1k", "1KB", "1.5G", "-1", "16777216T", "1 G"};
  static const struct {
    const char *text;
    uint64_t bytes;
  } good[] = {{"0", 0},
              {"4096", 4096},
              {"3K", 3072},
              {"512M", (uint64_t)512 << 20},
              {"4G", (uint64_t)4 << 30},
              {"16777215T", (uint64_t)16777215 << 40}};
  uint64_t bytes;
  char out[16];
  (void)state;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_false(text_to_size(wrong[i], strlen(wrong[i]), &bytes));
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    assert_true(text_to_size(good[i].text, strlen(good[i].text), &bytes));
    assert_true(bytes == good[i].bytes);
  }
  assert_string_equal(text_bytes(out, sizeof out, 1023), "1023 B");
  assert_string_equal(text_bytes(out, sizeof out, (uint64_t)3 << 29), "1.5 GiB");
  assert_string_equal(text_bytes(out, sizeof out, UINT64_MAX), "16.0 EiB");
  assert_string_equal(text_counted(0, "file").text, "0 files");
  assert_string_equal(text_counted(1, "failed check").text, "1 failed check");
  assert_string_equal(text_counted_in(1, "pass", "passes").text, "1 pass");
  assert_string_equal(text_counted_in(12, "pass", "passes").text, "12 passes");
}

/* A user's LC_NUMERIC with a decimal comma must not show: the program never calls setlocale. */
static void test_locale_of_the_user(void **state)
{
  double value;
  struct text text = {0};
  (void)state;
  setenv("LC_ALL", "de_DE.UTF-8", 1);
  assert_true(text_to_double("1.5", 3, &value) && value == 1.5);
  text_add_double(&text, 2.5);
  assert_string_equal(text.data, "2.5");
  text_free(&text);
  unsetenv("LC_ALL");
}

static void test_text_grows(void **state)
{
  struct text text = {0};
  (void)state;
  assert_null(text.data);
  for (int i = 0; i < 5000; i++)
    text_add(&text, "%04d,", i);
  assert_false(text.failed);
  assert_true(text.length == 25000 && strlen(text.data) == 25000);
  assert_memory_equal(text.data + 5 * 4321, "4321,", 5);
  text_free(&text);
  assert_null(text.data);
}

struct parsed {
  bool flag;
  const char *string;
  uint64_t number, size, range[2];
  const char *words[2];
  size_t used;
  bool help;
};

/* The words are separated by '|'. */
static int parse(const char *line, struct parsed *p, struct error *error)
{
  const struct option_spec specs[] = {
      {"flag", OPTION_FLAG, &p->flag, 0, 0, NULL, "a flag"},
      {"string", OPTION_STRING, &p->string, 0, 0, "TEXT", "a string"},
      {"number", OPTION_NUMBER, &p->number, 2, 9, "N", "a number"},
      {"size", OPTION_SIZE, &p->size, 0, 0, "SIZE", "a size"},
      {"range", OPTION_RANGE, p->range, 1, 100, "LO:HI", "a range"},
  };
  const struct option_list list = {"test", "Tests.", specs, sizeof specs / sizeof *specs};
  static char copy[512];
  char *argv[16] = {(char[]){"test"}};
  int argc = 1;
  snprintf(copy, sizeof copy, "%s", line);
  for (char *at = copy, *word; *line && (word = strsep(&at, "|"));)
    argv[argc++] = word;
  *p = (struct parsed){0};
  *error = (struct error){0};
  return options_parse(argc, argv, &list, p->words, 2, &p->used, &p->help, error);
}

static void test_options(void **state)
{
  struct parsed p;
  struct error error;
  (void)state;
  assert_int_equal(parse("", &p, &error), 0);
  assert_true(p.used == 0 && !p.flag && !p.string);
  assert_int_equal(
      parse("a|--flag|--string|x y|--number=9|--size|2K|--range=1:100|--|--flag", &p, &error), 0);
  assert_true(p.flag && p.number == 9 && p.size == 2048 && p.range[0] == 1 && p.range[1] == 100);
  assert_string_equal(p.string, "x y");
  assert_true(p.used == 2);
  assert_string_equal(p.words[0], "a");
  assert_string_equal(p.words[1], "--flag");
  assert_int_equal(parse("--string=-|-", &p, &error), 0); /* "-" is not an option */
  assert_true(strcmp(p.string, "-") == 0 && p.used == 1);
  assert_int_equal(parse("--string=a=b", &p, &error), 0);
  assert_string_equal(p.string, "a=b");
  assert_int_equal(parse("--|--help", &p, &error), 0);
  assert_false(p.help);
}

static void test_option_refusals(void **state)
{
  static const struct {
    const char *line, *words;
  } cases[] = {
      {"--flag=1", "--flag: takes no argument"},
      {"--flag|--flag", "--flag: given twice"},
      {"--string=a|--string|b", "--string: given twice"},
      {"--string", "--string: needs TEXT"},
      {"--string=", "--string: is empty, needs TEXT"},
      {"--string||a", "--string: is empty, needs TEXT"},
      {"a||b", "an argument is empty"},
      {"--fla", "--fla: unknown option"},
      {"--flagg", "--flagg: unknown option"},
      {"--=x", "unknown option"},
      {"-x", "-x: unknown option"},
      {"--number|1", "whole number from 2 to 9"},
      {"--number|10", "whole number from 2 to 9"},
      {"--number|-3", "whole number from 2 to 9"},
      {"--number=", "whole number from 2 to 9"},
      {"--number|18446744073709551618", "whole number from 2 to 9"},
      {"--size|0", "must be a size"},
      {"--size|4X", "must be a size"},
      {"--size|17179869184G", "must be a size"},
      {"--range|5", "must be LO:HI"},
      {"--range|5:5", "must be LO:HI"},
      {"--range|0:5", "must be LO:HI"},
      {"--range|5:101", "must be LO:HI"},
      {"--range|5:6:7", "must be LO:HI"},
      {"--range|:6", "must be LO:HI"},
      {"a|b|c", "c: one argument too many"},
      {"--string|\x1B]0;x|--\x1B", "--\\x1B: unknown option"},
  };
  struct parsed p;
  struct error error;
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(parse(cases[i].line, &p, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, cases[i].words);
  }
}

static int parse_json(const char *text, size_t size, json_t **object, struct error *error)
{
  *error = (struct error){0};
  *object = NULL;
  return json_parse_object("x.json", text, size, object, error);
}

static void test_json_refusals(void **state)
{
  static const struct {
    const char *text, *words;
  } cases[] = {
      {"[]", "must be a JSON object"},
  };
  struct error error;
  json_t *object;
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(parse_json(cases[i].text, strlen(cases[i].text), &object, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, cases[i].words);
  }
  assert_int_equal(parse_json("{}\0", 3, &object, &error), EXIT_INPUT);
  for (size_t i = 0; i < 2; i++) {
    struct text bomb = {0};
    text_add(&bomb, "{\"a\":[");
    for (size_t count = 0; count < 20000; count++)
      text_add(&bomb, "%s", i == 0 ? "[        " : "[],");
    assert_int_equal(parse_json(bomb.data, bomb.length, &object, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, i == 0 ? "2048 deep" : "too many objects and arrays");
    text_free(&bomb);
  }
}

static void test_json_values(void **state)
{
  static const char text[] =
      "{\"i\":5,\"r\":0.5,\"s\":\"t\",\"b\":true,\"n\":null,\"a\":[],\"o\":{}}";
  struct error error;
  json_t *object, *inner;
  int64_t integer;
  double number;
  const char *string;
  bool boolean;
  (void)state;
  assert_int_equal(parse_json(text, strlen(text), &object, &error), 0);
  assert_int_equal(json_get_integer(object, "x", "i", 5, 5, &integer, &error), 0);
  assert_int_equal(json_get_number(object, "x", "i", 0, 9, &number, &error), 0);
  assert_int_equal(json_get_number(object, "x", "r", 0.5, 0.5, &number, &error), 0);
  assert_int_equal(json_get_string(object, "x", "s", &string, &error), 0);
  assert_int_equal(json_get_boolean(object, "x", "b", &boolean, &error), 0);
  assert_int_equal(json_get_array(object, "x", "a", &inner, &error), 0);
  assert_int_equal(json_get_object(object, "x", "o", &inner, &error), 0);
  assert_true(integer == 5 && number == 0.5 && *string == 't' && boolean);
  assert_true(json_is_absent(object, "n") && json_is_absent(object, "z"));
  assert_int_equal(json_get_integer(object, "x", "r", 0, 9, &integer, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT,
                       "x: \"r\" is wrong: must be an integer, is a real number");
  assert_int_equal(json_get_integer(object, "x", "i", 6, 9, &integer, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "x: \"i\" is 5, must be between 6 and 9");
  assert_int_equal(json_get_number(object, "x", "r", 0, 0.4, &number, &error), EXIT_INPUT);
  assert_int_equal(json_get_string(object, "x", "z", &string, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "x: \"z\" is missing, must be a string");
  assert_int_equal(json_get_boolean(object, "x", "i", &boolean, &error), EXIT_INPUT);
  assert_int_equal(json_get_array(object, "x", "o", &inner, &error), EXIT_INPUT);
  assert_int_equal(json_get_object(object, "x", "a", &inner, &error), EXIT_INPUT);
  const char *path = support_path("out.json");
  json_t *back;
  assert_int_equal(json_write(path, object, &error), 0);
  assert_int_equal(json_read_object(path, 1000, &back, &error), 0);
  assert_true(json_equal(object, back));
  json_decref(back);
  assert_int_equal(json_read_object(path, 10, &back, &error), EXIT_INPUT);
  assert_int_equal(json_write(path, NULL, &error), EXIT_INPUT); /* json_pack of a bad string */
  support_assert_error(&error, EXIT_INPUT, "not UTF-8");
  json_decref(object);
}

/* What cannot be written refuses the whole, wherever it is, and leaves no file. */
static void test_json_incomplete(void **state)
{
  const char *path = support_path("incomplete.json");
  struct error error;
  (void)state;
  for (int i = 0; i < 3; i++) {
    struct text text = {0};
    json_t *inner = json_array(), *object = json_object();
    json_add(inner, i == 0 ? json_string("\xff") : json_integer(1));
    json_put(object, "inner", inner);
    json_put(object, i == 1 ? "\xff" : "more", i == 2 ? NULL : json_real(0.1));
    assert_int_equal(json_write(path, object, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, "not UTF-8");
    assert_int_equal(json_compact("x", object, &text, &error), EXIT_INPUT);
    assert_false(file_exists(path));
    json_decref(object);
    text_free(&text);
  }
}

static void test_json_compact(void **state)
{
  static const char want[] = "{\"a\":[1,0.1,\"\\n\"],\"b\":{},\"c\":[],\"d\":null}";
  struct error error;
  struct text text = {0};
  json_t *object = json_pack("{s:[i, f, s], s:{}, s:[], s:n}", "a", 1, 0.1, "\n", "b", "c", "d");
  (void)state;
  assert_int_equal(json_compact("x", object, &text, &error), 0);
  assert_string_equal(text.data, want);
  json_decref(object);
  text_free(&text);
}

/* A list keeps what is in it and gets at least twice the room; one that cannot grow stays. */
static void test_memory_room(void **state)
{
  struct error error = {0};
  size_t room = 0, before = 0;
  uint32_t *list = NULL;
  (void)state;
  for (uint32_t i = 0; i < 1000; i++) {
    list = memory_room(list, i + 1, &room, sizeof *list);
    assert_true(list && room > i && (room == before || room >= 2 * before));
    before = room;
    list[i] = i * i;
  }
  for (uint32_t i = 0; i < 1000; i++)
    assert_int_equal(list[i], i * i);
  assert_null(memory_grow(list, SIZE_MAX / 2, &room, sizeof *list, "a list", &error));
  support_assert_error(&error, EXIT_RUN, "a list: out of memory");
  assert_true(room == before && list[999] == 999 * 999);
  assert_ptr_equal(memory_room(list, room, &room, sizeof *list), list);
  free(list);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_error_is_one_printable_line),
      cmocka_unit_test(test_error_is_cut),
      cmocka_unit_test(test_progress_label),
      cmocka_unit_test(test_u64),
      cmocka_unit_test(test_double),
      cmocka_unit_test(test_size),
      cmocka_unit_test(test_locale_of_the_user),
      cmocka_unit_test(test_text_grows),
      cmocka_unit_test(test_options),
      cmocka_unit_test(test_option_refusals),
      cmocka_unit_test(test_json_refusals),
      cmocka_unit_test(test_json_values),
      cmocka_unit_test(test_json_incomplete),
      cmocka_unit_test(test_json_compact),
      cmocka_unit_test(test_memory_room),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
