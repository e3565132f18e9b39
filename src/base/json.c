#include "base/json.h"

#include "base/file.h"
#include "base/json_fault.h"
#include "base/mistaken.h"
#include "base/reserve.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define MAX_DEPTH 2048 /* jansson's own limit, which bounds its recursion */

/* An empty object of three bytes costs jansson 250, so a header of a few MiB could fill the memory.
 * No format read here has more than one bracket in eight bytes. What is nested too deep jansson
 * refuses on the way. */
static bool is_bomb(const char *text, size_t size)
{
  size_t brackets = 0, depth = 0, most = 4096 + size / 8;
  bool quoted = false;
  for (size_t i = 0; i < size && brackets <= most && depth <= MAX_DEPTH; i++) {
    bool opens = text[i] == '{' || text[i] == '[', closes = text[i] == '}' || text[i] == ']';
    if (text[i] == '"')
      quoted = !quoted;
    else if (quoted && text[i] == '\\')
      i++;
    brackets += opens && !quoted;
    depth += opens && !quoted;
    depth -= closes && !quoted && depth > 0;
  }
  return brackets > most;
}

struct source {
  const char *data;
  size_t left;
};

/* The text ends at once when memory is short, so that the reserve lasts for what is left of it. */
static size_t give(void *buffer, size_t size, void *context)
{
  struct source *source = context;
  size_t piece = size < source->left ? size : source->left;
  if (reserve_touched())
    return (size_t)-1;
  memcpy(buffer, source->data, piece);
  source->data += piece;
  source->left -= piece;
  return piece;
}

/* "line 3: " where the text is a line of its file. */
static const char *place(char out[40], size_t line)
{
  *out = 0;
  if (line)
    snprintf(out, 40, "line %zu: ", line);
  return out;
}

int json_parse_line(const char *name, size_t line, const char *text, size_t size, json_t **object,
                    struct error *error)
{
  json_error_t reason;
  char at[40];
  if (is_bomb(text, size))
    return error_set(error, EXIT_INPUT, "%s: %stoo many objects and arrays for its %zu bytes", name,
                     place(at, line), size);
  struct source source = {text, size};
  json_t *value = json_load_callback(give, &source, JSON_REJECT_DUPLICATES, &reason);
  if (reserve_touched()) {
    json_decref(value);
    return error_set(error, EXIT_RUN, "%s: out of memory for its JSON", name);
  }
  if (!value)
    return json_fault(name, line, text, size, &reason, error);
  if (!json_is_object(value)) {
    json_decref(value);
    return error_set(error, EXIT_INPUT, "%s: %smust be a JSON object, which begins with '{'", name,
                     place(at, line));
  }
  *object = value;
  return 0;
}

int json_parse_object(const char *name, const void *data, size_t size, json_t **object,
                      struct error *error)
{
  const char *text = data;
  if (mistaken_refuse(name, READS_JSON, data, size, error))
    return error->code;
  text_skip_bom(&text, &size);
  return json_parse_line(name, 0, text, size, object, error);
}

int json_read_object(const char *path, size_t limit, json_t **object, struct error *error)
{
  struct blob blob;
  if (file_read(path, limit, &blob, error))
    return error->code;
  int status = json_parse_object(path, blob.data, blob.size, object, error);
  blob_free(&blob);
  return status;
}

static const char *kind_of(const json_t *value)
{
  static const char *const kinds[] = {
      [JSON_OBJECT] = "an object",   [JSON_ARRAY] = "an array",     [JSON_STRING] = "a string",
      [JSON_INTEGER] = "an integer", [JSON_REAL] = "a real number", [JSON_TRUE] = "true",
      [JSON_FALSE] = "false",        [JSON_NULL] = "null"};
  return kinds[json_typeof(value)];
}

static int wrong(const char *where, const char *key, const json_t *value, const char *wanted,
                 struct error *error)
{
  if (!value)
    return error_set(error, EXIT_INPUT, "%s: \"%s\" is missing, must be %s", where, key, wanted);
  return error_set(error, EXIT_INPUT, "%s: \"%s\" is wrong: must be %s, is %s", where, key, wanted,
                   kind_of(value));
}

int json_get_integer(const json_t *object, const char *where, const char *key, int64_t low,
                     int64_t high, int64_t *value, struct error *error)
{
  const json_t *item = json_object_get(object, key);
  if (!json_is_integer(item))
    return wrong(where, key, item, "an integer", error);
  int64_t number = json_integer_value(item);
  if (number < low || number > high)
    return error_set(error, EXIT_INPUT, "%s: \"%s\" is %lld, must be between %lld and %lld", where,
                     key, (long long)number, (long long)low, (long long)high);
  *value = number;
  return 0;
}

int json_get_number(const json_t *object, const char *where, const char *key, double low,
                    double high, double *value, struct error *error)
{
  const json_t *item = json_object_get(object, key);
  if (!json_is_number(item))
    return wrong(where, key, item, "a number", error);
  double number = json_number_value(item);
  if (!(number >= low && number <= high))
    return error_set(error, EXIT_INPUT, "%s: \"%s\" is %.10g, must be between %.10g and %.10g",
                     where, key, number, low, high);
  *value = number;
  return 0;
}

int json_get_string(const json_t *object, const char *where, const char *key, const char **value,
                    struct error *error)
{
  const json_t *item = json_object_get(object, key);
  if (!json_is_string(item))
    return wrong(where, key, item, "a string", error);
  *value = json_string_value(item);
  return 0;
}

int json_get_boolean(const json_t *object, const char *where, const char *key, bool *value,
                     struct error *error)
{
  const json_t *item = json_object_get(object, key);
  if (!json_is_boolean(item))
    return wrong(where, key, item, "true or false", error);
  *value = json_is_true(item);
  return 0;
}

int json_get_array(const json_t *object, const char *where, const char *key, json_t **value,
                   struct error *error)
{
  json_t *item = json_object_get(object, key);
  if (!json_is_array(item))
    return wrong(where, key, item, "an array", error);
  *value = item;
  return 0;
}

int json_get_object(const json_t *object, const char *where, const char *key, json_t **value,
                    struct error *error)
{
  json_t *item = json_object_get(object, key);
  if (!json_is_object(item))
    return wrong(where, key, item, "an object", error);
  *value = item;
  return 0;
}

int json_get_label(const json_t *object, const char *where, const char *key, const char **value,
                   struct error *error)
{
  if (json_get_string(object, where, key, value, error))
    return error->code;
  if (!text_is_label(*value))
    return error_set(error, EXIT_INPUT,
                     "%s: \"%s\" is \"%.100s\", must be a plain name: 1 to 200 visible ASCII "
                     "characters without / and \\",
                     where, key, text_shown(*value).text);
  return 0;
}

int json_check_keys(const json_t *object, const char *where, const char *const *known,
                    struct error *error)
{
  json_t *members = (json_t *)(uintptr_t)object; /* jansson's iterator takes no const */
  const char *key;
  json_t *value;
  json_object_foreach(members, key, value)
  {
    bool found = false;
    for (size_t i = 0; known[i] && !found; i++)
      found = strcmp(key, known[i]) == 0;
    if (!found)
      return error_set(error, EXIT_INPUT, "%s: unknown key \"%.100s\"; remove it", where, key);
  }
  return 0;
}

bool json_is_absent(const json_t *object, const char *key)
{
  const json_t *item = json_object_get(object, key);
  return !item || json_is_null(item);
}
