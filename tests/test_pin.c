/* `attest pin` and unpinned files, from the outside. */
#include "revisions.h"

#include "base/json.h"

#include <unistd.h>

#define WEIGHTS "model.safetensors"

/* The manifest's bytes as they are now, free(). */
static char *bytes_of(const char *path)
{
  size_t size;
  return support_read(path, &size);
}

/* Pinning must fail, with these words, and leave the manifest as it is. */
static void refuse(int code, const char *manifest, const char *words, const char *options)
{
  char *before = bytes_of(manifest), *out, *err, line[2048];
  snprintf(line, sizeof line, "pin %s %s", manifest, options);
  int got = workshop_start(line, &out, &err);
  if (got != code || (!strstr(out, words) && !strstr(err, words)))
    fail_msg("attest %s: exit code %d, \"%s\" expected: %s%s", line, got, words, err, out);
  char *after = bytes_of(manifest);
  assert_string_equal(before, after);
  free(before);
  free(after);
  free(out);
  free(err);
}

/* Fills what is null in place or beside, keeps everything else, and is then what verify asks for.
 */
static void test_round_trip(void **state)
{
  char other[600];
  (void)state;
  const char *place = revisions_make("round", false);
  json_t *wanted = revisions_manifest(place, true), *open = revisions_manifest(place, false);
  const char *manifest = revisions_save(place, open);
  snprintf(other, sizeof other, "%s/pinned.json", place);
  char *before = bytes_of(manifest);
  char *text = workshop_run(EXIT_CHECK, "verify %s", manifest);
  workshop_contains(text, "UNPINNED: 2 of 2 files");
  free(text);
  text = workshop_run(EXIT_HELD, "pin %s --out %s", manifest, other);
  workshop_contains(text, "4 files pinned in ");
  free(text);
  char *after = bytes_of(manifest);
  assert_string_equal(before, after);
  json_t *pinned = workshop_json(other);
  assert_true(json_equal(pinned, wanted));
  free(workshop_run(EXIT_HELD, "pin %s --quiet", manifest));
  workshop_same_files(manifest, other);
  /* And again: nothing changes. */
  text = workshop_run(EXIT_HELD, "pin %s --json -", manifest);
  json_t *said = workshop_json_text(text);
  assert_string_equal(json_string_value(json_object_get(said, "written")), manifest);
  assert_int_equal(json_integer_value(json_object_get(said, "pinned")), 4);
  assert_int_equal(json_integer_value(json_object_get(said, "failures")), 0);
  json_decref(said);
  free(text);
  workshop_same_files(manifest, other);
  text = workshop_run(EXIT_HELD, "pin %s --out -", manifest); /* the manifest and nothing else */
  free(after);
  after = bytes_of(manifest);
  assert_string_equal(text, after);
  free(text);
  free(workshop_run(EXIT_HELD, "verify %s", manifest));
  revision_flip(revision_path(place, "r1", WEIGHTS));
  text = workshop_run(EXIT_CHECK, "verify %s", manifest);
  workshop_contains(text, "FAILED: ");
  workshop_contains(text, "r1/model.safetensors: sha256 ");
  free(text);
  free(before);
  free(after);
  json_decref(wanted);
  json_decref(pinned);
}

/* Pins that the files contradict stay, unless they are to be replaced. */
static void test_replace(void **state)
{
  (void)state;
  const char *place = revisions_make("replace", true);
  revision_write(revision_path(place, "r1", WEIGHTS), "", 30.0F);
  json_t *wanted = revisions_manifest(place, true), *manifest = revisions_manifest(place, true);
  json_object_set_new(revision_file(manifest, 0, 0), "sha256", json_null());
  json_object_set(revision_file(manifest, 1, 1), "sha256",
                  json_object_get(revision_file(manifest, 0, 1), "sha256"));
  const char *path = revisions_save(place, manifest);
  refuse(EXIT_CHECK, path, "r1/model.safetensors: sha256 ", "");
  refuse(EXIT_CHECK, path, "r1/model.safetensors: sha256 ", "--quiet");
  refuse(EXIT_CHECK, path, "nothing is pinned", "--revision r1");
  refuse(EXIT_CHECK, path, "\"written\": null", "--json -");
  free(workshop_run(EXIT_HELD, "pin %s --replace", path));
  /* Pins of other revisions still count: a copy of one is not pinned as another. */
  workshop_shell("cp %s/c/r1/" WEIGHTS " %s/c/r0", place, place);
  refuse(EXIT_CHECK, path, "have the same tensor files", "--replace --revision r0");
  json_t *pinned = workshop_json(path);
  assert_true(json_equal(pinned, wanted));
  json_decref(pinned);
  json_decref(wanted);
}

/* Numbers that are not pins stay as they are written. */
static void test_numbers_stay(void **state)
{
  static const char bands[] =
      "  \"class_agreement\": 0.95,\n  \"selectivity_error\": 0.01,\n"
      "  \"selectivity_share\": 0.1234567890123456,\n  \"pr_error\": 0.05,\n"
      "  \"pr_share\": 0.30000000000000004,\n  \"claims\": true\n }";
  (void)state;
  const char *place = revisions_make("numbers", false);
  json_t *manifest = revisions_manifest(place, false);
  json_object_set_new(manifest, "published",
                      json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:b}", "directory", "p",
                                "class_agreement", 0.95, "selectivity_error", 0.01,
                                "selectivity_share", 0.1234567890123456, "pr_error", 0.05,
                                "pr_share", 0.1 + 0.2, "claims", 1));
  const char *path = revisions_save(place, manifest);
  free(workshop_run(EXIT_HELD, "pin %s", path));
  char *text = bytes_of(path);
  workshop_contains(text, bands);
  workshop_contains(text, "\"tokens\": 1.0,");
  free(text);
}

/* Every number comes back to the same bits, in no more digits than that takes; all else is as
 * jansson writes it. */
static void test_numbers_round_trip(void **state)
{
  static const double numbers[] = {0,       -0.0,    1,         0.95,
                                   0.1,     1e15,    1e-5,      6.144e-5,
                                   1e23,    5e-324,  0x1p-1022, 0x1.fffffffffffffp+1023,
                                   1.0 / 3, 2.0 / 3, 0.1 + 0.2, 123456789012345678.0,
                                   3048,    20.971};
  const char *path = workshop_path("numbers.json");
  struct error error = {0};
  json_t *list = json_array(), *back;
  (void)state;
  uint64_t bits = 1;
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    json_array_append_new(list, json_real(numbers[i]));
  for (int i = 0; i < 2000; i++) {
    double number;
    bits = bits * 6364136223846793005u + 1442695040888963407u;
    memcpy(&number, &bits, sizeof number);
    if (isfinite(number))
      json_array_append_new(list, json_real(number));
  }
  json_t *object = json_pack("{s:o}", "list", list);
  assert_int_equal(json_write(path, object, &error), 0);
  assert_int_equal(json_read_object(path, 1 << 20, &back, &error), 0);
  for (size_t i = 0; i < json_array_size(list); i++) {
    double before = json_real_value(json_array_get(list, i));
    double after = json_real_value(json_array_get(json_object_get(back, "list"), i));
    assert_memory_equal(&before, &after, sizeof before);
  }
  json_decref(back);
  json_decref(object);
  char *text = bytes_of(path);
  workshop_contains(text, "\n  0.95,\n  0.1,\n  1e15,\n  1e-5,\n  6.144e-5,\n  1e23,\n");
  workshop_contains(text, "\n  0.3333333333333333,\n  0.6666666666666666,\n  0.30000000000000004,");
  free(text);
}

static void test_layout(void **state)
{
  static const char nested[] =
      "{\"z\": [], \"a\": {}, \"\\u00e9\\n\\\"\": [1, -5, true, false, null, "
      "\"\\u0001/\\u00fc\\\\\", "
      "[[], {}, [2.5]]], \"o\": {\"x\": {\"y\": [{\"k\": 0.5}, {\"k\": 1.0}]}}}";
  const char *path = workshop_path("nested.json"), *other = workshop_path("jansson.json");
  struct error error = {0};
  (void)state;
  json_t *value = workshop_json_text(nested);
  assert_int_equal(json_write(path, value, &error), 0);
  workshop_json_write(other, value);
  workshop_shell("echo >> %s", other);
  workshop_same_files(path, other);
  json_decref(value);
}

/* Written into another folder, a manifest still names the same places. */
static void test_other_folders(void **state)
{
  static const struct {
    const char *out, *checkpoints;
  } cases[] = {{"n.json", "c"},
               {"sub/n.json", "../c"},
               {"../n.json", "folders/c"},
               {"../other/n.json", "../folders/c"},
               {"c/n.json", "."},
               {"c/r0/n.json", ".."}};
  char place_name[600];
  (void)state;
  const char *place = revisions_make("folders", false);
  snprintf(place_name, sizeof place_name, "%s/m.json", place);
  workshop_shell("mkdir -p %s/sub %s/../other", place, place);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char out[700];
    snprintf(out, sizeof out, "%s/%s", place, cases[i].out);
    free(workshop_run(EXIT_HELD, "pin %s --out %s", place_name, out));
    json_t *written = workshop_json(out);
    assert_string_equal(json_string_value(json_object_get(written, "checkpoints")),
                        cases[i].checkpoints);
    assert_true(json_is_null(json_object_get(written, "container")));
    json_decref(written);
    free(workshop_run(EXIT_HELD, "verify %s", out));
  }
  /* What goes to standard output is for the manifest's own folder. */
  char *text = workshop_run(EXIT_HELD, "pin %s --out /dev/stdout --quiet", place_name);
  workshop_contains(text, "\"checkpoints\": \"c\"");
  free(text);
}

/* One revision can be pinned alone, when the others are not there. */
static void test_one_revision(void **state)
{
  (void)state;
  const char *place = revisions_make("one", false);
  json_t *wanted = revisions_manifest(place, true), *none = json_null();
  for (size_t k = 0; k < 2; k++) {
    json_object_set(revision_file(wanted, 1, k), "bytes", none);
    json_object_set(revision_file(wanted, 1, k), "sha256", none);
    json_object_set(revision_file(wanted, 1, k), "xxh3_128", none);
  }
  char manifest[600], copy[600], options[700];
  snprintf(manifest, sizeof manifest, "%s/m.json", place);
  snprintf(copy, sizeof copy, "%s/elsewhere", place);
  workshop_shell("mv %s/c %s && rm -r %s/r1", place, copy, copy);
  refuse(EXIT_INPUT, manifest, "are not there", "");
  snprintf(options, sizeof options, "--checkpoints %s", copy);
  refuse(EXIT_CHECK, manifest, "/r1: there is no such directory", options);
  snprintf(options, sizeof options, "--checkpoints %s --revision r2", copy);
  refuse(EXIT_INPUT, manifest, "no revision", options);
  char *text = workshop_run(EXIT_HELD, "pin %s --checkpoints %s --revision r0", manifest, copy);
  workshop_contains(text, "2 files pinned in ");
  free(text);
  json_t *pinned = workshop_json(manifest);
  assert_true(json_equal(pinned, wanted));
  json_decref(pinned);
  json_decref(wanted);
}

/* Nonsense is not pinned. */
static void test_nonsense(void **state)
{
  static const char pointer[] =
      "version https://git-lfs.github.com/spec/v1\n"
      "oid sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nsize 5\n";
  static const char rows[] = "name\tdtype\tshape\toptional\na\tF32\t2,3\nb\tF32\t3,2\n";
  char path[600], manifest[600];
  (void)state;
  const char *place = revisions_make("nonsense", false);
  snprintf(manifest, sizeof manifest, "%s/m.json", place);
  snprintf(path, sizeof path, "%s", revision_path(place, "r1", WEIGHTS));
  support_write(path, pointer, strlen(pointer));
  refuse(EXIT_CHECK, manifest, "r1/model.safetensors: is a git-lfs pointer (5 bytes", "");
  assert_int_equal(unlink(path), 0);
  refuse(EXIT_CHECK, manifest, "r1/model.safetensors: missing", "");
  workshop_shell("cp %s %s", revision_path(place, "r0", WEIGHTS), path);
  refuse(EXIT_CHECK, manifest, "have the same tensor files", "");
  revision_write(path, "another file", 10.0F);
  refuse(EXIT_CHECK, manifest, "tensor \"a\" is the same in revisions \"r0\" and \"r1\"", "");
  revision_write(path, "", 11.0F);
  json_t *value = revisions_manifest(place, false);
  json_object_set_new(value, "tensors", json_string("m.tsv"));
  revisions_save(place, value);
  snprintf(path, sizeof path, "%s/m.tsv", place);
  support_write(path, rows, strlen(rows));
  refuse(EXIT_CHECK, manifest, "tensor \"c\" is not in ", "");
  assert_int_equal(unlink(path), 0);
  refuse(EXIT_INPUT, manifest, "m.tsv: cannot be opened", "");
  support_write(manifest, "{", 1);
  refuse(EXIT_INPUT, manifest, "m.json: line 1", "");
}

static void test_usage(void **state)
{
  (void)state;
  const char *place = revisions_make("usage", false);
  free(workshop_refuse(EXIT_INPUT, "MANIFEST is missing", "pin"));
  free(workshop_refuse(EXIT_INPUT, "--nothing", "pin %s/m.json --nothing", place));
  free(workshop_refuse(EXIT_RUN, "no/such", "pin %s/m.json --out %s/no/such/file", place, place));
  free(workshop_refuse(EXIT_INPUT, "cannot both be standard output",
                       "pin %s/m.json --out - --json -", place));
  free(workshop_refuse(EXIT_INPUT, "absent.json", "pin %s/absent.json", place));
}

/* The archive of a manifest is pinned with what is in it. */
static void test_container(void **state)
{
  (void)state;
  const char *place = revisions_make("archive", false);
  workshop_shell("cd %s && tar -C c -cf c.tar r0 r1", place);
  json_t *manifest = revisions_manifest(place, false);
  json_object_set_new(manifest, "checkpoints", json_string("c.tar"));
  json_object_set_new(manifest, "container", revision_pin("", "", false));
  json_object_del(json_object_get(manifest, "container"), "path");
  const char *path = revisions_save(place, manifest);
  char *text = workshop_run(EXIT_CHECK, "verify %s", path);
  workshop_contains(text, "c.tar: UNPINNED");
  free(text);
  free(workshop_run(EXIT_HELD, "pin %s", path));
  char tar[600];
  snprintf(tar, sizeof tar, "%s/c.tar", place);
  json_t *pinned = workshop_json(path), *wanted = revision_pin(tar, "", true);
  json_object_del(wanted, "path");
  assert_true(json_equal(json_object_get(pinned, "container"), wanted));
  free(workshop_run(EXIT_HELD, "verify %s", path));
  json_decref(pinned);
  json_decref(wanted);
}

/* Models as they are made by synth, of every family: pinned, then held, then seen changed. */
static void test_synthetic_models(void **state)
{
  static const char *const likes[] = {"gpt_neox:layers=1,hidden=64,vocab=300",
                                      "olmo:layers=1,hidden=64,vocab=300,shards=2",
                                      "olmoe:layers=1,hidden=64,vocab=300"};
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    const char *place = revisions_make("synthetic", false);
    for (int r = 0; r < 2; r++) {
      workshop_shell("rm -r %s/c/r%d", place, r);
      free(workshop_run(EXIT_HELD, "synth --like %s --out %s/c/r%d --seed %d --quiet", likes[i],
                        place, r, r));
    }
    json_t *manifest = json_load_file(revision_path(place, "..", "m.json"), 0, NULL);
    assert_non_null(manifest);
    for (size_t r = 0; i == 1 && r < 2; r++) {
      json_t *files =
          json_object_get(json_array_get(json_object_get(manifest, "revisions"), r), "files");
      json_array_remove(files, 1);
      json_array_append_new(files, revision_pin("", "model-00001-of-00002.safetensors", false));
      json_array_append_new(files, revision_pin("", "model-00002-of-00002.safetensors", false));
      json_array_append_new(files, revision_pin("", "model.safetensors.index.json", false));
    }
    const char *path = revisions_save(place, manifest);
    free(workshop_run(EXIT_HELD, "pin %s", path));
    free(workshop_run(EXIT_HELD, "verify %s --quiet", path));
    revision_flip(
        revision_path(place, "r1", i == 1 ? "model-00002-of-00002.safetensors" : WEIGHTS));
    char *text = workshop_run(EXIT_CHECK, "verify %s", path);
    workshop_contains(text, "c/r1/model");
    free(text);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_numbers_stay),
      cmocka_unit_test(test_numbers_round_trip),
      cmocka_unit_test(test_layout),
      cmocka_unit_test(test_other_folders),
      cmocka_unit_test(test_replace),
      cmocka_unit_test(test_one_revision),
      cmocka_unit_test(test_nonsense),
      cmocka_unit_test(test_usage),
      cmocka_unit_test(test_container),
      cmocka_unit_test(test_synthetic_models),
  };
  return cmocka_run_group_tests_name("pin", tests, NULL, NULL);
}
