#include "few_shot/training.h"

#include "base/memory.h"
#include "base/path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES ((size_t)1 << 20) /* of a recipe */

int few_training_is(const char *path, bool *is, struct error *error)
{
  struct blob blob;
  if (file_read(path, MOST_BYTES, &blob, error))
    return error->code;
  int status = few_recipe_is(path, blob.data, blob.size, is, error);
  blob_free(&blob);
  return status;
}

bool few_training_is_folder(const char *directory)
{
  char path[PATH_MAX];
  int length = snprintf(path, sizeof path, "%s/" FEW_UPDATES_FILE, directory);
  return length > 0 && (size_t)length < sizeof path && file_exists(path);
}

static int read_recipe(struct few_training *t, struct error *error)
{
  struct blob blob;
  if (file_read(t->path, MOST_BYTES, &blob, error))
    return error->code;
  int status = few_recipe_parse(t->path, blob.data, blob.size, &t->recipe, error);
  blob_free(&blob);
  if (!status && !(t->folder = path_folder(t->path)))
    status = error_set(error, EXIT_RUN, "%s: out of memory", t->path);
  return status;
}

static char *resolve(const struct few_training *t, const char *name, struct error *error)
{
  return path_resolve(*name == '/' ? "" : t->folder, name, error);
}

static int check_sha256(const char *path, const struct digest *digest, const char *wanted,
                        struct error *error)
{
  return wanted && strcmp(wanted, digest->sha256) != 0
             ? error_set(error, EXIT_INPUT, "%s: SHA-256 is %s, the recipe says %s", path,
                         digest->sha256, wanted)
             : 0;
}

static int refuse_memory(const struct few_training *t, uint64_t bytes, struct error *error)
{
  char need[32], have[32];
  return error_set(error, EXIT_INPUT,
                   "%s: takes %s of memory and may use %s; give it more with --memory, or make its "
                   "classes, batch, model or number of sequences smaller",
                   t->path, text_bytes(need, sizeof need, bytes),
                   text_bytes(have, sizeof have, t->memory));
}

/* Those that are in memory as long as the run. */
static int take_items(struct few_training *t, const char *name, const struct few_items *items,
                      struct error *error)
{
  uint64_t bytes = few_data_bytes(&t->recipe.data, items->exemplars, items->width);
  return bytes > t->memory ? refuse_memory(t, bytes, error)
                           : few_data_create(name, items, &t->recipe.data, &t->data, error);
}

static int read_item_file(struct few_training *t, struct error *error)
{
  struct few_items items;
  char *path = resolve(t, t->recipe.item_file, error);
  int status = path ? few_items_open(path, &items, error) : error->code;
  if (status) {
    free(path);
    return status;
  }
  status = check_sha256(path, &items.digest, t->recipe.item_sha256, error);
  if (!status)
    status = take_items(t, path, &items, error);
  few_items_close(&items);
  free(path);
  return status;
}

static int read_items(struct few_training *t, struct error *error)
{
  const struct few_recipe *r = &t->recipe;
  if (r->items == FEW_FILE)
    return read_item_file(t, error);
  const struct few_items items = few_items_surrogate(r->items, r->item_seed);
  return take_items(t, t->path, &items, error);
}

static int check_graft(const char *path, const char *wanted, struct error *error)
{
  struct blob blob;
  struct digest digest;
  if (!wanted)
    return 0;
  if (file_map(path, &blob, error))
    return error->code;
  int status = digest_blob(&blob, NULL, 0, &digest, error);
  blob_free(&blob);
  return status ? status : check_sha256(path, &digest, wanted, error);
}

static int read_graft(struct few_training *t, struct error *error)
{
  const struct few_sizes sizes = few_recipe_sizes(&t->recipe, t->data.width);
  if (!t->recipe.clamp.graft)
    return 0;
  t->graft = memory_alloc(few_parameters(&sizes), sizeof *t->graft, "graft", error);
  char *path = t->graft ? resolve(t, t->recipe.graft_file, error) : NULL;
  int status = path ? check_graft(path, t->recipe.graft_sha256, error) : error->code;
  if (!status)
    status = few_checkpoint_read(path, &sizes, t->graft, error);
  free(path);
  return status;
}

static int check_memory(const struct few_training *t, struct error *error)
{
  uint64_t bytes =
      few_run_bytes(t->run) + few_data_bytes(&t->recipe.data, t->data.exemplars, t->data.width);
  return bytes > t->memory ? refuse_memory(t, bytes, error) : 0;
}

int few_training_open(const char *path, const struct runtime *runtime, struct few_training *t,
                      struct error *error)
{
  *t = (struct few_training){.path = path, .memory = runtime->memory};
  if (read_recipe(t, error) || read_items(t, error) || read_graft(t, error) ||
      few_run_create(path, &t->recipe, &t->data, t->graft, runtime->kernels, &t->run, error))
    return error->code;
  return check_memory(t, error);
}

static enum few_stage stage_of(enum few_tensor tensor)
{
  return tensor < FEW_G0   ? FEW_STAGE_EMBEDDINGS
         : tensor < FEW_G1 ? FEW_STAGE_LAYER0
         : tensor < FEW_GF ? FEW_STAGE_LAYER1
                           : FEW_STAGE_UNEMBEDDING;
}

void few_training_complete(const struct few_training *t, float *parameters)
{
  const struct few_sizes sizes = few_recipe_sizes(&t->recipe, t->data.width);
  for (int i = 0; i < FEW_TENSORS; i++) {
    struct few_place place = few_place(&sizes, (enum few_tensor)i);
    if (few_graft_takes(t->recipe.clamp.graft, stage_of((enum few_tensor)i)))
      memcpy(parameters + place.offset, t->graft + place.offset,
             place.rows * place.columns * sizeof *parameters);
  }
}

void few_training_close(struct few_training *t)
{
  few_run_free(t->run);
  free(t->graft);
  few_data_free(&t->data);
  few_recipe_free(&t->recipe);
  free(t->folder);
  *t = (struct few_training){.path = NULL};
}
