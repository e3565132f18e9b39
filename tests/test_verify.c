/* The verification of what a manifest names: pins, unpinned files, git-lfs pointers, copies. */
#define _GNU_SOURCE
#include "verifying.h"

#include <unistd.h>

#define EMPTY_SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void test_files(void **state)
{
  struct manifest m;
  (void)state;
  const char *place = make("files", true, &m), *path = revision_path(place, "r0", WEIGHTS);
  expect((struct manifest_check){.manifest = &m}, NULL);
  revision_flip(path);
  expect((struct manifest_check){.manifest = &m}, "r0/model.safetensors: sha256 ");
  expect((struct manifest_check){.manifest = &m, .only = &m.revisions[0]},
         "; fetch the file again");
  expect((struct manifest_check){.manifest = &m, .only = &m.revisions[1]}, NULL);
  support_write(path, "short", 5);
  expect((struct manifest_check){.manifest = &m}, "r0/model.safetensors: 5 bytes, expected ");
  assert_int_equal(unlink(path), 0);
  expect((struct manifest_check){.manifest = &m}, "r0/model.safetensors: missing; fetch");
  assert_int_equal(mkfifo(path, 0600), 0);
  expect((struct manifest_check){.manifest = &m}, "r0/model.safetensors: not a regular file");
  manifest_free(&m);
}

static void test_pins(void **state)
{
  struct error error = {0};
  struct manifest m;
  struct manifest_result result;
  (void)state;
  const char *place = make("pins", true, &m);
  struct digest *digest = &m.revisions[1].files[0].digest;
  digest->xxh3_128[0] ^= 1;
  expect((struct manifest_check){.manifest = &m}, "though sha256 is right; correct the manifest");
  digest->xxh3_128[0] ^= 1;
  workshop_shell("rm -r %s/c/r1", place);
  expect((struct manifest_check){.manifest = &m}, "/r1: there is no such directory");
  expect((struct manifest_check){.manifest = &m, .only = &m.revisions[0]}, NULL);
  m.has_container = true;
  m.container = (struct pinned_file){strdup(revision_path(place, "r0", "config.json")), true, 2,
                                     m.revisions[0].files[1].digest};
  m.revision_count = 1;
  expect((struct manifest_check){.manifest = &m}, "r0/config.json: sha256 ");
  expect((struct manifest_check){.manifest = &m, .only = &m.revisions[0]}, NULL);
  expect((struct manifest_check){.manifest = &m, .checkpoints = m.checkpoints}, NULL);
  m.revision_count = 2;
  struct manifest_check check = {
      .manifest = &m, .checkpoints = "/absent", .finding = keep_finding, .quiet = true};
  assert_int_equal(manifest_verify(&check, &result, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "/absent: the checkpoints of ");
  manifest_result_free(&result);
  check = (struct manifest_check){
      .manifest = &m, .pointers = "Makefile", .finding = keep_finding, .quiet = true};
  assert_int_equal(manifest_verify(&check, &result, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "Makefile: is not a directory with git-lfs pointers");
  manifest_result_free(&result);
  manifest_free(&m);
}

/* The pinned files are right, but a file beside them is what would be read. */
static void test_beside(void **state)
{
  static const char index[] = "{\"weight_map\": {\"a\": \"other.safetensors\"}}";
  struct manifest m;
  struct manifest_result result;
  char weights[600], shard[600];
  (void)state;
  const char *place = make("beside", true, &m);
  snprintf(weights, sizeof weights, "%s", revision_path(place, "r1", WEIGHTS));
  snprintf(shard, sizeof shard, "%s", revision_path(place, "r1", "shard.safetensors"));
  assert_int_equal(rename(weights, shard), 0);
  strcpy(m.revisions[1].files[1].path, "shard.safetensors");
  expect((struct manifest_check){.manifest = &m}, "neither model.safetensors nor");
  support_write(weights, "x", 1);
  expect((struct manifest_check){.manifest = &m}, "model.safetensors would be read but is not in");
  assert_int_equal(unlink(weights), 0);
  support_write(revision_path(place, "r1", "model.safetensors.index.json"), index, strlen(index));
  verify((struct manifest_check){.manifest = &m}, &result);
  assert_int_equal(finding_count, 2); /* the index and the shard it names */
  workshop_contains(findings[0], "model.safetensors.index.json would be read but is not in");
  workshop_contains(findings[1], "other.safetensors would be read but is not in");
  manifest_result_free(&result);
  manifest_free(&m);
}

static void test_unpinned(void **state)
{
  struct manifest m;
  struct manifest_result result;
  (void)state;
  const char *place = make("unpinned", false, &m);
  verify((struct manifest_check){.manifest = &m}, &result);
  assert_int_equal(finding_count, 2);
  workshop_contains(findings[0], "revision \"r0\": UNPINNED: 2 of 2 files");
  workshop_contains(findings[1], "revision \"r1\": UNPINNED: 2 of 2 files");
  assert_int_equal(result.unpinned, 4);
  assert_true(pinned_file_complete(&result.found[1][1]));
  manifest_result_free(&result);
  verify((struct manifest_check){.manifest = &m, .allow_unpinned = true}, &result);
  assert_true(finding_count == 0 && note_count == 2 && result.unpinned == 4);
  workshop_contains(notes[0], "revision \"r0\": UNPINNED: 2 of 2 files");
  manifest_result_free(&result);
  /* The part that is pinned is still checked. */
  json_t *manifest = revisions_manifest(place, true);
  json_object_set_new(revision_file(manifest, 0, 1), "sha256", json_null());
  json_object_set_new(revision_file(manifest, 0, 1), "xxh3_128", json_null());
  json_object_set_new(revision_file(manifest, 1, 1), "xxh3_128", json_null());
  manifest_free(&m);
  load(revisions_save(place, manifest), &m);
  verify((struct manifest_check){.manifest = &m, .allow_unpinned = true}, &result);
  assert_true(finding_count == 0 && result.unpinned == 1 && result.by_sha256 == 1);
  workshop_contains(notes[0], "revision \"r0\": UNPINNED: 1 of 2 files");
  manifest_result_free(&result);
  m.revisions[0].files[1].bytes++;
  expect((struct manifest_check){.manifest = &m, .allow_unpinned = true}, "r0/model.safetensors: ");
  m.revisions[0].files[1].bytes--;
  /* The weaker digest, where it alone is pinned. */
  *m.revisions[1].files[1].digest.sha256 = 0;
  snprintf(m.revisions[1].files[1].digest.xxh3_128, sizeof m.revisions[1].files[1].digest.xxh3_128,
           "%032d", 7);
  expect((struct manifest_check){.manifest = &m, .allow_unpinned = true}, "; fetch the file again");
  manifest_free(&m);
}

/* The SHA-256 alone vouches for a file, nothing else does. */
static void test_pinned_by_sha256_alone(void **state)
{
  struct manifest m;
  struct manifest_result result;
  (void)state;
  const char *place = make("sha256-alone", true, &m);
  manifest_free(&m);
  json_t *manifest = revisions_manifest(place, true);
  for (size_t i = 0; i < 2; i++) {
    json_object_set_new(revision_file(manifest, i, 1), "bytes", json_null());
    json_object_set_new(revision_file(manifest, i, 1), "xxh3_128", json_null());
  }
  load(revisions_save(place, manifest), &m);
  verify((struct manifest_check){.manifest = &m}, &result);
  assert_true(finding_count == 0 && note_count == 0 && result.unpinned == 0);
  manifest_result_free(&result);
  m.revisions[1].files[1].digest.sha256[5] ^= 1;
  expect((struct manifest_check){.manifest = &m}, "/r1/model.safetensors: sha");
  manifest_free(&m);
}

static void test_unpinned_container(void **state)
{
  struct manifest m;
  struct manifest_result result;
  (void)state;
  make("unpinned-archive", true, &m);
  workshop_shell("cd %s/unpinned-archive && tar -C c -cf c.tar r0 r1", support_directory());
  m.has_container = true;
  m.container.path = strdup(workshop_path("unpinned-archive/c.tar"));
  free(m.checkpoints);
  m.checkpoints = strdup(m.container.path);
  expect((struct manifest_check){.manifest = &m}, "c.tar: UNPINNED");
  verify((struct manifest_check){.manifest = &m, .allow_unpinned = true}, &result);
  assert_true(finding_count == 0 && note_count == 1 && result.unpinned == 1);
  assert_true(pinned_file_complete(&result.container));
  manifest_result_free(&result);
  expect((struct manifest_check){.manifest = &m, .only = &m.revisions[0]}, NULL);
  manifest_free(&m);
}

static void write_pointer(const char *path, const char *sha256, uint64_t bytes)
{
  char text[256];
  int length =
      snprintf(text, sizeof text,
               "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %" PRIu64 "\n",
               sha256, bytes);
  support_write(path, text, (size_t)length);
}

/* A clone without git-lfs leaves pointers where the weights should be. */
static void test_pointer_in_place(void **state)
{
  struct manifest m, unpinned;
  struct manifest_result result;
  char path[600];
  (void)state;
  const char *place = make("in-place", true, &m);
  snprintf(path, sizeof path, "%s", revision_path(place, "r0", WEIGHTS));
  const struct pinned_file *pin = &m.revisions[0].files[1];
  write_pointer(path, pin->digest.sha256, pin->bytes);
  expect((struct manifest_check){.manifest = &m}, "and points to what is pinned, not the file; ");
  workshop_contains(findings[0], "r0/model.safetensors: is a git-lfs pointer (");
  write_pointer(path, pin->digest.sha256, pin->bytes + 1);
  expect((struct manifest_check){.manifest = &m}, "points to something else than what is pinned");
  write_pointer(path, EMPTY_SHA, pin->bytes);
  expect((struct manifest_check){.manifest = &m}, "points to something else than what is pinned");
  load(revisions_save(place, revisions_manifest(place, false)), &unpinned);
  verify((struct manifest_check){.manifest = &unpinned, .allow_unpinned = true}, &result);
  assert_int_equal(finding_count, 1);
  workshop_contains(findings[0], "which is not pinned, not the file");
  assert_false(result.found[0][1].has_bytes);
  manifest_result_free(&result);
  manifest_free(&unpinned);
  /* Begins like one, and is none: then it is a file of the wrong size like any other. */
  support_write(path, "version https://git-lfs.github.com/spec/v1\n", 43);
  expect((struct manifest_check){.manifest = &m}, "r0/model.safetensors: 43 bytes, expected ");
  manifest_free(&m);
}

static void test_pointers(void **state)
{
  struct manifest m;
  struct manifest_result result;
  char checkout[600], path[700];
  (void)state;
  const char *place = make("pointed", true, &m);
  snprintf(checkout, sizeof checkout, "%s/git", place);
  workshop_shell("mkdir -p %s/r0 %s/r1 && cp %s/c/r0/config.json %s/r0", checkout, checkout, place,
                 checkout);
  const struct pinned_file *pin = &m.revisions[0].files[1];
  struct manifest_check check = {.manifest = &m, .pointers = checkout, .only = &m.revisions[0]};
  snprintf(path, sizeof path, "%s/r0/" WEIGHTS, checkout);
  write_pointer(path, pin->digest.sha256, pin->bytes);
  verify(check, &result);
  assert_true(finding_count == 0 && result.pointers_equal == 2 && result.pointers_missing == 0);
  manifest_result_free(&result);
  check.only = NULL;
  expect(check, "git: no counterpart of any file of revision \"r1\" at \"r1\"; give a git ");
  check.only = &m.revisions[0];
  write_pointer(path, pin->digest.sha256, pin->bytes - 1);
  expect(check, "; the repository (");
  write_pointer(path, m.revisions[1].files[1].digest.sha256, pin->bytes);
  expect(check, m.revisions[1].files[1].digest.sha256);
  write_pointer(path, "E3B0", pin->bytes);
  expect(check, "begins like a git-lfs pointer but is not one");
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkdir(path, 0700), 0);
  expect(check, "not a regular file");
  assert_int_equal(rmdir(path), 0);
  workshop_shell("rm %s/r0/config.json", checkout);
  expect(check, "no counterpart of any file of revision \"r0\"");
  check.only = &m.revisions[1];
  snprintf(path, sizeof path, "%s/r1/config.json", checkout);
  support_write(path, "[]", 2); /* of the same size, as git holds small files itself */
  expect(check, "r1/config.json: 2 bytes, sha256 ");
  check.only = NULL;
  check.pointers = "/usr";
  verify(check, &result);
  assert_true(finding_count == 2 && result.pointers_missing == 4 && !result.pointers_equal);
  workshop_contains(findings[0], "/usr: no counterpart of any file of revision \"r0\"");
  workshop_contains(findings[1], "/usr: no counterpart of any file of revision \"r1\"");
  manifest_result_free(&result);
  workshop_shell("rm -r %s/c/r0 %s/c/r1/" WEIGHTS, place, place); /* what is not there is enough */
  verify(check, &result);
  assert_int_equal(finding_count, 3);
  workshop_contains(findings[2], "/usr: no counterpart of any file of revision \"r1\"");
  manifest_result_free(&result);
  manifest_free(&m);
}

/* Copies of weights are seen by pins, and by what is on disk where there are none. */
static void test_duplicates(void **state)
{
  static const char words[] = "revisions \"r0\" and \"r1\" have the same tensor files";
  struct manifest m;
  struct manifest_result result;
  (void)state;
  const char *place = make("duplicates", false, &m);
  struct manifest_check check = {.manifest = &m, .allow_unpinned = true};
  expect(check, NULL);
  workshop_shell("cp %s/c/r0/" WEIGHTS " %s/c/r1", place, place);
  expect(check, words);
  manifest_free(&m);
  load(revisions_save(place, revisions_manifest(place, true)), &m);
  check = (struct manifest_check){.manifest = &m};
  expect(check, words);
  check.only = &m.revisions[0]; /* known from the pins alone */
  expect(check, words);
  m.revisions[0].files[1].digest = (struct digest){0}; /* one pinned, the other found */
  check = (struct manifest_check){.manifest = &m, .allow_unpinned = true};
  expect(check, words);
  check.only = &m.revisions[1]; /* nothing is known of r0 */
  expect(check, NULL);
  manifest_free(&m);
  /* Of two that are not there, nobody knows that they are the same. */
  load(revisions_save(place, revisions_manifest(place, false)), &m);
  workshop_shell("rm %s/c/r0/" WEIGHTS " %s/c/r1/" WEIGHTS, place, place);
  verify((struct manifest_check){.manifest = &m, .allow_unpinned = true}, &result);
  assert_int_equal(finding_count, 2);
  workshop_contains(findings[0], "r0/model.safetensors: missing");
  workshop_contains(findings[1], "r1/model.safetensors: missing");
  manifest_result_free(&result);
  manifest_free(&m);
}

/* Gives revision i of a manifest in memory a third file with this digest. */
static void add_file(struct manifest *m, size_t i, const char *name, char digit)
{
  struct manifest_revision *revision = &m->revisions[i];
  struct pinned_file *files = realloc(revision->files, (revision->file_count + 1) * sizeof *files);
  assert_non_null(files);
  struct pinned_file *file = &files[revision->file_count++];
  *file = (struct pinned_file){.path = strdup(name), .has_bytes = true, .bytes = 1};
  memset(file->digest.sha256, digit, 64);
  memset(file->digest.xxh3_128, digit, 32);
  revision->files = files;
}

/* One stale shard among others: by pins, whatever lies on the disk. */
static void test_shared_file(void **state)
{
  static const char words[] =
      "\"model-2.safetensors\" of revision \"r0\" and \"%s\" of revision \"r1\" are the same file";
  static const struct {
    const char *name;
    char digit;
    bool found;
  } cases[] = {{"model-2.safetensors", '7', true},
               {"model-1.safetensors", '7', true},
               {"pytorch_model.bin", '7', true},
               {"model-2.safetensors", '8', false},
               {"merges", '7', false},
               {"tokenizer.json", '7', false}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct manifest m;
    struct manifest_result result;
    char line[200];
    bool found = false;
    make("shared", true, &m);
    add_file(&m, 0, "model-2.safetensors", '7');
    add_file(&m, 1, cases[i].name, cases[i].digit);
    snprintf(line, sizeof line, words, cases[i].name);
    verify((struct manifest_check){.manifest = &m}, &result);
    for (size_t k = 0; k < finding_count; k++)
      found = found || strstr(findings[k], line);
    assert_int_equal(found, cases[i].found);
    assert_int_equal(finding_count, 2 + cases[i].found); /* the third files are missing */
    manifest_result_free(&result);
    manifest_free(&m);
  }
}

/* What is on the disk counts where there are no pins, and a revision alone answers for itself. */
static void test_shared_file_on_disk(void **state)
{
  static const char index[] =
      "{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"2.safetensors\"}}";
  static const float data[] = {1, 2, 3, 4};
  const struct tensor own = {
      .name = "a", .rank = 1, .shape = {2}, .elements = 2, .bytes = 8, .data = data};
  struct tensor other = own, both = own;
  struct manifest m;
  char name[64];
  other.data = data + 1;
  both.name = "b";
  both.data = data + 2;
  (void)state;
  const char *place = make("stale", false, &m);
  json_t *manifest = revisions_manifest(place, false);
  for (size_t i = 0; i < 2; i++) {
    json_t *files =
        json_object_get(json_array_get(json_object_get(manifest, "revisions"), i), "files");
    json_array_remove(files, 1);
    json_array_append_new(files, revision_pin("", "1.safetensors", false));
    json_array_append_new(files, revision_pin("", "2.safetensors", false));
    json_array_append_new(files, revision_pin("", "model.safetensors.index.json", false));
    snprintf(name, sizeof name, "r%zu", i);
    support_write(revision_path(place, name, "model.safetensors.index.json"), index, strlen(index));
    revision_write_tensors(revision_path(place, name, "1.safetensors"), i ? &other : &own, 1);
    revision_write_tensors(revision_path(place, name, "2.safetensors"), &both, 1);
    workshop_shell("rm %s", revision_path(place, name, WEIGHTS));
  }
  manifest_free(&m);
  load(revisions_save(place, manifest), &m);
  struct manifest_check check = {.manifest = &m, .allow_unpinned = true};
  expect(check,
         "\"2.safetensors\" of revision \"r0\" and \"2.safetensors\" of revision \"r1\" are ");
  check.only = &m.revisions[1]; /* nothing is known of r0 */
  expect(check, NULL);
  manifest_free(&m);
}

/* Pins of two revisions that are the same are nothing against a third. */
static void test_others_are_the_same(void **state)
{
  struct manifest m;
  (void)state;
  const char *place = make("others", true, &m);
  manifest_free(&m);
  json_t *manifest = revisions_manifest(place, true);
  json_t *revisions = json_object_get(manifest, "revisions");
  json_t *copy = json_deep_copy(json_array_get(revisions, 1));
  json_object_set_new(copy, "name", json_string("r2"));
  json_object_set_new(copy, "step", json_integer(2));
  json_array_append_new(revisions, copy);
  load(revisions_save(place, manifest), &m);
  struct manifest_check check = {.manifest = &m, .only = &m.revisions[0]};
  expect(check, NULL);
  check.only = &m.revisions[2];
  expect(check, "revisions \"r1\" and \"r2\" have the same tensor files");
  manifest_free(&m);
}

/* The manifests of this project: pins, container and all revisions hold. */
static void test_own_manifests(void **state)
{
  static const char *const paths[] = {"manifests/nursery-gpt_neox.json",
                                      "manifests/nursery-olmo.json", "manifests/nursery-olmoe.json",
                                      "manifests/published.json"};
  (void)state;
  for (size_t i = 0; i < 4; i++) {
    struct manifest m;
    load(paths[i], &m);
    assert_int_equal(m.revision_count, i < 3 ? 10 : 4);
    expect((struct manifest_check){.manifest = &m, .only = i < 3 ? &m.revisions[9] : NULL}, NULL);
    if (i == 0)
      expect((struct manifest_check){.manifest = &m}, NULL);
    manifest_free(&m);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_files),
      cmocka_unit_test(test_pins),
      cmocka_unit_test(test_beside),
      cmocka_unit_test(test_unpinned),
      cmocka_unit_test(test_pinned_by_sha256_alone),
      cmocka_unit_test(test_unpinned_container),
      cmocka_unit_test(test_pointer_in_place),
      cmocka_unit_test(test_pointers),
      cmocka_unit_test(test_duplicates),
      cmocka_unit_test(test_shared_file),
      cmocka_unit_test(test_shared_file_on_disk),
      cmocka_unit_test(test_others_are_the_same),
      cmocka_unit_test(test_own_manifests),
  };
  return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
