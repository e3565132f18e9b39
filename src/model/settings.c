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

static const struct spelling scaling_spellings[] = {
    {"factor", SETTING_ROPE_FACTOR},
    {"low_freq_factor", SETTING_ROPE_LOW},
    {"high_freq_factor", SETTING_ROPE_HIGH},
    {"original_max_position_embeddings", SETTING_ROPE_ORIGINAL},
    {"beta_fast", SETTING_ROPE_BETA_FAST},
    {"beta_slow", SETTING_ROPE_BETA_SLOW},
    {"attention_factor", SETTING_ROPE_ATTENTION},
    {"mscale", SETTING_ROPE_MSCALE},
    {"mscale_all_dim", SETTING_ROPE_MSCALE_ALL},
    {"truncate", SETTING_ROPE_TRUNCATE},
    {NULL, SETTINGS},
};

#define BIT(setting) ((uint64_t)1 << (setting))

/* What each type reads beside rope_spellings, and what it cannot do without. */
static const struct {
  const char *name;
  uint64_t keys, needed;
} types[] = {
    [ROPE_DEFAULT] = {"default", 0, 0},
    [ROPE_DYNAMIC] = {"dynamic", BIT(SETTING_ROPE_FACTOR), 0},
    [ROPE_LINEAR] = {"linear", BIT(SETTING_ROPE_FACTOR), BIT(SETTING_ROPE_FACTOR)},
#define LLAMA3                                                                                     \
  BIT(SETTING_ROPE_FACTOR) | BIT(SETTING_ROPE_LOW) | BIT(SETTING_ROPE_HIGH) |                      \
      BIT(SETTING_ROPE_ORIGINAL)
    [ROPE_LLAMA3] = {"llama3", LLAMA3, LLAMA3},
    [ROPE_YARN] = {"yarn",
                   BIT(SETTING_ROPE_FACTOR) | BIT(SETTING_ROPE_ORIGINAL) |
                       BIT(SETTING_ROPE_BETA_FAST) | BIT(SETTING_ROPE_BETA_SLOW) |
                       BIT(SETTING_ROPE_ATTENTION) | BIT(SETTING_ROPE_MSCALE) |
                       BIT(SETTING_ROPE_MSCALE_ALL) | BIT(SETTING_ROPE_TRUNCATE),
                   BIT(SETTING_ROPE_FACTOR)},
#undef LLAMA3
};

int rope_type_parse(const char *name)
{
  for (size_t i = 0; name && i < sizeof types / sizeof *types; i++)
    if (strcmp(types[i].name, name) == 0)
      return (int)i;
  return name ? -1 : ROPE_DEFAULT;
}

const char *rope_type_name(enum rope_type type)
{
  return types[type].name;
}

static int take_all(struct collector *c, const struct spelling *spellings, const char *group,
                    const json_t *object)
{
  for (const struct spelling *s = spellings; s->key; s++)
    if (take(c, s->setting, (struct stated){object, group, s->key}))
      return c->error->code;
  return 0;
}

static bool is_spelled(const struct spelling *spellings, const char *key, uint64_t settings)
{
  for (const struct spelling *s = spellings; s->key; s++)
    if (strcmp(s->key, key) == 0)
      return settings >> s->setting & 1;
  return false;
}

/* *type becomes the one that is stated, of what is taken so far. */
static int check_type(struct collector *c, enum rope_type *type)
{
  struct settings *s = c->settings;
  const json_t *value = settings_value(s, SETTING_ROPE_TYPE);
  const char *name = json_string_value(value);
  char key[SETTINGS_TEXT], text[SETTINGS_TEXT];
  int found = rope_type_parse(name);
  *type = ROPE_DEFAULT;
  if (!value || json_is_null(value))
    return 0;
  if (name && (found == ROPE_DEFAULT || (found > 0 && s->family->scaled_rope))) {
    *type = (enum rope_type)found;
    return 0;
  }
  return error_set(
      c->error, EXIT_INPUT,
      "%s: \"%s\" is %s, which changes the result: only rotary positions of type "
      "\"default\"%s are supported%s%s",
      s->name, settings_key(s, SETTING_ROPE_TYPE, key), settings_show(value, text),
      s->family->scaled_rope ? ", \"dynamic\", \"linear\", \"llama3\" and \"yarn\"" : "",
      s->family->scaled_rope ? "" : " for family ", s->family->scaled_rope ? "" : s->family->name);
}

/* A factor of 1 and the original context scale nothing. */
static bool scales_nothing(const char *key, const json_t *value)
{
  return json_is_null(value) ||
         (strcmp(key, "factor") == 0 && json_is_number(value) && json_number_value(value) == 1.0) ||
         strcmp(key, "original_max_position_embeddings") == 0;
}

static int check_rest(struct collector *c, const char *group, const json_t *object,
                      enum rope_type type)
{
  json_t *members = (json_t *)(uintptr_t)object, *member;
  const char *key;
  char value[SETTINGS_TEXT];
  json_object_foreach(members, key, member)
  {
    if (!is_spelled(rope_spellings, key, UINT64_MAX) &&
        !is_spelled(scaling_spellings, key, types[type].keys) && !scales_nothing(key, member))
      return error_set(c->error, EXIT_INPUT,
                       "%s: \"%s.%.60s\" is %s: attest does not know what that does to rotary "
                       "positions of type \"%s\"; if it does nothing, remove it from a copy of "
                       "the file",
                       c->settings->name, group, key, settings_show(member, value),
                       types[type].name);
  }
  return 0;
}

static int check_needed(struct collector *c, const char *group, enum rope_type type)
{
  for (const struct spelling *s = scaling_spellings; s->key; s++) {
    const json_t *value = settings_value(c->settings, s->setting);
    if (types[type].needed >> s->setting & 1 && !json_is_number(value))
      return error_set(c->error, EXIT_INPUT, "%s: \"%s\" of type \"%s\" needs \"%s\", a number",
                       c->settings->name, group, types[type].name, s->key);
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
  enum rope_type type;
  if (unwrap(c, group, &object) || take_all(c, rope_spellings, group, object) ||
      check_type(c, &type) || check_rest(c, group, object, type) ||
      (type != ROPE_DEFAULT && take_all(c, scaling_spellings, group, object)))
    return c->error->code;
  return check_needed(c, group, type);
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
