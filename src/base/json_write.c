/* JSON output. */
#include "base/file.h"
#include "base/json.h"
#include "base/reserve.h"

/* Stands where a text is not UTF-8; like jansson's own constants it is not counted. */
static json_t unwritable = {JSON_NULL, (size_t)-1};

void json_put(json_t *object, const char *key, json_t *value)
{
  if (!value || json_object_set_new(object, key, value) != 0)
    json_object_set_new(object, "", &unwritable);
}

void json_add(json_t *array, json_t *value)
{
  json_array_append_new(array, value ? value : &unwritable);
}

/* What is being written. */
struct writer {
  struct text *text;
  bool compact;
  bool incomplete; /* a value is missing */
};

static int take(const char *data, size_t size, void *context)
{
  struct text *text = context;
  text_add(text, "%.*s", (int)size, data);
  return text->failed ? -1 : 0;
}

/* Anything but a real, an object and an array; a real with this many significant digits. */
static void dump(struct text *text, const json_t *value, size_t digits)
{
  if (json_dump_callback(value, take, text, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits)) != 0)
    text->failed = true;
}

void json_quote(struct text *text, const char *value)
{
  json_t *string = json_string(value);
  dump(text, string, 0);
  json_decref(string);
  text->failed |= reserve_touched();
}

/* In as few digits as read back to the same bits: 15 are enough for what people write, 17 always
 * are. jansson itself takes one number of digits for a whole text. */
static void dump_real(struct text *text, const json_t *value)
{
  size_t before = text->length;
  double number = json_real_value(value), back;
  for (size_t digits = 15; digits <= 17 && !text->failed; digits++) {
    text->length = before;
    dump(text, value, digits);
    if (!text->failed && text_to_double(text->data + before, text->length - before, &back) &&
        back == number)
      return;
  }
}

static void add_line(struct writer *writer, int depth)
{
  if (!writer->compact)
    text_add(writer->text, "\n%*s", depth, "");
}

static void add_value(struct writer *writer, const json_t *value, int depth);

static void add_object(struct writer *writer, const json_t *value, int depth)
{
  json_t *members = (json_t *)(uintptr_t)value; /* jansson's iterator takes no const */
  const char *key, *between = "";
  json_t *member;
  text_add(writer->text, "{");
  json_object_foreach(members, key, member)
  {
    text_add(writer->text, "%s", between);
    add_line(writer, depth + 1);
    json_quote(writer->text, key);
    text_add(writer->text, writer->compact ? ":" : ": ");
    add_value(writer, member, depth + 1);
    between = ",";
  }
  if (*between)
    add_line(writer, depth);
  text_add(writer->text, "}");
}

static void add_array(struct writer *writer, const json_t *value, int depth)
{
  size_t count = json_array_size(value);
  text_add(writer->text, "[");
  for (size_t i = 0; i < count; i++) {
    text_add(writer->text, i ? "," : "");
    add_line(writer, depth + 1);
    add_value(writer, json_array_get(value, i), depth + 1);
  }
  if (count)
    add_line(writer, depth);
  text_add(writer->text, "]");
}

static void add_value(struct writer *writer, const json_t *value, int depth)
{
  writer->incomplete |= !value || value == &unwritable;
  if (json_is_object(value))
    add_object(writer, value, depth);
  else if (json_is_array(value))
    add_array(writer, value, depth);
  else if (json_is_real(value))
    dump_real(writer->text, value);
  else if (value)
    dump(writer->text, value, 0);
}

static int format(const char *name, const json_t *value, bool compact, struct text *text,
                  struct error *error)
{
  struct writer writer = {text, compact, false};
  add_value(&writer, value, 0);
  if (text->failed || reserve_touched())
    return error_set(error, EXIT_RUN, "%s: out of memory for its JSON", name);
  if (writer.incomplete)
    return error_set(error, EXIT_INPUT,
                     "%s: not written: a name is not UTF-8, which JSON cannot hold; rename it",
                     name);
  return 0;
}

int json_compact(const char *name, const json_t *value, struct text *text, struct error *error)
{
  return format(name, value, true, text, error);
}

int json_format(const char *path, const json_t *value, struct text *text, struct error *error)
{
  if (format(path, value, false, text, error))
    return error->code;
  text_add(text, "\n");
  return text->failed ? error_set(error, EXIT_RUN, "%s: out of memory for its JSON", path) : 0;
}

int json_write(const char *path, const json_t *value, struct error *error)
{
  struct text text = {0};
  int status = json_format(path, value, &text, error);
  if (!status)
    status = file_write(path, text.data, text.length, error);
  text_free(&text);
  return status;
}
