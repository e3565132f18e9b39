/* Tasks in English: the items against the definitions carried out in Python, what a pair holds, and
 * which items a tokenizer drops. The tokenizers are made for the purpose: every word that they are
 * told is one token, and so is every beginning of it. */
#include "workshop.h"

#include "base/digest.h"
#include "task/items.h"
#include "task/language.h"
#include "task/vocabulary.h"
#include "task/words.h"

/* A tokenizer.json that grows. */
struct builder {
  json_t *vocab, *merges;
};

static void spell(const char *text, size_t size, char *out)
{
  size_t used = 0;
  for (size_t i = 0; i < size; i++)
    used += vocabulary_letter((unsigned char)text[i], out + used);
  out[used] = 0;
}

/* Makes tokens of all beginnings of a word. */
static void teach(struct builder *b, const char *word)
{
  char left[200], right[8], whole[208];
  for (size_t size = 1; size < strlen(word); size++) {
    spell(word, size, left);
    spell(word + size, 1, right);
    snprintf(whole, sizeof whole, "%s%s", left, right);
    if (json_object_get(b->vocab, whole))
      continue;
    json_object_set_new(b->vocab, whole, json_integer((json_int_t)json_object_size(b->vocab)));
    json_array_append_new(b->merges, json_pack("[s,s]", left, right));
  }
}

/* The words of a list with a blank before them, but for `left_out`. */
static void teach_list(struct builder *b, const struct word_list *list, const char *left_out)
{
  for (size_t i = 0; i < list->count; i++)
    if (!left_out || strcmp(list->words[i], left_out) != 0) {
      char word[100];
      snprintf(word, sizeof word, " %s", list->words[i]);
      teach(b, word);
    }
}

static struct tokenizer *tokenizer_without(const char *left_out)
{
  const struct word_list *const lists[] = {&words_women,         &words_men,
                                           &words_places,        &words_objects,
                                           &words_events,        &words_cities,
                                           &words_days,          &words_months,
                                           &words_numbers,       &words_verb_singular,
                                           &words_verb_plural,   &words_people_singular,
                                           &words_people_plural, &words_things_singular,
                                           &words_things_plural, &words_ordinals};
  struct builder b = {json_object(), json_array()};
  struct tokenizer *tokenizer;
  struct error error = {0};
  for (unsigned byte = 0; byte < 256; byte++) {
    char letter[3] = {0};
    vocabulary_letter((unsigned char)byte, letter);
    json_object_set_new(b.vocab, letter, json_integer((json_int_t)byte));
  }
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    teach_list(&b, lists[i], left_out);
  teach_list(&b, &(struct word_list){(const char *const[]){"she", "he"}, 2}, left_out);
  for (size_t i = 0; i < words_two_digits.count; i++)
    teach(&b, words_two_digits.words[i]);
  json_t *root = json_pack("{s:{s:s, s:b}, s:{s:s, s:o, s:o}}", "pre_tokenizer", "type",
                           "ByteLevel", "add_prefix_space", 0, "model", "type", "BPE", "vocab",
                           b.vocab, "merges", b.merges);
  char *text = json_dumps(root, JSON_COMPACT);
  json_decref(root);
  assert_non_null(text);
  if (tokenizer_parse("made.json", text, strlen(text), &tokenizer, &error))
    fail_msg("%s", error.text);
  free(text);
  return tokenizer;
}

static void make(const char *name, size_t pairs, struct tokenizer *tokenizer, struct task *task)
{
  const struct language_request request = {name, pairs, 7, false};
  struct error error = {0};
  if (language_task(&request, tokenizer, task, &error))
    fail_msg("%s", error.text);
}

static void add_words(struct text *text, const char *const *words, size_t count)
{
  for (size_t i = 0; i < count; i++)
    text_add(text, i ? ",%s" : "%s", words[i]);
  text_add(text, "\n");
}

/* 200 items of seed 7, as text, against their SHA-256 in Python with NumPy's RandomState. */
static void test_items(void **state)
{
  static const char *const wanted[][2] = {
      {"ioi", "f189e08887107ff5693a160ff83188e75a3ba04492e6ccb21ed306a8ad1c5d8b"},
      {"greater-than", "4891c075fb36682a60228d1b231c8329cd51216b1efd928a9cdeb4684782af11"},
      {"gendered-pronoun", "98fd0d23bd58b38c3a474a18665047ca098b06fabd706252156e5107ebb484cb"},
      {"sva", "b3c833b7cd70a3c39eae39a2b32335355429c01b74e86d6a870098fd65c993c3"},
      {"greater-than-late", "868c59e5fe1cdaf12410b3ab47c356d6c91caa9fadf54c6fed3bdd4ba464242b"},
      {"successor", "ab3303b3d066f039dd45e94a50a222c70d6ec9932c895dafae85e9dee395425a"},
      {"variable-binding", "3d0669b7ae1f2d03f7c8656e10223b6a2c7cee25cf6618e9270f75d7b91d3e25"},
  };
  (void)state;
  for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
    const struct item_kind *kind = item_kind_find(wanted[k][0]);
    struct random random;
    struct item item;
    struct text text = {0};
    struct digest digest;
    struct error error = {0};
    assert_non_null(kind);
    random_seed(&random, 7);
    for (size_t i = 0; i < 200; i++) {
      kind->draw(&random, i, &item);
      text_add(&text, "%s\n%s\n", item.clean, item.corrupted);
      add_words(&text, item.positive, item.positive_count);
      add_words(&text, item.negative, item.negative_count);
    }
    assert_int_equal(digest_of(text.data, text.length, &digest, &error), 0);
    if (strcmp(digest.sha256, wanted[k][1]) != 0)
      fail_msg("%s: other items", kind->name);
    text_free(&text);
  }
  assert_null(item_kind_find("copy"));
}

static void read_ids(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                     char out[1000])
{
  struct text bytes = {0};
  text_add(&bytes, "%s", "");
  for (size_t i = 0; i < count; i++)
    assert_true(tokenizer_bytes(tokenizer, ids[i], &bytes));
  snprintf(out, 1000, "%s", bytes.data);
  text_free(&bytes);
}

static bool has_word(const struct item *item, bool positive, const char *word)
{
  size_t count = positive ? item->positive_count : item->negative_count;
  for (size_t i = 0; i < count; i++)
    if (strcmp(positive ? item->positive[i] : item->negative[i], word) == 0)
      return true;
  return false;
}

static void same_answers(const struct tokenizer *tokenizer, const struct item_kind *kind,
                         const struct item *item, bool positive, const int32_t *ids, size_t count)
{
  char word[1000];
  assert_int_equal(count, positive ? item->positive_count : item->negative_count);
  for (size_t i = 0; i < count; i++) {
    read_ids(tokenizer, ids + i, 1, word);
    assert_true(!kind->blank || *word == ' ');
    assert_true(has_word(item, positive, word + kind->blank));
  }
}

/* With every word one token no item is dropped: the pairs spell the items, and the prompts of the
 * tasks but one differ in one token. */
static void test_pairs(void **state)
{
  struct tokenizer *tokenizer = tokenizer_without(NULL);
  size_t count;
  (void)state;
  const struct item_kind *kinds = item_kinds(&count);
  assert_int_equal(count, 7);
  for (size_t k = 0; k < count; k++) {
    struct random random;
    struct item item;
    struct task task;
    make(kinds[k].name, 130, tokenizer, &task);
    assert_true(task.count == 130 && task.metric == kinds[k].metric);
    assert_int_equal(json_integer_value(json_object_get(task.header, "drawn")), 130);
    random_seed(&random, 7);
    for (size_t i = 0; i < task.count; i++) {
      const struct task_pair *p = &task.pairs[i];
      char text[1000];
      size_t others = 0;
      kinds[k].draw(&random, i, &item);
      read_ids(tokenizer, p->clean, p->length, text);
      assert_string_equal(text, item.clean);
      read_ids(tokenizer, p->corrupted, p->length, text);
      assert_string_equal(text, item.corrupted);
      for (size_t t = 0; t < p->length; t++)
        others += p->clean[t] != p->corrupted[t];
      assert_true(others == 1 || strcmp(kinds[k].name, "successor") == 0);
      same_answers(tokenizer, &kinds[k], &item, true, p->positive, p->positive_count);
      same_answers(tokenizer, &kinds[k], &item, false, p->negative, p->negative_count);
    }
    task_free(&task);
  }
  tokenizer_free(tokenizer);
}

static json_int_t dropped(const struct task *task, const char *reason)
{
  return json_integer_value(json_object_get(json_object_get(task->header, "dropped"), reason));
}

/* Without a name: its items are dropped and named, the others are those of the whole tokenizer. */
static void test_drops(void **state)
{
  struct tokenizer *whole = tokenizer_without(NULL), *less = tokenizer_without("Mary");
  struct task all, some;
  size_t k = 0, gone = 0;
  char a[1000], b[1000];
  (void)state;
  make("ioi", 400, whole, &all);
  make("ioi", 300, less, &some);
  for (size_t i = 0; i < some.count; k++) {
    assert_true(k < all.count);
    read_ids(whole, all.pairs[k].clean, all.pairs[k].length, a);
    if (strstr(a, " Mary")) {
      gone++;
      continue;
    }
    read_ids(less, some.pairs[i].clean, some.pairs[i].length, b);
    assert_string_equal(a, b);
    i++;
  }
  assert_true(gone > 0);
  assert_int_equal(json_integer_value(json_object_get(some.header, "drawn")), 300 + gone);
  assert_int_equal(dropped(&some, "length") + dropped(&some, "answer"), gone);
  assert_int_equal(dropped(&some, "year"), 0);
  task_free(&all);
  task_free(&some);
  tokenizer_free(less);
  less = tokenizer_without("Oslo");
  make("variable-binding", 200, less, &some);
  json_t *unfit = json_object_get(some.header, "unfit");
  assert_int_equal(json_array_size(unfit), 1);
  assert_string_equal(json_string_value(json_array_get(unfit, 0)), "Oslo");
  assert_true(dropped(&some, "answer") > 0 && dropped(&some, "length") == 0);
  task_free(&some);
  tokenizer_free(less);
  tokenizer_free(whole);
}

/* A verb that is not one token goes with its partner; of years as one token nothing is left. */
static void test_does_not_fit(void **state)
{
  struct tokenizer *less = tokenizer_without("keeps");
  struct task task;
  struct error error = {0};
  (void)state;
  make("sva", 20, less, &task);
  for (size_t i = 0; i < task.count; i++)
    assert_true(task.pairs[i].positive_count == 19 && task.pairs[i].negative_count == 19);
  assert_string_equal(json_string_value(json_array_get(json_object_get(task.header, "unfit"), 0)),
                      "keeps");
  task_free(&task);
  tokenizer_free(less);
  assert_int_equal(
      tokenizer_open("tests/fixtures/tokenizers.tar.zst:tokenizers/qwen2", &less, &error), 0);
  const struct language_request request = {"greater-than", 4, 7, false};
  assert_int_equal(language_task(&request, less, &task, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT,
                       "greater-than: only 0 of 250 drawn items fit this "
                       "tokenizer, 4 pairs are wanted; dropped: 0 by length, ");
  const struct language_request many = {"greater-than", TASK_MAX_PAIRS, 7, false};
  assert_int_equal(language_task(&many, less, &task, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "only 0 of 10000 drawn items fit");
  tokenizer_free(less);
  const struct language_request unknown = {"frob", 4, 7, false};
  assert_int_equal(language_task(&unknown, NULL, &task, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT,
                       "frob: no such task; there are copy, boundary, starts, "
                       "ioi, greater-than, gendered-pronoun, sva,");
}

static void test_command(void **state)
{
  (void)state;
#define LLAMA3 "tests/fixtures/tokenizers.tar.zst:tokenizers/llama3"
  free(workshop_refuse(EXIT_INPUT, "task: ioi needs a tokenizer", "task ioi --out -"));
  free(workshop_refuse(EXIT_INPUT, "task: copy is of token ids", "task copy " LLAMA3 " --out -"));
  free(workshop_refuse(EXIT_INPUT, "not both", "task ioi a --tokenizer b --out -"));
  free(workshop_refuse(EXIT_INPUT, "task: ioi: only 0 of 100 drawn items",
                       "task ioi " LLAMA3 " --n 1 --out -"));
  char *out = workshop_run(EXIT_HELD, "task copy --n 2 --out -");
  workshop_contains(out, "{\"task\":\"copy\",\"metric\":\"logit\",\"seed\":42,\"pairs\":2}\n");
  free(out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_items),   cmocka_unit_test(test_pairs),
      cmocka_unit_test(test_drops),   cmocka_unit_test(test_does_not_fit),
      cmocka_unit_test(test_command),
  };
  return cmocka_run_group_tests_name("language", tests, NULL, NULL);
}
