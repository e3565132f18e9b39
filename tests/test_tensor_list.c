/* Tensor lists: what is read, what is refused, and what a checkpoint that deviates is told. */
#include "support.h"

#include "checkpoint/in_memory.h"
#include "manifest/tensor_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER TENSOR_LIST_HEADER "\n"
#define GOOD                                                                                       \
  "# a comment\n"                                                                                  \
  "#\n" HEADER "a.bias\tF32\t7\n"                                                                  \
  "a.mask\tU8|BOOL\t1,1,4,4\toptional\n"                                                           \
  "a.masked\tBF16|F16|F32\tscalar\toptional\n"                                                     \
  "a.weight\tF16\t3,9223372036854775\n"

static int parse(const char *text, struct tensor_list *list, struct error *error)
{
  *error = (struct error){0};
  *list = (struct tensor_list){0};
  return tensor_list_parse("l.tsv", text, strlen(text), list, error);
}

static struct tensor_list list_of(const char *text)
{
  struct tensor_list list;
  struct error error;
  if (parse(text, &list, &error))
    fail_msg("%s", error.text);
  return list;
}

static void check_good(const struct tensor_list *list)
{
  const struct tensor_list_row *rows = list->rows;
  assert_string_equal(list->path, "l.tsv");
  assert_int_equal(list->count, 4);
  assert_string_equal(rows[0].name, "a.bias");
  assert_int_equal(rows[0].dtypes, 1u << DTYPE_F32);
  assert_int_equal(rows[0].rank, 1);
  assert_int_equal(rows[0].shape[0], 7);
  assert_false(rows[0].optional);
  assert_string_equal(rows[1].name, "a.mask");
  assert_int_equal(rows[1].dtypes, 1u << DTYPE_U8 | 1u << DTYPE_BOOL);
  assert_int_equal(rows[1].rank, 4);
  assert_int_equal(rows[1].shape[1], 1);
  assert_int_equal(rows[1].shape[3], 4);
  assert_int_equal(rows[1].elements, 16);
  assert_true(rows[1].optional);
  assert_int_equal(rows[2].dtypes, 1u << DTYPE_BF16 | 1u << DTYPE_F16 | 1u << DTYPE_F32);
  assert_int_equal(rows[2].rank, 0);
  assert_int_equal(rows[2].elements, 1);
  assert_true(rows[2].optional);
  assert_int_equal(rows[3].shape[1], INT64_C(9223372036854775));
  assert_int_equal(rows[3].elements, UINT64_C(27670116110564325));
}

static void test_good_list(void **state)
{
  const char *path = support_path("l.tsv");
  struct error error = {0};
  struct tensor_list list = list_of(GOOD), loaded;
  (void)state;
  check_good(&list);
  support_write(path, GOOD, strlen(GOOD));
  assert_int_equal(tensor_list_load(path, &loaded, &error), 0);
  assert_string_equal(loaded.path, path);
  assert_int_equal(loaded.count, list.count);
  tensor_list_free(&loaded);
  tensor_list_free(&list);
  assert_null(list.rows);
  tensor_list_free(&list);
}

static void test_defects(void **state)
{
  static const struct {
    const char *text, *words;
  } cases[] = {
      {"", "is an empty file"},
      {"# only comments\n", "line 2: the file ends here"},
      {HEADER, "line 2: the file ends here"},
      {"name\tdtype\tshape\n", "line 1: must be the header"},
      {"a\tF32\t1\n", "line 1: must be the header"},
      {HEADER HEADER, "line 2: dtype \"dtype\""},
      {HEADER "a\tF32\t1", "line 2: no newline"},
      {HEADER "a\tF32\t1\n#\n", "line 3: 1 columns"},
      {HEADER "a\tF32\t1\n\n", "line 3: empty; remove the empty line"},
      {"name\tdtype\tshape\toptional\ra\tF32\t1\r", "line 1: ends in a lone carriage return"},
      {"<html>", "is an HTML page, not a list of tensors"},
      {HEADER "a\tF32\n", "line 2: 2 columns"},
      {HEADER "a\tF32\t1\toptional\t\n", "line 2: 5 columns"},
      {HEADER "a\tF32\t1\r\n", "line 2: carriage return"},
      {HEADER "a\tF32\t1\t\n", "line 2: the fourth column"},
      {HEADER "a\tF32\t1\tOptional\n", "line 2: the fourth column"},
      {HEADER "\tF32\t1\n", "line 2: the name must have 1 to 200"},
      {HEADER "a\x1b[2J\tF32\t1\n", "line 2: the name must be printable"},
      {HEADER "a\xff\tF32\t1\n", "line 2: the name must be printable"},
      {HEADER "a\tF32\t1\na\tF32\t1\n", "line 3: \"a\" is listed twice"},
      {HEADER "b\tF32\t1\na\tF32\t1\n", "line 3: \"a\" must come earlier"},
      {HEADER "a\t\t1\n", "line 2: dtype \"\""},
      {HEADER "a\tf32\t1\n", "line 2: dtype \"f32\""},
      {HEADER "a\tF3\t1\n", "line 2: dtype \"F3\""},
      {HEADER "a\tF32 \t1\n", "line 2: dtype \"F32 \""},
      {HEADER "a\tF32|\t1\n", "line 2: dtype \"F32|\""},
      {HEADER "a\t|F32\t1\n", "line 2: dtype \"|F32\""},
      {HEADER "a\tF32|U8|F32\t1\n", "line 2: dtype \"F32|U8|F32\""},
      {HEADER "a\tF32\t\n", "line 2: shape \"\""},
      {HEADER "a\tF32\t0\n", "line 2: shape \"0\""},
      {HEADER "a\tF32\t3,0\n", "line 2: shape \"3,0\""},
      {HEADER "a\tF32\t03\n", "line 2: shape \"03\""},
      {HEADER "a\tF32\t-3\n", "line 2: shape \"-3\""},
      {HEADER "a\tF32\t3,\n", "line 2: shape \"3,\""},
      {HEADER "a\tF32\t3, 4\n", "line 2: shape \"3, 4\""},
      {HEADER "a\tF32\tscalar,1\n", "line 2: shape \"scalar,1\""},
      {HEADER "a\tF32\t1,1,1,1,1,1,1,1,1\n", "line 2: shape"},
      {HEADER "a\tF32\t18446744073709551617\n", "line 2: shape"},
      {HEADER "a\tF32\t1152921504606846976\n", "line 2: shape"},
      {HEADER "a\tF32\t4294967296,4294967297\n", "line 2: shape"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct tensor_list list;
    struct error error;
    if (parse(cases[i].text, &list, &error) != EXIT_INPUT || list.rows)
      fail_msg("accepted: %s", cases[i].text);
    support_assert_error(&error, EXIT_INPUT, cases[i].words);
    support_assert_error(&error, EXIT_INPUT, "l.tsv: ");
  }
}

static void refuse_bytes(const char *data, size_t size, const char *words)
{
  struct tensor_list list;
  struct error error = {0};
  assert_int_equal(tensor_list_parse("l.tsv", data, size, &list, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, words);
}

static void test_limits(void **state)
{
  static const char nul[] = HEADER "a\tF32\t1\0\n";
  size_t most = (size_t)16 << 20;
  char *large = malloc(most + 1);
  struct error error = {0};
  struct tensor_list list;
  (void)state;
  assert_non_null(large);
  memset(large, '\n', most + 1);
  refuse_bytes(large, most + 1, "more than the 16777216");
  refuse_bytes(large, most, "more than the 200000 it may have");
  support_write(support_path("large.tsv"), large, most + 1);
  assert_int_equal(tensor_list_load(support_path("large.tsv"), &list, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "large.tsv");
  memset(large, '#', 1025);
  refuse_bytes(large, 1026, "line 1: longer than 1024 bytes");
  refuse_bytes(nul, sizeof nul - 1, "line 2: NUL byte");
  snprintf(large, most, HEADER "%0201d\tF32\t1\n", 0);
  refuse_bytes(large, strlen(large), "line 2: the name must have 1 to 200");
  free(large);
  error = (struct error){0};
  assert_int_equal(tensor_list_load(support_path("none.tsv"), &list, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "none.tsv");
  error = (struct error){0};
  assert_int_equal(tensor_list_load(support_directory(), &list, &error), EXIT_INPUT);
}

/* A list that was accepted keeps what the header file says of it. */
static void check_invariants(const struct tensor_list *list)
{
  assert_true(list->count >= 1);
  for (size_t i = 0; i < list->count; i++) {
    const struct tensor_list_row *row = &list->rows[i];
    uint64_t elements = 1;
    assert_true(*row->name && row->dtypes && row->rank >= 0 && row->rank <= TENSOR_MAX_RANK);
    assert_true(row->dtypes < 1u << (DTYPE_BOOL + 1));
    assert_true(i == 0 || strcmp(list->rows[i - 1].name, row->name) < 0);
    for (int k = 0; k < row->rank; k++) {
      assert_true(row->shape[k] >= 1);
      elements *= (uint64_t)row->shape[k];
    }
    assert_true(elements == row->elements && elements < UINT64_C(1) << 60);
  }
}

/* From a buffer of exactly its size, so that a read past its end shows under a sanitizer. */
static void try_bytes(const char *data, size_t size)
{
  struct tensor_list list;
  struct error error = {0};
  char *exact = malloc(size ? size : 1);
  assert_non_null(exact);
  memcpy(exact, data, size);
  int status = tensor_list_parse("l.tsv", exact, size, &list, &error);
  free(exact);
  if (status) {
    support_assert_error(&error, EXIT_INPUT, "l.tsv: ");
    return;
  }
  check_invariants(&list);
  tensor_list_free(&list);
}

static void test_damaged_lists(void **state)
{
  static const char bytes[] = {0, '\n', '\t', '\r', '|', ',', '0', '9', 'F', '#', ' ', '\x80'};
  const size_t size = strlen(GOOD);
  char copy[sizeof GOOD];
  uint32_t random = 1;
  (void)state;
  for (size_t i = 0; i <= size; i++)
    try_bytes(GOOD, i);
  for (size_t i = 0; i < size; i++)
    for (size_t k = 0; k < sizeof bytes; k++) {
      memcpy(copy, GOOD, size);
      copy[i] = bytes[k];
      try_bytes(copy, size);
    }
  for (int round = 0; round < 3000; round++) {
    memcpy(copy, GOOD, size);
    for (int k = 0; k < 4; k++) {
      random = random * 1664525u + 1013904223u;
      copy[(random >> 8) % size] = GOOD[(random >> 16) % size];
    }
    try_bytes(copy, size);
  }
}

/* --- comparison with a checkpoint --- */

struct lines {
  size_t count;
  char text[8192];
};

static void add_line(void *context, const char *line)
{
  struct lines *lines = context;
  assert_null(strchr(line, '\n'));
  assert_true(strlen(lines->text) + strlen(line) + 2 < sizeof lines->text);
  strcat(strcat(lines->text, line), "\n");
  lines->count++;
}

static size_t compare(const char *text, const struct tensor *tensors, size_t count,
                      struct lines *lines)
{
  struct tensor_list list = list_of(text);
  struct checkpoint *checkpoint;
  struct error error = {0};
  size_t failures = 99;
  if (checkpoint_of_tensors("m", "{}", tensors, count, &checkpoint, &error))
    fail_msg("%s", error.text);
  *lines = (struct lines){0};
  tensor_list_check(&list, checkpoint, add_line, lines, &failures);
  checkpoint_close(checkpoint);
  tensor_list_free(&list);
  return failures;
}

#define SMALL                                                                                      \
  HEADER "a\tF32\t2,3\n"                                                                           \
         "b\tU8|BOOL\t1,1,4,4\toptional\n"                                                         \
         "c\tF16\tscalar\n"

static const struct tensor a = {.name = "a", .dtype = DTYPE_F32, .rank = 2, .shape = {2, 3}};
static const struct tensor b = {.name = "b", .dtype = DTYPE_BOOL, .rank = 4, .shape = {1, 1, 4, 4}};
static const struct tensor c = {.name = "c", .dtype = DTYPE_F16, .rank = 0};

static void test_checkpoint_that_fits(void **state)
{
  const struct tensor all[] = {a, b, c}, without[] = {a, c};
  struct tensor bytes[] = {a, b, c};
  struct lines lines;
  (void)state;
  bytes[1].dtype = DTYPE_U8;
  assert_int_equal(compare(SMALL, all, 3, &lines), 0);
  assert_int_equal(compare(SMALL, without, 2, &lines), 0);
  assert_int_equal(compare(SMALL, bytes, 3, &lines), 0);
  assert_int_equal(lines.count, 0);
}

static void test_each_deviation(void **state)
{
  struct lines lines;
  (void)state;
  struct tensor tensors[4] = {b, c};
  assert_int_equal(compare(SMALL, tensors, 2, &lines), 1);
  assert_string_equal(lines.text, "m: tensor \"a\" of l.tsv is missing\n");
  memcpy(tensors, (struct tensor[]){a, b, c, {.name = "d"}}, sizeof tensors);
  assert_int_equal(compare(SMALL, tensors, 4, &lines), 1);
  assert_string_equal(lines.text, "m: tensor \"d\" is not in l.tsv\n");
  tensors[1].dtype = DTYPE_I8;
  assert_int_equal(compare(SMALL, tensors, 3, &lines), 1);
  assert_string_equal(lines.text, "m: tensor \"b\" has dtype I8, must be U8 or BOOL\n");
  tensors[1].shape[3] = 5; /* of one tensor both are told */
  assert_int_equal(compare(SMALL, tensors, 3, &lines), 2);
  assert_string_equal(lines.text, "m: tensor \"b\" has dtype I8, must be U8 or BOOL\n"
                                  "m: tensor \"b\" has shape [1, 1, 4, 5], must be [1, 1, 4, 4]\n");
  tensors[1] = b;
  tensors[0].shape[0] = 3;
  tensors[0].shape[1] = 2;
  assert_int_equal(compare(SMALL, tensors, 3, &lines), 1);
  assert_string_equal(lines.text, "m: tensor \"a\" has shape [3, 2], must be [2, 3]\n");
  tensors[0] = a;
  tensors[2].rank = 1; /* [1] is not a scalar */
  tensors[2].shape[0] = 1;
  assert_int_equal(compare(SMALL, tensors, 3, &lines), 1);
  assert_string_equal(lines.text, "m: tensor \"c\" has shape [1], must be []\n");
}

/* Another model altogether: 7 tensors are missing and 8 others there. */
static void test_many_deviations(void **state)
{
  char text[256] = HEADER, names[8][8];
  struct tensor tensors[8];
  struct lines lines;
  (void)state;
  for (int i = 0; i < 7; i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "t%d\tF32\t2,3\n", i);
  for (int i = 0; i < 8; i++) {
    snprintf(names[i], sizeof names[i], "u%d", i);
    tensors[i] = a;
    tensors[i].name = names[i];
  }
  assert_int_equal(compare(text, tensors, 8, &lines), 15);
  assert_int_equal(lines.count, 12);
  assert_non_null(strstr(lines.text, "m: tensor \"t4\" of l.tsv is missing\n"));
  assert_null(strstr(lines.text, "\"t5\""));
  assert_non_null(strstr(lines.text, "m: and 2 more tensors are missing\n"));
  assert_non_null(strstr(lines.text, "m: tensor \"u4\" is not in l.tsv\n"));
  assert_null(strstr(lines.text, "\"u5\""));
  assert_non_null(strstr(lines.text, "m: and 3 more tensors are not in the list\n"));
  for (int i = 0; i < 7; i++) {
    names[i][0] = 't';
    tensors[i].dtype = DTYPE_F64;
  }
  assert_int_equal(compare(text, tensors, 7, &lines), 7);
  assert_int_equal(lines.count, 6);
  assert_non_null(strstr(lines.text, "m: tensor \"t4\" has dtype F64, must be F32\n"));
  assert_non_null(strstr(lines.text, "m: and 2 more tensors have a different dtype\n"));
}

/* Names of hostile files reach the report as printable text. */
static void test_hostile_names(void **state)
{
  char name[2000];
  struct tensor tensors[] = {a, c, {.name = name}};
  struct lines lines;
  (void)state;
  memset(name, 'x', sizeof name);
  name[sizeof name - 1] = 0;
  memcpy(name, "z\x1b\n", 3);
  assert_int_equal(compare(SMALL, tensors, 3, &lines), 1);
  assert_int_equal(lines.count, 1);
  assert_non_null(strstr(lines.text, "\"z\\x1B\\x0Axxx"));
  assert_non_null(strstr(lines.text, "is not in l.tsv\n"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_good_list),
      cmocka_unit_test(test_defects),
      cmocka_unit_test(test_limits),
      cmocka_unit_test(test_damaged_lists),
      cmocka_unit_test(test_checkpoint_that_fits),
      cmocka_unit_test(test_each_deviation),
      cmocka_unit_test(test_many_deviations),
      cmocka_unit_test(test_hostile_names),
  };
  return cmocka_run_group_tests_name("tensor_list", tests, NULL, NULL);
}
