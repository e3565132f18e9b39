/* The tensors of verified revisions: the manifest's inventory, and whether training moved them. */
#include "verifying.h"
#include "weights_file.h"

static void use_tensors(struct manifest *m, const char *place, const char *rows)
{
  char path[600], text[1024];
  snprintf(path, sizeof path, "%s/m.tsv", place);
  int length = snprintf(text, sizeof text, "name\tdtype\tshape\toptional\n%s", rows);
  support_write(path, text, (size_t)length);
  free(m->tensors);
  m->tensors = strdup(path);
}

static void test_inventory(void **state)
{
  static const struct {
    const char *rows, *words;
  } cases[] = {
      {"a\tF32\t2,3\nb\tF32\t3,2\n", "tensor \"c\" is not in "},
      {"a\tF32\t2,3\nb\tF32\t3,2\nc\tU8\t4\nd\tF32\t1\n", "tensor \"d\" of "},
      {"a\tF16\t2,3\nb\tF32\t3,2\nc\tU8\t4\n", "tensor \"a\" has dtype F32, must be F16"},
      {"a\tF32\t2,3\nb\tF32\t2,3\nc\tU8\t4\n", "tensor \"b\" has shape [3, 2], must be [2, 3]"},
  };
  struct error error = {0};
  struct manifest m;
  struct manifest_result result;
  (void)state;
  const char *place = make("inventory", true, &m);
  const struct manifest_check one = {.manifest = &m, .only = &m.revisions[0]};
  use_tensors(&m, place,
              "a\tF32\t2,3\nb\tF32\t3,2\nc\tU8|BOOL\t4\toptional\nd\tF32\t1\toptional\n");
  expect((struct manifest_check){.manifest = &m}, NULL);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    use_tensors(&m, place, cases[i].rows);
    expect(one, cases[i].words);
    verify((struct manifest_check){.manifest = &m}, &result); /* of either revision */
    assert_int_equal(finding_count, 2);
    manifest_result_free(&result);
  }
  /* What one revision lacks is not forgotten when the next one has the inventory. */
  use_tensors(&m, place, "a\tF32\t2,3\nb\tF32\t3,2\nc\tU8\t4\n");
  support_write(revision_path(place, "r0", "config.json"), "[]", 2);
  expect((struct manifest_check){.manifest = &m}, "r0/config.json: sha256 ");
  use_tensors(&m, place, "a\tF32\t2,x\n");
  struct manifest_check check = {.manifest = &m, .finding = keep_finding, .quiet = true};
  assert_int_equal(manifest_verify(&check, &result, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "m.tsv");
  manifest_result_free(&result);
  manifest_free(&m);
}

/* Puts "module." before the names of r0; `twice`: and keeps "a" as it was beside it. */
static void wrap_names(const char *place, bool twice)
{
  const char *path = revision_path(place, "r0", WEIGHTS);
  struct weights w = weights_read(path), made = {json_object(), NULL, 0};
  const char *name;
  char wrapped[64];
  json_t *entry;
  json_object_foreach(w.header, name, entry)
  {
    size_t size;
    if (strcmp(name, "__metadata__") == 0)
      continue;
    const char *data = weights_data(&w, entry, &size);
    json_t *shape = json_object_get(entry, "shape");
    snprintf(wrapped, sizeof wrapped, "module.%s", name);
    weights_add(&made, wrapped, entry, json_incref(shape), data, size);
    if (twice && strcmp(name, "a") == 0)
      weights_add(&made, name, entry, json_incref(shape), data, size);
  }
  weights_write(path, &made);
  weights_free(&made);
  weights_free(&w);
}

static void test_wrapped_names(void **state)
{
  struct manifest m;
  struct manifest_result result;
  (void)state;
  const char *place = make("wrapped", false, &m);
  const struct manifest_check check = {.manifest = &m, .allow_unpinned = true};
  use_tensors(&m, place, "a\tF32\t2,3\nb\tF32\t3,2\nc\tU8\t4\n");
  wrap_names(place, false);
  verify(check, &result);
  assert_int_equal(finding_count, 0);
  size_t said = 0;
  for (size_t i = 0; i < note_count; i++)
    said += strstr(notes[i], "r0: names are read without \"module.\"") != NULL;
  assert_int_equal(said, 1);
  manifest_result_free(&result);
  revision_write(revision_path(place, "r0", WEIGHTS), "", 1);
  wrap_names(place, true);
  verify(check, &result);
  assert_true(finding_count > 1);
  workshop_contains(findings[0], "tensors \"a\" and \"module.a\" are the same but for a prefix");
  manifest_result_free(&result);
  manifest_free(&m);
}

/* What moved from r0 to r1. */
struct moved {
  size_t calls, count;
  double a, b;
};

static void keep_moves(void *context, const struct manifest_revision *before,
                       const struct manifest_revision *after, const struct move_list *moves)
{
  struct moved *moved = context;
  assert_string_equal(before->name, "r0");
  assert_string_equal(after->name, "r1");
  moved->calls++;
  moved->count = moves->count;
  for (size_t i = 0; i < moves->count; i++)
    *(strcmp(moves->moves[i].tensor, "a") == 0 ? &moved->a : &moved->b) = moves->moves[i].norm;
}

static void test_moves(void **state)
{
  struct manifest m;
  struct manifest_result result;
  struct moved moved = {0};
  (void)state;
  const char *place = make("moves", false, &m), *weights = revision_path(place, "r1", WEIGHTS);
  struct manifest_check check = {
      .manifest = &m, .allow_unpinned = true, .moved = keep_moves, .context = &moved};
  expect(check, NULL);
  assert_true(moved.calls == 1 && moved.count == 2);
  /* All six elements grow by 10: sqrt(600), over 10..15 and 10..5 before. */
  assert_true(moved.a == sqrt(600.0) / sqrt(955.0) && moved.b == sqrt(600.0) / sqrt(355.0));
  check.only = &m.revisions[1];
  expect(check, NULL);
  assert_int_equal(moved.calls, 1);
  check.only = NULL;
  /* The same weights under another header: the digests differ, and nothing moved. */
  revision_write(weights, "another file", 10.0F);
  expect(check, "tensor \"a\" is the same in revisions \"r0\" and \"r1\", and so are 1 more "
                "tensors");
  check.moved = NULL;
  expect(check, "tensor \"a\" is the same in revisions \"r0\" and \"r1\"");
  check.moved = keep_moves;
  revision_write(weights, "", NAN);
  verify(check, &result);
  assert_true(finding_count >= 1);
  assert_non_null(strstr(findings[0], "\"a\""));
  manifest_result_free(&result);
  manifest_free(&m);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_inventory),
      cmocka_unit_test(test_wrapped_names),
      cmocka_unit_test(test_moves),
  };
  return cmocka_run_group_tests_name("verify_tensors", tests, NULL, NULL);
}
