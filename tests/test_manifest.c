/* Digests, and manifests with every kind of defect. */
#define _GNU_SOURCE
#include "support.h"

#include "manifest/manifest.h"
#include "manifest/manifest_rebase.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EMPTY_SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define EMPTY_XXH "99aa06d3014798d86001c324468d497f"
#define ABC_SHA "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define PIN "\"bytes\": 0, \"sha256\": \"" EMPTY_SHA "\", \"xxh3_128\": \"" EMPTY_XXH "\""
#define FILE_A "{\"path\": \"a.bin\", " PIN "}"

static const char good[] =
    "{\"format\": 1, \"model\": \"m\", \"family\": \"olmo\", \"kind\": \"trained\",\n"
    "\"source\": \"s\", \"caveat\": \"\", \"checkpoints\": \"c.tar\",\n"
    "\"container\": {" PIN "},\n"
    "\"protocol\": {\"n\": 500, \"seq_len\": 64, \"vocab\": [1, 97], \"seed\": 42,\n"
    " \"pr_n\": 500, \"baseline_n\": 50, \"bos\": null},\n"
    "\"golden\": \"../golden/m\",\n"
    "\"published\": {\"directory\": \"../p\", \"class_agreement\": 0.95,\n"
    " \"selectivity_error\": 0.05, \"selectivity_share\": 1, \"pr_error\": 0.25,\n"
    " \"pr_share\": 0, \"claims\": true},\n"
    "\"revisions\": [\n"
    "{\"name\": \"r0\", \"step\": 0, \"tokens\": 0.0, \"directory\": \"m/r0\", \"files\": [" FILE_A
    "]},\n"
    "{\"name\": \"r1\", \"step\": 7, \"tokens\": 0.5, \"directory\": \"\", \"files\": [" FILE_A
    "]}]}";

/* `text` with the first `from` replaced by `to`; free(). */
static char *replaced(const char *text, const char *from, const char *to)
{
  char *out;
  const char *at = strstr(text, from);
  if (!at)
    fail_msg("\"%s\" is not in the text", from);
  assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) > 0);
  return out;
}

static void test_digests(void **state)
{
  struct error error = {0};
  struct digest digest;
  char hex[33];
  (void)state;
  assert_int_equal(digest_of("", 0, &digest, &error), 0);
  assert_string_equal(digest.sha256, EMPTY_SHA);
  assert_string_equal(digest.xxh3_128, EMPTY_XXH);
  assert_int_equal(digest_of("abc", 3, &digest, &error), 0);
  assert_string_equal(digest.sha256, ABC_SHA);
  size_t size = ((size_t)1 << 20) + 13; /* several pieces and a short one */
  char *bytes = malloc(size);
  assert_non_null(bytes);
  memset(bytes, 'a', size);
  digest_xxh3(bytes, size, hex);
  assert_int_equal(digest_of(bytes, size, &digest, &error), 0);
  assert_string_equal(digest.xxh3_128, hex);
  free(bytes);
}

static void test_good_manifest(void **state)
{
  struct error error = {0};
  struct manifest m;
  char hex[33];
  (void)state;
  assert_int_equal(manifest_parse("a/b/m.json", good, strlen(good), &m, &error), 0);
  digest_xxh3(good, strlen(good), hex);
  assert_string_equal(m.digest, hex);
  assert_string_equal(m.family, "olmo");
  assert_string_equal(m.checkpoints, "a/b/c.tar");
  assert_string_equal(m.golden, "a/b/../golden/m");
  assert_string_equal(m.published.directory, "a/b/../p");
  assert_true(m.has_container && m.published.claims);
  assert_string_equal(m.container.path, m.checkpoints);
  assert_true(m.protocol.vocab_lo == 1 && m.protocol.vocab_hi == 97 && m.protocol.bos == -1);
  assert_true(m.published.pr_error == 0.25 && m.published.pr_share == 0);
  assert_int_equal(m.revision_count, 2);
  assert_int_equal(m.revisions[1].step, 7);
  assert_true(m.revisions[1].tokens == 0.5);
  assert_string_equal(m.revisions[0].files[0].digest.sha256, EMPTY_SHA);
  char *path = manifest_revision_path(&m, &m.revisions[0], NULL, &error);
  assert_string_equal(path, "a/b/c.tar/m/r0");
  free(path);
  path = manifest_revision_path(&m, &m.revisions[0], "Makefile", &error);
  assert_string_equal(path, "Makefile:m/r0");
  free(path);
  path = manifest_revision_path(&m, &m.revisions[1], "Makefile", &error);
  assert_string_equal(path, "Makefile:");
  free(path);
  path = manifest_revision_path(&m, &m.revisions[1], "tests", &error);
  assert_string_equal(path, "tests");
  free(path);
  manifest_free(&m);
}

/* A change to the good manifest, and what the message must then say. */
static const struct defect {
  const char *from, *to, *words;
} defects[] = {
    {"{\"format\"", "[\"format\"", "line 1"},
    {"\"format\": 1", "\"format\": 2", "\"format\" is 2"},
    {"\"format\": 1,", "", "\"format\" is missing"},
    {"\"format\": 1", "\"format\": 1, \"extra\": 1", "unknown key \"extra\""},
    {"\"model\": \"m\"", "\"model\": \"a/b\"", "\"model\" is \"a/b\""},
    {"\"model\": \"m\"", "\"model\": 5", "\"model\" is wrong"},
    {"\"model\": \"m\"", "\"model\": \"m\", \"model\": \"m\"", "duplicate"},
    {"\"family\": \"olmo\",", "", "\"family\" is missing"},
    {"trained", "imagined", "\"kind\" is \"imagined\""},
    {"trained", "published", "no \"family\" and no \"protocol\""},
    {"\"source\": \"s\"", "\"source\": \"\"", "\"source\" must say"},
    {"\"source\": \"s\"", "\"source\": \"a\\nb\"", "one line"},
    {"\"caveat\": \"\",", "", "\"caveat\" is missing"},
    {"c.tar", "", "relative to the manifest"},
    {"c.tar", "/c.tar", "relative to the manifest"},
    {"{\"bytes\": 0", "{\"bytes\": -1", "container: \"bytes\" is -1"},
    {"{\"bytes\": 0", "{\"x\": 1, \"bytes\": 0", "container: unknown key \"x\""},
    {"e3b0", "E3B0", "64 lower-case hex digits"},
    {"e3b0", "e3b", "64 lower-case hex digits"},
    {"99aa", "99aag", "32 lower-case hex digits"},
    {"{\"n\": 500", "{\"n\": 0", "protocol: \"n\" is 0"},
    {"{\"n\": 500", "{\"n\": 10000001", "\"n\" is 10000001"},
    {"{\"n\": 500", "{\"n\": 5e2", "\"n\" is wrong"},
    {"{\"n\": 500", "{\"n\": 99999999999999999999", "too big"},
    {"{\"n\": 500", "{\"m\": 500", "protocol: unknown key \"m\""},
    {"\"seq_len\": 64", "\"seq_len\": 1", "\"seq_len\" is 1"},
    {"\"seq_len\": 64", "\"seq_len\": 1000001", "\"seq_len\" is 1000001"},
    {"[1, 97]", "[97, 97]", "\"vocab\" must be"},
    {"[1, 97]", "[-1, 97]", "\"vocab\" must be"},
    {"[1, 97]", "[1, 2147483649]", "\"vocab\" must be"},
    {"[1, 97]", "[1, 97, 98]", "\"vocab\" must be"},
    {"[1, 97]", "[1, 9.7]", "\"vocab\" must be"},
    {"\"seed\": 42", "\"seed\": -1", "\"seed\" is -1"},
    {"\"seed\": 42", "\"seed\": 4294967296", "\"seed\" is 4294967296"},
    {"\"pr_n\": 500", "\"pr_n\": 0", "\"pr_n\" is 0"},
    {"\"baseline_n\": 50", "\"baseline_n\": 0", "\"baseline_n\" is 0"},
    {"\"bos\": null", "\"bos\": -1", "\"bos\" is -1"},
    {"\"../golden/m\"", "\"/golden\"", "\"golden\" must be a path relative"},
    {"c.tar", "c\\n.tar", "\"checkpoints\" must be one line"},
    {"../golden/m", "../gol\\nden", "\"golden\" must be one line"},
    {"../p", "/p", "published: \"directory\" must be a path relative"},
    {"../p", "..\\n/p", "published: \"directory\" must be one line"},
    {"\"../p\"", "null", "published: \"directory\" is wrong"},
    {"0.95", "1.5", "\"class_agreement\" is 1.5"},
    {"\"selectivity_error\": 0.05", "\"selectivity_error\": 0", "\"selectivity_error\" must be"},
    {"\"pr_error\": 0.25", "\"pr_error\": -1", "\"pr_error\" is -1"},
    {"\"pr_share\": 0", "\"pr_share\": \"0\"", "\"pr_share\" is wrong"},
    {"\"claims\": true", "\"claims\": 1", "\"claims\" is wrong"},
    {"\"claims\": true", "\"claims\": true, \"x\": 1", "published: unknown key \"x\""},
    {"\"revisions\": [", "\"revisions\": [], \"x\": [", "unknown key \"x\""},
    {"\"revisions\": [", "\"revisions\": [1,", "revisions[0]: must be an object"},
    {"\"name\": \"r1\"", "\"name\": \"r0\"", "revision \"r0\" is listed twice"},
    {"\"name\": \"r1\"", "\"name\": \"..\"", "revisions[1]: \"name\" is \"..\""},
    {"\"name\": \"r1\"", "\"name\": \"r1\", \"x\": 1", "revisions[1]: unknown key \"x\""},
    {"\"step\": 7", "\"step\": 0", "\"r1\" (step 0, 0.5 tokens) must come after"},
    {"\"step\": 7", "\"step\": -7", "\"step\" is -7"},
    {"\"tokens\": 0.0", "\"tokens\": 0.6", "must come after"},
    {"\"tokens\": 0.0", "\"tokens\": -0.1", "\"tokens\" is -0.1"},
    {"\"tokens\": 0.0", "\"tokens\": 1e400", "line"},
    {"m/r0", "m/../r0", "plain names joined"},
    {"m/r0", "/m", "plain names joined"},
    {"m/r0", "m/", "plain names joined"},
    {"m/r0", "m//r0", "plain names joined"},
    {"m/r0", "m\\nr0", "revisions[0]: \"directory\" must be one line"},
    {"[{\"path\"", "[], \"x\": [{\"path\"", "unknown key \"x\""},
    {FILE_A, "", "\"files\" has 0 entries, must have 1 to 10000"},
    {"[{\"path\"", "[3, {\"path\"", "files[0]: must be an object"},
    {"[{\"path\"", "[" FILE_A ", {\"path\"", "file \"a.bin\" is listed twice"},
    {"a.bin", "../a.bin", "files[0]: \"path\" is \"../a.bin\""},
    {"a.bin", "/a.bin", "files[0]: \"path\" is \"/a.bin\""},
    {"a.bin", "a\\n.bin", "files[0]: \"path\" is \"a"},
    {"\"name\": \"r1\"", "\"name\": \"r\\n1\"", "revisions[1]: \"name\" is \"r"},
    {"\"golden\"", "\"repository\": \"owner\", \"golden\"", "\"repository\""},
    {"\"golden\"", "\"repository\": \"a/b/c\", \"golden\"", "\"repository\""},
    {"\"golden\"", "\"repository\": \"../b\", \"golden\"", "\"repository\""},
    {"\"golden\"", "\"repository\": \"a/b?c\", \"golden\"", "\"repository\""},
    {"\"golden\"", "\"repository\": 5, \"golden\"", "\"repository\" is wrong"},
    {"\"golden\"", "\"tensors\": \"/t\", \"golden\"", "\"tensors\" must be a path relative"},
    {"\"golden\"", "\"tensors\": \"t\\n\", \"golden\"", "\"tensors\" must be one line"},
    {"{\"path\": \"a.bin\", \"bytes\": 0", "{\"path\": \"a.bin\"", "\"bytes\""},
    {"a.bin\", \"bytes\": 0", "a.bin\", \"bytes\": \"0\"", "\"bytes\" is wrong"},
    {"{\"path\": \"a.bin\"", "{\"path\": \"a.bin\", \"x\": 1", "files[0]: unknown key \"x\""},
};

static void test_defects(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof defects / sizeof *defects; i++) {
    struct error error = {0};
    struct manifest m;
    char *text = replaced(good, defects[i].from, defects[i].to);
    if (manifest_parse("m.json", text, strlen(text), &m, &error) != EXIT_INPUT)
      fail_msg("%s -> %s was not refused", defects[i].from, defects[i].to);
    support_assert_error(&error, EXIT_INPUT, defects[i].words);
    support_assert_error(&error, EXIT_INPUT, "m.json: ");
    free(text);
  }
}

static void test_hostile_files(void **state)
{
  struct error error = {0};
  struct manifest m;
  const char *path = support_path("hostile.json");
  (void)state;
  for (size_t cut = 0; cut < strlen(good); cut++)
    assert_int_equal(manifest_parse("m", good, cut, &m, &error), EXIT_INPUT);
  assert_int_equal(manifest_load(path, &m, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "cannot be opened");
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(manifest_load(path, &m, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "not a regular file");
  assert_int_equal(unlink(path), 0);
  support_write(path, "{", 1);
  assert_int_equal(truncate(path, (16 << 20) + 1), 0);
  assert_int_equal(manifest_load(path, &m, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "more than the 16777216 allowed");
}

/* Pins that nobody has yet are null; the keys stay, so that none is forgotten. */
static void test_unpinned(void **state)
{
  static const struct {
    const char *from, *to;
    bool has_bytes, has_sha256, has_xxh3;
  } cases[] = {
      {"a.bin\", \"bytes\": 0", "a.bin\", \"bytes\": null", false, true, true},
      {"a.bin\", \"bytes\": 0, \"sha256\": \"" EMPTY_SHA "\"",
       "a.bin\", \"bytes\": 0, \"sha256\": null", true, false, true},
      {"a.bin\", " PIN, "a.bin\", \"bytes\": 0, \"sha256\": null, \"xxh3_128\": null", true, false,
       false},
      {"a.bin\", " PIN, "a.bin\", \"bytes\": null, \"sha256\": null, \"xxh3_128\": null", false,
       false, false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct error error = {0};
    struct manifest m;
    char *text = replaced(good, cases[i].from, cases[i].to);
    assert_int_equal(manifest_parse("m.json", text, strlen(text), &m, &error), 0);
    const struct pinned_file *file = &m.revisions[0].files[0];
    assert_int_equal(pinned_file_pinned(file), cases[i].has_sha256); /* which is enough */
    assert_true(pinned_file_complete(&m.revisions[1].files[0]));
    assert_int_equal(file->has_bytes, cases[i].has_bytes);
    assert_string_equal(file->digest.sha256, cases[i].has_sha256 ? EMPTY_SHA : "");
    assert_string_equal(file->digest.xxh3_128, cases[i].has_xxh3 ? EMPTY_XXH : "");
    manifest_free(&m);
    free(text);
  }
}

static void test_hub(void **state)
{
  struct error error = {0};
  struct manifest m;
  (void)state;
  assert_int_equal(manifest_parse("a/m.json", good, strlen(good), &m, &error), 0);
  assert_true(!m.repository && !m.tensors);
  manifest_free(&m);
  char *text = replaced(good, "\"golden\"",
                        "\"repository\": \"owner/Name-1.0\", \"tensors\": \"m.tsv\", \"golden\"");
  assert_int_equal(manifest_parse("a/m.json", text, strlen(text), &m, &error), 0);
  assert_string_equal(m.repository, "owner/Name-1.0");
  assert_string_equal(m.tensors, "a/m.tsv");
  manifest_free(&m);
  free(text);
}

/* The paths of the good manifest, with tensors t/m.tsv, for another folder. */
static void expect_rebased(const char *from, const char *to, const char *paths)
{
  struct error error = {0};
  json_t *root;
  char *text = replaced(good, "\"golden\"", "\"tensors\": \"t/m.tsv\", \"golden\"");
  char got[2000];
  assert_int_equal(json_parse_object("m", text, strlen(text), &root, &error), 0);
  if (manifest_rebase(root, from, to, &error))
    fail_msg("%s", error.text);
  const json_t *published = json_object_get(root, "published");
  snprintf(got, sizeof got, "%s %s %s %s", json_string_value(json_object_get(root, "checkpoints")),
           json_string_value(json_object_get(root, "tensors")),
           json_string_value(json_object_get(root, "golden")),
           json_string_value(json_object_get(published, "directory")));
  assert_string_equal(got, paths);
  json_decref(root);
  free(text);
}

/* d/a/b/m.json on its way to other folders; d/link is d/x/deep. */
static void test_rebase(void **state)
{
  static const struct {
    const char *to, *paths;
  } cases[] = {
      {"a/b/n.json", "c.tar t/m.tsv ../golden/m ../p"},
      {"a/b/../b/n.json", "c.tar t/m.tsv ../golden/m ../p"},
      {"a/b/sub/n.json", "../c.tar ../t/m.tsv ../../golden/m ../../p"},
      {"a/b/t/n.json", "../c.tar m.tsv ../../golden/m ../../p"},
      {"a/n.json", "b/c.tar b/t/m.tsv golden/m p"},
      {"a/p/n.json", "../b/c.tar ../b/t/m.tsv ../golden/m ."},
      {"a/pp/n.json", "../b/c.tar ../b/t/m.tsv ../golden/m ../p"},
      {"n.json", "a/b/c.tar a/b/t/m.tsv a/golden/m a/p"},
      {"x/n.json", "../a/b/c.tar ../a/b/t/m.tsv ../a/golden/m ../a/p"},
      {"link/n.json", "../../a/b/c.tar ../../a/b/t/m.tsv ../../a/golden/m ../../a/p"},
  };
  char from[600], to[600], here[4096];
  const char *d = support_directory();
  (void)state;
  static const char *const folders[] = {"a",    "a/b",      "a/b/sub", "a/b/t", "a/p",
                                        "a/pp", "a/golden", "x",       "x/deep"};
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
    assert_int_equal(mkdir(support_path(folders[i]), 0700), 0);
  assert_int_equal(symlink("x/deep", support_path("link")), 0);
  assert_non_null(getcwd(here, sizeof here));
  snprintf(from, sizeof from, "%s/a/b/m.json", d);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    snprintf(to, sizeof to, "%s/%s", d, cases[i].to);
    expect_rebased(from, to, cases[i].paths);
    assert_int_equal(chdir(d), 0);
    expect_rebased("a/b/m.json", cases[i].to, cases[i].paths);
    expect_rebased("a/b/m.json", to, cases[i].paths);
    assert_int_equal(chdir(support_path("a/b")), 0);
    expect_rebased("m.json", to, cases[i].paths);
    assert_int_equal(chdir(here), 0);
  }
}

static void test_rebase_refusals(void **state)
{
  struct error error = {0};
  char from[600], to[600];
  json_t *root;
  (void)state;
  assert_int_equal(json_parse_object("m", good, strlen(good), &root, &error), 0);
  snprintf(to, sizeof to, "%s/n.json", support_directory());
  snprintf(from, sizeof from, "%s/absent/m.json", support_directory());
  assert_int_equal(manifest_rebase(root, from, to, &error), EXIT_RUN);
  support_assert_error(&error, EXIT_RUN, "absent/m.json: its folder cannot be found");
  assert_int_equal(mkdir(support_path("new\nline"), 0700), 0);
  snprintf(from, sizeof from, "%s/new\nline/m.json", support_directory());
  assert_int_equal(manifest_rebase(root, from, to, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "n.json: \"checkpoints\" must be one line");
  json_decref(root);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_digests), cmocka_unit_test(test_good_manifest),
      cmocka_unit_test(test_defects), cmocka_unit_test(test_unpinned),
      cmocka_unit_test(test_rebase),  cmocka_unit_test(test_rebase_refusals),
      cmocka_unit_test(test_hub),     cmocka_unit_test(test_hostile_files),
  };
  return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
