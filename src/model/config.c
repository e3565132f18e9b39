#include "model/config.h"

#include "base/json.h"
#include "model/config_keys.h"
#include "model/settings.h"

#include <stdio.h>
#include <string.h>

enum value_kind { VALUE_SIZE, VALUE_REAL, VALUE_FLOAT, VALUE_BOOLEAN, VALUE_ACTIVATION };

/* What a setting's value must be, and where it goes. Where null means none, it is stored as 0. */
static const struct field {
  enum value_kind kind;
  bool null_is_none;
  double low, high; /* of numbers */
  size_t offset;
} fields[SETTINGS] = {
#define FIELD(kind, none, low, high, member)                                                       \
  {                                                                                                \
    kind, none, low, high, offsetof(struct model_config, member)                                   \
  }
    [SETTING_HIDDEN] = FIELD(VALUE_SIZE, false, 1, 1 << 16, hidden),
    [SETTING_LAYERS] = FIELD(VALUE_SIZE, false, 1, 1 << 10, layers),
    [SETTING_HEADS] = FIELD(VALUE_SIZE, false, 1, 1 << 10, heads),
    [SETTING_FFN] = FIELD(VALUE_SIZE, false, 1, 1 << 20, ffn),
    [SETTING_VOCAB] = FIELD(VALUE_SIZE, false, 1, 1 << 24, vocab),
    [SETTING_CONTEXT] = FIELD(VALUE_SIZE, false, 1, 1 << 24, context),
    [SETTING_KV_HEADS] = FIELD(VALUE_SIZE, true, 1, 1 << 10, kv_heads),
    [SETTING_HEAD_DIM] = FIELD(VALUE_SIZE, true, 1, 1 << 16, head_dim),
    [SETTING_ACTIVATION] = FIELD(VALUE_ACTIVATION, false, 0, 0, activation),
    [SETTING_NORM_EPS] = FIELD(VALUE_FLOAT, false, 1e-30, 1.0, norm_eps),
    [SETTING_TIED] = FIELD(VALUE_BOOLEAN, false, 0, 0, tied),
    [SETTING_ATTENTION_BIAS] = FIELD(VALUE_BOOLEAN, false, 0, 0, attention_bias),
    [SETTING_PARALLEL_RESIDUAL] = FIELD(VALUE_BOOLEAN, false, 0, 0, parallel_residual),
    [SETTING_CLIP] = FIELD(VALUE_FLOAT, true, 1e-6, 1e9, clip_qkv),
    [SETTING_EXPERTS] = FIELD(VALUE_SIZE, false, 1, 1 << 12, experts),
    [SETTING_TOP_K] = FIELD(VALUE_SIZE, false, 1, 1 << 12, top_k),
    [SETTING_NORM_TOP_K] = FIELD(VALUE_BOOLEAN, false, 0, 0, norm_topk_prob),
    [SETTING_ROPE_BASE] = FIELD(VALUE_REAL, false, 1.0, 1e12, rope_base),
    [SETTING_ROTARY_SHARE] = FIELD(VALUE_REAL, false, 0.0, 1.0, rotary_share),
#undef FIELD
};

struct reader {
  const struct settings *settings;
  struct model_config *config;
  struct error *error;
};

static int read_activation(struct reader *r, const struct stated *stated, const char *where,
                           enum activation *activation)
{
  static const struct {
    const char *name;
    enum activation activation;
  } names[] = {{"gelu", ACTIVATION_GELU},           {"gelu_new", ACTIVATION_GELU_TANH},
               {"gelu_fast", ACTIVATION_GELU_TANH}, {"gelu_pytorch_tanh", ACTIVATION_GELU_TANH},
               {"silu", ACTIVATION_SILU},           {"swish", ACTIVATION_SILU}};
  const char *name;
  if (json_get_string(stated->object, where, stated->key, &name, r->error))
    return r->error->code;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i].name) == 0 &&
        r->config->gated_mlp == (names[i].activation == ACTIVATION_SILU)) {
      *activation = names[i].activation;
      return 0;
    }
  return error_set(r->error, EXIT_INPUT, "%s: %s \"%.80s\" is not supported for family %s", where,
                   stated->key, name, r->settings->family->name);
}

static int read_value(struct reader *r, const struct field *field, const struct stated *stated,
                      const char *where, void *target)
{
  int64_t integer;
  double number;
  switch (field->kind) {
  case VALUE_SIZE:
    if (!json_get_integer(stated->object, where, stated->key, (int64_t)field->low,
                          (int64_t)field->high, &integer, r->error))
      *(size_t *)target = (size_t)integer;
    break;
  case VALUE_REAL:
    (void)json_get_number(stated->object, where, stated->key, field->low, field->high, target,
                          r->error);
    break;
  case VALUE_FLOAT:
    if (!json_get_number(stated->object, where, stated->key, field->low, field->high, &number,
                         r->error))
      *(float *)target = (float)number;
    break;
  case VALUE_BOOLEAN:
    (void)json_get_boolean(stated->object, where, stated->key, target, r->error);
    break;
  case VALUE_ACTIVATION:
    return read_activation(r, stated, where, target);
  }
  return r->error->code;
}

static void store_none(const struct field *field, void *target)
{
  if (field->kind == VALUE_SIZE)
    *(size_t *)target = 0;
  else
    *(float *)target = 0;
}

static int refuse_null(struct reader *r, enum setting setting)
{
  char key[SETTINGS_TEXT];
  return error_set(r->error, EXIT_INPUT,
                   "%s: \"%s\" is null, which means nothing for family %s; in a copy of the file "
                   "give it a value, or remove it for the family's default",
                   r->settings->name, settings_key(r->settings, setting, key),
                   r->settings->family->name);
}

static int read_setting(struct reader *r, enum setting setting)
{
  const struct field *field = &fields[setting];
  const struct stated *stated = &r->settings->stated[setting];
  const json_t *value = settings_value(r->settings, setting);
  void *target = (char *)r->config + field->offset;
  char where[600];
  if (!value)
    return 0;
  if (json_is_null(value) && !field->null_is_none)
    return refuse_null(r, setting);
  snprintf(where, sizeof where, "%.500s%s%s", r->settings->name, *stated->group ? ": " : "",
           stated->group);
  if (!json_is_null(value))
    return read_value(r, field, stated, where, target);
  store_none(field, target);
  return 0;
}

/* Of what a family has no choice in, only its own value is accepted. */
static int check_fixed(struct reader *r, enum setting setting, const void *target,
                       const void *wanted)
{
  static const size_t sizes[] = {[VALUE_SIZE] = sizeof(size_t),
                                 [VALUE_REAL] = sizeof(double),
                                 [VALUE_FLOAT] = sizeof(float),
                                 [VALUE_BOOLEAN] = sizeof(bool)};
  char key[SETTINGS_TEXT], value[SETTINGS_TEXT];
  if (family_has(r->settings->family, setting) || !settings_value(r->settings, setting) ||
      setting == SETTING_KV_HEADS || /* as many as heads: derive_heads */
      memcmp(target, wanted, sizes[fields[setting].kind]) == 0)
    return 0;
  return error_set(r->error, EXIT_INPUT,
                   "%s: \"%s\" is %s, which changes the result: models of family %s have no such "
                   "option",
                   r->settings->name, settings_key(r->settings, setting, key),
                   settings_show(settings_value(r->settings, setting), value),
                   r->settings->family->name);
}

static int read_settings(struct reader *r)
{
  const struct model_config *defaults = &r->settings->family->defaults;
  for (int i = 0; i < SETTINGS; i++) {
    enum setting setting = (enum setting)i;
    size_t offset = fields[i].offset;
    if (setting != SETTING_ROPE_TYPE && /* settings.c has checked it */
        (read_setting(r, setting) || check_fixed(r, setting, (const char *)r->config + offset,
                                                 (const char *)defaults + offset)))
      return r->error->code;
  }
  return 0;
}

/* A size that neither config.json nor the family states; said with the family's first spelling. */
static int check_stated(struct reader *r)
{
  static const enum setting needed[] = {SETTING_HIDDEN, SETTING_LAYERS, SETTING_HEADS, SETTING_FFN,
                                        SETTING_VOCAB};
  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
    const struct spelling *spelling = r->settings->family->spellings;
    while (spelling->setting != needed[i])
      spelling++;
    if (*(const size_t *)((const char *)r->config + fields[needed[i]].offset) == 0)
      return error_set(r->error, EXIT_INPUT, "%s: \"%s\" is missing, must be an integer",
                       r->settings->name, spelling->key);
  }
  return 0;
}

static int derive_heads(struct reader *r)
{
  struct model_config *c = r->config;
  if (!c->kv_heads)
    c->kv_heads = c->heads;
  if (c->hidden % c->heads || c->heads % c->kv_heads)
    return error_set(r->error, EXIT_INPUT,
                     "%s: hidden_size %zu, num_attention_heads %zu and num_key_value_heads %zu "
                     "must divide one another",
                     r->settings->name, c->hidden, c->heads, c->kv_heads);
  if (!family_has(r->settings->family, SETTING_KV_HEADS) && c->kv_heads != c->heads)
    return error_set(r->error, EXIT_INPUT,
                     "%s: num_key_value_heads %zu is not supported for family %s; it must be "
                     "num_attention_heads = %zu",
                     r->settings->name, c->kv_heads, r->settings->family->name, c->heads);
  size_t wanted = c->hidden / c->heads;
  if (c->head_dim && c->head_dim != wanted)
    return error_set(r->error, EXIT_INPUT,
                     "%s: head_dim %zu is not supported; it must be hidden_size / heads = %zu",
                     r->settings->name, c->head_dim, wanted);
  c->head_dim = wanted;
  return 0;
}

static int derive_rest(struct reader *r)
{
  struct model_config *c = r->config;
  c->rotary_dims = (size_t)((double)c->head_dim * c->rotary_share);
  if (c->rotary_dims % 2 || c->rotary_dims == 0)
    return error_set(
        r->error, EXIT_INPUT,
        "%s: %zu rotary dimensions per head are not supported; the number must be even "
        "and not 0",
        r->settings->name, c->rotary_dims);
  if (c->top_k > c->experts)
    return error_set(r->error, EXIT_INPUT,
                     "%s: num_experts_per_tok %zu is more than num_experts %zu", r->settings->name,
                     c->top_k, c->experts);
  return 0;
}

static int read_family(const char *name, const json_t *object, const struct family **family,
                       struct error *error)
{
  const char *type;
  if (json_get_string(object, name, "model_type", &type, error))
    return error->code;
  *family = family_find(type, strlen(type));
  if (*family)
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: model_type \"%.80s\" is not supported; supported are " FAMILY_NAMES, name,
                   type);
}

static int read_config(const char *name, const json_t *object, struct model_config *config,
                       struct error *error)
{
  const struct family *family;
  struct settings settings;
  if (read_family(name, object, &family, error) ||
      settings_collect(name, object, family, &settings, error) ||
      config_keys_check(name, object, family, error))
    return error->code;
  struct reader reader = {&settings, config, error};
  *config = family->defaults;
  if (read_settings(&reader) || check_stated(&reader) || derive_heads(&reader) ||
      derive_rest(&reader))
    return error->code;
  return 0;
}

int model_config_parse(const char *name, const void *data, size_t size, struct model_config *config,
                       struct error *error)
{
  json_t *object;
  *config = (struct model_config){0};
  *error = (struct error){0}; /* the readers above look at it */
  if (json_parse_object(name, data, size, &object, error))
    return error->code;
  int status = read_config(name, object, config, error);
  json_decref(object);
  return status;
}
