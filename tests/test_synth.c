/* Checkpoints of random weights: the published shapes to the byte, the same bits everywhere, and
 * what is refused. */
#include "workshop.h"

#include "base/digest.h"
#include "checkpoint/checkpoint.h"
#include "model/model.h"

#include <sys/resource.h>

static const struct published {
  const char *like;
  uint64_t parameters, tensors;
  size_t files;
  struct {
    uint64_t tensor_bytes, bytes; /* bytes 0: not known from the published files */
  } file[3];
} published[] = {
    /* 2 bytes a parameter; masks 16 x 2048^2, minus infinities 16 x 2, frequencies 16 x 32 x 2 */
    {"pythia-1b", 1011781632, 244, 1, {{2 * 1011781632ull + 16 * (2048 * 2048 + 2 + 64), 0}}},
    {"olmo-1b", 1279787008, 114, 2, {{4707057664, 0}, {412090368, 0}}},
    {"olmoe-1b-7b",
     6919161856,
     3219,
     3,
     {{4997603328, 4997744872}, {4997087232, 4997235176}, {3843633152, 3843741912}}},
};

#define PUBLISHED (sizeof published / sizeof *published)

static void test_published_files(void **state)
{
  (void)state;
  for (size_t i = 0; i < PUBLISHED; i++) {
    const struct published *p = &published[i];
    char *text = workshop_run(EXIT_HELD, "synth --like %s --dry-run --json -", p->like);
    json_t *all = workshop_json_text(text), *files = json_object_get(all, "files"), *file;
    size_t at, sum = 0;
    assert_int_equal(json_integer_value(json_object_get(all, "parameters")), p->parameters);
    assert_int_equal(json_integer_value(json_object_get(all, "tensors")), p->tensors);
    assert_int_equal(json_array_size(files), p->files);
    json_array_foreach(files, at, file)
    {
      json_int_t bytes = json_integer_value(json_object_get(file, "bytes"));
      assert_int_equal(json_integer_value(json_object_get(file, "tensor_bytes")),
                       p->file[at].tensor_bytes);
      if (p->file[at].bytes)
        assert_int_equal(bytes, p->file[at].bytes);
      sum += (size_t)bytes;
    }
    assert_true((size_t)json_integer_value(json_object_get(all, "bytes")) > sum);
    json_decref(all);
    free(text);
  }
}

/* Small models of every family and option, with the digest of their first file. */
static const struct {
  const char *like, *file, *xxh3_128;
} small[] = {
    {"gpt_neox:layers=2,hidden=64,vocab=600,context=128", "model.safetensors",
     "40731ea9cffbc20e6db4fa84ffa7c8c5"},
    {"gpt_neox:layers=3,hidden=48,heads=2,ffn=100,vocab=600,context=128,parallel=0,buffers=0,"
     "dtype=bf16,tied=1,shards=3",
     "model-00001-of-00003.safetensors", "1345432c94173c81954207529e3bc4af"},
    {"olmo:layers=2,hidden=64,heads=4,kv_heads=2,ffn=96,vocab=600,context=128,clip=8",
     "model.safetensors", "1101ad10413bd10d5204a4de04a8ee71"},
    {"olmo:layers=2,hidden=64,vocab=600,context=128,dtype=f16,tied=1,shards=2,clip=0",
     "model-00001-of-00002.safetensors", "6662ee2f324900c61a983f97afb1e706"},
    {"olmoe:layers=2,hidden=64,vocab=600,context=128,experts=4,top_k=2", "model.safetensors",
     "dc5cf187eb76aef02f2159c641233501"},
    {"olmoe:layers=1,hidden=64,heads=2,kv_heads=1,ffn=24,vocab=600,context=128,experts=3,top_k=3,"
     "dtype=f32,shards=19",
     "model-00019-of-00019.safetensors", "baa06c7cc998bfd57cf9c0100c58f631"},
};

#define SMALL (sizeof small / sizeof *small)

/* The checkpoint holds what the program said it would. */
static void check_loads(const char *directory, const char *said)
{
  json_t *all = workshop_json_text(said);
  struct checkpoint *checkpoint;
  struct model model;
  struct error error = {0};
  if (checkpoint_open(directory, &checkpoint, &error) || model_load(checkpoint, &model, &error))
    fail_msg("%s", error.text);
  assert_int_equal(checkpoint_count(checkpoint),
                   json_integer_value(json_object_get(all, "tensors")));
  assert_int_equal(model_parameters(&model),
                   json_integer_value(json_object_get(all, "parameters")));
  model_free(&model);
  checkpoint_close(checkpoint);
  json_decref(all);
}

static void test_families_open_load_and_screen(void **state)
{
  const char *directory = workshop_path("small");
  (void)state;
  for (size_t i = 0; i < SMALL; i++) {
    char path[600], hash[33];
    size_t size;
    char *said = workshop_run(EXIT_HELD, "synth --like %s --out %s --seed 3 --json -",
                              small[i].like, directory);
    check_loads(directory, said);
    free(said);
    free(workshop_run(EXIT_HELD, "screen %s --n 4 --pr-n 4 --seq-len 64 --vocab 10:600 --out -",
                      directory));
    snprintf(path, sizeof path, "%s/%s", directory, small[i].file);
    char *data = support_read(path, &size);
    digest_xxh3(data, size, hash);
    free(data);
    if (strcmp(hash, small[i].xxh3_128) != 0)
      fail_msg("%s: %s instead of %s", small[i].like, hash, small[i].xxh3_128);
    workshop_shell("rm -r %s", directory);
  }
}

static void test_same_seed_same_bytes(void **state)
{
  static const char like[] = "olmo:layers=1,hidden=512,vocab=3000,dtype=bf16,shards=2";
  static const char *const files[] = {"config.json", "model.safetensors.index.json",
                                      "model-00001-of-00002.safetensors",
                                      "model-00002-of-00002.safetensors"};
  char *a, *b;
  (void)state;
  const char *one = workshop_path("one"), *three = workshop_path("three");
  const char *other = workshop_path("other");
  free(workshop_run(EXIT_HELD, "synth --like %s --out %s --threads 1 --seed 7", like, one));
  free(workshop_run(EXIT_HELD, "synth --like %s --out %s --threads 3 --seed 7", like, three));
  free(workshop_run(EXIT_HELD, "synth --like %s --out %s --threads 3 --seed 8", like, other));
  for (size_t i = 0; i < 4; i++) {
    size_t size_a, size_b;
    char path_a[600], path_b[600];
    snprintf(path_a, sizeof path_a, "%s/%s", one, files[i]);
    snprintf(path_b, sizeof path_b, "%s/%s", three, files[i]);
    workshop_same_files(path_a, path_b);
    snprintf(path_b, sizeof path_b, "%s/%s", other, files[i]);
    a = support_read(path_a, &size_a);
    b = support_read(path_b, &size_b);
    assert_int_equal(size_a, size_b);
    assert_int_equal(memcmp(a, b, size_a) == 0, i == 1);
    free(a);
    free(b);
  }
}

static void test_index(void **state)
{
  const char *directory = workshop_path("index");
  char path[600];
  (void)state;
  free(workshop_run(EXIT_HELD, "synth --like olmoe:layers=1,shards=4 --out %s", directory));
  snprintf(path, sizeof path, "%s/model.safetensors.index.json", directory);
  json_t *all = workshop_json(path), *map = json_object_get(all, "weight_map");
  /* 2 bytes for: the ends, attention, router, 8 experts, norms. */
  assert_int_equal(
      json_integer_value(json_object_get(json_object_get(all, "metadata"), "total_size")),
      2 * (2 * 10240 * 256 + 4 * 256 * 256 + 8 * 256 + 8 * 3 * 128 * 256 + 5 * 256));
  assert_int_equal(json_object_size(map), 4 + 2 + 1 + 8 * 3 + 2 + 3);
  assert_string_equal(json_string_value(json_object_get(map, "model.embed_tokens.weight")),
                      "model-00001-of-00004.safetensors");
  assert_string_equal(json_string_value(json_object_get(map, "lm_head.weight")),
                      "model-00004-of-00004.safetensors");
  json_decref(all);
}

static void test_recipes_refused(void **state)
{
  static const struct {
    const char *like, *words;
  } cases[] = {
      {"pythia", "must be pythia-1b"},
      {"pythia-1b:layers=2", "must be pythia-1b"},
      {"mamba:layers=2", "must be pythia-1b"},
      {"olmo:", "not a key of family olmo"},
      {"olmo:layers=2,", "not a key of family olmo"},
      {"olmo:layers", "layers needs a value"},
      {"olmo:layers=", "whole number from 1 to 1024"},
      {"olmo:layers=0", "whole number from 1 to 1024"},
      {"olmo:layers=1025", "whole number from 1 to 1024"},
      {"olmo:layers=99999999999999999999", "whole number from 1 to 1024"},
      {"olmo:layers=-1", "whole number from 1 to 1024"},
      {"olmo:layers=2,layers=2", "layers is given twice"},
      {"olmo:experts=2", "\"experts\" is not a key of family olmo"},
      {"olmo:buffers=1", "\"buffers\" is not a key of family olmo"},
      {"gpt_neox:clip=1", "\"clip\" is not a key of family gpt_neox"},
      {"gpt_neox:kv_heads=1", "\"kv_heads\" is not a key of family gpt_neox"},
      {"olmo:colour=red", "\"colour\" is not a key of family olmo"},
      {"olmo:dtype=f64", "dtype f64 must be f32, bf16 or f16"},
      {"olmo:clip=nan", "clip nan must be 0 or a number"},
      {"olmo:clip=-3", "clip -3 must be 0 or a number"},
      {"olmo:tied=2", "whole number from 0 to 1"},
      {"olmo:hidden=100,heads=3", "must divide one another"},
      {"olmo:heads=4,kv_heads=3", "must divide one another"},
      {"olmo:hidden=12,heads=4", "rotary dimensions"},
      {"olmoe:experts=2,top_k=3", "more than num_experts"},
      {"olmo:layers=1,shards=10", "shards must not be more than its 9 tensors"},
      {"olmoe:layers=1024,experts=4096", "more than 100000 tensors"},
      {"gpt_neox:layers=1024,context=1048577", "whole number from 1 to 1048576"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    free(workshop_refuse(EXIT_INPUT, cases[i].words, "synth --like %s --out %s", cases[i].like,
                         support_path("refused")));
  free(workshop_refuse(EXIT_INPUT, "--like and --out", "synth --out x"));
  free(workshop_refuse(EXIT_INPUT, "--like and --out", "synth --like olmo"));
  free(workshop_refuse(EXIT_INPUT, "one argument too many", "synth olmo"));
  assert_int_not_equal(access(support_path("refused"), F_OK), 0);
}

static void test_places_refused(void **state)
{
  const char *directory = workshop_path("taken"), *file = workshop_path("taken/notes.txt");
  (void)state;
  workshop_shell("mkdir %s && echo text > %s", directory, file);
  free(workshop_refuse(EXIT_INPUT, "holds notes.txt", "synth --like olmo --out %s --quiet",
                       directory));
  free(workshop_refuse(EXIT_INPUT, "directory cannot be created: a file has this name",
                       "synth --like olmo --out %s --quiet", file));
  free(workshop_refuse(EXIT_RUN, "but only",
                       "synth --like olmo:layers=1024,hidden=65536 --out %s --quiet",
                       workshop_path("vast")));
  assert_int_not_equal(access(workshop_path("vast"), F_OK), 0);
}

/* A failure in the second file takes the first one with it. */
static void test_failure_leaves_nothing(void **state)
{
  const char *directory = workshop_path("failed");
  struct rlimit limit, less;
  (void)state;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  less = (struct rlimit){100000, limit.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
  free(workshop_refuse(EXIT_RUN, "File too large",
                       "synth --like olmo:layers=1,hidden=64,vocab=300,dtype=f16,shards=2,ffn=1000 "
                       "--out %s --quiet",
                       directory));
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  assert_int_not_equal(access(directory, F_OK), 0);
}

/* The same tensors in the other format: the same figures, in files of the announced size. */
static void test_pytorch(void **state)
{
  static const char *const likes[] = {"gpt_neox:layers=2,hidden=64,heads=2,vocab=600",
                                      "gpt_neox:layers=2,hidden=64,heads=2,vocab=600,shards=3"};
  const char *plain = workshop_path("st"), *torch = workshop_path("pt");
  const char *options = "--n 4 --seq-len 64 --vocab 10:500 --pr-n 4 --quiet";
  (void)state;
  for (int i = 0; i < 2; i++) {
    free(workshop_run(EXIT_HELD, "synth --like %s --out %s --seed 3 --quiet", likes[i], plain));
    char *text = workshop_run(EXIT_HELD, "synth --like %s --out %s --seed 3 --pytorch --json -",
                              likes[i], torch);
    json_t *all = workshop_json_text(text), *files = json_object_get(all, "files"), *file;
    size_t at;
    json_array_foreach(files, at, file)
    {
      struct stat info;
      char path[600];
      snprintf(path, sizeof path, "%s/%s", torch, json_string_value(json_object_get(file, "name")));
      assert_int_equal(stat(path, &info), 0);
      assert_int_equal(info.st_size, json_integer_value(json_object_get(file, "bytes")));
    }
    assert_int_equal(json_array_size(files), i ? 3 : 1);
    json_decref(all);
    free(text);
    free(workshop_run(EXIT_HELD, "screen %s %s --out %s.csv", plain, options, plain));
    free(workshop_run(EXIT_HELD, "screen %s %s --out %s.csv", torch, options, torch));
    char a[600], b[600];
    snprintf(a, sizeof a, "%s.csv", plain);
    snprintf(b, sizeof b, "%s.csv", torch);
    workshop_same_files(a, b);
    workshop_shell("rm -r %s %s %s %s", plain, torch, a, b);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_published_files),
      cmocka_unit_test(test_families_open_load_and_screen),
      cmocka_unit_test(test_same_seed_same_bytes),
      cmocka_unit_test(test_index),
      cmocka_unit_test(test_pytorch),
      cmocka_unit_test(test_recipes_refused),
      cmocka_unit_test(test_places_refused),
      cmocka_unit_test(test_failure_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
