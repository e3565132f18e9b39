/* The journal of a run, the kinds of study, and that what a run compares with is read once: it may
 * go as soon as the run has begun. */
#define _GNU_SOURCE
#include "streaming.h"

#include "study/journal.h"
#include "study/kind.h"

#include <unistd.h>

/* What a watcher saw. */
struct seen {
  size_t count;
  enum journal_event events[8];
  char texts[8][64];
};

static void watch(void *context, const struct journal *journal, const struct journal_entry *entry)
{
  struct seen *seen = context;
  assert_true(seen->count < 8);
  assert_int_equal(journal->count, seen->count + 1); /* at once, and not before it is written */
  seen->events[seen->count] = entry->event;
  snprintf(seen->texts[seen->count++], sizeof *seen->texts, "%s", entry->text);
}

static struct journal_manifest *begin(struct journal *journal, const char *path)
{
  struct manifest manifest;
  struct error error = {0};
  if (manifest_load(path, &manifest, &error))
    fail_msg("%s", error.text);
  struct journal_manifest *entry = journal_begin(journal, &manifest, &error);
  assert_non_null(entry);
  return entry;
}

static void test_entries(void **state)
{
  static const enum journal_event events[] = {JOURNAL_MANIFEST, JOURNAL_FAILURE, JOURNAL_REVISION,
                                              JOURNAL_MANIFEST, JOURNAL_NOTICE};
  static const char *const texts[] = {"", "a\\x1B[2Jb", "step0", "", "soon"};
  struct seen seen = {0};
  struct journal journal = {.watch = watch, .context = &seen};
  struct error error = {0};
  (void)state;
  journal_start(&journal);
  const struct journal_manifest *first = begin(&journal, "manifests/published.json");
  journal_say(&journal, JOURNAL_FAILURE, "a%sb", "\x1b[2J");
  journal_add(&journal, (struct journal_entry){.event = JOURNAL_REVISION,
                                               .text = "step0",
                                               .revision = {.resumed = true, .seconds = 2.5}});
  const struct journal_manifest *second = begin(&journal, "manifests/nursery-olmo.json");
  journal_notice(&journal, "soon");
  assert_int_equal(seen.count, 5);
  assert_int_equal(journal.count, 5);
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(journal.entries[i].event, events[i]);
    assert_int_equal(seen.events[i], events[i]);
    assert_string_equal(journal.entries[i].text, texts[i]);
    assert_string_equal(seen.texts[i], texts[i]);
    assert_int_equal(journal.entries[i].manifest, i >= 3);
    assert_true(journal.entries[i].seconds >= (i ? journal.entries[i - 1].seconds : 0));
  }
  assert_true(journal.entries[2].revision.resumed && journal.entries[2].revision.seconds == 2.5);
  assert_int_equal(journal_count(&journal, JOURNAL_FAILURE), 1);
  assert_ptr_equal(journal.manifests[0], first);
  assert_ptr_equal(journal.manifests[1], second);
  assert_string_equal(first->manifest.model, "published");
  assert_int_equal(journal_check(&journal, &error), 0);
  journal.failed = true;
  assert_int_equal(journal_check(&journal, &error), EXIT_RUN);
  journal_free(&journal);
  assert_int_equal(journal.count, 0);
}

static void test_kinds(void **state)
{
  static const struct {
    const char *manifest, *name;
    bool streams;
  } cases[] = {{"manifests/published.json", "tables", false},
               {"manifests/nursery-olmo.json", "screens", true},
               {"manifests/paper/olmo-1b-0724.json", "screens", true}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct manifest manifest;
    struct error error = {0};
    assert_int_equal(manifest_load(cases[i].manifest, &manifest, &error), 0);
    const struct study_kind *kind = kind_of(&manifest);
    assert_string_equal(kind->name, cases[i].name);
    assert_int_equal(kind->streams, cases[i].streams);
    assert_true(kind->check && kind->begin && kind->obtain && kind->compare);
    manifest_free(&manifest);
  }
}

static int by_name(const void *a, const void *b)
{
  return strcmp((*(const struct tensor *const *)a)->name, (*(const struct tensor *const *)b)->name);
}

/* The tensors of a revision as the list that all must have. */
static void write_tensor_list(const char *path)
{
  struct checkpoint *checkpoint;
  struct error error = {0};
  struct text text = {0};
  const struct tensor *tensors[256];
  if (checkpoint_open(workshop_path("checkpoints/nursery-olmo/step0"), &checkpoint, &error))
    fail_msg("%s", error.text);
  size_t count = checkpoint_count(checkpoint);
  assert_true(count <= 256);
  for (size_t i = 0; i < count; i++)
    tensors[i] = checkpoint_at(checkpoint, i);
  qsort(tensors, count, sizeof *tensors, by_name);
  text_add(&text, TENSOR_LIST_HEADER "\n");
  for (size_t i = 0; i < count; i++) {
    text_add(&text, "%s\t%s\t", tensors[i]->name, dtype_name(tensors[i]->dtype));
    for (int k = 0; k < tensors[i]->rank; k++)
      text_add(&text, "%s%lld", k ? "," : "", (long long)tensors[i]->shape[k]);
    text_add(&text, "\n");
  }
  assert_false(text.failed);
  support_write(path, text.data, text.length);
  text_free(&text);
  checkpoint_close(checkpoint);
}

/* A manifest with all that a run can compare with: list, golden, tables. */
static json_t *with_references(void)
{
  json_t *manifest = manifest_of(60, PINNED);
  json_object_set_new(manifest, "repository", json_null());
  json_object_set_new(manifest, "checkpoints", json_string("checkpoints"));
  json_object_set_new(manifest, "golden", json_string("golden"));
  free(workshop_run(EXIT_HELD, "reproduce %s --update-golden --quiet --work %s",
                    save("update.json", json_deep_copy(manifest)), workshop_path("work-update")));
  workshop_shell("cp -r %s/golden %s/tables", support_directory(), support_directory());
  write_tensor_list(workshop_path("tensors.tsv"));
  json_object_set_new(manifest, "tensors", json_string("tensors.tsv"));
  json_object_set_new(manifest, "published",
                      json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:b}", "directory", "tables",
                                "class_agreement", 1.0, "selectivity_error", 1e-12,
                                "selectivity_share", 1.0, "pr_error", 1e-12, "pr_share", 1.0,
                                "claims", 1));
  return manifest;
}

/* The entry of "read" of a file whose path ends so. */
static const json_t *read_entry(const json_t *json, const char *end)
{
  const json_t *read =
                   json_object_get(json_array_get(json_object_get(json, "manifests"), 0), "read"),
               *found = NULL;
  for (size_t i = 0; i < json_array_size(read); i++) {
    const json_t *entry = json_array_get(read, i);
    if (!text_ends_with(json_string_value(json_object_get(entry, "file")), end))
      continue;
    assert_null(found); /* once */
    found = entry;
  }
  if (!found)
    fail_msg("%s was not read", end);
  return found;
}

/* Every file of the revisions, by its pinned digest, and what was compared with. */
static void assert_read(const char *path, const json_t *revisions)
{
  static const char *const references[] = {"/tensors.tsv", "/golden/trajectory.json",
                                           "/golden/step60.csv", "/tables/step127.csv"};
  json_t *json = workshop_json(path);
  for (size_t i = 0; i < json_array_size(revisions); i++) {
    const json_t *files = json_object_get(json_array_get(revisions, i), "files");
    for (size_t k = 0; k < json_array_size(files); k++) {
      const json_t *pin = json_array_get(files, k);
      char end[200];
      snprintf(end, sizeof end, "/%s/%s", names[i],
               json_string_value(json_object_get(pin, "path")));
      assert_true(json_equal(json_object_get(read_entry(json, end), "sha256"),
                             json_object_get(pin, "sha256")));
    }
  }
  for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
    const char *hash =
        json_string_value(json_object_get(read_entry(json, references[i]), "xxh3_128"));
    assert_int_equal(strlen(hash), 32);
  }
  json_decref(json);
}

/* All goes once the first revision is there, but for the verdicts, which are read at the end. */
static void test_read_once(void **state)
{
  const char *words[64], *work = workshop_path("work-once"), *out = workshop_path("out");
  char line[2048];
  size_t size;
  (void)state;
  if (support_emulated())
    skip();
  json_t *manifest = with_references();
  const json_t *revisions = json_object_get(manifest, "revisions");
  snprintf(line, sizeof line, "reproduce %s --work %s --json %s " SLOWLY,
           save("once.json", json_incref(manifest)), work, workshop_path("read.json"));
  workshop_words(line, words);
  pid_t child = support_start(words, out, workshop_path("err"));
  await(child, work, "current/step0.csv");
  workshop_shell("cd %s && rm -r tensors.tsv tables golden/trajectory.json golden/*.csv",
                 support_directory());
  assert_int_equal(support_wait(child, NULL), EXIT_HELD);
  char *text = support_read(out, &size);
  workshop_contains(text, "  equal to the golden trajectory ");
  workshop_contains(text, "by bands, not by bits:\n  step0 ");
  workshop_contains(text, "verdicts equal to those of the published tables");
  workshop_contains(text, "ALL CHECKS HELD");
  free(text);
  assert_read(workshop_path("read.json"), revisions);
  json_decref(manifest);
}

/* Failures are said on standard error, too, when nothing else is. */
static void test_quiet(void **state)
{
  char *out, *err, line[2048];
  (void)state;
  const char *manifest = save("quiet.json", manifest_of(2, UNPINNED));
  snprintf(line, sizeof line, "reproduce %s --checkpoints %s --work %s --quiet", manifest,
           workshop_path("checkpoints"), workshop_path("work-quiet"));
  assert_int_equal(workshop_start(line, &out, &err), EXIT_CHECK);
  assert_string_equal(out, "");
  workshop_contains(err, "attest: revision \"step0\" is UNPINNED: ");
  free(out);
  free(err);
}

static int setup(void **state)
{
  (void)state;
  unsetenv("CI");
  prepare();
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_entries),
      cmocka_unit_test(test_kinds),
      cmocka_unit_test(test_read_once),
      cmocka_unit_test(test_quiet),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}
