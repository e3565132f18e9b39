#include "manifest/manifest_formation.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SEEDS 64
#define MOST_SHORTEN 1000000
#define WHERE 1024

const char *const formation_figure_names[FORMATION_FIGURES] = {"3", "4b", "5a", "5b", "6",
                                                               "7", "8",  "11", "15"};

static int parse_items(const json_t *object, const char *where, struct manifest_formation *f,
                       struct error *error)
{
  static const char *const names[] = {"F", "gaussian", "file"};
  static const enum few_items_kind kinds[] = {FEW_FEATURES, FEW_GAUSSIAN, FEW_FILE};
  const char *name;
  size_t i = 0;
  int64_t seed = 1;
  if (json_get_string(object, where, "items", &name, error))
    return error->code;
  while (i < 3 && strcmp(name, names[i]) != 0)
    i++;
  if (i == 3)
    return error_set(error, EXIT_INPUT, "%s: \"items\" is \"%.60s\", must be F, gaussian or file",
                     where, name);
  f->items = kinds[i];
  if ((f->items == FEW_FILE) == json_is_absent(object, "file"))
    return error_set(error, EXIT_INPUT,
                     "%s: \"file\" goes with \"items\": \"file\", and only there", where);
  if (!json_is_absent(object, "item_seed") &&
      json_get_integer(object, where, "item_seed", 0, FEW_MOST_ITEM_SEED, &seed, error))
    return error->code;
  f->item_seed = (uint32_t)seed;
  return 0;
}

/* An array of 1 to `most` elements. */
static int get_list(const json_t *object, const char *where, const char *key, size_t most,
                    json_t **list, struct error *error)
{
  if (json_get_array(object, where, key, list, error))
    return error->code;
  if (json_array_size(*list) < 1 || json_array_size(*list) > most)
    return error_set(error, EXIT_INPUT, "%s: \"%s\" must have 1 to %zu elements", where, key, most);
  return 0;
}

static int parse_seeds(const json_t *object, const char *where, struct manifest_formation *f,
                       struct error *error)
{
  json_t *list;
  if (get_list(object, where, "seeds", MOST_SEEDS, &list, error))
    return error->code;
  f->seeds = memory_alloc(json_array_size(list), sizeof *f->seeds, where, error);
  if (!f->seeds)
    return error->code;
  for (size_t i = 0; i < json_array_size(list); i++) {
    json_int_t seed = json_integer_value(json_array_get(list, i));
    if (!json_is_integer(json_array_get(list, i)) || seed < 0 || seed > INT32_MAX)
      return error_set(error, EXIT_INPUT,
                       "%s: \"seeds\"[%zu] must be a whole number from 0 to 2147483647", where, i);
    for (size_t k = 0; k < i; k++)
      if (f->seeds[k] == (uint32_t)seed)
        return error_set(error, EXIT_INPUT, "%s: \"seeds\" has %u twice", where, f->seeds[k]);
    f->seeds[f->seed_count++] = (uint32_t)seed;
  }
  return 0;
}

static int parse_figure(const char *where, const char *name, struct manifest_formation *f,
                        struct error *error)
{
  size_t i = 0;
  while (i < FORMATION_FIGURES && strcmp(name, formation_figure_names[i]) != 0)
    i++;
  if (i == FORMATION_FIGURES)
    return error_set(error, EXIT_INPUT,
                     "%s: \"figures\" has \"%.20s\"; there are 3, 4b, 5a, 5b, 6, 7, 8, 11 and 15",
                     where, name);
  if (f->figures[i])
    return error_set(error, EXIT_INPUT, "%s: \"figures\" has \"%s\" twice", where, name);
  f->figures[i] = true;
  return 0;
}

static int parse_figures(const json_t *object, const char *where, struct manifest_formation *f,
                         struct error *error)
{
  json_t *list;
  if (get_list(object, where, "figures", FORMATION_FIGURES, &list, error))
    return error->code;
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *name = json_string_value(json_array_get(list, i));
    if (!name)
      return error_set(error, EXIT_INPUT, "%s: \"figures\"[%zu] must be a text such as \"5b\"",
                       where, i);
    if (parse_figure(where, name, f, error))
      return error->code;
  }
  if (f->figures[FORMATION_WIRING] && !f->figures[FORMATION_UNCLAMPED])
    return error_set(error, EXIT_INPUT, "%s: figure \"11\" is of the models of \"3\"; name both",
                     where);
  return 0;
}

static int get_divisor(const json_t *object, const char *where, const char *key, uint64_t *value,
                       struct error *error)
{
  int64_t found = 1;
  if (!json_is_absent(object, key) &&
      json_get_integer(object, where, key, 1, MOST_SHORTEN, &found, error))
    return error->code;
  *value = (uint64_t)found;
  return 0;
}

/* Keys of manifests that have files. */
static int check_absent(const json_t *root, const char *path, struct error *error)
{
  static const char *const others[] = {"family",    "checkpoints", "container", "repository",
                                       "tensors",   "protocol",    "published", "ablation",
                                       "revisions", "circuits"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (!json_is_absent(root, others[i]))
      return error_set(error, EXIT_INPUT,
                       "%s: \"%s\": a manifest of training runs (\"formation\") has none", path,
                       others[i]);
  return 0;
}

/* A trial says so wherever the caveat of a manifest stands: in verdicts, reports and goldens. */
static int mark_shortened(struct manifest *manifest, struct error *error)
{
  const struct manifest_formation *f = &manifest->formation;
  struct text caveat = {0};
  if (f->shorten == 1 && f->stride == 1)
    return 0;
  if (f->shorten > 1)
    text_add(&caveat, "Shortened by %" PRIu64 ": verdicts are of a trial.", f->shorten);
  if (f->stride > 1)
    text_add(&caveat, "%sExamined on every %" PRIu64 "th sequence%s.", f->shorten > 1 ? " " : "",
             f->stride, f->shorten > 1 ? "" : ": verdicts are of a trial");
  text_add(&caveat, "%s%s", *manifest->caveat ? " " : "", manifest->caveat);
  if (caveat.failed) {
    text_free(&caveat);
    return error_set(error, EXIT_RUN, "%s: out of memory", manifest->path);
  }
  free(manifest->caveat);
  manifest->caveat = caveat.data;
  return 0;
}

int manifest_parse_formation(const json_t *root, struct manifest *manifest, struct error *error)
{
  static const char *const known[] = {"items",   "file",    "item_seed", "seeds",
                                      "figures", "shorten", "stride",    NULL};
  struct manifest_formation *f = &manifest->formation;
  json_t *object;
  char where[WHERE];
  snprintf(where, sizeof where, "%.800s: formation", manifest->path);
  if (check_absent(root, manifest->path, error) ||
      json_get_object(root, manifest->path, "formation", &object, error) ||
      json_check_keys(object, where, known, error) || parse_items(object, where, f, error) ||
      parse_seeds(object, where, f, error) || parse_figures(object, where, f, error) ||
      get_divisor(object, where, "shorten", &f->shorten, error))
    return error->code;
  if (strcmp(manifest->kind, "trained") != 0)
    return error_set(error, EXIT_INPUT,
                     "%s: \"kind\" is \"%s\", must be trained with \"formation\"", manifest->path,
                     manifest->kind);
  return get_divisor(object, where, "stride", &f->stride, error) ? error->code
                                                                 : mark_shortened(manifest, error);
}
