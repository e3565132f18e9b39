#include "few_shot/recipe.h"

#include "train/recipe_part.h"

#include <string.h>

#define RECIPE_FORMAT 1
#define MOST_SEQUENCES ((int64_t)1 << 40)
#define MOST_BATCH 4096

struct few_recipe few_recipe_default(void)
{
  return (struct few_recipe){.data = {50, 100, 5},
                             .hidden = 64,
                             .heads = 8,
                             .items = FEW_FEATURES,
                             .item_seed = 1,
                             .initial_seed = 5,
                             .train_seed = 0,
                             .evaluation_seed = 1,
                             .rate = 1e-5,
                             .beta1 = 0.9,
                             .beta2 = 0.999,
                             .eps = 1e-8,
                             .batch = 32,
                             .evaluate_every = 1000,
                             .evaluation_sequences = 1000};
}

struct few_sizes few_recipe_sizes(const struct few_recipe *r, size_t width)
{
  return (struct few_sizes){width, r->hidden, r->heads, r->data.labels};
}

int few_recipe_is(const char *name, const void *data, size_t size, bool *is, struct error *error)
{
  struct error problem = {.code = 0};
  json_t *root;
  *is = false;
  if (json_parse_object(name, data, size, &root, &problem)) {
    if (problem.code == EXIT_RUN)
      *error = problem;
    return problem.code == EXIT_RUN ? EXIT_RUN : 0;
  }
  *is = json_object_get(root, "kind") != NULL;
  json_decref(root);
  return 0;
}

/* --- values that keep their default where a key is absent --- */

static int get_number(const json_t *object, const char *where, const char *key, double low,
                      double high, double *value, struct error *error)
{
  return json_is_absent(object, key) ? 0
                                     : json_get_number(object, where, key, low, high, value, error);
}

static int get_integer(const json_t *object, const char *where, const char *key, int64_t low,
                       int64_t high, int64_t *value, struct error *error)
{
  return json_is_absent(object, key)
             ? 0
             : json_get_integer(object, where, key, low, high, value, error);
}

static int get_size(const json_t *object, const char *where, const char *key, size_t low,
                    size_t high, size_t *value, struct error *error)
{
  return json_is_absent(object, key) ? 0
                                     : recipe_get_size(object, where, key, low, high, value, error);
}

static int get_u32(const json_t *object, const char *where, const char *key, int64_t high,
                   uint32_t *value, struct error *error)
{
  int64_t number = *value;
  if (get_integer(object, where, key, 0, high, &number, error))
    return error->code;
  *value = (uint32_t)number;
  return 0;
}

static int get_u64(const json_t *object, const char *where, const char *key, uint64_t *value,
                   struct error *error)
{
  int64_t number = (int64_t)*value;
  if (get_integer(object, where, key, 0, MOST_SEQUENCES, &number, error))
    return error->code;
  *value = (uint64_t)number;
  return 0;
}

/* A part that may be absent: *there false. */
static int open_part(const json_t *root, const char *where, const char *key,
                     const char *const *known, struct recipe_part *part, bool *there,
                     struct error *error)
{
  *there = !json_is_absent(root, key);
  if (!*there)
    return 0;
  return recipe_part_open(root, where, key, part, error)
             ? error->code
             : json_check_keys(part->object, part->where, known, error);
}

/* --- parts --- */

static int read_model(const json_t *root, const char *where, struct few_recipe *r,
                      struct error *error)
{
  static const char *const known[] = {"hidden", "heads", NULL};
  struct recipe_part part;
  bool there;
  if (open_part(root, where, "model", known, &part, &there, error) || !there)
    return error->code;
  return get_size(part.object, part.where, "hidden", 2, FEW_MOST_HIDDEN, &r->hidden, error)
             ? error->code
             : get_size(part.object, part.where, "heads", 1, FEW_MOST_HEADS, &r->heads, error);
}

static int read_data(const json_t *root, const char *where, struct few_recipe *r,
                     struct error *error)
{
  static const char *const known[] = {"classes", "test_classes", "labels", NULL};
  const size_t most = (size_t)1 << 20;
  struct recipe_part part;
  bool there;
  if (open_part(root, where, "data", known, &part, &there, error) || !there)
    return error->code;
  const json_t *o = part.object;
  if (get_size(o, part.where, "classes", 2, most, &r->data.classes, error) ||
      get_size(o, part.where, "test_classes", 2, most, &r->data.test_classes, error))
    return error->code;
  return get_size(o, part.where, "labels", FEW_LEAST_LABELS, FEW_MOST_LABELS, &r->data.labels,
                  error);
}

static int read_items(const json_t *root, const char *where, struct few_recipe *r,
                      struct error *error)
{
  static const char *const kinds[] = {"features", "gaussian", "file", NULL};
  static const char *const drawn[] = {"kind", "seed", NULL};
  static const char *const read[] = {"kind", "file", "sha256", NULL};
  struct recipe_part part;
  int kind;
  if (json_is_absent(root, "items"))
    return 0;
  if (recipe_part_open(root, where, "items", &part, error) ||
      recipe_part_kind(&part, kinds, &kind, error) ||
      json_check_keys(part.object, part.where, kind == FEW_FILE ? read : drawn, error))
    return error->code;
  r->items = (enum few_items_kind)kind;
  if (kind != FEW_FILE)
    return get_u32(part.object, part.where, "seed", FEW_MOST_ITEM_SEED, &r->item_seed, error);
  if (json_get_string(part.object, part.where, "file", &r->item_file, error))
    return error->code;
  if (!*r->item_file)
    return error_set(error, EXIT_INPUT, "%s: \"file\" is empty", part.where);
  return recipe_get_sha256(part.object, part.where, "sha256", &r->item_sha256, error);
}

static int read_seeds(const json_t *root, const char *where, struct few_recipe *r,
                      struct error *error)
{
  static const char *const known[] = {"initial", "train", "evaluation", NULL};
  struct recipe_part part;
  bool there;
  if (open_part(root, where, "seeds", known, &part, &there, error) || !there)
    return error->code;
  const json_t *o = part.object;
  if (get_u32(o, part.where, "initial", INT32_MAX, &r->initial_seed, error) ||
      get_u32(o, part.where, "train", INT32_MAX, &r->train_seed, error))
    return error->code;
  return get_u32(o, part.where, "evaluation", INT32_MAX, &r->evaluation_seed, error);
}

static int read_adam(const json_t *root, const char *where, struct few_recipe *r,
                     struct error *error)
{
  static const char *const known[] = {"rate", "beta1", "beta2", "eps", NULL};
  struct recipe_part part;
  bool there;
  if (open_part(root, where, "adam", known, &part, &there, error) || !there)
    return error->code;
  const json_t *o = part.object;
  if (get_number(o, part.where, "rate", 0, 1e6, &r->rate, error) ||
      get_number(o, part.where, "beta1", 0, 0.999999, &r->beta1, error) ||
      get_number(o, part.where, "beta2", 0, 0.999999, &r->beta2, error))
    return error->code;
  return get_number(o, part.where, "eps", 1e-30, 1, &r->eps, error);
}

static int read_evaluations(const json_t *root, const char *where, struct few_recipe *r,
                            struct error *error)
{
  static const char *const known[] = {"every", "sequences", NULL};
  struct recipe_part part;
  bool there;
  if (open_part(root, where, "evaluate", known, &part, &there, error) || !there)
    return error->code;
  return get_u64(part.object, part.where, "every", &r->evaluate_every, error)
             ? error->code
             : get_size(part.object, part.where, "sequences", 1, 100000, &r->evaluation_sequences,
                        error);
}

static int read_numbers(const json_t *root, const char *where, struct few_recipe *r,
                        struct error *error)
{
  int64_t format, sequences;
  if (json_get_integer(root, where, "format", RECIPE_FORMAT, RECIPE_FORMAT, &format, error) ||
      json_get_label(root, where, "name", &r->name, error) ||
      get_size(root, where, "batch", 1, MOST_BATCH, &r->batch, error) ||
      json_get_integer(root, where, "sequences", 0, MOST_SEQUENCES, &sequences, error))
    return error->code;
  r->sequences = (uint64_t)sequences;
  return get_u64(root, where, "checkpoint_every", &r->checkpoint_every, error);
}

static int read_kind(const json_t *root, const char *where, struct error *error)
{
  const char *kind;
  if (json_get_string(root, where, "kind", &kind, error))
    return error->code;
  if (!json_is_absent(root, "source") && !json_is_absent(root, "model"))
    return error_set(error, EXIT_INPUT,
                     "%s: is a manifest, not a recipe; run it with attest reproduce", where);
  return strcmp(kind, "few_shot") == 0
             ? 0
             : error_set(error, EXIT_INPUT,
                         "%s: \"kind\" is \"%.100s\", must be few_shot; recipes of language "
                         "models have none",
                         where, kind);
}

int few_recipe_parse(const char *name, const void *data, size_t size, struct few_recipe *r,
                     struct error *error)
{
  static const char *const known[] = {
      "format", "kind", "name",  "description", "model",     "data",     "items",
      "seeds",  "adam", "batch", "clamp",       "sequences", "evaluate", "checkpoint_every",
      NULL};
  *r = few_recipe_default();
  if (json_parse_object(name, data, size, &r->root, error))
    return error->code;
  const json_t *root = r->root;
  if (read_kind(root, name, error) || json_check_keys(root, name, known, error) ||
      read_numbers(root, name, r, error) || read_model(root, name, r, error) ||
      read_data(root, name, r, error) || read_items(root, name, r, error) ||
      read_seeds(root, name, r, error) || read_adam(root, name, r, error) ||
      read_evaluations(root, name, r, error))
    return error->code;
  const struct few_sizes sizes = few_recipe_sizes(r, 1);
  if (few_sizes_check(name, &sizes, error) || few_recipe_read_clamp(root, name, r, error))
    return error->code;
  return few_clamp_check(name, &r->clamp, &sizes, error);
}

void few_recipe_free(struct few_recipe *r)
{
  json_decref(r->root);
  *r = (struct few_recipe){.root = NULL};
}
