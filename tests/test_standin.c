/* The way of real checkpoints, walked with stand-ins: our trained checkpoints in a directory given
 * by --checkpoints, against tables as a paper would publish them. The tables are those of the
 * independent float64 implementation (tests/fixtures/nursery-expected), cut to six digits. */
#include "workshop.h"

#include "base/digest.h"

#define EXPECTED "tests/fixtures/nursery-expected/"
#define ARCHIVE "manifests/nursery.tar.zst"

static const char *const models[] = {"nursery-gpt_neox", "nursery-olmo", "nursery-olmoe"};
static const char *const kept[] = {"step0", "step562", "step817", "step2500"};
#define KEPT (sizeof kept / sizeof *kept)

static double six_digits(const char *text)
{
  char rounded[32];
  snprintf(rounded, sizeof rounded, "%.6g", strtod(text, NULL));
  return strtod(rounded, NULL);
}

/* A line of the reference's heads.csv: layer, head, six means, baseline, six selectivities, class,
 * PR. */
static struct head_row read_row(char *line)
{
  const char *fields[17];
  size_t count = 0;
  for (char *field = strtok(line, ","); field && count < 17; field = strtok(NULL, ","))
    fields[count++] = field;
  assert_int_equal(count, 17);
  struct head_row row = {.layer = atoi(fields[0]), .head = atoi(fields[1]), .baseline = NAN};
  for (int k = 0; k < CLASS_COUNT; k++)
    row.selectivity[k] = six_digits(fields[9 + k]);
  row.class = head_class_best(row.selectivity);
  row.pr = six_digits(fields[16]);
  return row;
}

static void read_expected(const char *model, const char *name, struct revision *revision)
{
  char path[256], line[1024];
  snprintf(path, sizeof path, EXPECTED "%s/%s/heads.csv", model, name);
  FILE *file = fopen(path, "r");
  *revision = (struct revision){.name = strdup(name), .n_layers = 4, .n_heads = 4};
  revision->heads = calloc(16, sizeof *revision->heads);
  assert_true(file && revision->name && revision->heads && fgets(line, sizeof line, file));
  for (size_t i = 0; i < 16; i++) {
    assert_non_null(fgets(line, sizeof line, file));
    revision->heads[i] = read_row(line);
  }
  fclose(file);
}

static void write_tables(const char *directory, const char *model, const json_t *revisions)
{
  struct trajectory tables = {.model = strdup(model),
                              .source = strdup("the independent reference, six digits"),
                              .caveat = strdup(""),
                              .kind = TRAJECTORY_PUBLISHED,
                              .count = KEPT};
  struct error error = {0};
  tables.revisions = calloc(KEPT, sizeof *tables.revisions);
  assert_non_null(tables.revisions);
  for (size_t i = 0; i < KEPT; i++) {
    const json_t *entry = json_array_get(revisions, i);
    read_expected(model, kept[i], &tables.revisions[i]);
    tables.revisions[i].step = (uint64_t)json_integer_value(json_object_get(entry, "step"));
    tables.revisions[i].tokens = json_number_value(json_object_get(entry, "tokens"));
  }
  if (trajectory_save(directory, &tables, &error))
    fail_msg("%s", error.text);
  trajectory_free(&tables);
}

/* The manifest of a nursery model as one of published revisions, json_decref(). */
static json_t *standin(const char *model, double selectivity_error)
{
  char path[256];
  snprintf(path, sizeof path, "manifests/%s.json", model);
  json_t *manifest = workshop_json(path), *revisions = json_object_get(manifest, "revisions");
  for (size_t i = json_array_size(revisions); i-- > 0;) {
    const char *name = json_string_value(json_object_get(json_array_get(revisions, i), "name"));
    size_t k = 0;
    while (k < KEPT && strcmp(kept[k], name) != 0)
      k++;
    if (k == KEPT)
      json_array_remove(revisions, i);
  }
  assert_int_equal(json_array_size(revisions), KEPT);
  json_object_set_new(manifest, "kind", json_string("synthetic"));
  json_object_set_new(manifest, "checkpoints", json_string("not/here"));
  json_object_set_new(manifest, "container", json_null());
  json_object_set_new(manifest, "golden", json_null());
  json_object_del(manifest, "ablation"); /* most of the time, and nothing of it is published */
  snprintf(path, sizeof path, "tables-%s", model);
  json_object_set_new(manifest, "published",
                      json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:b}", "directory", path,
                                "class_agreement", 1.0, "selectivity_error", selectivity_error,
                                "selectivity_share", 1.0, "pr_error", 1e-4, "pr_share", 1.0,
                                "claims", 1));
  return manifest;
}

/* Writes tables-<model>/ and <model>.json; the path of the latter. */
static const char *write_standin(const char *model, double selectivity_error)
{
  char name[64];
  snprintf(name, sizeof name, "tables-%s", model);
  json_t *manifest = standin(model, selectivity_error);
  write_tables(workshop_path(name), model, json_object_get(manifest, "revisions"));
  snprintf(name, sizeof name, "%s.json", model);
  const char *path = workshop_path(name);
  workshop_json_write(path, manifest);
  json_decref(manifest);
  return path;
}

static int setup(void **state)
{
  (void)state;
  unsetenv("CI");
  workshop_unpack(ARCHIVE, "nursery-", workshop_path("checkpoints"));
  return 0;
}

static void test_first_and_second_run(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  const char *work = workshop_path("work"), *checkpoints = workshop_path("checkpoints");
  for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
    const char *manifest = write_standin(models[i], 1e-4);
    free(workshop_refuse(EXIT_INPUT, "are not there; fetch them", "reproduce %s --quiet --work %s",
                         manifest, work));
    char *text = workshop_run(EXIT_HELD, "reproduce %s --checkpoints %s --work %s", manifest,
                              checkpoints, work);
    workshop_contains(text, "by bands, not by bits");
    workshop_contains(text, "held");
    workshop_contains(text, "claim verdicts equal to those of the published tables");
    workshop_contains(text, "first complete run");
    free(text);
    text =
        workshop_run(EXIT_HELD, "reproduce %s --checkpoints %s --work %s --threads 1 --memory 8M",
                     manifest, checkpoints, work);
    workshop_contains(text, "equal to our own first run");
    free(text);
  }
}

static void test_manipulated_first_run(void **state)
{
  char path[600];
  (void)state;
  if (support_emulated())
    skip();
  const char *work = workshop_path("work-changed"), *checkpoints = workshop_path("checkpoints");
  const char *manifest = write_standin("nursery-olmo", 1e-4);
  free(workshop_run(EXIT_HELD, "reproduce %s --checkpoints %s --work %s", manifest, checkpoints,
                    work));
  snprintf(path, sizeof path, "%s/nursery-olmo/first/step817.csv", work);
  workshop_nudge(path, 6, CLASS_PREVIOUS_TOKEN);
  char *text = workshop_run(EXIT_CHECK, "reproduce %s --checkpoints %s --work %s", manifest,
                            checkpoints, work);
  workshop_contains(text, "FAILED: revision step817, layer 1, head 2, previous_token: ");
  workshop_contains(text, ", 1 ULP\n");
  free(text);
  workshop_shell("truncate -s 500 %s", path);
  free(workshop_refuse(EXIT_INPUT, "first/step817.csv: line ",
                       "reproduce %s --checkpoints %s --work %s --quiet", manifest, checkpoints,
                       work));
}

static void test_band_too_tight(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  const char *manifest = write_standin("nursery-olmo", 1e-9);
  char *text = workshop_run(EXIT_CHECK, "reproduce %s --checkpoints %s --work %s --json -",
                            manifest, workshop_path("checkpoints"), workshop_path("work-tight"));
  json_t *all = workshop_json_text(text);
  json_t *first = json_array_get(json_object_get(all, "manifests"), 0);
  assert_int_equal(json_integer_value(json_object_get(all, "failures")), 1);
  workshop_contains(json_string_value(json_array_get(json_object_get(first, "failures"), 0)),
                    "4 revisions are outside the bands of the published tables");
  assert_true(json_is_false(
      json_object_get(json_array_get(json_object_get(first, "published"), 0), "held")));
  json_decref(all);
  free(text);
}

/* A revision that is not what is pinned fails the run that sees it and every later one: it is
 * neither resumed nor kept as a first run. */
static void test_unpinned_revision(void **state)
{
  char path[600], *out, *err, line[1400];
  size_t size;
  (void)state;
  if (support_emulated())
    skip();
  const char *copy = workshop_path("copy"), *work = workshop_path("work-unpinned");
  const char *manifest = write_standin("nursery-olmo", 0.5);
  workshop_shell("mkdir %s && cp -r %s/nursery-olmo %s && mv %s/nursery-olmo/step817 %s", copy,
                 workshop_path("checkpoints"), copy, copy, copy);
  snprintf(path, sizeof path, "%s/nursery-olmo/step0/model.safetensors", copy);
  char *data = support_read(path, &size);
  data[size - 2] ^= 1;
  support_write(path, data, size);
  free(data);
  snprintf(line, sizeof line, "reproduce %s --checkpoints %s --work %s", manifest, copy, work);
  assert_int_equal(workshop_start(line, &out, &err), EXIT_CHECK);
  workshop_contains(out, "FAILED: ");
  workshop_contains(out, "step817: there is no such directory");
  workshop_contains(out, "2 of 4 revisions have no figures");
  free(out);
  free(err);
  workshop_shell("mv %s/step817 %s/nursery-olmo", copy, copy);
  for (int run = 0; run < 2; run++) {
    out = workshop_run(EXIT_CHECK, "%s", line);
    workshop_contains(out, "step0/model.safetensors: sha256 ");
    workshop_contains(out, "not kept as a first run");
    free(out);
  }
}

static void pin(json_t *files, const char *directory, const char *name)
{
  char path[600];
  struct digest digest;
  struct error error = {0};
  size_t size;
  snprintf(path, sizeof path, "%s/%s", directory, name);
  char *data = support_read(path, &size);
  assert_int_equal(digest_of(data, size, &digest, &error), 0);
  json_array_append_new(files,
                        json_pack("{s:s, s:I, s:s, s:s}", "path", name, "bytes", (json_int_t)size,
                                  "sha256", digest.sha256, "xxh3_128", digest.xxh3_128));
  free(data);
}

/* The README's way: a manifest without pins in one folder, pinned into another one, is run there.
 */
static void test_pinned_elsewhere(void **state)
{
  static const char *const outs[] = {"far.json", "pinned/one/two/far.json", "paper/far.json",
                                     "paper/below/far.json"};
  (void)state;
  if (support_emulated())
    skip();
  write_standin("nursery-olmo", 1e-4);
  json_t *manifest = standin("nursery-olmo", 1e-4), *revision, *file;
  size_t i, k;
  json_array_foreach(json_object_get(manifest, "revisions"), i, revision)
  {
    json_array_foreach(json_object_get(revision, "files"), k, file)
    {
      json_object_set_new(file, "bytes", json_null());
      json_object_set_new(file, "sha256", json_null());
      json_object_set_new(file, "xxh3_128", json_null());
    }
  }
  json_object_set_new(json_object_get(manifest, "published"), "directory",
                      json_string("../tables-nursery-olmo"));
  workshop_shell("mkdir -p %s/paper/below %s/pinned/one/two", support_directory(),
                 support_directory());
  workshop_json_write(workshop_path("paper/open.json"), manifest);
  json_decref(manifest);
  for (i = 0; i < sizeof outs / sizeof *outs; i++) {
    const char *out = workshop_path(outs[i]), *checkpoints = workshop_path("checkpoints");
    free(workshop_run(EXIT_HELD, "pin %s --checkpoints %s --out %s",
                      workshop_path("paper/open.json"), checkpoints, out));
    char *text = workshop_run(EXIT_HELD, "reproduce %s --checkpoints %s --work %s/work-far%zu", out,
                              checkpoints, support_directory(), i);
    workshop_contains(text, "claim verdicts equal to those of the published tables");
    workshop_contains(text, "first complete run");
    free(text);
  }
}

/* What a run ends with is looked at before it begins: nothing is screened in vain. */
static void test_looked_at_before(void **state)
{
  static const struct {
    const char *key, *path, *words;
  } cases[] = {{"tensors", "no.tsv", "no.tsv: cannot be opened"},
               {"golden", "no-golden", "no-golden/verdicts.tsv: missing"},
               {"golden", "half-golden", "half-golden/trajectory.json: cannot be opened"},
               {"directory", "no-tables", "no-tables/trajectory.json: cannot be opened"},
               {"directory", "tables-nursery-olmo", "there is no table of revision step1186"}};
  (void)state;
  write_standin("nursery-olmo", 1e-4);
  workshop_shell("mkdir -p %s/half-golden && touch %s/half-golden/verdicts.tsv",
                 support_directory(), support_directory());
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *path = workshop_path("before.json"), *work = workshop_path("work-before");
    json_t *manifest = standin("nursery-olmo", 1e-4);
    if (i < 3)
      json_object_set_new(manifest, cases[i].key, json_string(cases[i].path));
    else
      json_object_set_new(json_object_get(manifest, "published"), cases[i].key,
                          json_string(cases[i].path));
    if (i == 4)
      json_object_set_new(json_array_get(json_object_get(manifest, "revisions"), 2), "name",
                          json_string("step1186"));
    workshop_json_write(path, manifest);
    json_decref(manifest);
    free(workshop_refuse(EXIT_INPUT, cases[i].words,
                         "reproduce %s --checkpoints %s --work %s --quiet", path,
                         workshop_path("checkpoints"), work));
    workshop_shell("test ! -e %s", work);
  }
}

/* Claims compare the same head over revisions, so all revisions must be of one shape. */
static void test_revisions_of_different_shape(void **state)
{
  (void)state;
  const char *copy = workshop_path("mixed"), *path = workshop_path("mixed.json");
  workshop_shell("mkdir -p %s/nursery-olmo && cp -r %s/nursery-olmo/step0 %s/nursery-olmo && "
                 "cp -r " WORKSHOP_MODEL " %s/nursery-olmo/step562",
                 copy, workshop_path("checkpoints"), copy, copy);
  json_t *manifest = standin("nursery-olmo", 0.5), *files = json_array();
  json_t *revisions = json_object_get(manifest, "revisions");
  json_array_remove(revisions, 3);
  json_array_remove(revisions, 2);
  pin(files, WORKSHOP_MODEL, "config.json");
  pin(files, WORKSHOP_MODEL, "model.safetensors");
  json_object_set_new(json_array_get(revisions, 1), "files", files);
  json_object_set_new(json_object_get(manifest, "protocol"), "n", json_integer(2));
  workshop_json_write(path, manifest);
  free(workshop_refuse(EXIT_INPUT, "a manifest describes one model",
                       "reproduce %s --checkpoints %s --work %s.work --quiet", path, copy, copy));
  json_object_set_new(json_array_get(revisions, 1), "tokens", json_real(0));
  workshop_json_write(path, manifest);
  free(workshop_refuse(EXIT_INPUT, "step562 has no more tokens than the one before",
                       "reproduce %s --checkpoints %s --work %s.work --quiet", path, copy, copy));
  free(workshop_refuse(EXIT_INPUT, "--update-golden: ",
                       "reproduce %s --checkpoints %s --update-golden --quiet", path, copy));
  json_decref(manifest);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_first_and_second_run),
      cmocka_unit_test(test_manipulated_first_run),
      cmocka_unit_test(test_band_too_tight),
      cmocka_unit_test(test_unpinned_revision),
      cmocka_unit_test(test_pinned_elsewhere),
      cmocka_unit_test(test_looked_at_before),
      cmocka_unit_test(test_revisions_of_different_shape),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}
