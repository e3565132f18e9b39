/* What is said of a JSON text that cannot be read: where, under which key, what was found in place
 * of what. */
#include "base/json.h"
#include "base/text.h"
#include "support.h"

#include <string.h>

static void parse(const char *text, size_t size, int code, const char *words)
{
  struct error error = {0};
  json_t *object = NULL;
  assert_int_equal(json_parse_object("x.json", text, size, &object, &error), code);
  if (code)
    support_assert_error(&error, code, words);
  json_decref(object);
}

static void test_faults(void **state)
{
  static const struct {
    const char *text, *words;
  } cases[] = {
      {"", "x.json: is an empty file; fetch the file again"},
      {" \n", "x.json: contains nothing but blanks"},
      {"version https", "x.json: is plain text, not JSON; it begins \"version https\": fetch"},
      {"\x01{}",
       "x.json: line 1, column 1: expected '{', with which a JSON object begins, found byte "
       "0x01 (offset 0)"},
      {"{\"a\":1,\"a\":2}", "column 8: duplicate key \"a\""},
      {"{\"x\":{\"b\":1},\n\"y\":{\"b\":1,\n \"b\":2}}", "line 3, column 2: duplicate key \"b\""},
      {"{} {}", "column 4: expected the end of the file after the last '}', found '{'"},
      {"{}\x01", "column 3: expected the end of the file after the last '}', found byte 0x01 "
                 "(offset 2)"},
      {"{\"a\":99999999999999999999}", "column 6, key \"a\": a number too big"},
      {"{\"b\":7,\"a\":[1,1e999]}", "column 15, key \"a\": a number too big"},
      {"{\"a\":\"\\u0000\"}", "column 7, key \"a\": an escape that JSON does not know"},
      {"{\"a\":\"\\uD800\"}", "an escape that JSON does not know"},
      {"{\"a\":\"\\q\"}", "an escape that JSON does not know"},
      {"{\"a\":\"\xFF\"}", "key \"a\": byte 0xFF (offset 6) inside a string: it is not UTF-8"},
      {"{\"a\":\"\t\"}", "byte 0x09 (offset 6) inside a string: control characters"},
      {"{\xC3\xA4:1}", "expected a key in double quotes or '}', found byte 0xC3 (offset 1)"},
      {"{\n\"a\": NaN}",
       "line 2, column 6, key \"a\": expected a value, found 'NaN', which JSON does "
       "not know: put a number or null there"},
      {"{\"a\":{\"b\":[Infinity]}}", "key \"b\": expected a value or ']', found 'Infinity'"},
      {"{\"b\":{\"c\":1},\"a\":-Infinity}",
       "key \"a\": expected a value, found '-Infinity', which"},
      {"{\"a\":None}", "found 'None', Python's word: JSON writes null"},
      {"{\"a\":True}", "JSON writes true"},
      {"{\"a\":False}", "JSON writes false"},
      {"{\"a\":nul}", "expected a value, found 'nul'"},
      {"{\"a\":'b'}", "found ''', JSON has double quotes only"},
      {"{a:1}", "expected a key in double quotes or '}', found 'a'"},
      {"{\"a\":1, // one\n}", "expected a key in double quotes, found '/', JSON has no comments"},
      {"{\"a\":1,}", "expected a key in double quotes, found '}', remove the comma before it"},
      {"{\"a\":[1,]}", "expected a value, found ']', remove the comma"},
      {"{\"a\" 1}", "expected ':' after the key, found '1'"},
      {"{\"a\":1 \"b\":2}", "key \"a\": expected ',' or '}', found '\"', a comma is missing"},
      {"{\"a\":[1 2]}", "expected ',' or ']', found '2'"},
      {"{\"a\":01}", "expected ',' or '}', found '1'"},
      {"{\"a\":.5}", "expected a value, found '.'"},
      {"{\"a\":1.}", "expected a value, found '1'"},
      {"{\"a\":-}", "expected a value, found '-'"},
      {"{\"a\":1", "column 7, key \"a\": expected ',' or '}', found the end of the file: it is cut "
                   "short"},
      {"{\"a\":", "expected a value, found the end of the file"},
      {"{\"a\":\"b",
       "column 6, key \"a\": this string has no closing double quote: the file is cut"},
      {"{\"a\":\"b\n\"}",
       "column 6, key \"a\": this string has no closing double quote on its line"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    parse(cases[i].text, strlen(cases[i].text), EXIT_INPUT, cases[i].words);
  parse("{}\0", 3, EXIT_INPUT, "found byte 0x00 (offset 2)");
  parse("{\"a\":\"\0\"}", 9, EXIT_INPUT, "byte 0x00 (offset 6) inside a string");
}

/* Editors of Windows put a byte order mark in front. */
static void test_byte_order_mark(void **state)
{
  static const char text[] = "\xEF\xBB\xBF{\"a\": 1}";
  (void)state;
  parse(text, sizeof text - 1, 0, NULL);
  parse("\xEF\xBB\xBF{\"a\": x}", 11, EXIT_INPUT, "line 1, column 7, key \"a\"");
  parse("\xFF\xFE{\0}\0", 6, EXIT_INPUT, "x.json: is text in UTF-16, not JSON; save it as UTF-8");
  parse("\xEF\xBB\xBF\xEF\xBB\xBF{}", 8, EXIT_INPUT, "found byte 0xEF (offset 0)");
}

/* Every text that the library refuses is refused for a reason that is found, and never for one of
 * the program's own. Texts: every prefix of a valid one, and it with every byte replaced. */
static void test_every_fault_is_found(void **state)
{
  static const char good[] =
      "{\"a\\n\\u00e4\\uD834\\uDD1E\": [1, -2.5e+3, 0, true, false, null, \"\xC3\xA4\"],"
      " \"b\": {\"c\": {}, \"d\": []}}";
  static const char bytes[] = "\"\\{}[],:-+.0eEuDn \n\x7F\xC3\x80\xFF";
  char text[sizeof good];
  (void)state;
  parse(good, sizeof good - 1, 0, NULL);
  for (size_t at = 0; at < sizeof good - 1; at++) {
    memcpy(text, good, sizeof good);
    for (size_t i = 0; i < sizeof bytes; i++) { /* a zero byte is the last of them */
      struct error error = {0};
      json_t *object = NULL;
      text[at] = bytes[i];
      int code = json_parse_object("x", text, sizeof good - 1, &object, &error);
      assert_true(code == 0 || code == EXIT_INPUT);
      json_decref(object);
    }
    parse(good, at, EXIT_INPUT, at ? "x.json: line 1, column " : "empty");
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_faults),
      cmocka_unit_test(test_byte_order_mark),
      cmocka_unit_test(test_every_fault_is_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
