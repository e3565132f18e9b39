/* The manifests of the 30 published revisions, which nobody here has seen the files of, against
 * what is known: the published tables, the shapes of the models, and the sizes the hub tells.
 * ATTEST_WRITE_TENSORS=1 makes the tensor lists again instead of comparing them. */
#include "support.h"

#include "base/json.h"
#include "base/text.h"
#include "checkpoint/in_memory.h"
#include "manifest/manifest.h"
#include "manifest/manifest_rebase.h"
#include "manifest/tensor_list.h"
#include "model/inventory.h"
#include "model/recipe.h"
#include "trajectory/trajectory.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct paper_model {
  const char *name, *like, *repository;
  enum model_family family;
  uint64_t parameters;
  size_t required, optional; /* tensors */
  const char *files[6];
} models[] = {
    {"pythia-1b",
     "pythia-1b",
     "EleutherAI/pythia-1b",
     FAMILY_GPT_NEOX,
     1011781632,
     196,
     48,
     {"config.json", "pytorch_model.bin"}},
    {"olmo-1b-0724",
     "olmo-1b",
     "allenai/OLMo-1B-0724-hf",
     FAMILY_OLMO,
     1279787008,
     114,
     0,
     {"config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
      "model.safetensors.index.json"}},
    {"olmoe-1b-7b-0924",
     "olmoe-1b-7b",
     "allenai/OLMoE-1B-7B-0924",
     FAMILY_OLMOE,
     6919161856,
     3219,
     0,
     {"config.json", "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
      "model-00003-of-00003.safetensors", "model.safetensors.index.json"}},
};

#define MODELS (sizeof models / sizeof *models)

static void assert_done(int code, const struct error *error)
{
  if (code)
    fail_msg("%s", error->text);
}

static const char *path_of(const struct paper_model *model, const char *ending)
{
  static char path[128];
  snprintf(path, sizeof path, "manifests/paper/%s%s", model->name, ending);
  return path;
}

/* inventory_free, free(*config) */
static struct inventory inventory_of(const struct paper_model *model, char **config)
{
  struct recipe recipe;
  struct model_config parsed;
  struct inventory inventory;
  struct error error = {0};
  assert_done(recipe_parse(model->like, &recipe, &error), &error);
  *config = recipe_config(&recipe, "test", &error);
  assert_non_null(*config);
  assert_done(model_config_parse(model->like, *config, strlen(*config), &parsed, &error), &error);
  assert_int_equal(parsed.family, model->family);
  assert_done(inventory_create(model->like, &parsed, recipe.dtype, parsed.family == FAMILY_GPT_NEOX,
                               &inventory, &error),
              &error);
  return inventory;
}

static struct tensor_list list_of(const struct paper_model *model)
{
  struct tensor_list list;
  struct error error = {0};
  assert_done(tensor_list_load(path_of(model, ".tensors.tsv"), &list, &error), &error);
  return list;
}

static int by_name(const void *a, const void *b)
{
  const struct tensor *const *left = a, *const *right = b;
  return strcmp((*left)->name, (*right)->name);
}

static bool is_buffer(const struct inventory *inventory, const struct tensor *tensor)
{
  return inventory->kinds[tensor - inventory->tensors] >= INVENTORY_MASK;
}

/* Masks are bytes or truth values, and the other buffers were kept in either precision. */
static void add_row(struct text *text, const struct inventory *inventory,
                    const struct tensor *tensor)
{
  bool buffer = is_buffer(inventory, tensor);
  const char *dtype = !buffer                     ? dtype_name(tensor->dtype)
                      : tensor->dtype == DTYPE_U8 ? "U8|BOOL"
                                                  : "F16|F32";
  text_add(text, "%s\t%s\t%s", tensor->name, dtype, tensor->rank == 0 ? "scalar" : "");
  for (int i = 0; i < tensor->rank; i++)
    text_add(text, i > 0 ? ",%" PRId64 : "%" PRId64, tensor->shape[i]);
  text_add(text, buffer ? "\toptional\n" : "\n");
}

/* text_free */
static struct text make_list(const struct paper_model *model)
{
  char *config;
  struct inventory inventory = inventory_of(model, &config);
  const struct tensor **sorted = calloc(inventory.count, sizeof *sorted);
  struct text text = {0};
  assert_non_null(sorted);
  for (size_t i = 0; i < inventory.count; i++)
    sorted[i] = &inventory.tensors[i];
  qsort(sorted, inventory.count, sizeof *sorted, by_name);
  text_add(&text,
           "# Tensors that a checkpoint of %s must hold (src/checkpoint/tensor_list.h).\n"
           "# Source: the shape of the model as published and src/model/inventory.h; not yet\n"
           "# compared with the files themselves. Make it anew from the project's root with\n"
           "# ATTEST_WRITE_TENSORS=1 build/tests/paper\n" TENSOR_LIST_HEADER "\n",
           model->repository);
  for (size_t i = 0; i < inventory.count; i++)
    add_row(&text, &inventory, sorted[i]);
  assert_false(text.failed);
  free(sorted);
  inventory_free(&inventory);
  free(config);
  return text;
}

static void test_lists_are_those_of_the_shapes(void **state)
{
  const char *write = getenv("ATTEST_WRITE_TENSORS");
  (void)state;
  for (size_t i = 0; i < MODELS; i++) {
    struct text made = make_list(&models[i]);
    const char *path = path_of(&models[i], ".tensors.tsv");
    size_t size;
    if (write && *write)
      support_write(path, made.data, made.length);
    char *committed = support_read(path, &size);
    if (size != made.length || memcmp(committed, made.data, size) != 0)
      fail_msg("%s: differs from the shape of the model; see its first lines", path);
    free(committed);
    text_free(&made);
  }
}

static void test_counts(void **state)
{
  (void)state;
  for (size_t i = 0; i < MODELS; i++) {
    struct tensor_list list = list_of(&models[i]);
    uint64_t parameters = 0;
    size_t required = 0;
    for (size_t k = 0; k < list.count; k++)
      if (!list.rows[k].optional) {
        parameters += list.rows[k].elements;
        required++;
      }
    assert_int_equal(parameters, models[i].parameters);
    assert_int_equal(required, models[i].required);
    assert_int_equal(list.count - required, models[i].optional);
    tensor_list_free(&list);
  }
}

/* The tensor bytes of OLMo's two files as the hub tells them: lm_head.weight is alone in the
 * second.
 */
static void test_olmo_shards(void **state)
{
  struct tensor_list list = list_of(&models[1]);
  uint64_t first = 0, second = 0;
  (void)state;
  for (size_t i = 0; i < list.count; i++) {
    uint64_t bytes = list.rows[i].elements * dtype_size(DTYPE_F32);
    assert_int_equal(list.rows[i].dtypes, 1u << DTYPE_F32);
    if (strcmp(list.rows[i].name, "lm_head.weight") == 0)
      second += bytes;
    else
      first += bytes;
  }
  assert_int_equal(first, UINT64_C(4707057664));
  assert_int_equal(second, UINT64_C(412090368));
  tensor_list_free(&list);
}

static void count_line(void *context, const char *line)
{
  (void)line;
  ++*(size_t *)context;
}

static size_t deviations(const struct tensor_list *list, const char *config,
                         const struct tensor *tensors, size_t count)
{
  struct checkpoint *checkpoint;
  struct error error = {0};
  size_t lines = 0, failures;
  assert_done(checkpoint_of_tensors("m", config, tensors, count, &checkpoint, &error), &error);
  tensor_list_check(list, checkpoint, count_line, &lines, &failures);
  checkpoint_close(checkpoint);
  assert_int_equal(lines > 0, failures > 0);
  return failures;
}

/* A checkpoint of each model passes its own list, with and without buffers, and no other list. */
static void test_models_pass_their_lists(void **state)
{
  (void)state;
  for (size_t i = 0; i < MODELS; i++) {
    char *config;
    struct inventory inventory = inventory_of(&models[i], &config);
    struct tensor_list own = list_of(&models[i]), other = list_of(&models[(i + 1) % MODELS]);
    size_t kept = 0;
    assert_int_equal(deviations(&own, config, inventory.tensors, inventory.count), 0);
    assert_true(deviations(&other, config, inventory.tensors, inventory.count) > 0);
    struct tensor *parameters = calloc(inventory.count, sizeof *parameters);
    assert_non_null(parameters);
    for (size_t k = 0; k < inventory.count; k++)
      if (!is_buffer(&inventory, &inventory.tensors[k]))
        parameters[kept++] = inventory.tensors[k];
    assert_int_equal(kept, models[i].required);
    assert_int_equal(deviations(&own, config, parameters, kept), 0);
    assert_int_equal(deviations(&own, config, parameters, kept - 1), 1);
    free(parameters);
    tensor_list_free(&own);
    tensor_list_free(&other);
    inventory_free(&inventory);
    free(config);
  }
}

static void check_files(const struct paper_model *model, const struct manifest_revision *revision)
{
  size_t expected = 0;
  while (model->files[expected])
    expected++;
  assert_int_equal(revision->file_count, expected);
  for (size_t i = 0; i < expected; i++) {
    const struct pinned_file *file = &revision->files[i];
    assert_string_equal(file->path, model->files[i]);
    assert_false(file->has_bytes || *file->digest.sha256 || *file->digest.xxh3_128);
  }
}

static void check_revisions(const struct paper_model *model, const struct manifest *manifest)
{
  struct trajectory tables;
  struct error error = {0};
  assert_done(trajectory_load(manifest->published.directory, &tables, &error), &error);
  assert_string_equal(tables.model, manifest->model);
  assert_int_equal(tables.count, 10);
  assert_int_equal(manifest->revision_count, 10);
  for (size_t i = 0; i < 10; i++) {
    const struct manifest_revision *revision = &manifest->revisions[i];
    assert_string_equal(revision->name, tables.revisions[i].name);
    assert_string_equal(revision->directory, revision->name);
    assert_int_equal(revision->step, tables.revisions[i].step);
    assert_true(revision->tokens == tables.revisions[i].tokens);
    check_files(model, revision);
  }
  trajectory_free(&tables);
}

static void check_protocol(const struct protocol *found)
{
  const struct protocol published = PROTOCOL_PUBLISHED;
  assert_int_equal(found->n, published.n);
  assert_int_equal(found->seq_len, published.seq_len);
  assert_int_equal(found->vocab_lo, published.vocab_lo);
  assert_int_equal(found->vocab_hi, published.vocab_hi);
  assert_int_equal(found->seed, published.seed);
  assert_int_equal(found->pr_n, published.pr_n);
  assert_int_equal(found->baseline_n, published.baseline_n);
  assert_int_equal(found->bos, published.bos);
}

/* Tokens of one step: the batch of each model as it was trained, 1024 x 2048 (Pythia), 1024 x 2048
 * (OLMo), 1024 x 4096 (OLMoE). */
static const uint64_t tokens_per_step[MODELS] = {2097152, 2097152, 4194304};

/* Names and tokens are cut, not rounded. The hub has one branch whose name is not the product. */
static void check_names(size_t model, const struct manifest_revision *revision)
{
  const char *exception = "step1454000-tokens3048B";
  char name[64];
  double tokens = (double)(revision->step * tokens_per_step[model]);
  uint64_t billions = (uint64_t)(tokens / 1e9);
  if (models[model].family == FAMILY_GPT_NEOX) {
    snprintf(name, sizeof name, "step%" PRIu64, revision->step);
    assert_true(revision->tokens == floor(tokens / 1e6) / 1e3);
  } else {
    if (strcmp(revision->name, exception) == 0) {
      assert_int_equal(billions, 3049);
      billions--;
    }
    snprintf(name, sizeof name, "step%" PRIu64 "-tokens%" PRIu64 "B", revision->step, billions);
    assert_true(revision->tokens == (double)billions);
  }
  assert_string_equal(revision->name, name);
}

static void test_names(void **state)
{
  size_t exceptions = 0;
  (void)state;
  for (size_t i = 0; i < MODELS; i++) {
    struct manifest manifest;
    struct error error = {0};
    assert_done(manifest_load(path_of(&models[i], ".json"), &manifest, &error), &error);
    for (size_t k = 0; k < manifest.revision_count; k++) {
      check_names(i, &manifest.revisions[k]);
      exceptions += strcmp(manifest.revisions[k].name, "step1454000-tokens3048B") == 0;
    }
    manifest_free(&manifest);
  }
  assert_int_equal(exceptions, 1);
}

/* As in the README: pinned with --out in the project's root, tables and tensors are still found. */
static void test_rebased(void **state)
{
  (void)state;
  for (size_t i = 0; i < MODELS; i++) {
    struct manifest manifest;
    struct trajectory tables;
    struct tensor_list list;
    struct error error = {0};
    json_t *root;
    const char *path = path_of(&models[i], ".json");
    assert_done(json_read_object(path, 1 << 20, &root, &error), &error);
    assert_done(manifest_rebase(root, path, "pinned.json", &error), &error);
    char *text = json_dumps(root, 0);
    assert_non_null(text);
    assert_done(manifest_parse("pinned.json", text, strlen(text), &manifest, &error), &error);
    assert_done(trajectory_load(manifest.published.directory, &tables, &error), &error);
    assert_done(tensor_list_load(manifest.tensors, &list, &error), &error);
    assert_string_equal(tables.model, models[i].name);
    tensor_list_free(&list);
    trajectory_free(&tables);
    manifest_free(&manifest);
    free(text);
    json_decref(root);
  }
}

static void test_manifests(void **state)
{
  (void)state;
  for (size_t i = 0; i < MODELS; i++) {
    struct manifest manifest;
    struct tensor_list list;
    struct error error = {0};
    assert_done(manifest_load(path_of(&models[i], ".json"), &manifest, &error), &error);
    assert_string_equal(manifest.model, models[i].name);
    assert_string_equal(manifest.family, model_family_name(models[i].family));
    assert_string_equal(manifest.kind, "real");
    assert_string_equal(manifest.repository, models[i].repository);
    assert_false(manifest.has_container);
    assert_null(manifest.golden);
    assert_true(manifest.published.claims);
    assert_non_null(strstr(manifest.checkpoints, models[i].name));
    check_protocol(&manifest.protocol);
    check_revisions(&models[i], &manifest);
    assert_done(tensor_list_load(manifest.tensors, &list, &error), &error);
    assert_int_equal(list.count, models[i].required + models[i].optional);
    tensor_list_free(&list);
    manifest_free(&manifest);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_lists_are_those_of_the_shapes),
      cmocka_unit_test(test_counts),
      cmocka_unit_test(test_olmo_shards),
      cmocka_unit_test(test_models_pass_their_lists),
      cmocka_unit_test(test_manifests),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_rebased),
  };
  return cmocka_run_group_tests_name("paper", tests, NULL, NULL);
}
