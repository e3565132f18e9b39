/* Folders of the hub's cache in place of a model's, links to nothing, unfinished downloads, and
 * which of several files is read. */
#include "workshop.h"

#define MODEL "tests/fixtures/conformance/gpt_neox-smooth-f32/model"
#define PROTOCOL "--n 16 --seq-len 64 --vocab 10:128 --pr-n 16 --threads 1"
#define REPOSITORY "models--org--tiny"
#define FIRST "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
#define SECOND "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2"
#define BLOB "11aa22bb"

/* HUB/models--org--tiny with one snapshot whose files are links into blobs. */
static const char *make_cache(void)
{
  const char *hub = workshop_path("hub");
  workshop_shell("rm -rf %s && mkdir -p %s/" REPOSITORY "/blobs %s/" REPOSITORY "/refs "
                 "%s/" REPOSITORY "/snapshots/" FIRST " && cd %s/" REPOSITORY " && "
                 "printf " FIRST " > refs/main",
                 hub, hub, hub, hub, hub);
  workshop_shell("cp " MODEL "/config.json %s/" REPOSITORY "/blobs/cc && "
                 "cp " MODEL "/model.safetensors %s/" REPOSITORY "/blobs/" BLOB,
                 hub, hub);
  workshop_shell("cd %s/" REPOSITORY "/snapshots/" FIRST " && ln -s ../../blobs/cc config.json && "
                 "ln -s ../../blobs/" BLOB " model.safetensors",
                 hub);
  return hub;
}

/* Screens to the figures of the fixture; what is said on the way, free(). */
static char *screen(const char *folder)
{
  const char *want = workshop_path("want.csv"), *got = workshop_path("got.csv");
  char line[2000], *out, *err;
  free(workshop_run(0, "screen " MODEL " " PROTOCOL " --quiet --out %s", want));
  snprintf(line, sizeof line, "screen %s " PROTOCOL " --out %s", folder, got);
  if (workshop_start(line, &out, &err) != 0)
    fail_msg("%s: %s", folder, err);
  free(out);
  workshop_same_files(want, got);
  return err;
}

static void test_only_snapshot(void **state)
{
  static const char *const below[] = {"", "/", "/" REPOSITORY, "/" REPOSITORY "/",
                                      "/" REPOSITORY "/snapshots"};
  const char *hub = make_cache();
  char folder[600];
  (void)state;
  for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
    snprintf(folder, sizeof folder, "%s%s", hub, below[i]);
    char *said = screen(folder);
    workshop_contains(said, "the only snapshot is read: ");
    workshop_contains(said, REPOSITORY "/snapshots/" FIRST);
    free(said);
    char *text = workshop_run(0, "inspect %s --no-hash", folder);
    workshop_contains(text, "the only snapshot is read: ");
    free(text);
  }
  workshop_shell("mkdir %s.home && mv %s %s.home/hub", hub, hub, hub);
  snprintf(folder, sizeof folder, "%s.home", hub);
  free(screen(folder));
  workshop_shell("rm -r %s.home", hub);
  hub = make_cache(); /* a snapshot of other files beside it, as tokenizers leave */
  workshop_shell("mkdir %s/" REPOSITORY "/snapshots/" SECOND, hub);
  free(screen(hub));
  snprintf(folder, sizeof folder, "%s/" REPOSITORY "/snapshots/" FIRST, hub);
  char *said = screen(folder);
  assert_null(strstr(said, "snapshot is read"));
  free(said);
}

static void test_several_snapshots(void **state)
{
  const char *hub = make_cache();
  (void)state;
  workshop_shell("cd %s/" REPOSITORY "/snapshots && cp -r " FIRST " " SECOND
                 " && printf '%s\\n' > ../refs/main",
                 hub, SECOND);
  char *line = workshop_refuse(EXIT_INPUT, "is a hub cache with 2 snapshots; give one of",
                               "screen %s " PROTOCOL, hub);
  const char *first = strstr(line, "/snapshots/" FIRST), *second = strstr(line, SECOND " (main)");
  assert_true(first && second && second < first);
  free(line);
  workshop_shell("cp -r %s/" REPOSITORY " %s/models--org--other", hub, hub);
  free(workshop_refuse(EXIT_INPUT, "with 4 snapshots", "screen %s " PROTOCOL, hub));
  workshop_shell("rm -r %s/*/snapshots/*", hub);
  free(workshop_refuse(EXIT_INPUT, "is a hub cache without a snapshot; download",
                       "screen %s " PROTOCOL, hub));
  const char *parent = workshop_path("parent");
  workshop_shell("rm -rf %s && mkdir %s && cp -r " MODEL " %s/step1", parent, parent, parent);
  free(workshop_refuse(EXIT_INPUT, "holds no config.json, but directories below it do; give one of",
                       "screen %s " PROTOCOL, parent));
}

/* A link to nothing: of the config, the weights, the index and a shard. */
static void test_dangling_links(void **state)
{
  static const struct {
    const char *file, *words;
  } cases[] = {
      {"config.json", "config.json: link to ../nowhere, which is missing; fetch the file again"},
      {"model.safetensors", "model.safetensors: link to ../nowhere, which is missing"},
      {"model.safetensors.index.json", "index.json: link to ../nowhere, which is missing"},
      {"model-00001-of-00002.safetensors", "of-00002.safetensors: link to ../nowhere, which is"},
  };
  const char *model = workshop_path("links");
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    workshop_shell("rm -rf %s && cp -r tests/fixtures/conformance/olmo-f32/model-2shards %s", model,
                   model);
    workshop_shell("ln -sf ../nowhere %s/%s", model, cases[i].file);
    free(workshop_refuse(EXIT_INPUT, cases[i].words, "screen %s " PROTOCOL, model));
  }
  /* The link comes first, as the file would: another file is not read in its stead. */
  workshop_shell("rm -rf %s && cp -r " MODEL "-bin %s && ln -s gone %s/model.safetensors", model,
                 model, model);
  free(workshop_refuse(EXIT_INPUT, "model.safetensors: link to gone, which is missing",
                       "screen %s " PROTOCOL, model));
}

static void test_unfinished_downloads(void **state)
{
  const char *hub = make_cache(), *model = workshop_path("local");
  (void)state;
  workshop_shell("cd %s/" REPOSITORY "/blobs && mv " BLOB " " BLOB ".f00d.incomplete", hub);
  free(workshop_refuse(EXIT_INPUT,
                       "model.safetensors: link to ../../blobs/" BLOB ", which is missing: its "
                       "download was not finished",
                       "screen %s " PROTOCOL, hub));
  workshop_shell("rm %s/" REPOSITORY "/snapshots/" FIRST "/model.safetensors", hub);
  free(workshop_refuse(EXIT_INPUT, BLOB ".f00d.incomplete is there); download the model again",
                       "screen %s " PROTOCOL, hub));
  workshop_shell("rm -rf %s && mkdir -p %s/.cache/huggingface/download && cp " MODEL "/config.json "
                 "%s && touch %s/.cache/huggingface/download/abc.incomplete",
                 model, model, model, model);
  free(workshop_refuse(EXIT_INPUT, "is there: a download was not finished (", "screen %s " PROTOCOL,
                       model));
  workshop_shell("rm -r %s/.cache && touch %s/model.safetensors.part", model, model);
  free(workshop_refuse(EXIT_INPUT, "model.safetensors.part is there); download the model again",
                       "screen %s " PROTOCOL, model));
}

/* An old or partial model.safetensors beside an index is read, as transformers does; it is said,
 * and above all when it lacks tensors or has them in another shape. */
static void test_stale_file(void **state)
{
  static const char *const choice = "model.safetensors was read, though "
                                    "model.safetensors.index.json is there, too";
  const char *model = workshop_path("stale");
  (void)state;
  workshop_shell("rm -rf %s && cp -r tests/fixtures/conformance/olmo-f32/model-2shards %s", model,
                 model);
  char *text = workshop_run(0, "inspect %s --no-hash", model);
  assert_null(strstr(text, "is there, too"));
  free(text);
  workshop_shell("cp tests/fixtures/conformance/olmo-f32/model/model.safetensors %s", model);
  text = workshop_run(0, "inspect %s --no-hash", model);
  workshop_contains(text, choice);
  free(text);
  workshop_shell("cp %s/model-00001-of-00002.safetensors %s/model.safetensors", model, model);
  char *line = workshop_refuse(EXIT_INPUT, " is missing", "screen %s " PROTOCOL, model);
  workshop_contains(line, choice);
  workshop_contains(line, "move one of them away");
  free(line);
  workshop_shell("cp tests/fixtures/conformance/gpt_neox-smooth-f32/model/model.safetensors %s",
                 model);
  line = workshop_refuse(EXIT_INPUT, "model.safetensors", "screen %s " PROTOCOL, model);
  workshop_contains(line, choice);
  free(line);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_only_snapshot),  cmocka_unit_test(test_several_snapshots),
      cmocka_unit_test(test_dangling_links), cmocka_unit_test(test_unfinished_downloads),
      cmocka_unit_test(test_stale_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
