/* "optimizer" and "schedule" of a recipe. */
#include "train/recipe_part.h"
#include "train/recipe_read.h"

#define MOST_RATE 1e6
#define LEAST_EPS 1e-30 /* a step divides by it where a gradient is 0 */
#define MOST_BETA 0.9999999

static int read_adam(const struct recipe_part *part, struct optimizer_settings *o,
                     struct error *error)
{
  static const char *const adamw[] = {"kind", "beta1",        "beta2", "eps",
                                      "clip", "weight_decay", NULL};
  static const char *const adam[] = {"kind", "beta1", "beta2", "eps", "clip", NULL};
  const char *const *known = o->method == METHOD_ADAMW ? adamw : adam;
  if (json_check_keys(part->object, part->where, known, error) ||
      json_get_number(part->object, part->where, "beta1", 0, MOST_BETA, &o->beta1, error) ||
      json_get_number(part->object, part->where, "beta2", 0, MOST_BETA, &o->beta2, error))
    return error->code;
  return json_get_number(part->object, part->where, "eps", LEAST_EPS, 1, &o->eps, error);
}

int recipe_read_optimizer(const json_t *root, const char *where, struct optimizer_settings *o,
                          struct error *error)
{
  static const char *const kinds[] = {"adamw", "adam", "sgd", NULL};
  static const char *const sgd[] = {"kind", "clip", "weight_decay", NULL};
  struct recipe_part part;
  int kind;
  if (recipe_part_open(root, where, "optimizer", &part, error) ||
      recipe_part_kind(&part, kinds, &kind, error))
    return error->code;
  o->method = (enum optimizer_method)kind;
  if (o->method == METHOD_SGD ? json_check_keys(part.object, part.where, sgd, error)
                              : read_adam(&part, o, error))
    return error->code;
  if (!json_is_absent(part.object, "clip") &&
      json_get_number(part.object, part.where, "clip", 1e-30, 1e30, &o->clip, error))
    return error->code;
  if (!json_is_absent(part.object, "weight_decay"))
    return json_get_number(part.object, part.where, "weight_decay", 0, MOST_RATE, &o->weight_decay,
                           error);
  return 0;
}

static int read_cosine(const struct recipe_part *part, uint64_t steps, struct schedule *schedule,
                       struct error *error)
{
  int64_t whole;
  if (json_get_integer(part->object, part->where, "steps", 1, INT64_MAX, &whole, error) ||
      json_get_number(part->object, part->where, "least", 0, 1, &schedule->least, error))
    return error->code;
  schedule->steps = (uint64_t)whole;
  if (schedule->steps <= schedule->warmup || schedule->steps < steps)
    return error_set(
        error, EXIT_INPUT,
        "%s: \"steps\" is %llu: must be more than its warm-up of %llu and at least the "
        "recipe's %llu",
        part->where, (unsigned long long)schedule->steps, (unsigned long long)schedule->warmup,
        (unsigned long long)steps);
  return 0;
}

int recipe_read_schedule(const json_t *root, const char *where, uint64_t steps,
                         struct schedule *schedule, struct error *error)
{
  static const char *const kinds[] = {"constant", "cosine", NULL};
  static const char *const constant[] = {"kind", "rate", "warmup", NULL};
  static const char *const cosine[] = {"kind", "rate", "warmup", "steps", "least", NULL};
  struct recipe_part part;
  int kind;
  int64_t warmup;
  if (recipe_part_open(root, where, "schedule", &part, error) ||
      recipe_part_kind(&part, kinds, &kind, error) ||
      json_check_keys(part.object, part.where, kind ? cosine : constant, error) ||
      json_get_number(part.object, part.where, "rate", 0, MOST_RATE, &schedule->rate, error) ||
      json_get_integer(part.object, part.where, "warmup", 0, INT64_MAX - 1, &warmup, error))
    return error->code;
  schedule->kind = (enum schedule_kind)kind;
  schedule->warmup = (uint64_t)warmup;
  return kind ? read_cosine(&part, steps, schedule, error) : 0;
}
