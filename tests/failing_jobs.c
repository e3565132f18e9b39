/* The runs in which calls fail, and their inputs. */
#include "failing.h"

#include "base/digest.h"
#include "packing.h"
#include "workshop.h"

#define SCREEN "--n 4 --seq-len 64 --vocab 1:250 --pr-n 4 --threads 2"
#define SYNTH "layers=2,hidden=32,heads=2,vocab=256,context=64"

const struct failing_job failing_jobs[] = {
    {"screen %/c/r0 " SCREEN " --out @/o.csv --json @/o.json", TIMES_IN_TEXT, false, false, 0},
    {"screen %/torch " SCREEN " --out @/o.csv --memory 3M --bootstrap 2 --until-sure 0.9",
     TIMES_IN_TEXT, false, false, 0},
    {"screen %/olmoe " SCREEN " --dump @/d --quiet --json -", NO_TIMES, false, false, 0},
    {"screen %/c.zip:r1 " SCREEN " --quiet --out @/o.csv", NO_TIMES, false, true, 0},
    {"calibrate %/c/r0 " SCREEN " --draws 3 --out @/o.csv --json @/o.json", TIMES_IN_TEXT, false,
     false, 0},
    {"inspect %/c/r0 --tensors --threads 2 --json @/o.json", TIMES_EVERYWHERE, false, false, 12},
    {"inspect %/torch --tensors --threads 2 --json @/o.json", TIMES_EVERYWHERE, false, false, 12},
    {"inspect %/c.tar.zst --json @/o.json", TIMES_IN_TEXT, false, true, 0},
    {"verify %/m.json --threads 2 --json @/o.json", TIMES_IN_TEXT, false, false, 0},
    {"verify %/m.json --pointers %/c --revision r1 --json -", NO_TIMES, false, false, 0},
    {"pin %/unpinned.json --threads 2 --out @/p.json --json @/o.json", TIMES_IN_TEXT, false, false,
     0},
    {"reproduce %/m.json --threads 2 --work @/w --json @/o.json", TIMES_IN_TEXT, true, false, 0},
    {"reproduce %/m.json --threads 2 --work @/w --quiet --stream --base #", NO_TIMES, true, false,
     2},
    {"reproduce %/m.json --threads 2 --shard 2/3 --work @/w --json @/o.json", TIMES_IN_TEXT, true,
     false, 0},
    {"merge %/w/shard-1-of-2 %/w/shard-2-of-2 --threads 2 --work @/w --json @/o.json",
     TIMES_IN_TEXT, true, false, 0},
    {"fetch %/m.json --to @/f --retry-wait 1 --retries 1 --base # --json @/o.json", TIMES_IN_TEXT,
     true, true, 0},
    {"fetch %/unpinned.json --to @/f --dry-run --parallel 1 --base # --json -", NO_TIMES, false,
     true, 0},
    {"circuit %/c/r0 --task %/t.jsonl --method eap --scan --bootstrap 2 --threads 2 --out @/d "
     "--json @/o.json",
     NO_TIMES, false, false, 4},
    {"circuit %/circuits.json --threads 2 --work @/w --out @/d --json @/o.json", TIMES_IN_TEXT,
     true, false, 4},
    {"claims golden/nursery-olmo --json @/o.json", NO_TIMES, false, false, 0},
    {"claims golden/nursery-olmoe golden/nursery-olmo --json -", NO_TIMES, false, false, 0},
    {"reproduce manifests/published.json --threads 2 --work @/w --json @/o.json", TIMES_IN_TEXT,
     false, false, 4},
    {"plan %/m.json --shards 2 --threads 2 --json @/o.json", TIMES_EVERYWHERE, false, false, 40},
    {"rank golden/nursery-olmo --floor 61440 --json @/o.json", NO_TIMES, false, false, 0},
    {"sinks golden/nursery-olmoe --json @/o.json", NO_TIMES, false, false, 0},
    {"show golden/nursery-olmo --head 1.2 --json @/o.json", NO_TIMES, false, false, 0},
    {"show golden/nursery-olmo --series pr", NO_TIMES, false, false, 0},
    {"show golden/circuits-olmo --head 3.1 --json @/o.json", NO_TIMES, false, false, 4},
    {"report %/kept --out @/o.html", NO_TIMES, false, false, 40},
    {"report golden/nursery-olmo golden/circuits-olmo --heads L2H1 --format markdown "
     "--out @/o.md",
     NO_TIMES, false, false, 40},
    {"weights %/c/r0 %/c/r1 --threads 2 --json @/o.json", TIMES_IN_TEXT, false, false, 0},
    {"compare golden/nursery-olmo golden/nursery-olmo --json @/o.json", NO_TIMES, false, false, 0},
    {"synth --like olmo:" SYNTH ",shards=2 --out @/s --json @/o.json", TIMES_EVERYWHERE, false,
     false, 0},
    {"synth --like gpt_neox:" SYNTH " --pytorch --out @/s", TIMES_IN_TEXT, false, false, 0},
    {"ordinary %/olmoe --n 2 --seq-len 64 --vocab 1:250 --threads 2 --out @/o.csv --json @/o.json",
     NO_TIMES, false, false, 4},
    {"task starts --n 4 --out @/t.jsonl --json @/o.json", NO_TIMES, false, false, 0},
    {"tokenize tests/fixtures/tokenizers.tar.zst:tokenizers/neox --text Some\xC3\xA9 --json "
     "@/o.json",
     NO_TIMES, false, false, 4},
    {"train %/recipe.json --threads 2 --out @/t --json @/o.json", TIMES_IN_TEXT, true, false, 4},
    {"train %/few.json --out @/t --json @/o.json", TIMES_IN_TEXT, true, false, 4},
    {"train %/few.json --out @/t --examine --stride 50 --json @/o.json", TIMES_IN_TEXT, true, false,
     8},
    {"selftest --isa scalar --threads 2 --json @/o.json", NO_TIMES, false, false, 4},
    {"manual screen", NO_TIMES, false, false, 4},
    {"manual --to @/pages", NO_TIMES, false, false, 4},
    {"completion zsh", NO_TIMES, false, false, 4},
    {"bench --shrink 16 --quick --sweep @/s.csv", TIMES_EVERYWHERE, false, false, 80},
    {"bench --shrink 16 --quick --only digest --quiet --json @/o.json", TIMES_EVERYWHERE, false,
     false, 40},
};
const size_t failing_job_count = sizeof failing_jobs / sizeof *failing_jobs;

/* A manifest of the two revisions, without pins and goldens; json_decref(). */
static json_t *manifest(void)
{
  static const char *const names[] = {"config.json", "model.safetensors.index.json",
                                      "model-00001-of-00002.safetensors",
                                      "model-00002-of-00002.safetensors"};
  json_t *root = workshop_json("manifests/nursery-olmo.json"), *revisions = json_array();
  json_t *protocol = json_object_get(root, "protocol");
  for (int i = 0; i < 2; i++) {
    json_t *files = json_array();
    for (size_t k = 0; k < 4; k++)
      json_array_append_new(files, json_pack("{s:s, s:n, s:n, s:n}", "path", names[k], "bytes",
                                             "sha256", "xxh3_128"));
    json_array_append_new(revisions, json_pack("{s:s, s:i, s:f, s:s, s:o}", "name", i ? "r1" : "r0",
                                               "step", i, "tokens", 100.0 * i, "directory",
                                               i ? "r1" : "r0", "files", files));
  }
  json_object_set_new(root, "revisions", revisions);
  json_object_set_new(root, "checkpoints", json_string("c"));
  json_object_set_new(root, "container", json_null());
  json_object_set_new(root, "golden", json_null());
  json_object_set_new(root, "repository", json_string("some-one/the-model"));
  json_object_set_new(protocol, "n", json_integer(4));
  json_object_set_new(protocol, "pr_n", json_integer(4));
  return root;
}

static void make_manifests(const char *in)
{
  char path[600], pinned[600];
  snprintf(path, sizeof path, "%s/unpinned.json", in);
  snprintf(pinned, sizeof pinned, "%s/m.json", in);
  json_t *root = manifest();
  workshop_json_write(path, root);
  json_decref(root);
  free(workshop_run(EXIT_HELD, "pin %s --out %s", path, pinned));
  root = workshop_json(pinned);
  json_object_set_new(root, "golden", json_string("golden"));
  workshop_json_write(pinned, root);
  json_decref(root);
  workshop_shell("mkdir %s/golden", in);
  free(workshop_run(EXIT_HELD, "reproduce %s --update-golden --work %s/work", pinned, in));
  free(workshop_run(EXIT_HELD, "reproduce %s --work %s/kept --json %s/run.json", pinned, in, in));
  for (int i = 1; i <= 2; i++)
    free(workshop_run(EXIT_HELD, "reproduce %s --shard %d/2 --work %s/w", pinned, i, in));
}

/* Circuits of the two revisions on a task of two pairs, with their golden. */
static void make_circuits(const char *in)
{
  static const char task[] =
      "{\"task\": \"toy\", \"metric\": \"logit\"}\n"
      "{\"clean\": [9, 3, 7], \"corrupted\": [9, 4, 7], \"positive\": [3], \"negative\": [4]}\n"
      "{\"clean\": [8, 5, 6, 5], \"corrupted\": [8, 5, 9, 5], \"positive\": [6], \"negative\": "
      "[]}\n";
  char path[600];
  struct digest digest;
  struct error error;
  snprintf(path, sizeof path, "%s/t.jsonl", in);
  support_write(path, task, strlen(task));
  assert_int_equal(digest_of(task, strlen(task), &digest, &error), 0);
  snprintf(path, sizeof path, "%s/m.json", in);
  json_t *root = workshop_json(path);
  json_object_del(root, "protocol");
  json_object_del(root, "ablation");
  json_object_set_new(root, "golden", json_string("circuits"));
  json_object_set_new(root, "circuits",
                      json_pack("{s:[{s:s, s:s}], s:n, s:s, s:s, s:f, s:n, s:i, s:b}", "tasks",
                                "path", "t.jsonl", "sha256", digest.sha256, "pairs", "method",
                                "eap", "choose", "greedy", "threshold", 0.8, "bound", "n", 9,
                                "scan", 0));
  snprintf(path, sizeof path, "%s/circuits.json", in);
  workshop_json_write(path, root);
  json_decref(root);
  free(workshop_run(EXIT_HELD, "reproduce %s --update-golden --work %s/work", path, in));
}

/* Compressed and stored, the files of a model in a folder "r1". */
static void pack(const char *in)
{
  static const char *const names[] = {"r1/config.json", "r1/model.safetensors"};
  for (enum packing packing = TAR_ZST; packing <= ZIP; packing++) {
    char path[600];
    snprintf(path, sizeof path, "%s/c.%s", in, endings[packing]);
    struct archive *archive = start(path, packing);
    for (size_t k = 0; k < 2; k++) {
      size_t size;
      snprintf(path, sizeof path, "%s/olmoe/%s", in, names[k] + 3);
      char *data = support_read(path, &size);
      add(archive, names[k], AE_IFREG, NULL, data, size);
      free(data);
    }
    finish(archive);
  }
}

/* Two steps of a checkpoint of experts, from phrases. */
static void make_recipe(const char *in)
{
  static const char recipe[] =
      "{\"format\": 1, \"name\": \"failing\", \"start\": {\"checkpoint\": \"olmoe\"}, \"seed\": 1,"
      " \"data\": {\"kind\": \"phrases\", \"sequences\": 2, \"length\": 8, \"begin\": 0,"
      " \"separator\": 9, \"plain\": [1, 8], \"phrase_documents\": 0.5, \"phrases\": [1, 2],"
      " \"phrase\": [2, 3], \"stray\": 0.1, \"copy\": 0.1, \"copy_least\": 2, \"copy_mean\": 2},"
      " \"optimizer\": {\"kind\": \"adam\", \"beta1\": 0.9, \"beta2\": 0.99, \"eps\": 1e-8},"
      " \"schedule\": {\"kind\": \"constant\", \"rate\": 0.001, \"warmup\": 0},"
      " \"steps\": 2, \"revisions\": [0, 1, 2]}";
  const char *few =
      "{\"format\": 1, \"kind\": \"few_shot\", \"name\": \"few\", \"sequences\": 20,"
      " \"batch\": 4, \"model\": {\"hidden\": 8, \"heads\": 2},"
      " \"data\": {\"classes\": 3, \"test_classes\": 2}, \"checkpoint_every\": 8,"
      " \"evaluate\": {\"every\": 8, \"sequences\": 6}, \"clamp\": {\"preserve\": \"values\"}}";
  char path[600];
  snprintf(path, sizeof path, "%s/recipe.json", in);
  support_write(path, recipe, strlen(recipe));
  snprintf(path, sizeof path, "%s/few.json", in);
  support_write(path, few, strlen(few));
}

void failing_inputs(const char *in)
{
  workshop_shell("mkdir -p %s/c", in);
  for (int i = 0; i < 2; i++)
    free(workshop_run(EXIT_HELD, "synth --like olmo:" SYNTH ",shards=2 --seed %d --out %s/c/r%d", i,
                      in, i));
  free(workshop_run(EXIT_HELD, "synth --like olmo:" SYNTH " --pytorch --out %s/torch", in));
  free(workshop_run(EXIT_HELD, "synth --like olmoe:" SYNTH " --out %s/olmoe", in));
  pack(in);
  make_manifests(in);
  make_circuits(in);
  make_recipe(in);
}
