/* `attest pin` and unpinned files, from the outside. */
#include "revisions.h"

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
      cmocka_unit_test(test_replace),
      cmocka_unit_test(test_one_revision),
      cmocka_unit_test(test_nonsense),
      cmocka_unit_test(test_usage),
      cmocka_unit_test(test_container),
      cmocka_unit_test(test_synthetic_models),
  };
  return cmocka_run_group_tests_name("pin", tests, NULL, NULL);
}
