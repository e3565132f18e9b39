/* attest inspect: what it says of every kind of model, archive and damage. */
#include "fixture_models.h"
#include "workshop.h"

#include "base/digest.h"

#include <sys/resource.h>

#define FIXTURES "tests/fixtures/conformance"

static json_t *inspect(const char *path, const char *options)
{
  char *text = workshop_run(EXIT_HELD, "inspect %s --json - %s", path, options);
  json_t *all = workshop_json_text(text);
  free(text);
  return all;
}

static json_int_t integer(const json_t *object, const char *key)
{
  const json_t *value = json_object_get(object, key);
  if (!json_is_integer(value))
    fail_msg("%s is not an integer", key);
  return json_integer_value(value);
}

static const char *string(const json_t *object, const char *key)
{
  const char *value = json_string_value(json_object_get(object, key));
  if (!value)
    fail_msg("%s is not a string", key);
  return value;
}

/* Every file of a folder with its own digests. */
static size_t check_files(const json_t *all, const char *folder)
{
  json_t *files = json_object_get(all, "files"), *file;
  size_t at;
  json_array_foreach(files, at, file)
  {
    char path[600];
    size_t size;
    struct digest digest;
    struct error error = {0};
    snprintf(path, sizeof path, "%s/%s", folder, string(file, "name"));
    char *data = support_read(path, &size);
    assert_int_equal(digest_of(data, size, &digest, &error), 0);
    assert_int_equal(integer(file, "bytes"), size);
    assert_string_equal(string(file, "sha256"), digest.sha256);
    assert_string_equal(string(file, "xxh3_128"), digest.xxh3_128);
    free(data);
  }
  return json_array_size(files);
}

/* The sums over the list are those given, and nothing is left over or missing. */
static void check_tensors(const json_t *all)
{
  json_t *tensors = json_object_get(all, "tensors"), *tensor, *sum;
  json_int_t bytes = 0, elements = 0, by_dtype = 0;
  const char *name;
  size_t at;
  json_array_foreach(json_object_get(tensors, "list"), at, tensor)
  {
    json_t *length;
    size_t d;
    json_int_t product = 1;
    json_array_foreach(json_object_get(tensor, "shape"), d, length) product *=
        json_integer_value(length);
    elements += product;
    bytes += integer(tensor, "bytes");
    assert_true(product == 0 || integer(tensor, "bytes") % product == 0);
    assert_true(json_is_string(json_object_get(tensor, "file")));
  }
  assert_int_equal(integer(tensors, "count"), at);
  assert_int_equal(integer(tensors, "bytes"), bytes);
  json_object_foreach(json_object_get(tensors, "dtypes"), name, sum) by_dtype +=
      integer(sum, "bytes");
  assert_int_equal(by_dtype, bytes);
  assert_int_equal(integer(tensors, "parameters") +
                       integer(json_object_get(tensors, "passed_over"), "elements"),
                   elements);
  static const char *const lists[] = {"missing", "unexpected", "wrong_shape"};
  for (size_t i = 0; i < 3; i++) {
    assert_true(json_is_array(json_object_get(tensors, lists[i])));
    assert_int_equal(json_array_size(json_object_get(tensors, lists[i])), 0);
  }
}

/* Every conformance model is whole, of the family that its directory is named after, and can be
 * screened. */
static void test_all_models(void **state)
{
  (void)state;
  for (size_t i = 0; i < CONFORMANCE_MODELS; i++) {
    char path[300], family[32];
    snprintf(path, sizeof path, FIXTURES "/%s/model", conformance_models[i]);
    snprintf(family, sizeof family, "%.*s", (int)strcspn(conformance_models[i], "-"),
             conformance_models[i]);
    json_t *all = inspect(path, "--threads 1");
    json_t *config = json_object_get(all, "config"), *screen = json_object_get(all, "screen");
    assert_int_equal(check_files(all, path), 2);
    check_tensors(all);
    assert_string_equal(string(all, "path"), path);
    assert_string_equal(string(all, "format"), "safetensors");
    assert_false(json_is_true(json_object_get(all, "indexed")));
    assert_string_equal(string(all, "model_type"), family);
    assert_string_equal(string(config, "family"), family);
    assert_int_equal(integer(config, "hidden"),
                     integer(config, "heads") * integer(config, "head_dim"));
    assert_true(json_is_null(json_object_get(all, "obstacle")));
    assert_false(json_is_true(json_object_get(screen, "published"))); /* 512 token ids */
    assert_int_equal(integer(json_object_get(screen, "protocol"), "n"), 2000);
    assert_true(json_real_value(json_object_get(screen, "gflop")) > 0);
    assert_true(integer(screen, "memory_bytes") > 0);
    assert_int_equal(integer(screen, "threads"), 1);
    json_decref(all);
  }
}

static void test_shards_and_text(void **state)
{
  static const char path[] = FIXTURES "/olmo-f32/model-2shards";
  (void)state;
  static const char *const folders[] = {path, FIXTURES "/gpt_neox-parallel-f16/model-bin-2shards"};
  for (int i = 0; i < 2; i++) {
    json_t *all = inspect(folders[i], "");
    assert_int_equal(check_files(all, folders[i]), 4);
    assert_string_equal(string(all, "format"), i ? "PyTorch" : "safetensors");
    assert_true(json_is_true(json_object_get(all, "indexed")));
    check_tensors(all);
    json_decref(all);
  }
  char *text = workshop_run(EXIT_HELD, "inspect %s", path);
  workshop_contains(text, "2 weight files named by an index\n");
  workshop_contains(text, "olmo: 3 layers, hidden 80, 4 heads of 20");
  workshop_contains(text, "23 tensors, 230720 parameters");
  workshop_contains(text, "cut to fit: --seq-len 128 --vocab 100:512");
  assert_null(strstr(text, "lm_head.weight"));
  free(text);
  /* 98 ids, of which config.json calls the first and the last special */
  text = workshop_run(EXIT_HELD, "inspect manifests/nursery.tar.zst:nursery-olmo/step0 --no-hash");
  workshop_contains(text, "cut to fit: --seq-len 64 --vocab 1:97 --baseline-n 50\n");
  workshop_contains(text, "of so few ids the first 100 cannot be left out");
  free(text);
  text = workshop_run(EXIT_HELD, "inspect %s --tensors --no-hash", path);
  workshop_contains(text, "  lm_head.weight F32 [512, 80] 163840 bytes in " FIXTURES);
  assert_null(strstr(text, "sha256"));
  free(text);
  text = workshop_run(EXIT_HELD, "inspect %s --quiet", path);
  assert_string_equal(text, "");
  free(text);
}

/* An archive alone is listed; a directory inside is inspected. */
static void test_archives(void **state)
{
  static const char archive[] = "manifests/nursery.tar.zst";
  struct digest digest;
  struct error error = {0};
  size_t size;
  (void)state;
  json_t *all = inspect(archive, "");
  char *data = support_read(archive, &size);
  assert_int_equal(digest_of(data, size, &digest, &error), 0);
  free(data);
  assert_int_equal(integer(all, "bytes"), size);
  assert_string_equal(string(all, "sha256"), digest.sha256);
  assert_string_equal(string(all, "xxh3_128"), digest.xxh3_128);
  json_t *models = json_object_get(all, "models");
  assert_int_equal(json_array_size(models), 30);
  const json_t *first = json_array_get(models, 0);
  assert_string_equal(string(first, "directory"), "nursery-gpt_neox/step0");
  assert_int_equal(integer(first, "files"), 2);
  char path[300];
  snprintf(path, sizeof path, "%s:%s", archive, string(first, "directory"));
  json_t *model = inspect(path, ""), *file;
  json_int_t bytes = 0;
  size_t at;
  json_array_foreach(json_object_get(model, "files"), at, file) bytes += integer(file, "bytes");
  assert_int_equal(integer(first, "bytes"), bytes);
  check_tensors(model);
  json_decref(model);
  json_decref(all);
  char *text = workshop_run(EXIT_HELD, "inspect %s --no-hash", archive);
  workshop_contains(text, "30 model directories\n");
  workshop_contains(text, "nursery.tar.zst:nursery-olmoe/");
  free(text);
}

/* A copy of the workshop's model with another config.json. */
static const char *with_config(const char *name, const char *sed)
{
  const char *path = workshop_path(name);
  workshop_shell("mkdir -p %s && cp " WORKSHOP_MODEL "/* %s && chmod u+w %s/* && "
                 "sed -i '%s' %s/config.json",
                 path, path, path, sed, path);
  return path;
}

/* What attest cannot run is still described. */
static void test_obstacles(void **state)
{
  static const struct {
    const char *sed, *words;
    bool known;
  } cases[] = {
      {"s/\"olmo\"/\"olmo3\"/", "model_type \"olmo3\" is not supported", false},
      {"s/\"use_cache\"/\"sliding_window\"/", "\"sliding_window\" is true, which changes", false},
      {"s/\"max_position_embeddings\": 128/\"max_position_embeddings\": 41/", "seq_len = 41", true},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char name[32];
    snprintf(name, sizeof name, "obstacle-%zu", i);
    const char *path = with_config(name, cases[i].sed);
    json_t *all = inspect(path, "");
    assert_int_equal(check_files(all, path), 2);
    check_tensors(all);
    workshop_contains(string(all, "obstacle"), cases[i].words);
    assert_true(json_is_null(json_object_get(all, "screen")));
    assert_int_equal(json_is_object(json_object_get(all, "config")), cases[i].known);
    json_decref(all);
    char *text = workshop_run(EXIT_HELD, "inspect %s", path);
    workshop_contains(text, "cannot be screened: ");
    free(text);
  }
  json_t *all = inspect(WORKSHOP_MODEL, "--memory 64K");
  workshop_contains(string(all, "obstacle"), "--memory: ");
  json_decref(all);
}

/* Whole numbers in the place of weights: all there, and nothing to run. */
static void test_other_dtype(void **state)
{
  const char *path = workshop_path("integers");
  (void)state;
  workshop_shell("mkdir %s && cp " FIXTURES "/olmo-tied-bf16/model/* %s && chmod u+w %s/* && "
                 "LC_ALL=C sed -i 's/\"BF16\"/\"I16\" /g' %s/model.safetensors",
                 path, path, path, path);
  json_t *all = inspect(path, ""), *dtypes;
  check_tensors(all);
  dtypes = json_object_get(json_object_get(all, "tensors"), "dtypes");
  assert_int_equal(json_object_size(dtypes), 1);
  assert_non_null(json_object_get(dtypes, "I16"));
  workshop_contains(string(all, "obstacle"), "has dtype I16");
  json_decref(all);
}

/* Tensors that are not those of config.json: all is said, and the exit code is 2. */
static void test_inconsistent(void **state)
{
  static const struct {
    const char *sed, *list, *text, *words;
    size_t count;
  } cases[] = {
      {"s/\"num_hidden_layers\": 3/\"num_hidden_layers\": 4/", "missing",
       "  missing: model.layers.3.", "is missing", 7},
      {"s/\"num_hidden_layers\": 3/\"num_hidden_layers\": 2/", "unexpected",
       " not in a model of this config.json: model.layers.2.", "does not belong", 7},
      {"s/\"intermediate_size\": 100/\"intermediate_size\": 99/", "wrong_shape",
       " of another shape than config.json says: ", "config.json says", 9},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char name[32], line[700], *out, *err;
    snprintf(name, sizeof name, "inconsistent-%zu", i);
    const char *path = with_config(name, cases[i].sed), *json = support_path("inconsistent.json");
    snprintf(line, sizeof line, "inspect %s --json %s", path, json);
    assert_int_equal(workshop_start(line, &out, &err), EXIT_INPUT);
    workshop_contains(out, cases[i].text);
    workshop_contains(out, "and ");
    workshop_contains(err, cases[i].words);
    assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
    json_t *all = workshop_json(json);
    json_t *tensors = json_object_get(all, "tensors");
    assert_int_equal(json_array_size(json_object_get(tensors, cases[i].list)), cases[i].count);
    workshop_contains(string(all, "obstacle"), cases[i].words);
    json_decref(all);
    free(out);
    free(err);
  }
}

static void test_buffers(void **state)
{
  const char *path = workshop_path("buffers");
  (void)state;
  free(workshop_run(EXIT_HELD,
                    "synth --like gpt_neox:layers=2,hidden=64,heads=4,ffn=128,vocab=300,context=64,"
                    "dtype=f16,buffers=1 --out %s --quiet",
                    path));
  json_t *all = inspect(path, ""), *tensors = json_object_get(all, "tensors");
  const json_t *passed_over = json_object_get(tensors, "passed_over");
  check_tensors(all);
  assert_int_equal(integer(passed_over, "tensors"), 2 * 3);
  /* masks of a byte, minus infinity, and the frequencies of 4 rotated dimensions in pairs */
  assert_int_equal(integer(passed_over, "bytes"), 2 * (64 * 64 + 2 + 2 * 2));
  assert_int_equal(integer(json_object_get(json_object_get(tensors, "dtypes"), "U8"), "bytes"),
                   2 * 64 * 64);
  json_decref(all);
}

/* The published protocol where it fits. */
static void test_published(void **state)
{
  const char *path = workshop_path("published");
  (void)state;
  free(workshop_run(EXIT_HELD,
                    "synth --like olmo:layers=1,hidden=32,heads=2,ffn=32,vocab=10000,context=256 "
                    "--out %s --quiet",
                    path));
  json_t *all = inspect(path, "--no-hash"), *screen = json_object_get(all, "screen");
  assert_true(json_is_true(json_object_get(screen, "published")));
  assert_int_equal(integer(json_object_get(screen, "protocol"), "seq_len"), 256);
  assert_true(
      json_is_null(json_object_get(json_array_get(json_object_get(all, "files"), 1), "sha256")));
  json_decref(all);
}

static void test_refusals(void **state)
{
  const char *damaged = with_config("damaged", "s/{/[/"), *cut = with_config("cut", "s/x/x/");
  (void)state;
  free(workshop_refuse(EXIT_INPUT, "PATH is missing", "inspect"));
  free(workshop_refuse(EXIT_INPUT, "there is no such directory", "inspect /nowhere"));
  free(workshop_refuse(EXIT_INPUT, "attest verify", "inspect manifests/nursery-olmo.json"));
  free(workshop_refuse(EXIT_INPUT, "give its directory",
                       "inspect " WORKSHOP_MODEL "/model.safetensors"));
  free(workshop_refuse(EXIT_INPUT, "is plain text, not a .tar, .tar.zst or .zip archive",
                       "inspect Makefile"));
  free(workshop_refuse(EXIT_INPUT, "config.json: missing", "inspect tests/fixtures"));
  free(workshop_refuse(EXIT_INPUT, "config.json", "inspect %s", damaged));
  free(workshop_refuse(EXIT_RUN, "cannot be written",
                       "inspect " WORKSHOP_MODEL " --json /nowhere/x.json"));
  workshop_shell("truncate -s -100 %s/model.safetensors", cut);
  free(workshop_refuse(EXIT_INPUT, "cut off or damaged", "inspect %s", cut));
}

/* Names that would move the cursor stay text. */
static void test_hostile_names(void **state)
{
  static const char header[] = "{\"\\u001b[2J\\n\":{\"dtype\":\"U8\",\"shape\":[1],"
                               "\"data_offsets\":[0,1]}}";
  static const char config[] = "{\"model_type\":\"\\u001b]0;x\\u0007\"}";
  const char *folder = workshop_path("hostile");
  char path[600], file[200];
  (void)state;
  workshop_shell("mkdir %s", folder);
  snprintf(path, sizeof path, "%s/config.json", folder);
  support_write(path, config, sizeof config - 1);
  memset(file, 0, sizeof file);
  file[0] = (char)(sizeof header - 1);
  memcpy(file + 8, header, sizeof header - 1);
  snprintf(path, sizeof path, "%s/model.safetensors", folder);
  support_write(path, file, 8 + sizeof header - 1 + 1);
  char *text = workshop_run(EXIT_HELD, "inspect %s --tensors", folder);
  workshop_contains(text, "\\x1B[2J\\x0A U8 [1]");
  workshop_contains(text, "model_type \\x1B]0;x\\x07\n");
  for (const char *p = text; *p; p++)
    assert_true(*p == '\n' || (*p >= ' ' && *p != 0x7F));
  free(text);
}

/* A checkpoint is hashed without staying in memory. */
static void test_memory(void **state)
{
  const char *path = workshop_path("large");
  struct rusage usage;
  (void)state;
  if (support_emulated())
    skip(); /* the emulator's own memory would count */
  free(workshop_run(EXIT_HELD,
                    "synth --like olmo:layers=2,hidden=1024,heads=8,ffn=4096,vocab=20000 --out %s "
                    "--quiet",
                    path));
  json_t *all = inspect(path, "--memory 32M --threads 1");
  json_int_t bytes = integer(json_object_get(all, "tensors"), "bytes");
  assert_true(bytes > 250000000);
  check_tensors(all);
  json_decref(all);
  assert_int_equal(getrusage(RUSAGE_CHILDREN, &usage), 0);
  assert_true(usage.ru_maxrss * 1024 < bytes / 3);
  workshop_shell("rm -r %s", path);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_all_models),  cmocka_unit_test(test_shards_and_text),
      cmocka_unit_test(test_archives),    cmocka_unit_test(test_obstacles),
      cmocka_unit_test(test_other_dtype), cmocka_unit_test(test_inconsistent),
      cmocka_unit_test(test_buffers),     cmocka_unit_test(test_published),
      cmocka_unit_test(test_refusals),    cmocka_unit_test(test_hostile_names),
      cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests_name("inspect", tests, NULL, NULL);
}
