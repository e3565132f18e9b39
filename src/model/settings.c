#include "model/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct collector {
  struct settings *settings;
  struct error *error;
};

static const char *show_key(const struct stated *stated, char text[SETTINGS_TEXT])
{
  snprintf(text, SETTINGS_TEXT, "%.50s%s%.60s", stated->group, *stated->group ? "." : "",
           stated->key);
  return text;
}

const char *settings_key(const struct settings *settings, enum setting setting,
                         char text[SETTINGS_TEXT])
{
  return show_key(&settings->stated[setting], text);
}

/* Without memory the message says less. */
const char *settings_show(const json_t *value, char text[SETTINGS_TEXT])
{
  char *dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
  const char *shown = dumped ? dumped : "another value";
  snprintf(text, SETTINGS_TEXT, "%.80s%s", shown, strlen(shown) > 80 ? "..." : "");
  free(dumped);
  return text;
}

const json_t *settings_value(const struct settings *settings, enum setting setting)
{
  const struct stated *stated = &settings->stated[setting];
  return stated->object ? json_object_get(stated->object, stated->key) : NULL;
}

static bool equal(const json_t *a, const json_t *b)
{
  if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b))
    return json_number_value(a) == json_number_value(b);
  return json_equal(a, b);
}

/* Takes a key that is there, unless another one has stated the same. */
static int take(struct collector *c, enum setting setting, struct stated found)
{
  struct settings *s = c->settings;
  const json_t *value = json_object_get(found.object, found.key);
  const json_t *before = settings_value(s, setting);
  char keys[2][SETTINGS_TEXT], values[2][SETTINGS_TEXT];
  if (!value || (before && json_is_null(value)))
    return 0;
  if (!before || json_is_null(before)) {
    s->stated[setting] = found;
    return 0;
  }
  if (equal(before, value))
    return 0;
  return error_set(c->error, EXIT_INPUT,
                   "%s: \"%s\" is %s, but \"%s\" is %s: both say the same thing and must agree; "
                   "correct a copy of the file",
                   s->name, show_key(&s->stated[setting], keys[0]),
                   settings_show(before, values[0]), show_key(&found, keys[1]),
                   settings_show(value, values[1]));
}

/* Equal but for the way numbers are written. */
static bool equal_objects(const json_t *a, const json_t *b)
{
  json_t *members = (json_t *)(uintptr_t)a; /* jansson's iterator takes no const */
  const char *key;
  json_t *member;
  if (!json_is_object(a) || !json_is_object(b) || json_object_size(a) != json_object_size(b))
    return false;
  json_object_foreach(members, key, member)
  {
    const json_t *other = json_object_get(b, key);
    if (!other || !equal(member, other))
      return false;
  }
  return true;
}

/* Newer writers may key the parameters by the type of a layer; here all layers rotate alike.
 * *object becomes the parameters themselves. */
static int unwrap(struct collector *c, const char *group, const json_t **object)
{
  json_t *members = (json_t *)(uintptr_t)*object, *member;
  const char *key, *first = NULL;
  const json_t *shared = NULL;
  json_object_foreach(members, key, member)
  {
    if (!json_is_object(member) && !shared)
      return 0; /* what is an object later on is refused as a value */
    if (!json_is_object(member))
      return error_set(
          c->error, EXIT_INPUT,
          "%s: \"%s\" mixes what holds for a type of layers (\"%.60s\") with what holds "
          "for all (\"%.60s\"), which is not supported",
          c->settings->name, group, first, key);
    if (shared && !equal_objects(shared, member))
      return error_set(c->error, EXIT_INPUT,
                       "%s: \"%s.%.60s\" and \"%s.%.60s\" differ: rotary positions that differ "
                       "between layers are not supported",
                       c->settings->name, group, first, group, key);
    first = first ? first : key;
    shared = shared ? shared : member;
  }
  *object = shared ? shared : *object;
  return 0;
}

static const struct spelling rope_spellings[] = {
    {"rope_type", SETTING_ROPE_TYPE},
    {"type", SETTING_ROPE_TYPE},
    {"rope_theta", SETTING_ROPE_BASE},
    {"partial_rotary_factor", SETTING_ROTARY_SHARE},
    {NULL, SETTINGS},
};

static int take_all(struct collector *c, const struct spelling *spellings, const char *group,
                    const json_t *object)
{
  for (const struct spelling *s = spellings; s->key; s++)
    if (take(c, s->setting, (struct stated){object, group, s->key}))
      return c->error->code;
  return 0;
}

static bool is_spelled(const char *key)
{
  for (const struct spelling *s = rope_spellings; s->key; s++)
    if (strcmp(s->key, key) == 0)
      return true;
  return false;
}

static int check_type(struct collector *c)
{
  struct settings *s = c->settings;
  const json_t *type = settings_value(s, SETTING_ROPE_TYPE);
  char key[SETTINGS_TEXT], value[SETTINGS_TEXT];
  if (!type || json_is_null(type) ||
      (json_is_string(type) && strcmp(json_string_value(type), "default") == 0))
    return 0;
  return error_set(c->error, EXIT_INPUT,
                   "%s: \"%s\" is %s, which changes the result: only rotary positions of type "
                   "\"default\" are supported",
                   s->name, settings_key(s, SETTING_ROPE_TYPE, key), settings_show(type, value));
}

/* A factor of 1 and the original context scale nothing. */
static bool scales_nothing(const char *key, const json_t *value)
{
  return json_is_null(value) ||
         (strcmp(key, "factor") == 0 && json_is_number(value) && json_number_value(value) == 1.0) ||
         strcmp(key, "original_max_position_embeddings") == 0;
}

static int check_rest(struct collector *c, const char *group, const json_t *object)
{
  json_t *members = (json_t *)(uintptr_t)object, *member;
  const char *key;
  char value[SETTINGS_TEXT];
  json_object_foreach(members, key, member)
  {
    if (!is_spelled(key) && !scales_nothing(key, member))
      return error_set(
          c->error, EXIT_INPUT,
          "%s: \"%s.%.60s\" is %s: attest does not know what that does to rotary "
          "positions of type \"default\"; if it does nothing, remove it from a copy of "
          "the file",
          c->settings->name, group, key, settings_show(member, value));
  }
  return 0;
}

/* rope_parameters or rope_scaling. */
static int take_rope(struct collector *c, const json_t *config, const char *group)
{
  const json_t *object = json_object_get(config, group);
  char value[SETTINGS_TEXT];
  if (!object || json_is_null(object))
    return 0;
  if (!json_is_object(object))
    return error_set(c->error, EXIT_INPUT, "%s: \"%s\" is %s, must be an object or null",
                     c->settings->name, group, settings_show(object, value));
  if (unwrap(c, group, &object) || take_all(c, rope_spellings, group, object) || check_type(c))
    return c->error->code;
  return check_rest(c, group, object);
}

int settings_collect(const char *name, const json_t *object, const struct family *family,
                     struct settings *settings, struct error *error)
{
  struct collector c = {settings, error};
  *settings = (struct settings){.name = name, .family = family};
  if (take_all(&c, family->spellings, "", object) || take_rope(&c, object, "rope_parameters") ||
      take_rope(&c, object, "rope_scaling"))
    return error->code;
  return 0;
}
