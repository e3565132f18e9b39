/* Task files: what is read, refused and written; the tasks of the trained models, pair by pair. */
#include "support.h"

#include "fixture_csv.h"
#include "task/phrases.h"

#include <stdbool.h>
#include <stdio.h>

static const char good[] =
    "{\"task\": \"copy\", \"metric\": \"prob\", \"note\": [1]}\r\n"
    "\n"
    "{\"clean\": [1, 2], \"corrupted\": [3, 2], \"positive\": [4], \"negative\": []}\n"
    "{\"negative\": [5, 6], \"positive\": [9, 7], \"corrupted\": [1, 2, 3], \"clean\": [0, 2, 3]}";

static void parse(const char *text, struct task *task)
{
  struct error error = {0};
  if (task_parse("t.jsonl", text, strlen(text), 10, task, &error))
    fail_msg("%s", error.text);
}

static void test_reads(void **state)
{
  struct task task;
  struct error error = {0};
  (void)state;
  parse(good, &task);
  assert_string_equal(task.name, "copy");
  assert_true(task.metric == TASK_PROB && task.count == 2 && task.longest == 3);
  assert_int_equal(json_array_size(json_object_get(task.header, "note")), 1);
  const struct task_pair *p = task.pairs;
  assert_true(p[0].length == 2 && p[0].positive_count == 1 && p[0].negative_count == 0);
  assert_true(p[0].line == 3 && p[1].line == 4 && p[1].length == 3 && p[1].positive_count == 2);
  assert_memory_equal(p[1].clean, ((int32_t[]){0, 2, 3}), 12);
  assert_memory_equal(p[1].corrupted, ((int32_t[]){1, 2, 3}), 12);
  assert_memory_equal(p[1].positive, ((int32_t[]){9, 7}), 8);
  assert_memory_equal(p[1].negative, ((int32_t[]){5, 6}), 8);
  assert_int_equal(task_check_vocab("t.jsonl", &task, 10, &error), 0);
  assert_int_equal(task_check_vocab("t.jsonl", &task, 9, &error), EXIT_INPUT);
  support_assert_error(
      &error, EXIT_INPUT,
      "t.jsonl: line 4: \"positive\"[0] is 9, not an id of the vocabulary, 0 to 8");
  task_free(&task);
}

/* What is written is read again, has the digest of its bytes, and is written the same. */
static void test_writes(void **state)
{
  struct task task, again;
  struct error error = {0};
  size_t size;
  (void)state;
  parse(good, &task);
  const char *path = support_path("written.jsonl");
  assert_int_equal(task_write(path, &task, &error), 0);
  char *text = support_read(path, &size);
  assert_string_equal(
      text, "{\"task\":\"copy\",\"metric\":\"prob\",\"note\":[1]}\n"
            "{\"clean\":[1,2],\"corrupted\":[3,2],\"positive\":[4],\"negative\":[]}\n"
            "{\"clean\":[0,2,3],\"corrupted\":[1,2,3],\"positive\":[9,7],\"negative\":[5,6]}\n");
  assert_int_equal(task_read(path, 0, &again, &error), 0);
  assert_string_equal(again.sha256, task.sha256);
  assert_string_equal(again.sha256,
                      "d783fe5079af7c145af616b61356d8c099fbf90c725e04a8bdd3a38d26844754");
  free(text);
  task_free(&task);
  task_free(&again);
}

static void refused(const char *text, const char *words)
{
  struct task task;
  struct error error = {0};
  assert_int_equal(task_parse("t.jsonl", text, strlen(text), 10, &task, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, words);
  support_assert_error(&error, EXIT_INPUT, "t.jsonl");
  assert_true(task.count == 0 && !task.pairs && !task.header);
}

#define HEAD "{\"task\":\"a\",\"metric\":\"logit\"}\n"

static void test_refuses_headers(void **state)
{
  (void)state;
  refused("", "t.jsonl: is an empty file");
  refused("\xEF\xBB\xBF\n", "t.jsonl: is empty, must be a task file");
  refused(" \n\t\r\n", "contains nothing but blanks");
  refused("<!DOCTYPE html>", "a login or error page");
  refused("hello", "is plain text, not JSON");
  refused("[1]\n", "t.jsonl: line 1: must be a JSON object, which begins with '{'");
  refused("{\"metric\":\"logit\"}\n", "line 1: \"task\" is missing");
  refused("{\"task\":\"a b\",\"metric\":\"logit\"}\n",
          "line 1: \"task\" is \"a b\", must be a plain");
  refused("{\"task\":\"a\"}\n", "line 1: \"metric\" is missing");
  refused("{\"task\":\"a\",\"metric\":\"loss\"}\n", "\"metric\" is \"loss\", must be \"logit\" or");
  refused("{\"task\":\"a\",\"task\":\"b\",\"metric\":\"prob\"}\n", "duplicate key \"task\"");
  refused(HEAD, "has no pairs");
}

static void test_refuses_pairs(void **state)
{
  (void)state;
  refused(HEAD "\n{\"clean\":[1],\"corrupted\":[1,2],\"positive\":[1],\"negative\":[]}",
          "line 3: \"clean\" has 1 id and \"corrupted\" 2; both prompts");
  refused(HEAD "{\"clean\":[],\"corrupted\":[],\"positive\":[1],\"negative\":[]}",
          "line 2: \"clean\" has 0 ids, must have 1 to 65536");
  refused(HEAD "{\"clean\":[1],\"corrupted\":[1],\"positive\":[],\"negative\":[1]}",
          "line 2: \"positive\" has 0 ids");
  refused(HEAD "{\"clean\":[10],\"corrupted\":[1],\"positive\":[1],\"negative\":[1]}",
          "line 2: \"clean\"[0] is 10, not an id of the vocabulary, 0 to 9");
  refused(HEAD "{\"clean\":[1],\"corrupted\":[-1],\"positive\":[1],\"negative\":[1]}",
          "line 2: \"corrupted\"[0] is -1, not an id");
  refused(HEAD "{\"clean\":[1],\"corrupted\":[1],\"positive\":[4294967297],\"negative\":[1]}",
          "line 2: \"positive\"[0] is 4294967297, not an id");
  refused(HEAD "{\"clean\":[1],\"corrupted\":[1],\"positive\":[1],\"negative\":[1,1.5]}",
          "line 2: \"negative\"[1] is not an integer");
  refused(HEAD "{\"clean\":[1],\"corrupted\":[1],\"positive\":[4,7,1,7,1],\"negative\":[2]}",
          "line 2: \"positive\"[2] and \"positive\"[4] are both 1; an answer counts once");
  refused(HEAD "{\"clean\":[1],\"corrupted\":[1],\"positive\":[4],\"negative\":[9,3,9]}",
          "line 2: \"negative\"[0] and \"negative\"[2] are both 9");
  refused(HEAD "{\"clean\":[1],\"corrupted\":[1],\"positive\":[1]}",
          "line 2: \"negative\" is missing");
  refused(HEAD "{\"clean\":[1],\"corrupted\":[1],\"positive\":[1],\"negative\":[],\"x\":1}",
          "line 2: unknown key \"x\"");
  refused(HEAD "{\"clean\":[1],\"clean\":[1],\"positive\":[1],\"negative\":[]}",
          "line 2, column 14: duplicate key \"clean\"");
  refused(HEAD "{\"clean\":[1],\"corrupted\":[1],\"positive\":[1],\"negative\":[]}\n{\"clean\":[1,",
          "line 3, column 13, key \"clean\": expected a value, found the end of the line: it is "
          "cut short");
  refused("{\"task\":\"a\",\"metric\":\"logit\",\"pairs\":2}\n"
          "{\"clean\":[1],\"corrupted\":[1],\"positive\":[1],\"negative\":[]}",
          "line 1 says \"pairs\": 2, but the file has 1");
  refused("{\"task\":\"a\",\"metric\":\"logit\",\"pairs\":\"1\"}\n"
          "{\"clean\":[1],\"corrupted\":[1],\"positive\":[1],\"negative\":[]}",
          "line 1: \"pairs\" must be the number of pairs");
  refused(HEAD "[1]\n", "t.jsonl: line 2: must be a JSON object");
  refused(HEAD "{\"clean\":\"1\",\"corrupted\":[1],\"positive\":[1],\"negative\":[]}",
          "line 2: \"clean\" is wrong: must be an array, is a string");
}

/* HEAD, `before`, `count` times `unit`, `after`. */
static void refused_long(const char *before, const char *unit, size_t count, const char *after,
                         const char *words)
{
  struct text text = {0};
  text_add(&text, HEAD "%s", before);
  for (size_t i = 0; i < count; i++)
    text_add(&text, "%s", unit);
  text_add(&text, "%s", after);
  assert_false(text.failed);
  refused(text.data, words);
  text_free(&text);
}

static void test_bombs(void **state)
{
  (void)state;
  refused_long("{\"clean\":", "[", 3000, "", "nested more than 2048 deep");
  refused_long("{\"clean\":[", "{},", 30000, "1]}", "line 2: too many objects and arrays");
  refused_long("{\"clean\":\"", "aaaaaaaa", TASK_MAX_LINE_BYTES / 8, "\"}",
               "more than the limit of");
  refused_long("{\"corrupted\":[1],\"positive\":[1],\"negative\":[],\"clean\":[1", ",1",
               TASK_MAX_LENGTH, "]}", "\"clean\" has 65537 ids and \"corrupted\" 1");
  refused_long("{\"corrupted\":[1],\"positive\":[1],\"clean\":[2],\"negative\":[1", ",1",
               TASK_MAX_ANSWERS, "]}", "\"negative\" has 131073 ids, must have 0 to 131072");
}

/* Whether `ids` are those of a cell of a table, parted by blanks. */
static void same_ids(const char *cell, const int32_t *ids, size_t count)
{
  struct text text = {0};
  for (size_t i = 0; i < count; i++)
    text_add(&text, i ? " %d" : "%d", (int)ids[i]);
  assert_string_equal(text.data, cell);
  text_free(&text);
}

static void same_pairs(enum phrases kind, const char *file)
{
  struct fixture f = fixture_read("tests/fixtures/tasks.tar.zst:tasks", file);
  struct task task;
  struct error error = {0};
  assert_int_equal(phrases_task(kind, f.rows, PHRASES_SEED, &task, &error), 0);
  assert_true(f.rows >= 6 && task.count == f.rows);
  for (size_t i = 0; i < f.rows; i++) {
    const struct task_pair *p = &task.pairs[i];
    assert_int_equal(p->length, (int)fixture_number(&f, i, "length"));
    same_ids(fixture_text(&f, i, "clean"), p->clean, p->length);
    same_ids(fixture_text(&f, i, "corrupted"), p->corrupted, p->length);
    same_ids(fixture_text(&f, i, "positive_ids"), p->positive, p->positive_count);
    same_ids(fixture_text(&f, i, "negative_ids"), p->negative, p->negative_count);
  }
  assert_int_equal(task_check_vocab("task", &task, PHRASES_VOCAB, &error), 0);
  task_free(&task);
  fixture_free(&f);
}

static void test_reference_pairs(void **state)
{
  (void)state;
  same_pairs(PHRASES_COPY, "copy.csv");
  same_pairs(PHRASES_BOUNDARY, "boundary.csv");
  same_pairs(PHRASES_STARTS, "starts.csv");
}

/* Five hundred pairs of another seed, made and written in Python from the definition alone. */
static void test_many_pairs(void **state)
{
  static const char *const sha256[] = {
      "3b4a1f109005e69f085bb98cbe7e20f034c167b9dac1fee07ac24a84904d205b",
      "dab62822e1e8ad8990e96cfa051772bf1ea92fb1a95fc70d0fa1d9df10124ca9",
      "3cd841684b078f10f783c967990747b398c46ee042111a06734dc15a72a4c20c"};
  (void)state;
  for (int kind = 0; kind < 3; kind++) {
    struct task task;
    struct error error = {0};
    assert_int_equal(phrases_task((enum phrases)kind, 500, 7, &task, &error), 0);
    assert_true(task.metric == (kind == PHRASES_STARTS ? TASK_PROB : TASK_LOGIT));
    assert_int_equal(task_write(support_path("many.jsonl"), &task, &error), 0);
    assert_string_equal(task.sha256, sha256[kind]);
    task_free(&task);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reads),           cmocka_unit_test(test_writes),
      cmocka_unit_test(test_refuses_headers), cmocka_unit_test(test_refuses_pairs),
      cmocka_unit_test(test_bombs),           cmocka_unit_test(test_reference_pairs),
      cmocka_unit_test(test_many_pairs),
  };
  return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}
