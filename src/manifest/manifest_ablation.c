#include "manifest/manifest_parts.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define MOST 1000 /* circuits of a class, or seeds */
#define MAX_CAVEAT 2000
#define WHERE 1024

/* The array of a key, which may be absent. */
static int get_list(const json_t *object, const char *where, const char *key, json_t **list,
                    struct error *error)
{
  *list = NULL;
  if (json_is_absent(object, key))
    return 0;
  if (json_get_array(object, where, key, list, error))
    return error->code;
  if (json_array_size(*list) < 1 || json_array_size(*list) > MOST)
    return error_set(error, EXIT_INPUT, "%s: \"%s\" must have 1 to %d elements", where, key, MOST);
  return 0;
}

static int add_circuits(const json_t *list, const char *where, enum head_class class,
                        struct manifest_ablation *a, struct error *error)
{
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *value = json_array_get(list, i);
    double threshold = json_number_value(value);
    if (!json_is_number(value) || !(threshold > 0) || threshold > 1e12)
      return error_set(error, EXIT_INPUT, "%s: \"%s\"[%zu] must be a number above 0, up to 1e12",
                       where, head_class_name(class), i);
    a->circuits[a->circuit_count++] = (struct threshold_circuit){class, threshold};
  }
  return 0;
}

static int parse_circuits(const json_t *object, const char *where, struct manifest_ablation *a,
                          struct error *error)
{
  static const enum head_class classes[] = {CLASS_INDUCTION, CLASS_PREVIOUS_TOKEN};
  json_t *lists[2];
  size_t count = 0;
  for (size_t i = 0; i < 2; i++) {
    if (get_list(object, where, head_class_name(classes[i]), &lists[i], error))
      return error->code;
    count += json_array_size(lists[i]);
  }
  if (!count)
    return error_set(error, EXIT_INPUT,
                     "%s: must have thresholds of \"induction\" or \"previous_token\"", where);
  a->circuits = memory_alloc(count, sizeof *a->circuits, where, error);
  if (!a->circuits)
    return error->code;
  for (size_t i = 0; i < 2; i++)
    if (add_circuits(lists[i], where, classes[i], a, error))
      return error->code;
  return 0;
}

static int parse_seeds(const json_t *object, const char *where, struct manifest_ablation *a,
                       struct error *error)
{
  json_t *list;
  if (get_list(object, where, "seeds", &list, error))
    return error->code;
  a->seeds = memory_alloc(json_array_size(list), sizeof *a->seeds, where, error);
  if (!a->seeds)
    return error->code;
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *value = json_array_get(list, i);
    json_int_t seed = json_integer_value(value);
    if (!json_is_integer(value) || seed < 0 || seed > UINT32_MAX)
      return error_set(error, EXIT_INPUT,
                       "%s: \"seeds\"[%zu] must be a whole number from 0 to 4294967295", where, i);
    a->seeds[a->seed_count++] = (uint32_t)seed;
  }
  return 0;
}

static int parse_caveat(const json_t *object, const char *where, struct manifest_ablation *a,
                        struct error *error)
{
  const char *text;
  if (json_get_string(object, where, "caveat", &text, error))
    return error->code;
  for (const char *p = text; *p; p += text_printable(p))
    if (text_printable(p) == 0 || p - text >= MAX_CAVEAT)
      return error_set(error, EXIT_INPUT,
                       "%s: \"caveat\" must be one line of printable text, %d bytes at most", where,
                       MAX_CAVEAT);
  a->caveat = strdup(text);
  return a->caveat ? 0 : error_set(error, EXIT_RUN, "%s: out of memory", where);
}

int manifest_parse_ablation(const json_t *root, struct manifest *m, struct error *error)
{
  static const char *const known[] = {"induction", "previous_token", "seeds", "caveat", NULL};
  char where[WHERE];
  json_t *object;
  if (json_is_absent(root, "ablation"))
    return 0;
  if (m->content != MANIFEST_CHECKPOINTS)
    return error_set(error, EXIT_INPUT, "%s: \"ablation\" is for checkpoints, not for tables",
                     m->path);
  snprintf(where, sizeof where, "%.700s: ablation", m->path);
  if (json_get_object(root, m->path, "ablation", &object, error) ||
      json_check_keys(object, where, known, error) ||
      parse_circuits(object, where, &m->ablation, error) ||
      parse_seeds(object, where, &m->ablation, error))
    return error->code;
  return parse_caveat(object, where, &m->ablation, error);
}
