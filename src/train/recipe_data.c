/* "data" of a recipe. */
#include "train/recipe_part.h"
#include "train/recipe_read.h"

#define MOST_SEQUENCES ((size_t)1 << 16)
#define MOST_LENGTH ((size_t)1 << 20)

/* [low, high] within the bounds. */
static int get_span(const struct recipe_part *part, const char *key, int64_t low, int64_t high,
                    struct span *span, struct error *error)
{
  json_t *pair;
  if (json_get_array(part->object, part->where, key, &pair, error))
    return error->code;
  const json_t *first = json_array_get(pair, 0), *last = json_array_get(pair, 1);
  if (json_array_size(pair) != 2 || !json_is_integer(first) || !json_is_integer(last) ||
      json_integer_value(first) < low || json_integer_value(last) > high ||
      json_integer_value(first) > json_integer_value(last))
    return error_set(error, EXIT_INPUT,
                     "%s: \"%s\" must be two integers between %lld and %lld, the least and the "
                     "most in this order",
                     part->where, key, (long long)low, (long long)high);
  *span = (struct span){json_integer_value(first), json_integer_value(last)};
  return 0;
}

static int read_phrases(const struct recipe_part *part, struct data_settings *data,
                        struct error *error)
{
  static const char *const known[] = {
      "kind",    "sequences", "length", "begin", "separator",  "plain",     "phrase_documents",
      "phrases", "phrase",    "stray",  "copy",  "copy_least", "copy_mean", NULL};
  const json_t *object = part->object;
  const char *where = part->where;
  struct phrases *p = &data->phrases;
  if (json_check_keys(object, where, known, error) ||
      recipe_get_size(object, where, "sequences", 1, MOST_SEQUENCES, &data->sequences, error) ||
      recipe_get_size(object, where, "length", 1, MOST_LENGTH, &data->length, error) ||
      json_get_integer(object, where, "begin", 0, INT32_MAX - 1, &p->begin, error) ||
      json_get_integer(object, where, "separator", 0, INT32_MAX - 1, &p->separator, error) ||
      get_span(part, "plain", 0, INT32_MAX - 1, &p->plain, error) ||
      json_get_number(object, where, "phrase_documents", 0, 1, &p->share, error) ||
      get_span(part, "phrases", 1, PHRASES_MOST, &p->count, error) ||
      get_span(part, "phrase", 1, PHRASE_MOST, &p->length, error) ||
      json_get_number(object, where, "stray", 0, 0.99, &p->stray, error) ||
      json_get_number(object, where, "copy", 0, 1, &p->copy, error) ||
      json_get_integer(object, where, "copy_least", 1, (int64_t)MOST_LENGTH, &p->copy_least, error))
    return error->code;
  return json_get_number(object, where, "copy_mean", 0, (double)MOST_LENGTH, &p->copy_mean, error);
}

static int read_tokens(const struct recipe_part *part, struct data_settings *data,
                       struct error *error)
{
  static const char *const known[] = {"kind", "file", "sha256", NULL};
  if (json_check_keys(part->object, part->where, known, error) ||
      json_get_string(part->object, part->where, "file", &data->file, error))
    return error->code;
  if (!*data->file)
    return error_set(error, EXIT_INPUT, "%s: \"file\" is empty", part->where);
  return recipe_get_sha256(part->object, part->where, "sha256", &data->sha256, error);
}

int recipe_read_data(const json_t *root, const char *where, struct data_settings *data,
                     struct error *error)
{
  static const char *const kinds[] = {"phrases", "tokens", NULL};
  struct recipe_part part;
  int kind;
  if (recipe_part_open(root, where, "data", &part, error) ||
      recipe_part_kind(&part, kinds, &kind, error))
    return error->code;
  data->kind = kind ? DATA_TOKENS : DATA_PHRASES;
  return kind ? read_tokens(&part, data, error) : read_phrases(&part, data, error);
}
