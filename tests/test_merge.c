/* One run on several machines: shards and their merge against one run, and what a merge refuses. */
#define _GNU_SOURCE
#include "workplace.h"

#include "base/digest.h"
#include "study/piece.h"

#include <glob.h>
#include <signal.h>
#include <time.h>

#define SYNTH "layers=2,hidden=32,heads=2,vocab=256,context=64"

/* Shards that cut revisions in the middle, on machines that are not alike. */
static void test_shards_end_in_the_bits_of_one_run(void **state)
{
  static const char *const machines[] = {"--threads 1", "--isa scalar", "--memory 4M", ""};
  const char *place = three_revisions_workplace("same");
  (void)state;
  free(workshop_run(EXIT_HELD,
                    "reproduce %s/manifests/" MODEL ".json --bootstrap 3 --work %s/one "
                    "--json %s/one.json",
                    place, place, place));
  for (int i = 1; i <= 4; i++)
    free(workshop_run(EXIT_HELD,
                      "reproduce %s/manifests/" MODEL ".json --shard %d/4 --work %s/w %s", place, i,
                      place, machines[i - 1]));
  char *out = workshop_run(EXIT_HELD,
                           "merge %s/w/shard-3-of-4 %s/w/shard-1-of-4 %s/w/shard-4-of-4 "
                           "%s/w/shard-2-of-4 --bootstrap 3 --work %s/merge --json %s/merged.json",
                           place, place, place, place, place, place);
  workshop_contains(out, "joined");
  workshop_contains(out, "equal to the golden trajectory");
  workshop_contains(out, "ablations equal to the golden");
  free(out);
  char one[600], merged[600];
  snprintf(one, sizeof one, "%s/one.json", place);
  snprintf(merged, sizeof merged, "%s/merged.json", place);
  workshop_same_results(one, merged);
}

/* A place with two small unpinned revisions and their manifest, which asks for no ablations. */
static const char *synthetic_of(const char *name, int n)
{
  static const char *const files[] = {"config.json", "model.safetensors"};
  const char *place = workshop_path(name);
  char path[600];
  workshop_shell("rm -rf %s && mkdir -p %s/c", place, place);
  json_t *root = workshop_json("manifests/nursery-olmo.json"), *revisions = json_array();
  for (int i = 0; i < 2; i++) {
    json_t *list = json_array();
    free(workshop_run(EXIT_HELD, "synth --like olmo:" SYNTH " --seed %d --out %s/c/r%d", i, place,
                      i));
    for (int k = 0; k < 2; k++)
      json_array_append_new(
          list, json_pack("{s:s, s:n, s:n, s:n}", "path", files[k], "bytes", "sha256", "xxh3_128"));
    json_array_append_new(revisions, json_pack("{s:s, s:i, s:f, s:s, s:o}", "name", i ? "r1" : "r0",
                                               "step", i, "tokens", 100.0 * i, "directory",
                                               i ? "r1" : "r0", "files", list));
  }
  json_object_set_new(root, "revisions", revisions);
  json_object_set_new(root, "checkpoints", json_string("c"));
  json_object_set_new(root, "container", json_null());
  json_object_set_new(root, "golden", json_null());
  json_object_del(root, "ablation");
  json_object_set_new(json_object_get(root, "protocol"), "n", json_integer(n));
  json_object_set_new(json_object_get(root, "protocol"), "pr_n", json_integer(4));
  snprintf(path, sizeof path, "%s/m.json", place);
  workshop_json_write(path, root);
  json_decref(root);
  return place;
}

static const char *synthetic(const char *name)
{
  return synthetic_of(name, 10);
}

static void shard(const char *place, int i, int n, const char *work)
{
  free(workshop_run(EXIT_HELD, "reproduce %s/m.json --allow-unpinned --shard %d/%d --work %s/%s",
                    place, i, n, place, work));
}

#define MERGE_2 "merge %s/w/shard-1-of-2 %s/w/shard-2-of-2 --allow-unpinned --work %s/m"

static void refuse_merge(const char *place, const char *words)
{
  free(workshop_refuse(EXIT_INPUT, words, MERGE_2 " --quiet", place, place, place));
}

static const char *part_of(const char *place, const char *shard)
{
  static char path[600];
  glob_t found;
  snprintf(path, sizeof path, "%s/w/%s/nursery-olmo/current/*.part", place, shard);
  assert_int_equal(glob(path, 0, NULL, &found), 0);
  snprintf(path, sizeof path, "%s", found.gl_pathv[0]);
  globfree(&found);
  return path;
}

/* The hashes of the revisions; json_decref(). */
static json_t *hashes(const char *place, const char *name)
{
  char path[600];
  snprintf(path, sizeof path, "%s/%s", place, name);
  json_t *run = workshop_json(path), *hashes = json_array(), *revision;
  size_t i;
  json_array_foreach(
      json_object_get(json_array_get(json_object_get(run, "manifests"), 0), "revisions"), i,
      revision) json_array_append(hashes, json_object_get(revision, "xxh3_128"));
  json_decref(run);
  return hashes;
}

/* Shards without a part are shards; the merge does the work. */
static void test_nothing_to_cut(void **state)
{
  const char *place = workshop_path("uncut");
  (void)state;
  for (int i = 1; i <= 2; i++)
    free(workshop_run(
        EXIT_HELD, "reproduce manifests/published-circuits.json --shard %d/2 --work %s", i, place));
  char *out = workshop_run(EXIT_HELD, "merge %s/shard-1-of-2 %s/shard-2-of-2 --work %s/merge",
                           place, place, place);
  workshop_contains(out, "equal to the golden");
  workshop_contains(out, "ALL CHECKS HELD: 1 manifest, 0 failed checks");
  free(out);
}

static void test_unpinned_checkpoints_and_a_restart(void **state)
{
  const char *place = synthetic("restart");
  (void)state;
  shard(place, 1, 2, "w");
  shard(place, 2, 2, "w");
  workshop_shell("rm %s/w/shard-2-of-2/shard.json", place);
  refuse_merge(place, "holds no finished shard");
  char *out = workshop_run(
      EXIT_HELD, "reproduce %s/m.json --allow-unpinned --shard 2/2 --work %s/w", place, place);
  workshop_contains(out, "sequences 0 to 10 were finished by an earlier run");
  free(out);
  free(workshop_run(EXIT_HELD, MERGE_2 " --allow-uncompared --json %s/merged.json", place, place,
                    place, place));
  free(workshop_run(EXIT_HELD,
                    "reproduce %s/m.json --allow-unpinned --allow-uncompared --work %s/one --json "
                    "%s/one.json",
                    place, place, place));
  json_t *merged = hashes(place, "merged.json"), *one = hashes(place, "one.json");
  assert_int_equal(json_array_size(one), 2);
  assert_true(json_equal(merged, one));
  json_decref(merged);
  json_decref(one);
}

/* Stops shard 1 in the middle of a range: later where it had not begun, sooner where it was done.
 */
static void interrupt_shard(const char *place)
{
  char line[700], out[600], err[600];
  const char *words[64];
  snprintf(out, sizeof out, "%s/out", place);
  snprintf(err, sizeof err, "%s/err", place);
  long ms = 200;
  for (int trial = 0; trial < 16; trial++) {
    snprintf(line, sizeof line,
             "reproduce %s/m.json --allow-unpinned --shard 1/3 --threads 1 --work %s/w", place,
             place);
    workshop_words(line, words);
    pid_t child = support_start(words, out, err);
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
    kill(child, SIGINT);
    int code = support_wait(child, NULL);
    snprintf(line, sizeof line, "test -e %s/w/shard-1-of-3/*/current/*.partial", place);
    if (code == EXIT_RUN && system(line) == 0)
      return;
    ms = code == EXIT_RUN ? ms * 3 / 2 : ms / 2;
    workshop_shell("rm -rf %s/w", place);
  }
  fail_msg("no shard could be interrupted");
}

static void test_interrupted_in_a_range(void **state)
{
  const char *place = synthetic_of("range", 4000);
  char *out, *err, line[600];
  (void)state;
  if (support_emulated())
    skip();
  interrupt_shard(place);
  snprintf(line, sizeof line, "reproduce %s/m.json --allow-unpinned --shard 1/3 --work %s/w", place,
           place);
  assert_int_equal(workshop_start(line, &out, &err), EXIT_HELD);
  workshop_contains(err, "resuming after ");
  free(out);
  free(err);
  shard(place, 2, 3, "w");
  shard(place, 3, 3, "w");
  free(workshop_run(EXIT_HELD,
                    "merge %s/w/shard-1-of-3 %s/w/shard-2-of-3 %s/w/shard-3-of-3 --allow-unpinned "
                    "--allow-uncompared --work %s/m --json %s/merged.json",
                    place, place, place, place, place));
  free(workshop_run(EXIT_HELD,
                    "reproduce %s/m.json --allow-unpinned --allow-uncompared --work %s/one --json "
                    "%s/one.json",
                    place, place, place));
  json_t *merged = hashes(place, "merged.json"), *one = hashes(place, "one.json");
  assert_int_equal(json_array_size(one), 2);
  assert_true(json_equal(merged, one));
  json_decref(merged);
  json_decref(one);
}

static void forget_what_was_read(const char *place, int i, int n)
{
  char path[600];
  snprintf(path, sizeof path, "%s/w/shard-%d-of-%d/shard.json", place, i, n);
  json_t *index = workshop_json(path);
  json_t *manifest = json_array_get(json_object_get(index, "manifests"), 0);
  json_object_set_new(manifest, "read", json_array());
  workshop_json_write(path, index);
  json_decref(index);
}

/* Over a file of a shard. */
static void refuse_merge_to(const char *place, const char *option, const char *path)
{
  free(workshop_refuse(EXIT_INPUT, "which this command uses; name another file",
                       MERGE_2 " --quiet %s %s", place, place, place, option, path));
}

static void test_what_does_not_fit_is_refused(void **state)
{
  char index[600], link[600];
  const char *place = synthetic("mixed");
  (void)state;
  shard(place, 1, 2, "w");
  free(workshop_refuse(EXIT_INPUT, "shard 2 of 2 is missing", "merge %s/w/shard-1-of-2", place));
  free(workshop_refuse(EXIT_INPUT, "both are shard 1 of 2",
                       "merge %s/w/shard-1-of-2 %s/w/shard-1-of-2", place, place));
  free(workshop_refuse(EXIT_INPUT, "SHARD_DIR is missing", "merge"));
  shard(place, 2, 3, "w");
  free(workshop_refuse(EXIT_INPUT, "is shard 2 of 3, but others are of 2",
                       "merge %s/w/shard-1-of-2 %s/w/shard-2-of-3", place, place));
  /* A merge over what it joins */
  shard(place, 2, 2, "w");
  snprintf(index, sizeof index, "%s/w/shard-1-of-2/shard.json", place);
  refuse_merge_to(place, "--json", index);
  refuse_merge_to(place, "--json", part_of(place, "shard-2-of-2"));
  workshop_shell("ln -s %s %s/link.tap", index, place);
  snprintf(link, sizeof link, "%s/link.tap", place);
  refuse_merge_to(place, "--report", link);
  free(workshop_refuse(EXIT_INPUT, "is the folder of a shard",
                       "merge %s/w/shard-1-of-2 %s/w/shard-2-of-2 --allow-unpinned --quiet "
                       "--work %s/w/../w/shard-2-of-2/",
                       place, place, place));
  workshop_shell("rm -r %s/w/shard-2-of-2", place);
  /* Another manifest */
  workshop_shell("cp %s/m.json %s/kept.json && sed -i 's/\"caveat\": \"/&Other. /' %s/m.json",
                 place, place, place);
  shard(place, 2, 2, "w");
  refuse_merge(place, "was run with another manifest");
  workshop_shell("cp %s/kept.json %s/m.json", place, place);
  /* Other weights of a revision of which both have sequences */
  workshop_shell("rm -r %s/w", place);
  for (int i = 1; i <= 3; i++) {
    if (i == 2) {
      workshop_shell("mv %s/c/r0 %s/c/old", place, place);
      free(workshop_run(EXIT_HELD, "synth --like olmo:" SYNTH " --seed 9 --out %s/c/r0", place));
    }
    shard(place, i, 3, "w");
  }
  free(workshop_refuse(EXIT_INPUT, "have read different bytes of",
                       "merge %s/w/shard-1-of-3 %s/w/shard-2-of-3 %s/w/shard-3-of-3 "
                       "--allow-unpinned --work %s/m",
                       place, place, place, place));
  for (int i = 1; i <= 3; i++) /* as if each had named the folder in its own way */
    forget_what_was_read(place, i, 3);
  free(workshop_refuse(EXIT_INPUT, "saw different checkpoints of revision r0",
                       "merge %s/w/shard-1-of-3 %s/w/shard-2-of-3 %s/w/shard-3-of-3 "
                       "--allow-unpinned --quiet --work %s/m",
                       place, place, place, place));
}

/* Where the figures of a part begin. */
static size_t figures_at(const char *data, size_t size)
{
  const char *first = memchr(data, '\n', size);
  assert_non_null(first);
  const char *second = memchr(first + 1, '\n', size - (size_t)(first + 1 - data));
  assert_non_null(second);
  return (size_t)(second + 1 - data);
}

/* Writes a part whose digests are right, whatever it says: 2 layers x 2 heads, 16 numbers a head,
 * 10 sequences, 4 of them with outputs. */
static void seal(const char *path, char *data, size_t size)
{
  const size_t head = figures_at(data, size), figures = 4 * 10 * 7 * 8, outputs = 4 * 4 * 16 * 4;
  assert_int_equal(size, head + figures + outputs + 99);
  char *end = data + head + figures + outputs;
  digest_xxh3(data, head, end);
  digest_xxh3(data + head, figures, end + 33);
  digest_xxh3(data + head + figures, outputs, end + 66);
  end[32] = end[65] = end[98] = '\n';
  support_write(path, data, size);
}

/* Puts other words of the same length into the head of a part, and seals it again. */
static void reword(const char *path, const char *old, const char *new)
{
  size_t size;
  char *data = support_read(path, &size), *at = memmem(data, size, old, strlen(old));
  assert_non_null(at);
  assert_int_equal(strlen(old), strlen(new));
  memcpy(at, new, strlen(new));
  seal(path, data, size);
  free(data);
}

/* Parts that lie, each with the right digests. */
static void test_hostile_parts(void **state)
{
  static const struct {
    const char *old, *new, *words;
  } cases[] = {
      {"attest part 1", "attest part 2", "version 2 of its format"},
      {"attest part 1", "attest fart 1", "is not a part of a screen"},
      {"\"attest\":\"0.1.0\"", "\"attest\":\"0.0.9\"", "was made by attest 0.0.9"},
      {"\"seed\":42", "\"seed\":43", "another protocol"},
      {"\"sequences\":[0,10]", "\"sequences\":[5,10]", "which are not those of the part"},
      {"\"sequences\":[0,10]", "\"sequences\":[10,0]", "is a part of nothing"},
      {"\"shape\":[2,2,16]", "\"shape\":[2,2,-1]", "\"shape\" must be 3 whole numbers"},
      {"\"shape\":[2,2,16]", "\"shape\":[2,2,99]", "which are not those of the part"},
      {"\"revision\":\"r0\"", "\"revision\":\"r7\"", "sequences 0 to 10 are in no part"},
      {"\"revision\":\"r0\"", "\"revision\":\"r1\"", "sequences 0 to 10 are in no part"},
      {"\"revision\":\"r0\"", "\"revision\":\"//\"", "cannot be what it says"},
  };
  const char *place = synthetic("hostile");
  (void)state;
  shard(place, 1, 2, "w");
  shard(place, 2, 2, "w");
  const char *path = part_of(place, "shard-1-of-2");
  size_t size;
  char *whole = support_read(path, &size);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    support_write(path, whole, size);
    reword(path, cases[i].old, cases[i].new);
    refuse_merge(place, cases[i].words);
  }
  char *other = malloc(size);
  assert_non_null(other);
  const double infinite = INFINITY;
  memcpy(other, whole, size);
  memcpy(other + figures_at(whole, size) + 80, &infinite, sizeof infinite);
  seal(path, other, size);
  refuse_merge(place, "holds a figure that is not finite");
  memcpy(other, whole, size);
  other[size - 200] ^= 1;
  support_write(path, other, size);
  refuse_merge(place, "is damaged");
  support_write(path, whole, size - 1);
  refuse_merge(place, "which are not those of the part");
  /* The same sequences twice */
  support_write(path, whole, size);
  workshop_shell("cp %s %s/w/shard-2-of-2/nursery-olmo/current/again.part && "
                 "sed -i 's/\"parts\": \\[/&\"again.part\", /' %s/w/shard-2-of-2/shard.json",
                 path, place, place);
  refuse_merge(place, "both have sequences 0 to 10 of revision r0");
  free(other);
  free(whole);
}

/* Every byte of the head changed, and the file cut at every byte of it: refused or read, no crash.
 */
static void test_damaged_heads(void **state)
{
  const char *place = synthetic("heads");
  (void)state;
  shard(place, 1, 2, "w");
  const char *path = part_of(place, "shard-1-of-2");
  const char *copy = workshop_path("part");
  char manifest_path[600];
  size_t size;
  char *data = support_read(path, &size);
  struct manifest manifest;
  struct error error = {0};
  snprintf(manifest_path, sizeof manifest_path, "%s/m.json", place);
  assert_int_equal(manifest_load(manifest_path, &manifest, &error), 0);
  const size_t head = figures_at(data, size), step = support_emulated() ? 29 : 1;
  for (size_t i = 0; i < head; i += step) {
    struct piece_file file;
    data[i] ^= 0x55;
    support_write(copy, data, size);
    error = (struct error){0};
    if (!piece_open(copy, &manifest, &file, &error)) {
      assert_int_equal(piece_check(&file, &manifest, &error), EXIT_INPUT);
      piece_close(&file);
    }
    assert_int_equal(error.code, EXIT_INPUT);
    data[i] ^= 0x55;
    support_write(copy, data, i);
    error = (struct error){0};
    assert_int_equal(piece_open(copy, &manifest, &file, &error), EXIT_INPUT);
  }
  manifest_free(&manifest);
  free(data);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shards_end_in_the_bits_of_one_run),
      cmocka_unit_test(test_nothing_to_cut),
      cmocka_unit_test(test_unpinned_checkpoints_and_a_restart),
      cmocka_unit_test(test_interrupted_in_a_range),
      cmocka_unit_test(test_what_does_not_fit_is_refused),
      cmocka_unit_test(test_hostile_parts),
      cmocka_unit_test(test_damaged_heads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
