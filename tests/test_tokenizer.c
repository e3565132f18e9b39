/* Tokenizers: the ids of an independent implementation on files and texts that
 * tools/tokenizer_fixture.mjs makes; what is refused, by name; attest tokenize. */
#include "workshop.h"

#include "files/fileset.h"
#include "task/tokenizer.h"
#include "task/unicode.h"

#define FIXTURE "tests/fixtures/tokenizers.tar.zst:tokenizers"

static struct fileset *open_files(const char *name)
{
  struct fileset *files;
  struct error error = {0};
  char path[128];
  snprintf(path, sizeof path, FIXTURE "/%s", name);
  if (fileset_open(path, &files, &error))
    fail_msg("%s", error.text);
  return files;
}

static struct tokenizer *tokenizer_of(const char *name)
{
  struct tokenizer *tokenizer;
  struct error error = {0};
  char path[128];
  snprintf(path, sizeof path, FIXTURE "/%s", name);
  if (tokenizer_open(path, &tokenizer, &error))
    fail_msg("%s", error.text);
  return tokenizer;
}

static void same_ids(const char *name, struct tokenizer *tokenizer, const json_t *text,
                     const json_t *ids, bool special)
{
  struct token_list list = {0};
  struct error error = {0};
  if (tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text), special, &list,
                       &error))
    fail_msg("%s: %s", name, error.text);
  bool same = list.count == json_array_size(ids);
  for (size_t i = 0; same && i < list.count; i++)
    same = list.ids[i] == json_integer_value(json_array_get(ids, i));
  if (!same) {
    char *line = json_dumps(text, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    for (size_t i = 0; i < list.count; i++)
      fprintf(stderr, "%d ", list.ids[i]);
    char *wanted = json_dumps(ids, JSON_COMPACT);
    fail_msg("%s: %s: other ids than %s", name, line, wanted);
  }
  token_list_free(&list);
}

/* Every text of a file, without special tokens and with them. Returns their number. */
static size_t same_texts(const char *name)
{
  struct tokenizer *tokenizer = tokenizer_of(name);
  struct fileset *files = open_files(name);
  const struct fileset_file *lines;
  struct error error = {0};
  assert_int_equal(fileset_get(files, "texts.jsonl", &lines, &error), 0);
  const char *at = (const char *)lines->blob.data, *end = at + lines->blob.size;
  size_t count = 0;
  while (at < end) {
    const char *next = memchr(at, '\n', (size_t)(end - at));
    json_t *item = json_loadb(at, (size_t)(next - at), JSON_ALLOW_NUL, NULL);
    json_t *text = json_object_get(item, "text"), *ids = json_object_get(item, "ids"),
           *special = json_object_get(item, "special");
    assert_true(json_is_string(text) && json_is_array(ids));
    same_ids(name, tokenizer, text, ids, false);
    same_ids(name, tokenizer, text, special ? special : ids, true);
    json_decref(item);
    at = next + 1;
    count++;
  }
  fileset_close(files);
  tokenizer_free(tokenizer);
  return count;
}

static const char *const names[] = {"gpt2", "gpt2-prefix", "neox",    "llama3", "qwen2",
                                    "gpt4", "digits",      "numbers", "strip"};

static void test_same_as_library(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    assert_true(same_texts(names[i]) >= 282);
}

/* The tokens of a text, put together, are the text, where nothing is normalized or stripped. */
static void test_bytes(void **state)
{
  static const char text[] = "  Ein \xC3\x9C"
                             "bel\x01\xC2\xAD\x7F \xF0\x9F\x98\x80\xC2\xA0 end<|endoftext|>\n";
  struct tokenizer *tokenizer = tokenizer_of("gpt2");
  struct token_list list = {0};
  struct text bytes = {0};
  struct error error = {0};
  (void)state;
  assert_int_equal(tokenizer_encode(tokenizer, text, sizeof text - 1, false, &list, &error), 0);
  for (size_t i = 0; i < list.count; i++)
    assert_true(tokenizer_bytes(tokenizer, list.ids[i], &bytes));
  assert_string_equal(bytes.data, text);
  assert_int_equal(list.ids[list.count - 2], tokenizer_added(tokenizer, "<|endoftext|>"));
  assert_int_equal(tokenizer_added(tokenizer, "<|none|>"), -1);
  assert_int_equal(tokenizer_vocab(tokenizer), 577);
  assert_false(tokenizer_bytes(tokenizer, 577, &bytes));
  assert_false(tokenizer_bytes(tokenizer, -1, &bytes));
  text_free(&bytes);
  token_list_free(&list);
  tokenizer_free(tokenizer);
}

/* The class of every code point against the general categories as utf8proc names them, and a few
 * that are easily wrong. */
static void test_classes(void **state)
{
  static const struct {
    const char *text;
    enum unicode_class class;
  } cases[] = {{"\xC2\x85", UNICODE_SPACE},
               {"\xC2\xA0", UNICODE_SPACE},
               {"\xE2\x80\x8B", UNICODE_OTHER},
               {"\xEF\xBB\xBF", UNICODE_OTHER},
               {"\xE1\xA0\x8E", UNICODE_OTHER},
               {"\xE3\x80\x80", UNICODE_SPACE},
               {"\xC2\xB2", UNICODE_NUMBER},
               {"\xE2\x85\xA3", UNICODE_NUMBER},
               {"\xCC\x81", UNICODE_OTHER},
               {"\xC2\xAA", UNICODE_LETTER},
               {"\x1C", UNICODE_OTHER},
               {"\x0B", UNICODE_SPACE},
               {"_", UNICODE_OTHER},
               {"\xF0\x9D\x94\x84", UNICODE_LETTER}};
  size_t bytes;
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t size = strlen(cases[i].text);
    assert_int_equal(unicode_class_at(cases[i].text, size, &bytes), cases[i].class);
    assert_int_equal(bytes, size);
  }
  assert_int_equal(unicode_trailing_space("a\xE3\x80\x80 ", 5), 4);
  assert_int_equal(unicode_leading_space("\xE3\x80\x80 a", 5), 4);
  assert_int_equal(unicode_trailing_space(" \n", 2), 2);
}

/* A file with one part replaced. */
static void refused(const char *part, const char *with, const char *words)
{
  static const char base[] =
      "{\"version\":\"1.0\",\"truncation\":null,\"added_tokens\":[{\"id\":3,\"content\":\"<e>\","
      "\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":"
      "true}],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":"
      "false},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a "
      "b\"]}}";
  struct tokenizer *tokenizer = NULL;
  struct error error = {0};
  struct text text = {0};
  const char *at = strstr(base, part);
  assert_non_null(at);
  text_add(&text, "%.*s%s%s", (int)(at - base), base, with, at + strlen(part));
  int status = tokenizer_parse("t.json", text.data, text.length, &tokenizer, &error);
  text_free(&text);
  if (words) {
    assert_int_equal(status, EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, words);
    support_assert_error(&error, EXIT_INPUT, "t.json: ");
  } else if (status)
    fail_msg("%s", error.text);
  tokenizer_free(tokenizer);
}

static void test_refuses_models(void **state)
{
  (void)state;
  refused("null", "null", NULL);
  refused("\"BPE\"", "\"Unigram\"",
          "a model of type \"Unigram\" is not supported; supported: byte");
  refused("\"vocab\"", "\"byte_fallback\":true,\"vocab\"", "\"byte_fallback\" is not supported");
  refused("\"vocab\"", "\"dropout\":0.1,\"vocab\"", "\"dropout\" is not supported");
  refused("\"vocab\"", "\"dropout\":\"0\",\"vocab\"", "\"dropout\" is not supported");
  refused("\"vocab\"", "\"byte_fallback\":1,\"vocab\"", "\"byte_fallback\"");
  refused("\"vocab\"", "\"unk_token\":1,\"vocab\"", "\"unk_token\"");
  refused("\"vocab\"", "\"fuse_unk\":\"no\",\"vocab\"", "\"fuse_unk\"");
  refused("\"vocab\"", "\"dropout\":0.0,\"end_of_word_suffix\":\"\",\"vocab\"", NULL);
  refused("\"vocab\"", "\"end_of_word_suffix\":\"</w>\",\"vocab\"",
          "\"end_of_word_suffix\" is not");
  refused("\"vocab\"", "\"frob\":1,\"vocab\"", "unknown key \"frob\"");
  refused("\"model\"",
          "\"post_processor\":{\"type\":\"TemplateProcessing\",\"special_tokens\":{},\"single\":[{"
          "\"Sequence\":{\"id\":\"B\",\"type_id\":0}}]},\"model\"",
          "has the Sequence \"B\", must be \"A\"");
  refused("\"b\":1", "\"b\":0", "have the same id, 0");
  refused("\"b\":1", "\"b\":-1", "the id of \"b\" must be an integer from 0");
  refused("\"b\":1", "\"b\":16777216", "the id of \"b\" must be an integer from 0");
  refused("\"b\":1", "\"b\":\"1\"", "the id of \"b\" must be");
  refused("\"b\":1", "\"a\":1", "duplicate key \"a\"");
  refused("\"a b\"", "\"ab\"", "merge 0 must be two tokens with one blank between");
  refused("\"a b\"", "\"a b c\"", "merge 0 must be two tokens");
  refused("\"a b\"", "\"a b\",[\"a\"]", "merge 1 must be a string");
  refused("\"a b\"", "\" ab\"", "merge 0 has an empty part");
  refused("\"a b\"", "[\"ab\",\"\"]", "merge 0 has an empty part");
  refused("\"a b\"", "\"a c\"", "merge 0: \"c\" is not in the vocabulary");
  refused("\"a b\"", "\"b a\"", "merge 0: \"ba\" is not in the vocabulary");
  refused("\"a b\"", "[\"a\",\"b\"],\"a b\"", NULL);
  refused("\"truncation\":null", "\"truncation\":{}", "\"truncation\" is set, which would change");
  refused("\"version\":\"1.0\"", "\"frob\":1", "unknown key \"frob\"");
}

static void test_refuses_steps(void **state)
{
  (void)state;
  refused("\"normalizer\":null", "\"normalizer\":{\"type\":\"NFKC\"}",
          "a normalizer of type \"NFKC\" is not supported; supported: NFC");
  refused("\"normalizer\":null",
          "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":"
          "\"Lowercase\"}]}",
          "a normalizer of type \"Lowercase\" is not supported");
  refused("\"ByteLevel\"", "\"Metaspace\"",
          "a pre-tokenizer of type \"Metaspace\" is not supported");
  refused("\"pre_tokenizer\"", "\"decoder\"", "has no \"pre_tokenizer\"");
#define SPLIT(regex, behavior)                                                                     \
  "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{"  \
  "\"Regex\":\"" regex "\"},\"behavior\":\"" behavior "\",\"invert\":false},{\"type\":"            \
  "\"ByteLevel\",\"add_prefix_space\":false}]},\"decoder\""
  refused("\"pre_tokenizer\"", SPLIT("(a+)+b", "Isolated"),
          "a Split by the pattern \"(a+)+b\" is not supported; supported: those of GPT-2");
  refused("\"pre_tokenizer\"", SPLIT("x", "MergedWithNext"),
          "a Split of behavior \"MergedWithNext\" is not supported");
  refused("{\"type\":\"ByteLevel\"",
          "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
          "\"ByteLevel\",\"add_prefix_space\":false},{\"type\":\"Digits\","
          "\"individual_digits\":true}]},\"decoder\":{\"type\":\"x\"",
          "a pre-tokenizer ByteLevel must be the last one");
  refused("\"add_prefix_space\":false", "\"add_prefix_space\":1", "\"add_prefix_space\" is wrong");
}

static void test_refuses_added(void **state)
{
  (void)state;
  refused("\"single_word\":false", "\"single_word\":true", "\"single_word\" is true, which is not");
  refused("\"id\":3", "\"id\":1", "\"<e>\" has id 1, which is that of \"b\"");
  refused("\"<e>\"", "\"ab\"", "\"ab\" has id 3, in the vocabulary 2");
  refused("\"<e>\"", "\"\"", "\"content\" has 0 bytes, must have 1 to 256");
  refused("\"id\":3", "\"id\":16777216", "\"id\" is 16777216, must be between");
  refused("\"lstrip\":false,", "", "\"lstrip\" is missing");
  refused("\"added_tokens\":[",
          "\"added_tokens\":[{\"id\":3,\"content\":\"x\",\"single_word\":false,"
          "\"lstrip\":false,\"rstrip\":false,\"normalized\":true,\"special\":"
          "true},",
          "has the id of");
  refused("\"added_tokens\":[",
          "\"added_tokens\":[{\"id\":4,\"content\":\"<e>\",\"single_word\":false,"
          "\"lstrip\":false,\"rstrip\":false,\"normalized\":true,\"special\":"
          "true},",
          "has the text of \"<e>\"");
}

/* The longest, where tokens begin with one another and where the next in order does not fit. */
static void test_nested_added(void **state)
{
  static const char *const contents[] = {"<", "<<a", "<<ab", "<<b"};
  static const int32_t ids[] = {4, 4, 6, 4, 4, 7, 5, 4};
  struct text text = {0};
  struct token_list list = {0};
  struct tokenizer *tokenizer = NULL;
  struct error error = {0};
  (void)state;
  text_add(&text, "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"c\":0},\"merges\":[]},"
                  "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
                  "\"added_tokens\":[");
  for (int i = 0; i < 4; i++)
    text_add(&text,
             "%s{\"id\":%d,\"content\":\"%s\",\"single_word\":false,\"lstrip\":false,\"rstrip\":"
             "false,\"normalized\":true,\"special\":false}",
             i ? "," : "", i + 4, contents[i]);
  text_add(&text, "]}");
  assert_int_equal(tokenizer_parse("t.json", text.data, text.length, &tokenizer, &error), 0);
  assert_int_equal(tokenizer_encode(tokenizer, "<<<<ab<<<<b<<a<", 15, false, &list, &error), 0);
  assert_int_equal(list.count, sizeof ids / sizeof *ids);
  assert_memory_equal(list.ids, ids, sizeof ids);
  token_list_free(&list);
  tokenizer_free(tokenizer);
  text_free(&text);
}

/* A post-processor of another type is said and matters only where it is asked for. */
static void test_unsupported_processor(void **state)
{
  static const char json[] =
      "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
      "\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"b\",1],\"cls\":[\"a\",0]},"
      "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[]}}";
  struct tokenizer *tokenizer;
  struct token_list list = {0};
  struct error error = {0};
  (void)state;
  const char *path = workshop_path("bert.json");
  support_write(path, json, sizeof json - 1);
  assert_int_equal(tokenizer_open(path, &tokenizer, &error), 0);
  assert_int_equal(tokenizer_encode(tokenizer, "ab", 2, false, &list, &error), 0);
  assert_true(list.count == 2 && list.ids[0] == 0 && list.ids[1] == 1);
  assert_int_equal(tokenizer_encode(tokenizer, "ab", 2, true, &list, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "a post-processor of type \"BertProcessing\" is not");
  assert_int_equal(tokenizer_encode(tokenizer, "ac", 2, false, &list, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "a byte 0x63, for which the vocabulary has no token");
  token_list_free(&list);
  tokenizer_free(tokenizer);
  char *out = workshop_run(EXIT_HELD, "tokenize %s --text ab", path);
  workshop_contains(out, "ids; its post-processor, of type BertProcessing, is not applied\n");
  free(out);
}

/* Texts that cannot be encoded. */
static void test_refuses_texts(void **state)
{
  struct tokenizer *tokenizer = tokenizer_of("gpt2");
  struct token_list list = {0};
  struct error error = {0};
  (void)state;
  assert_int_equal(tokenizer_encode(tokenizer, "ab\xFF", 3, false, &list, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "byte 0xFF (offset 2) of the text is not UTF-8");
  assert_int_equal(tokenizer_encode(tokenizer, "\xED\xA0\x80", 3, false, &list, &error),
                   EXIT_INPUT);
  char *marks = malloc(3 * 5000);
  for (int i = 0; i < 5000; i++)
    memcpy(marks + 2 * i, "\xCC\x81", 2);
  assert_int_equal(tokenizer_encode(tokenizer, marks, 10000, false, &list, &error), 0);
  tokenizer_free(tokenizer);
  tokenizer = tokenizer_of("neox");
  assert_int_equal(tokenizer_encode(tokenizer, marks, 10000, false, &list, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "combining marks in a row");
  free(marks);
  token_list_free(&list);
  tokenizer_free(tokenizer);
}

static void test_command(void **state)
{
  (void)state;
#define LLAMA3 FIXTURE "/llama3"
  char *out = workshop_run(EXIT_HELD, "tokenize " LLAMA3 " --text the --ids");
  assert_string_equal(out, "468\n");
  free(out);
  out = workshop_run(EXIT_HELD, "tokenize " LLAMA3 " --text THE\xC3\xA9 --special");
  workshop_contains(out, "0      607  \"<|begin|>\"\n");
  workshop_contains(out, "1 ");
  workshop_contains(out, "tokens; vocabulary of 609 ids\n");
  free(out);
  out = workshop_run(EXIT_HELD, "tokenize " LLAMA3 " --text THE");
  workshop_contains(out, "ids; --special puts 1 before the text and 0 after it\n");
  free(out);
  const char *path = workshop_path("text.txt");
  support_write(path, " a\n\x01", 4);
  out = workshop_run(EXIT_HELD, "tokenize " LLAMA3 " --file %s", path);
  workshop_contains(out, "\"\\x0A\"\n");
  workshop_contains(out, "\"\\x01\"\n");
  free(out);
  support_write(path, "a\xFF", 2);
  free(workshop_refuse(EXIT_INPUT, "text.txt: byte 0xFF (offset 1) of the text is not UTF-8",
                       "tokenize " LLAMA3 " --file %s", path));
  free(workshop_refuse(EXIT_INPUT, "give a text by --text or by --file", "tokenize " LLAMA3));
  free(workshop_refuse(EXIT_INPUT, "MODEL_DIR is missing", "tokenize --text x"));
  free(workshop_refuse(EXIT_INPUT, "model/tokenizer.json: missing; put the model's own there",
                       "tokenize " WORKSHOP_MODEL " --text x"));
  free(workshop_refuse(EXIT_INPUT, "step0/tokenizer.json: missing; put the model's own there",
                       "tokenize manifests/nursery.tar.zst:nursery-olmo/step0 --text x"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same_as_library), cmocka_unit_test(test_bytes),
      cmocka_unit_test(test_classes),         cmocka_unit_test(test_refuses_models),
      cmocka_unit_test(test_refuses_steps),   cmocka_unit_test(test_refuses_added),
      cmocka_unit_test(test_nested_added),    cmocka_unit_test(test_refuses_texts),
      cmocka_unit_test(test_command),         cmocka_unit_test(test_unsupported_processor),
  };
  return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
