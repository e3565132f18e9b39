#include "task/template.h"

#include "base/json.h"
#include "task/vocabulary.h"

#include <stdio.h>
#include <string.h>

static int add_special(const char *where, const json_t *specials, const char *name,
                       struct token_list *list, struct error *error)
{
  json_t *object, *ids;
  if (json_get_object(specials, where, name, &object, error) ||
      json_get_array(object, where, "ids", &ids, error))
    return error->code;
  for (size_t i = 0; i < json_array_size(ids); i++) {
    json_int_t id = json_integer_value(json_array_get(ids, i));
    if (!json_is_integer(json_array_get(ids, i)) || id < 0 || id > VOCABULARY_MAX_ID)
      return error_set(error, EXIT_INPUT,
                       "%s: an id of \"%.100s\" is not an integer from 0 to %lld", where, name,
                       (long long)VOCABULARY_MAX_ID);
    if (token_list_add(list, (int32_t)id, error))
      return error->code;
  }
  return 0;
}

static int check_text(const char *where, const char *name, struct error *error)
{
  return strcmp(name, "A") == 0 ? 0
                                : error_set(error, EXIT_INPUT,
                                            "%s: \"single\" has the Sequence \"%.100s\", must be "
                                            "\"A\", the text",
                                            where, name);
}

/* The template for one text: special tokens around the sequence A. */
static int read_template(const char *where, const json_t *object, struct template *t,
                         struct error *error)
{
  json_t *single, *specials, *item;
  size_t i;
  bool seen = false;
  if (json_get_array(object, where, "single", &single, error) ||
      json_get_object(object, where, "special_tokens", &specials, error))
    return error->code;
  json_array_foreach(single, i, item)
  {
    json_t *special = json_object_get(item, "SpecialToken"),
           *text = json_object_get(item, "Sequence");
    const char *name;
    if (!special == !text || (text && seen))
      return error_set(error, EXIT_INPUT,
                       "%s: \"single\"[%zu] must be a SpecialToken, or the only Sequence", where,
                       i);
    seen |= text != NULL;
    if (text &&
        (json_get_string(text, where, "id", &name, error) || check_text(where, name, error)))
      return error->code;
    if (special && (json_get_string(special, where, "id", &name, error) ||
                    add_special(where, specials, name, seen ? &t->after : &t->before, error)))
      return error->code;
  }
  return seen ? 0 : error_set(error, EXIT_INPUT, "%s: \"single\" has no Sequence, the text", where);
}

static int read_processor(const char *where, const json_t *object, int depth, struct template *t,
                          struct error *error)
{
  const char *type;
  json_t *list;
  if (json_get_string(object, where, "type", &type, error))
    return error->code;
  if (strcmp(type, "ByteLevel") == 0)
    return 0;
  if (strcmp(type, "TemplateProcessing") == 0 && !t->before.count && !t->after.count)
    return read_template(where, object, t, error);
  if (strcmp(type, "Sequence") != 0 || depth > 0) {
    snprintf(t->unsupported, sizeof t->unsupported, "%.60s", type);
    return 0;
  }
  if (json_get_array(object, where, "processors", &list, error))
    return error->code;
  for (size_t i = 0; i < json_array_size(list); i++)
    if (read_processor(where, json_array_get(list, i), depth + 1, t, error))
      return error->code;
  return 0;
}

int template_read(const char *where, const json_t *root, struct template *t, struct error *error)
{
  char at[600];
  json_t *object;
  *t = (struct template){.unsupported = ""};
  if (json_is_absent(root, "post_processor"))
    return 0;
  snprintf(at, sizeof at, "%.500s: \"post_processor\"", where);
  if (json_get_object(root, where, "post_processor", &object, error) ||
      read_processor(at, object, 0, t, error)) {
    template_free(t);
    return error->code;
  }
  return 0;
}

void template_free(struct template *t)
{
  token_list_free(&t->before);
  token_list_free(&t->after);
}
