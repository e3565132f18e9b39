#include "model/config.h"

#include "base/json.h"

#include <string.h>

/* Keys without influence on the forward pass at inference. */
static const char *const irrelevant[] = {
    "architectures",        "bos_token_id",
    "eos_token_id",         "pad_token_id",
    "torch_dtype",          "dtype",
    "transformers_version", "use_cache",
    "initializer_range",    "attention_dropout",
    "hidden_dropout",       "classifier_dropout",
    "_name_or_path",        "output_router_logits",
    "router_aux_loss_coef", "tokenizer_class",
    "output_attentions",    "output_hidden_states",
    "return_dict",          "gradient_checkpointing",
};

#define NEOX 1u
#define OLMO 2u
#define OLMOE 4u
#define ALL 7u

/* Keys that are read below, and by which families. */
static const struct {
  const char *key;
  unsigned families;
} known[] = {
    {"model_type", ALL},
    {"hidden_size", ALL},
    {"num_hidden_layers", ALL},
    {"num_attention_heads", ALL},
    {"intermediate_size", ALL},
    {"vocab_size", ALL},
    {"max_position_embeddings", ALL},
    {"hidden_act", ALL},
    {"tie_word_embeddings", ALL},
    {"attention_bias", ALL},
    {"head_dim", ALL},
    {"rope_scaling", ALL},
    {"layer_norm_eps", NEOX},
    {"rotary_pct", NEOX},
    {"rotary_emb_base", NEOX},
    {"use_parallel_residual", NEOX},
    {"num_key_value_heads", OLMO | OLMOE},
    {"clip_qkv", OLMO | OLMOE},
    {"rope_theta", OLMO | OLMOE},
    {"rms_norm_eps", OLMOE},
    {"num_experts", OLMOE},
    {"num_experts_per_tok", OLMOE},
    {"norm_topk_prob", OLMOE},
};

struct reader {
  const json_t *object;
  const char *name;
  struct error *error;
};

static int get_size(struct reader *r, const char *key, int64_t high, size_t *value)
{
  int64_t number;
  if (json_get_integer(r->object, r->name, key, 1, high, &number, r->error))
    return r->error->code;
  *value = (size_t)number;
  return 0;
}

/* Optional keys keep the default already in *value when absent or null. */
static int optional_size(struct reader *r, const char *key, int64_t high, size_t *value)
{
  return json_is_absent(r->object, key) ? 0 : get_size(r, key, high, value);
}

static int optional_boolean(struct reader *r, const char *key, bool *value)
{
  return json_is_absent(r->object, key)
             ? 0
             : json_get_boolean(r->object, r->name, key, value, r->error);
}

static int optional_number(struct reader *r, const char *key, double low, double high,
                           double *value)
{
  return json_is_absent(r->object, key)
             ? 0
             : json_get_number(r->object, r->name, key, low, high, value, r->error);
}

const char *model_family_name(enum model_family family)
{
  static const char *const names[] = {"gpt_neox", "olmo", "olmoe"};
  return names[family];
}

static int read_family(struct reader *r, struct model_config *config)
{
  const char *type;
  if (json_get_string(r->object, r->name, "model_type", &type, r->error))
    return r->error->code;
  for (int i = 0; i < 3; i++)
    if (strcmp(type, model_family_name((enum model_family)i)) == 0) {
      config->family = (enum model_family)i;
      return 0;
    }
  return error_set(r->error, EXIT_INPUT,
                   "%s: model_type \"%s\" is not supported; supported are gpt_neox, olmo, olmoe",
                   r->name, type);
}

static int check_keys(struct reader *r, enum model_family family)
{
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)r->object, key, value)
  {
    bool good = false;
    for (size_t i = 0; i < sizeof irrelevant / sizeof *irrelevant; i++)
      good |= strcmp(key, irrelevant[i]) == 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
      good |= strcmp(key, known[i].key) == 0 && (known[i].families >> family & 1u);
    if (!good && !json_is_null(value))
      return error_set(r->error, EXIT_INPUT,
                       "%s: option \"%s\" is not supported for family %s; attest would compute "
                       "another model",
                       r->name, key, model_family_name(family));
  }
  return 0;
}

static int read_activation(struct reader *r, struct model_config *config)
{
  static const struct {
    const char *name;
    enum activation activation;
  } names[] = {{"gelu", ACTIVATION_GELU},           {"gelu_new", ACTIVATION_GELU_TANH},
               {"gelu_fast", ACTIVATION_GELU_TANH}, {"gelu_pytorch_tanh", ACTIVATION_GELU_TANH},
               {"silu", ACTIVATION_SILU},           {"swish", ACTIVATION_SILU}};
  bool gated = config->family != FAMILY_GPT_NEOX;
  const char *name = gated ? "silu" : "gelu";
  if (!json_is_absent(r->object, "hidden_act") &&
      json_get_string(r->object, r->name, "hidden_act", &name, r->error))
    return r->error->code;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i].name) == 0 && gated == (names[i].activation == ACTIVATION_SILU)) {
      config->activation = names[i].activation;
      return 0;
    }
  return error_set(r->error, EXIT_INPUT, "%s: hidden_act \"%s\" is not supported for family %s",
                   r->name, name, model_family_name(config->family));
}

static int read_shape(struct reader *r, struct model_config *config)
{
  config->context = 2048;
  if (get_size(r, "hidden_size", 1 << 16, &config->hidden) ||
      get_size(r, "num_hidden_layers", 1 << 10, &config->layers) ||
      get_size(r, "num_attention_heads", 1 << 10, &config->heads) ||
      get_size(r, "intermediate_size", 1 << 20, &config->ffn) ||
      get_size(r, "vocab_size", 1 << 24, &config->vocab) ||
      optional_size(r, "max_position_embeddings", 1 << 24, &config->context))
    return r->error->code;
  config->kv_heads = config->heads;
  if (optional_size(r, "num_key_value_heads", 1 << 10, &config->kv_heads))
    return r->error->code;
  if (config->hidden % config->heads || config->heads % config->kv_heads)
    return error_set(r->error, EXIT_INPUT,
                     "%s: hidden_size %zu, num_attention_heads %zu and num_key_value_heads %zu "
                     "must divide one another",
                     r->name, config->hidden, config->heads, config->kv_heads);
  config->head_dim = config->hidden / config->heads;
  size_t head_dim = config->head_dim;
  if (optional_size(r, "head_dim", 1 << 16, &head_dim))
    return r->error->code;
  if (head_dim != config->head_dim)
    return error_set(r->error, EXIT_INPUT,
                     "%s: head_dim %zu is not supported; it must be hidden_size / heads = %zu",
                     r->name, head_dim, config->head_dim);
  return 0;
}

static int read_rope(struct reader *r, struct model_config *config)
{
  bool neox = config->family == FAMILY_GPT_NEOX;
  double share = neox ? 0.25 : 1.0;
  config->rope_base = 10000.0;
  if (!json_is_absent(r->object, "rope_scaling"))
    return error_set(r->error, EXIT_INPUT, "%s: option \"rope_scaling\" is not supported", r->name);
  if (optional_number(r, neox ? "rotary_emb_base" : "rope_theta", 1.0, 1e12, &config->rope_base) ||
      optional_number(r, "rotary_pct", 0.0, 1.0, &share))
    return r->error->code;
  config->rotary_dims = (size_t)((double)config->head_dim * share);
  if (config->rotary_dims % 2 || config->rotary_dims == 0)
    return error_set(r->error, EXIT_INPUT,
                     "%s: %zu rotary dimensions a head are not supported; the number must be even "
                     "and not 0",
                     r->name, config->rotary_dims);
  return 0;
}

static int read_options(struct reader *r, struct model_config *config)
{
  double eps = 1e-5, clip = 0.0;
  bool neox = config->family == FAMILY_GPT_NEOX;
  config->parallel_residual = neox;
  config->attention_bias = neox;
  if (optional_number(r, neox ? "layer_norm_eps" : "rms_norm_eps", 1e-30, 1.0, &eps) ||
      optional_boolean(r, "use_parallel_residual", &config->parallel_residual) ||
      optional_boolean(r, "attention_bias", &config->attention_bias) ||
      optional_boolean(r, "tie_word_embeddings", &config->tied) ||
      optional_number(r, "clip_qkv", 1e-6, 1e9, &clip))
    return r->error->code;
  config->norm_eps = (float)eps;
  config->clip_qkv = (float)clip;
  if (config->family != FAMILY_OLMOE)
    return 0;
  config->experts = 64;
  config->top_k = 8;
  if (optional_size(r, "num_experts", 1 << 12, &config->experts) ||
      optional_size(r, "num_experts_per_tok", 1 << 12, &config->top_k) ||
      optional_boolean(r, "norm_topk_prob", &config->norm_topk_prob))
    return r->error->code;
  if (config->top_k > config->experts)
    return error_set(r->error, EXIT_INPUT,
                     "%s: num_experts_per_tok %zu is more than num_experts %zu", r->name,
                     config->top_k, config->experts);
  return 0;
}

int model_config_parse(const char *name, const void *data, size_t size, struct model_config *config,
                       struct error *error)
{
  json_t *object;
  *config = (struct model_config){0};
  if (json_parse_object(name, data, size, &object, error))
    return error->code;
  struct reader reader = {object, name, error};
  int status = read_family(&reader, config);
  if (!status)
    status = check_keys(&reader, config->family);
  if (!status)
    status = read_shape(&reader, config);
  if (!status)
    status = read_activation(&reader, config);
  if (!status)
    status = read_rope(&reader, config);
  if (!status)
    status = read_options(&reader, config);
  json_decref(object);
  return status;
}
