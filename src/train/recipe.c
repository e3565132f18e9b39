#include "train/recipe.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "train/recipe_part.h"
#include "train/recipe_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECIPE_FORMAT 1
#define MOST_BYTES ((size_t)1 << 20)
#define MOST_STEPS ((int64_t)1 << 32)
#define MOST_DEVIATION 1e6

static int read_initial(const json_t *root, const char *where, struct initial *initial,
                        struct error *error)
{
  static const char *const known[] = {"matrix", "embedding", "head", "router", NULL};
  struct {
    const char *key;
    double *value;
  } const values[] = {{"matrix", &initial->matrix},
                      {"embedding", &initial->embedding},
                      {"head", &initial->head},
                      {"router", &initial->router}};
  struct recipe_part part;
  if (recipe_part_open(root, where, "initial", &part, error) ||
      json_check_keys(part.object, part.where, known, error))
    return error->code;
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    bool optional =
        i == 2 || i == 3; /* a tied model has no head of its own, a dense one no router */
    if (optional && json_is_absent(part.object, values[i].key))
      continue;
    if (json_get_number(part.object, part.where, values[i].key, 0, MOST_DEVIATION, values[i].value,
                        error))
      return error->code;
  }
  return 0;
}

static int read_start(const json_t *root, const char *where, struct train_recipe *recipe,
                      struct error *error)
{
  static const char *const known[] = {"checkpoint", "sha256", NULL};
  struct recipe_part part;
  if (recipe_part_open(root, where, "start", &part, error) ||
      json_check_keys(part.object, part.where, known, error) ||
      json_get_string(part.object, part.where, "checkpoint", &recipe->start, error))
    return error->code;
  if (!*recipe->start)
    return error_set(error, EXIT_INPUT, "%s: \"checkpoint\" is empty", part.where);
  return recipe_get_sha256(part.object, part.where, "sha256", &recipe->start_sha256, error);
}

/* Either a checkpoint, or a shape and how its parameters are drawn. */
static int read_model(const json_t *root, const char *where, struct train_recipe *recipe,
                      struct error *error)
{
  struct model_config config;
  struct recipe_part part;
  if (!json_is_absent(root, "start")) {
    if (!json_is_absent(root, "config") || !json_is_absent(root, "initial"))
      return error_set(error, EXIT_INPUT,
                       "%s: \"start\" brings its own \"config\" and values; remove these or "
                       "\"initial\"",
                       where);
    return read_start(root, where, recipe, error);
  }
  if (recipe_part_open(root, where, "config", &part, error) ||
      json_compact(part.where, part.object, &recipe->config_json, error) ||
      model_config_parse(part.where, recipe->config_json.data, recipe->config_json.length, &config,
                         error))
    return error->code;
  return read_initial(root, where, &recipe->initial, error);
}

static int read_losses(const json_t *root, const char *where, struct train_recipe *recipe,
                       struct error *error)
{
  static const char *const known[] = {"load_balancing", "router_z", NULL};
  struct recipe_part part;
  if (json_is_absent(root, "losses"))
    return 0;
  if (recipe_part_open(root, where, "losses", &part, error) ||
      json_check_keys(part.object, part.where, known, error) ||
      json_get_number(part.object, part.where, "load_balancing", 0, MOST_DEVIATION,
                      &recipe->load_balancing, error))
    return error->code;
  return json_get_number(part.object, part.where, "router_z", 0, MOST_DEVIATION, &recipe->router_z,
                         error);
}

static int read_revisions(const json_t *root, const char *where, struct train_recipe *recipe,
                          struct error *error)
{
  json_t *list, *item;
  size_t i;
  if (json_get_array(root, where, "revisions", &list, error))
    return error->code;
  size_t count = json_array_size(list);
  if (count > RECIPE_MOST_REVISIONS)
    return error_set(error, EXIT_INPUT, "%s: \"revisions\" has %zu steps, at most %d may be kept",
                     where, count, RECIPE_MOST_REVISIONS);
  recipe->revisions = memory_alloc(count, sizeof *recipe->revisions, where, error);
  if (!recipe->revisions)
    return error->code;
  json_array_foreach(list, i, item)
  {
    json_int_t step = json_integer_value(item);
    if (!json_is_integer(item) || step < 0 || (uint64_t)step > recipe->steps ||
        (i && (uint64_t)step <= recipe->revisions[i - 1]))
      return error_set(
          error, EXIT_INPUT,
          "%s: \"revisions\"[%zu] must be a step between 0 and %llu, more than the one "
          "before",
          where, i, (unsigned long long)recipe->steps);
    recipe->revisions[i] = (uint64_t)step;
  }
  recipe->revision_count = count;
  return 0;
}

static int read_numbers(const json_t *root, const char *where, struct train_recipe *recipe,
                        struct error *error)
{
  int64_t format, seed, steps;
  if (json_get_integer(root, where, "format", RECIPE_FORMAT, RECIPE_FORMAT, &format, error) ||
      json_get_label(root, where, "name", &recipe->name, error) ||
      json_get_integer(root, where, "seed", 0, INT32_MAX, &seed, error) ||
      json_get_integer(root, where, "steps", 0, MOST_STEPS, &steps, error))
    return error->code;
  recipe->seed = (uint32_t)seed;
  recipe->steps = (uint64_t)steps;
  if (json_is_absent(root, "micro_batch"))
    return 0;
  return recipe_get_size(root, where, "micro_batch", 1, (size_t)1 << 16, &recipe->micro_batch,
                         error);
}

int train_recipe_parse(const char *name, const void *data, size_t size, struct train_recipe *recipe,
                       struct error *error)
{
  static const char *const known[] = {"format",   "name",  "description", "config",    "start",
                                      "initial",  "seed",  "data",        "losses",    "optimizer",
                                      "schedule", "steps", "micro_batch", "revisions", NULL};
  *recipe = (struct train_recipe){.name = NULL};
  if (json_parse_object(name, data, size, &recipe->root, error))
    return error->code;
  const json_t *root = recipe->root;
  if (json_check_keys(root, name, known, error) || read_numbers(root, name, recipe, error) ||
      read_model(root, name, recipe, error) || recipe_read_data(root, name, &recipe->data, error) ||
      recipe_read_optimizer(root, name, &recipe->optimizer, error) ||
      recipe_read_schedule(root, name, recipe->steps, &recipe->schedule, error) ||
      read_losses(root, name, recipe, error))
    return error->code;
  return read_revisions(root, name, recipe, error);
}

void train_recipe_free(struct train_recipe *recipe)
{
  text_free(&recipe->config_json);
  free(recipe->revisions);
  json_decref(recipe->root);
  *recipe = (struct train_recipe){.name = NULL};
}

int train_recipe_read(const char *path, struct train_recipe *recipe, char **folder,
                      struct error *error)
{
  struct blob blob;
  *recipe = (struct train_recipe){.name = NULL};
  *folder = NULL;
  if (file_read(path, MOST_BYTES, &blob, error))
    return error->code;
  int status = train_recipe_parse(path, blob.data, blob.size, recipe, error);
  blob_free(&blob);
  if (!status && !(*folder = path_folder(path)))
    status = error_set(error, EXIT_RUN, "%s: out of memory", path);
  return status;
}
