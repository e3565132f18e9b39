#include "task/pretokenizer.h"

#include "base/json.h"
#include "task/unicode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int not_supported(const char *where, const char *what, const char *type,
                         const char *supported, struct error *error)
{
  return error_set(error, EXIT_INPUT, "%s: %s of type \"%.60s\" is not supported; supported: %s",
                   where, what, type, supported);
}

static int read_normalizer(const char *where, const json_t *object, int depth,
                           struct pretokenizer *p, struct error *error)
{
  static const char *const keys[] = {"type", "normalizers", NULL};
  const char *type;
  json_t *list;
  if (json_get_string(object, where, "type", &type, error) ||
      json_check_keys(object, where, keys, error))
    return error->code;
  if (strcmp(type, "NFC") == 0) {
    p->nfc = true;
    return 0;
  }
  if (strcmp(type, "Sequence") != 0 || depth > 0)
    return not_supported(where, "a normalizer", type, "NFC, a Sequence of it, or none", error);
  if (json_get_array(object, where, "normalizers", &list, error))
    return error->code;
  for (size_t i = 0; i < json_array_size(list); i++)
    if (read_normalizer(where, json_array_get(list, i), depth + 1, p, error))
      return error->code;
  return 0;
}

static int read_byte_level(const char *where, const json_t *object, struct pretokenizer_step *step,
                           struct error *error)
{
  static const char *const keys[] = {"type", "add_prefix_space", "trim_offsets", "use_regex", NULL};
  bool use_regex = true; /* files older than the setting do */
  if (json_check_keys(object, where, keys, error) ||
      json_get_boolean(object, where, "add_prefix_space", &step->prefix_space, error) ||
      (json_object_get(object, "use_regex") &&
       json_get_boolean(object, where, "use_regex", &use_regex, error)))
    return error->code;
  step->pattern = use_regex ? word_pattern_gpt2() : NULL;
  return 0;
}

/* All patterns match every character, so that words are the matches whether those are isolated or
 * what is between them is removed. */
static int read_split(const char *where, const json_t *object, struct pretokenizer_step *step,
                      struct error *error)
{
  static const char *const keys[] = {"type", "pattern", "behavior", "invert", NULL};
  const char *behavior, *expression;
  json_t *pattern;
  bool invert;
  if (json_check_keys(object, where, keys, error) ||
      json_get_object(object, where, "pattern", &pattern, error) ||
      json_get_string(object, where, "behavior", &behavior, error) ||
      json_get_boolean(object, where, "invert", &invert, error))
    return error->code;
  if (strcmp(behavior, invert ? "Removed" : "Isolated") != 0)
    return error_set(error, EXIT_INPUT,
                     "%s: a Split of behavior \"%.60s\"%s is not supported; supported: Isolated, "
                     "and Removed with invert",
                     where, behavior, invert ? " with invert" : "");
  if (json_get_string(pattern, where, "Regex", &expression, error))
    return error->code;
  step->pattern = word_pattern_find(expression);
  if (!step->pattern)
    return error_set(error, EXIT_INPUT,
                     "%s: a Split by the pattern \"%.300s\" is not supported; supported: those of "
                     "GPT-2, GPT-4, Llama-3 and Qwen2",
                     where, expression);
  return 0;
}

static int read_digits(const char *where, const json_t *object, struct pretokenizer_step *step,
                       struct error *error)
{
  static const char *const keys[] = {"type", "individual_digits", NULL};
  step->digits = true;
  return json_check_keys(object, where, keys, error) ||
                 json_get_boolean(object, where, "individual_digits", &step->one_digit, error)
             ? error->code
             : 0;
}

static const char supported[] = "ByteLevel, Split, Digits, and a Sequence of them that ends with "
                                "ByteLevel; not a byte-level BPE otherwise";

static int read_step(const char *where, const json_t *object, bool last, struct pretokenizer *p,
                     struct error *error)
{
  static const struct {
    const char *type;
    int (*read)(const char *, const json_t *, struct pretokenizer_step *, struct error *);
  } kinds[] = {{"ByteLevel", read_byte_level}, {"Split", read_split}, {"Digits", read_digits}};
  const char *type;
  if (json_get_string(object, where, "type", &type, error))
    return error->code;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(type, kinds[i].type) == 0) {
      if ((i == 0) != last)
        return error_set(error, EXIT_INPUT,
                         "%s: a pre-tokenizer ByteLevel must be the last one, and the last one "
                         "must be a ByteLevel; no other order is supported",
                         where);
      return kinds[i].read(where, object, &p->steps[p->count++], error);
    }
  return not_supported(where, "a pre-tokenizer", type, supported, error);
}

static int read_steps(const char *where, const json_t *object, struct pretokenizer *p,
                      struct error *error)
{
  static const char *const keys[] = {"type", "pretokenizers", NULL};
  const char *type;
  json_t *list;
  if (json_get_string(object, where, "type", &type, error))
    return error->code;
  if (strcmp(type, "Sequence") != 0)
    return read_step(where, object, true, p, error);
  if (json_check_keys(object, where, keys, error) ||
      json_get_array(object, where, "pretokenizers", &list, error))
    return error->code;
  size_t count = json_array_size(list);
  if (count < 1 || count > PRETOKENIZER_STEPS)
    return error_set(error, EXIT_INPUT, "%s: a Sequence of %zu, must be of 1 to %d", where, count,
                     PRETOKENIZER_STEPS);
  for (size_t i = 0; i < count; i++)
    if (read_step(where, json_array_get(list, i), i + 1 == count, p, error))
      return error->code;
  return 0;
}

int pretokenizer_read(const char *where, const json_t *root, struct pretokenizer *p,
                      struct error *error)
{
  char at[600];
  json_t *object;
  *p = (struct pretokenizer){.count = 0};
  if (!json_is_absent(root, "normalizer")) {
    snprintf(at, sizeof at, "%.500s: \"normalizer\"", where);
    if (json_get_object(root, where, "normalizer", &object, error) ||
        read_normalizer(at, object, 0, p, error))
      return error->code;
  }
  if (json_is_absent(root, "pre_tokenizer"))
    return error_set(error, EXIT_INPUT,
                     "%s: has no \"pre_tokenizer\": is not a byte-level BPE, which is what is "
                     "supported",
                     where);
  snprintf(at, sizeof at, "%.500s: \"pre_tokenizer\"", where);
  return json_get_object(root, where, "pre_tokenizer", &object, error) ||
                 read_steps(at, object, p, error)
             ? error->code
             : 0;
}

/* A piece of text on its way through the steps. */
struct splitting {
  const struct pretokenizer *p;
  pretokenizer_take take;
  void *context;
};

static int split(const struct splitting *s, size_t step, const char *text, size_t size,
                 struct error *error);

/* Bytes of a run of numbers, or of what is none; of one number. */
static size_t match_digits(bool one, const char *text, size_t size)
{
  size_t at = 0, bytes;
  bool number = false;
  while (at < size) {
    bool here = unicode_class_at(text + at, size - at, &bytes) == UNICODE_NUMBER;
    if (at > 0 && here != number)
      break;
    number = here;
    at += bytes;
    if (number && one)
      break;
  }
  return at;
}

static int split_with_blank(const struct splitting *s, size_t step, const char *text, size_t size,
                            struct error *error)
{
  char *longer = malloc(size + 1);
  if (!longer)
    return error_set(error, EXIT_RUN, "out of memory for a text of %zu bytes", size);
  *longer = ' ';
  memcpy(longer + 1, text, size);
  int status = split(s, step, longer, size + 1, error);
  free(longer);
  return status;
}

static int split(const struct splitting *s, size_t step, const char *text, size_t size,
                 struct error *error)
{
  int status = 0;
  if (step == s->p->count)
    return s->take(s->context, text, size, error);
  const struct pretokenizer_step *now = &s->p->steps[step];
  if (now->prefix_space && *text != ' ')
    return split_with_blank(s, step, text, size, error);
  for (size_t at = 0, bytes; at < size && !status; at += bytes) {
    bytes = size - at;
    if (now->pattern)
      bytes = word_pattern_match(now->pattern, text + at, size - at);
    else if (now->digits)
      bytes = match_digits(now->one_digit, text + at, size - at);
    status = split(s, step + 1, text + at, bytes, error);
  }
  return status;
}

int pretokenizer_split(const struct pretokenizer *p, const char *text, size_t size,
                       pretokenizer_take take, void *context, struct error *error)
{
  const struct splitting s = {p, take, context};
  return size ? split(&s, 0, text, size, error) : 0;
}
