/* "clamp" of a recipe, and the recipe as its identity sees it. */
#include "few_shot/recipe.h"
#include "train/recipe_part.h"

#include <stdio.h>
#include <string.h>

static int bad_heads(const char *where, const char *key, const char *shape, struct error *error)
{
  return error_set(error, EXIT_INPUT, "%s: \"%s\" must be a list of %s, none of them twice", where,
                   key, shape);
}

/* A head's bit; it is not there yet. */
static int add_head(const json_t *item, const struct few_recipe *r, uint64_t *heads)
{
  json_int_t head = json_integer_value(item);
  if (!json_is_integer(item) || head < 0 || (uint64_t)head >= r->heads || *heads >> head & 1)
    return -1;
  *heads |= (uint64_t)1 << head;
  return 0;
}

static int get_heads(const json_t *object, const char *where, const char *key,
                     const struct few_recipe *r, uint64_t *heads, struct error *error)
{
  json_t *list, *item;
  char shape[64];
  size_t i;
  snprintf(shape, sizeof shape, "heads, each between 0 and %zu", r->heads - 1);
  *heads = 0;
  if (json_get_array(object, where, key, &list, error))
    return error->code;
  json_array_foreach(list, i, item)
  {
    if (add_head(item, r, heads))
      return bad_heads(where, key, shape, error);
  }
  return 0;
}

static int read_ablated(const struct recipe_part *part, struct few_recipe *r, struct error *error)
{
  json_t *list, *pair;
  size_t i;
  if (json_is_absent(part->object, "ablate"))
    return 0;
  if (json_get_array(part->object, part->where, "ablate", &list, error))
    return error->code;
  json_array_foreach(list, i, pair)
  {
    const json_t *layer = json_array_get(pair, 0);
    json_int_t l = json_integer_value(layer);
    if (json_array_size(pair) != 2 || !json_is_integer(layer) || l < 0 || l >= FEW_LAYERS ||
        add_head(json_array_get(pair, 1), r, &r->clamp.ablate[l]))
      return bad_heads(part->where, "ablate", "pairs [layer, head] that the model has", error);
  }
  return 0;
}

static int read_kept(const struct recipe_part *part, struct few_recipe *r, struct error *error)
{
  uint64_t kept, all = r->heads < 64 ? ((uint64_t)1 << r->heads) - 1 : UINT64_MAX;
  if (json_is_absent(part->object, "keep"))
    return 0;
  if (get_heads(part->object, part->where, "keep", r, &kept, error))
    return error->code;
  if (!kept)
    return error_set(error, EXIT_INPUT,
                     "%s: \"keep\" is empty; to do without layer 1, list its heads in \"ablate\"",
                     part->where);
  if (r->clamp.ablate[1])
    return error_set(error, EXIT_INPUT,
                     "%s: \"keep\" ablates all other heads of layer 1; drop those of \"ablate\"",
                     part->where);
  r->clamp.ablate[1] = all & ~kept;
  return 0;
}

static int read_preserved(const struct recipe_part *part, struct few_recipe *r, struct error *error)
{
  static const char *const names[] = {"nothing", "patterns", "values", "both"};
  const char *value;
  if (json_is_absent(part->object, "preserve"))
    return 0;
  if (json_get_string(part->object, part->where, "preserve", &value, error))
    return error->code;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(value, names[i]) == 0) {
      r->clamp.preserve = (enum few_preserve)i;
      return 0;
    }
  return error_set(error, EXIT_INPUT,
                   "%s: \"preserve\" is \"%.100s\", must be nothing, patterns, values or both",
                   part->where, value);
}

/* A pattern of a head without values has no effect. */
static int check_ablated(const char *where, const struct few_clamp *c, struct error *error)
{
  bool previous = c->previous & c->ablate[0];
  if (!previous && !(c->match & c->ablate[1]))
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: \"%s\" names a head of layer %d that is ablated, where a pattern has no "
                   "effect; drop it from one of them",
                   where, previous ? "previous" : "match", !previous);
}

/* "rows": "all" or "labels". */
static int read_rows(const struct recipe_part *part, bool *labels, struct error *error)
{
  const char *rows;
  if (!labels || json_is_absent(part->object, "rows"))
    return 0;
  if (json_get_string(part->object, part->where, "rows", &rows, error))
    return error->code;
  *labels = strcmp(rows, "labels") == 0;
  return *labels || strcmp(rows, "all") == 0
             ? 0
             : error_set(error, EXIT_INPUT, "%s: \"rows\" is \"%.100s\", must be all or labels",
                         part->where, rows);
}

/* {"heads": [...], "strength": s}, with `labels` "rows", too. */
static int read_strength(const struct recipe_part *clamp, const char *key, struct few_recipe *r,
                         uint64_t *heads, double *strength, bool *labels, struct error *error)
{
  static const char *const with_rows[] = {"heads", "strength", "rows", NULL};
  static const char *const without[] = {"heads", "strength", NULL};
  const char *const *known = labels ? with_rows : without;
  struct recipe_part part;
  if (json_is_absent(clamp->object, key))
    return 0;
  *strength = 1;
  if (recipe_part_open(clamp->object, clamp->where, key, &part, error) ||
      json_check_keys(part.object, part.where, known, error) ||
      get_heads(part.object, part.where, "heads", r, heads, error) ||
      read_rows(&part, labels, error))
    return error->code;
  if (!*heads)
    return error_set(error, EXIT_INPUT, "%s: \"heads\" is empty", part.where);
  return json_is_absent(part.object, "strength")
             ? 0
             : json_get_number(part.object, part.where, "strength", 0, 1, strength, error);
}

static int read_copy(const struct recipe_part *part, struct few_recipe *r, struct error *error)
{
  r->clamp.copy = !json_is_absent(part->object, "copy");
  if (r->clamp.copy && recipe_get_size(part->object, part->where, "copy", 0, r->heads - 1,
                                       &r->clamp.copy_head, error))
    return error->code;
  return json_is_absent(part->object, "perfect_layer0")
             ? 0
             : json_get_boolean(part->object, part->where, "perfect_layer0",
                                &r->clamp.perfect_layer0, error);
}

/* By side and layer; NONE: nothing or all would be left to train. */
static const enum few_graft grafts[2][FEW_LAYERS + 1] = {
    {FEW_GRAFT_LAYER0, FEW_GRAFT_UNTIL_LAYER1, FEW_GRAFT_NONE},
    {FEW_GRAFT_FROM_LAYER0, FEW_GRAFT_LAYER1, FEW_GRAFT_UNEMBEDDING}};
static const char *const sides[] = {"until", "from"};

/* Layer 0 is mostly taken with what comes before it, layer 1 with what comes behind. */
static size_t usual_side(size_t layer)
{
  return layer > 0;
}

static int read_side(const struct recipe_part *part, size_t layer, enum few_graft *graft,
                     struct error *error)
{
  const char *name = sides[usual_side(layer)];
  if (!json_is_absent(part->object, "side") &&
      json_get_string(part->object, part->where, "side", &name, error))
    return error->code;
  size_t side = 0;
  while (side < 2 && strcmp(name, sides[side]) != 0)
    side++;
  if (side == 2)
    return error_set(error, EXIT_INPUT, "%s: \"side\" is \"%.100s\", must be until or from",
                     part->where, name);
  *graft = grafts[side][layer];
  return *graft != FEW_GRAFT_NONE
             ? 0
             : error_set(error, EXIT_INPUT,
                         "%s: grafts everything, which leaves nothing to train; \"until\" goes "
                         "with layer 0 or 1",
                         part->where);
}

static int read_graft(const struct recipe_part *clamp, struct few_recipe *r, struct error *error)
{
  static const char *const known[] = {"layer", "side", "checkpoint", "sha256", NULL};
  struct recipe_part part;
  size_t layer;
  if (json_is_absent(clamp->object, "graft"))
    return 0;
  if (recipe_part_open(clamp->object, clamp->where, "graft", &part, error) ||
      json_check_keys(part.object, part.where, known, error) ||
      recipe_get_size(part.object, part.where, "layer", 0, FEW_LAYERS, &layer, error) ||
      read_side(&part, layer, &r->clamp.graft, error) ||
      json_get_string(part.object, part.where, "checkpoint", &r->graft_file, error))
    return error->code;
  if (!*r->graft_file)
    return error_set(error, EXIT_INPUT, "%s: \"checkpoint\" is empty", part.where);
  return recipe_get_sha256(part.object, part.where, "sha256", &r->graft_sha256, error);
}

int few_recipe_read_clamp(const json_t *root, const char *where, struct few_recipe *r,
                          struct error *error)
{
  static const char *const known[] = {"ablate", "keep",           "preserve", "previous", "match",
                                      "copy",   "perfect_layer0", "graft",    NULL};
  struct few_clamp *c = &r->clamp;
  struct recipe_part part;
  if (json_is_absent(root, "clamp"))
    return 0;
  if (recipe_part_open(root, where, "clamp", &part, error) ||
      json_check_keys(part.object, part.where, known, error) || read_ablated(&part, r, error) ||
      read_kept(&part, r, error) || read_preserved(&part, r, error) ||
      read_strength(&part, "previous", r, &c->previous, &c->previous_strength, &c->previous_labels,
                    error) ||
      read_strength(&part, "match", r, &c->match, &c->match_strength, NULL, error) ||
      check_ablated(part.where, c, error) || read_copy(&part, r, error))
    return error->code;
  return read_graft(&part, r, error);
}

/* --- identity --- */

static json_t *heads_json(uint64_t heads)
{
  json_t *list = json_array();
  for (int head = 0; head < 64; head++)
    if (heads >> head & 1)
      json_add(list, json_integer(head));
  return list;
}

/* The side is said where it is not the usual one of that layer. */
static json_t *graft_json(enum few_graft graft, const char *sha256)
{
  json_t *object = json_object();
  for (size_t side = 0; side < 2; side++)
    for (size_t layer = 0; layer <= FEW_LAYERS; layer++) {
      if (grafts[side][layer] != graft)
        continue;
      json_put(object, "layer", json_integer((json_int_t)layer));
      if (side != usual_side(layer))
        json_put(object, "side", json_string(sides[side]));
    }
  json_put(object, "sha256", json_string(sha256));
  return object;
}

static json_t *previous_json(const struct few_clamp *c)
{
  json_t *object =
      json_pack("{s:o, s:f}", "heads", heads_json(c->previous), "strength", c->previous_strength);
  if (c->previous_labels)
    json_put(object, "rows", json_string("labels"));
  return object;
}

/* Only what acts. */
static json_t *clamp_json(const struct few_clamp *c, const char *graft_sha256)
{
  static const char *const preserved[] = {"nothing", "patterns", "values", "both"};
  json_t *object = json_object();
  json_put(object, "ablate",
           json_pack("[o, o]", heads_json(c->ablate[0]), heads_json(c->ablate[1])));
  json_put(object, "preserve", json_string(preserved[c->preserve]));
  if (c->previous)
    json_put(object, "previous", previous_json(c));
  if (c->match)
    json_put(object, "match",
             json_pack("{s:o, s:f}", "heads", heads_json(c->match), "strength", c->match_strength));
  if (c->copy)
    json_put(object, "copy", json_integer((json_int_t)c->copy_head));
  json_put(object, "perfect_layer0", json_boolean(c->perfect_layer0));
  if (c->graft)
    json_put(object, "graft", graft_json(c->graft, graft_sha256));
  return object;
}

static json_t *items_json(const struct few_recipe *r, const char *sha256)
{
  static const char *const kinds[] = {"features", "gaussian", "file"};
  return r->items == FEW_FILE
             ? json_pack("{s:s, s:s}", "kind", "file", "sha256", sha256)
             : json_pack("{s:s, s:I}", "kind", kinds[r->items], "seed", (json_int_t)r->item_seed);
}

int few_recipe_canonical(const struct few_recipe *r, const char *items_sha256,
                         const char *graft_sha256, struct text *text, struct error *error)
{
  json_t *root = json_pack("{s:i, s:s, s:s}", "format", 1, "kind", "few_shot", "name", r->name);
  json_put(root, "model",
           json_pack("{s:I, s:I}", "hidden", (json_int_t)r->hidden, "heads", (json_int_t)r->heads));
  json_put(root, "items", items_json(r, items_sha256));
  json_put(root, "data",
           json_pack("{s:I, s:I, s:I}", "classes", (json_int_t)r->data.classes, "test_classes",
                     (json_int_t)r->data.test_classes, "labels", (json_int_t)r->data.labels));
  json_put(root, "seeds",
           json_pack("{s:I, s:I, s:I}", "initial", (json_int_t)r->initial_seed, "train",
                     (json_int_t)r->train_seed, "evaluation", (json_int_t)r->evaluation_seed));
  json_put(root, "adam",
           json_pack("{s:f, s:f, s:f, s:f}", "rate", r->rate, "beta1", r->beta1, "beta2", r->beta2,
                     "eps", r->eps));
  json_put(root, "batch", json_integer((json_int_t)r->batch));
  json_put(root, "sequences", json_integer((json_int_t)r->sequences));
  json_put(root, "evaluate",
           json_pack("{s:I, s:I}", "every", (json_int_t)r->evaluate_every, "sequences",
                     (json_int_t)r->evaluation_sequences));
  json_put(root, "checkpoint_every", json_integer((json_int_t)r->checkpoint_every));
  json_put(root, "clamp", clamp_json(&r->clamp, graft_sha256));
  int status = json_format("recipe", root, text, error);
  json_decref(root);
  return status;
}
