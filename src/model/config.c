#include "model/config.h"

#include "base/json.h"
#include "model/config_keys.h"
#include "model/settings.h"

#include <stdio.h>
#include <string.h>

enum value_kind {
  VALUE_SIZE,
  VALUE_REAL,
  VALUE_FLOAT,
  VALUE_BOOLEAN,
  VALUE_ACTIVATION,
  VALUE_QK_NORM,    /* false, or true for the norm of each head */
  VALUE_LAYER_TYPES /* a list with "full_attention" or "sliding_attention" for each layer */
};

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
    [SETTING_ROPE_FACTOR] = FIELD(VALUE_REAL, true, 1.0, 1e6, rope.factor),
    [SETTING_ROPE_LOW] = FIELD(VALUE_REAL, true, 1e-3, 1e6, rope.low_freq),
    [SETTING_ROPE_HIGH] = FIELD(VALUE_REAL, true, 1e-3, 1e6, rope.high_freq),
    [SETTING_ROPE_ORIGINAL] = FIELD(VALUE_SIZE, true, 1, 1 << 24, rope.original_context),
    [SETTING_ROPE_BETA_FAST] = FIELD(VALUE_REAL, true, 1e-3, 1e6, rope.beta_fast),
    [SETTING_ROPE_BETA_SLOW] = FIELD(VALUE_REAL, true, 1e-3, 1e6, rope.beta_slow),
    [SETTING_ROPE_ATTENTION] = FIELD(VALUE_REAL, true, 1e-3, 1e3, rope.attention_factor),
    [SETTING_ROPE_MSCALE] = FIELD(VALUE_REAL, true, 0.0, 1e3, rope.mscale),
    [SETTING_ROPE_MSCALE_ALL] = FIELD(VALUE_REAL, true, 0.0, 1e3, rope.mscale_all),
    [SETTING_ROPE_TRUNCATE] = FIELD(VALUE_BOOLEAN, false, 0, 0, rope.truncate),
    [SETTING_MLP_BIAS] = FIELD(VALUE_BOOLEAN, false, 0, 0, mlp_bias),
    [SETTING_QK_NORM] = FIELD(VALUE_QK_NORM, false, 0, 0, qk_norm),
    [SETTING_WINDOW] = FIELD(VALUE_SIZE, true, 1, 1 << 24, window.keys),
    [SETTING_WINDOW_USED] = FIELD(VALUE_BOOLEAN, false, 0, 0, window.used),
    [SETTING_WINDOW_FIRST] = FIELD(VALUE_SIZE, false, 0, 1 << 20, window.first),
    [SETTING_LAYER_TYPES] = FIELD(VALUE_LAYER_TYPES, true, 0, 0, window.listed),
    [SETTING_SCALE_BY_LAYER] = FIELD(VALUE_BOOLEAN, false, 0, 0, scale_by_layer),
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

/* Whether the layers have them is checked once their number is known. */
static int read_layer_types(struct reader *r, const struct stated *stated, const char *where,
                            struct window *window)
{
  const json_t *list = json_object_get(stated->object, stated->key);
  if (!json_is_array(list) || json_array_size(list) > WINDOW_LAYERS)
    return error_set(r->error, EXIT_INPUT,
                     "%s: \"%s\" must be a list of at most %d types of layers", where, stated->key,
                     WINDOW_LAYERS);
  window->listed = true;
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *type = json_string_value(json_array_get(list, i));
    bool sliding = type && strcmp(type, "sliding_attention") == 0;
    if (!sliding && (!type || strcmp(type, "full_attention") != 0))
      return error_set(r->error, EXIT_INPUT,
                       "%s: \"%s\": layer %zu must be \"full_attention\" or \"sliding_attention\"",
                       where, stated->key, i);
    window->layers[i / 32] |= (uint32_t)sliding << i % 32;
  }
  return 0;
}

static int read_value(struct reader *r, const struct field *field, const struct stated *stated,
                      const char *where, void *target)
{
  int64_t integer;
  double number;
  bool flag;
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
  case VALUE_QK_NORM:
    if (!json_get_boolean(stated->object, where, stated->key, &flag, r->error))
      *(enum query_key_norm *)target = flag ? QK_NORM_HEADS : QK_NORM_NONE;
    break;
  case VALUE_LAYER_TYPES:
    return read_layer_types(r, stated, where, &r->config->window);
  }
  return r->error->code;
}

static void store_none(const struct field *field, void *target)
{
  if (field->kind == VALUE_SIZE)
    *(size_t *)target = 0;
  else if (field->kind == VALUE_REAL)
    *(double *)target = 0;
  else if (field->kind == VALUE_FLOAT)
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
  if (json_is_null(value) && !field->null_is_none &&
      !(setting == SETTING_FFN && r->settings->family->ffn_per_hidden))
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
                                 [VALUE_BOOLEAN] = sizeof(bool),
                                 [VALUE_QK_NORM] = sizeof(enum query_key_norm)};
  char key[SETTINGS_TEXT], value[SETTINGS_TEXT];
  if (family_has(r->settings->family, setting) || !settings_value(r->settings, setting) ||
      setting == SETTING_KV_HEADS || setting == SETTING_HEAD_DIM ||           /* derive_heads */
      (setting >= SETTING_ROPE_FACTOR && setting <= SETTING_ROPE_TRUNCATE) || /* settings.c */
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
    if (needed[i] == SETTING_FFN && !r->config->ffn)
      r->config->ffn = r->settings->family->ffn_per_hidden * r->config->hidden;
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
  size_t wanted = c->hidden / c->heads;
  bool own = family_has(r->settings->family, SETTING_HEAD_DIM) && c->head_dim;
  if ((!own && c->hidden % c->heads) || c->heads % c->kv_heads)
    return error_set(r->error, EXIT_INPUT,
                     "%s: hidden_size %zu, num_attention_heads %zu and num_key_value_heads %zu "
                     "must divide one another",
                     r->settings->name, c->hidden, c->heads, c->kv_heads);
  if (!family_has(r->settings->family, SETTING_KV_HEADS) && c->kv_heads != c->heads)
    return error_set(r->error, EXIT_INPUT,
                     "%s: num_key_value_heads %zu is not supported for family %s; it must be "
                     "num_attention_heads = %zu",
                     r->settings->name, c->kv_heads, r->settings->family->name, c->heads);
  if (!own && c->head_dim && c->head_dim != wanted)
    return error_set(r->error, EXIT_INPUT,
                     "%s: head_dim %zu is not supported; it must be hidden_size / heads = %zu",
                     r->settings->name, c->head_dim, wanted);
  if (!own)
    c->head_dim = wanted;
  return 0;
}

/* yarn's releases disagree where the factor is not that of the two contexts. */
static int derive_rope(struct reader *r)
{
  struct rope_scaling *rope = &r->config->rope;
  const char *type = json_string_value(settings_value(r->settings, SETTING_ROPE_TYPE));
  bool original = rope->original_context != 0;
  rope->type = (enum rope_type)rope_type_parse(type);
  if (rope->factor == 0)
    rope->factor = 1;
  if (!original)
    rope->original_context = r->config->context;
  if (rope->beta_fast == 0)
    rope->beta_fast = 32;
  if (rope->beta_slow == 0)
    rope->beta_slow = 1;
  rope->truncate |= !settings_value(r->settings, SETTING_ROPE_TRUNCATE);
  if (rope->type == ROPE_LLAMA3 && !(rope->low_freq > 0 && rope->high_freq > rope->low_freq))
    return error_set(r->error, EXIT_INPUT,
                     "%s: rotary positions of type \"llama3\" need low_freq_factor below "
                     "high_freq_factor",
                     r->settings->name);
  if (rope->type == ROPE_YARN && original &&
      rope->factor * (double)rope->original_context != (double)r->config->context)
    return error_set(r->error, EXIT_INPUT,
                     "%s: rotary positions of type \"yarn\": factor %g is not "
                     "max_position_embeddings %zu / original_max_position_embeddings %zu, and "
                     "releases of transformers disagree on which of them counts; correct a copy of "
                     "the file",
                     r->settings->name, rope->factor, r->config->context, rope->original_context);
  return 0;
}

static int derive_window(struct reader *r)
{
  const json_t *types = settings_value(r->settings, SETTING_LAYER_TYPES);
  if (r->config->window.listed && json_array_size(types) != r->config->layers)
    return error_set(r->error, EXIT_INPUT, "%s: layer_types has %zu entries, the model %zu layers",
                     r->settings->name, json_array_size(types), r->config->layers);
  return 0;
}

static int derive_rest(struct reader *r)
{
  struct model_config *c = r->config;
  c->rotary_dims = (size_t)((double)c->head_dim * c->rotary_share);
  if (c->learned_positions)
    return 0;
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
  const char *reason = family_refusal(type);
  return error_set(error, EXIT_INPUT,
                   "%s: model_type \"%.80s\" is not supported%s%s; supported are " FAMILY_NAMES,
                   name, type, reason ? ": it has " : "", reason ? reason : "");
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
      derive_rest(&reader) || derive_rope(&reader) || derive_window(&reader))
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

size_t model_config_window(const struct model_config *c, size_t layer)
{
  const struct window *w = &c->window;
  bool sliding = w->listed ? w->layers[layer / 32] >> layer % 32 & 1 : layer >= w->first;
  return w->used && sliding ? w->keys : 0;
}

size_t model_config_windows(const struct model_config *c)
{
  size_t count = 0;
  for (size_t layer = 0; layer < c->layers; layer++)
    count += model_config_window(c, layer) > 0;
  return count;
}
