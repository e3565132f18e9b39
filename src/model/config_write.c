#include "model/config_write.h"

#include "base/json.h"
#include "model/family.h"

static void add_size(struct text *text, size_t value)
{
  text_add(text, "%zu", value);
}

static void add_boolean(struct text *text, bool value)
{
  text_add(text, "%s", value ? "true" : "false");
}

/* The fewest digits that read back to the same value: 6 are enough for what people write, 17 always
 * are. */
static void add_real(struct text *text, double value, bool single)
{
  size_t before = text->length;
  double back = 0;
  for (int digits = 6; digits <= 17; digits++) {
    text->length = before;
    text_add(text, "%.*g", digits, value);
    if (text->failed || (text_to_double(text->data + before, text->length - before, &back) &&
                         (single ? (float)back == (float)value : back == value)))
      return;
  }
}

/* The number that people mean, in 17 digits, as synth has always written it: its files must stay
 * the same bytes. */
static void add_clip(struct text *text, float clip)
{
  struct text few = {0};
  double meant;
  add_real(&few, (double)clip, true);
  if (clip > 0 && !few.failed && text_to_double(few.data, few.length, &meant))
    text_add_double(text, meant);
  else
    text_add(text, "null");
  text->failed |= few.failed;
  text_free(&few);
}

static void add_layer_types(struct text *text, const struct model_config *c)
{
  if (!c->window.listed) {
    text_add(text, "null");
    return;
  }
  for (size_t i = 0; i < c->layers; i++)
    text_add(text, "%s\"%s_attention\"", i ? ", " : "[",
             c->window.layers[i / 32] >> i % 32 & 1 ? "sliding" : "full");
  text_add(text, "]");
}

/* What the type of the rotation reads. */
static void add_rope(struct text *text, const struct model_config *c)
{
  const struct rope_scaling *r = &c->rope;
  if (r->type == ROPE_DEFAULT)
    return;
  text_add(text,
           ",\n  \"rope_scaling\": {\"rope_type\": \"%s\", \"factor\": ", rope_type_name(r->type));
  add_real(text, r->factor, false);
  if (r->type == ROPE_LLAMA3 || r->type == ROPE_YARN)
    text_add(text, ", \"original_max_position_embeddings\": %zu", r->original_context);
  const struct {
    enum rope_type type;
    const char *key;
    double value;
  } reals[] = {{ROPE_LLAMA3, "low_freq_factor", r->low_freq},
               {ROPE_LLAMA3, "high_freq_factor", r->high_freq},
               {ROPE_YARN, "beta_fast", r->beta_fast},
               {ROPE_YARN, "beta_slow", r->beta_slow},
               {ROPE_YARN, "attention_factor", r->attention_factor},
               {ROPE_YARN, "mscale", r->mscale},
               {ROPE_YARN, "mscale_all_dim", r->mscale_all}};
  for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
    if (reals[i].type == r->type && reals[i].value > 0) {
      text_add(text, ", \"%s\": ", reals[i].key);
      add_real(text, reals[i].value, false);
    }
  if (r->type == ROPE_YARN)
    text_add(text, ", \"truncate\": %s", r->truncate ? "true" : "false");
  text_add(text, "}");
}

static void add_window(struct text *text, enum setting setting, const struct model_config *c)
{
  switch (setting) {
  case SETTING_WINDOW:
    return c->window.keys ? add_size(text, c->window.keys) : (void)text_add(text, "null");
  case SETTING_WINDOW_USED:
    return add_boolean(text, c->window.used);
  case SETTING_WINDOW_FIRST:
    return add_size(text, c->window.first);
  case SETTING_LAYER_TYPES:
    return add_layer_types(text, c);
  default: /* of the rotation: add_rope */
    return;
  }
}

static void add_value(struct text *text, enum setting setting, const struct model_config *c)
{
  static const char *const activations[] = {
      [ACTIVATION_GELU] = "gelu", [ACTIVATION_GELU_TANH] = "gelu_new", [ACTIVATION_SILU] = "silu"};
  switch (setting) {
  case SETTING_HIDDEN:
    return add_size(text, c->hidden);
  case SETTING_LAYERS:
    return add_size(text, c->layers);
  case SETTING_HEADS:
    return add_size(text, c->heads);
  case SETTING_FFN:
    return add_size(text, c->ffn);
  case SETTING_VOCAB:
    return add_size(text, c->vocab);
  case SETTING_CONTEXT:
    return add_size(text, c->context);
  case SETTING_KV_HEADS:
    return add_size(text, c->kv_heads);
  case SETTING_EXPERTS:
    return add_size(text, c->experts);
  case SETTING_TOP_K:
    return add_size(text, c->top_k);
  case SETTING_ACTIVATION:
    return json_quote(text, activations[c->activation]);
  case SETTING_TIED:
    return add_boolean(text, c->tied);
  case SETTING_PARALLEL_RESIDUAL:
    return add_boolean(text, c->parallel_residual);
  case SETTING_ATTENTION_BIAS:
    return add_boolean(text, c->attention_bias);
  case SETTING_NORM_TOP_K:
    return add_boolean(text, c->norm_topk_prob);
  case SETTING_CLIP:
    return add_clip(text, c->clip_qkv);
  case SETTING_NORM_EPS:
    return add_real(text, (double)c->norm_eps, true);
  case SETTING_ROPE_BASE:
    return add_real(text, c->rope_base, false);
  case SETTING_ROTARY_SHARE:
    return add_real(text, c->rotary_share, false);
  case SETTING_HEAD_DIM:
    return add_size(text, c->head_dim);
  case SETTING_MLP_BIAS:
    return add_boolean(text, c->mlp_bias);
  case SETTING_QK_NORM:
    return add_boolean(text, c->qk_norm == QK_NORM_HEADS);
  case SETTING_SCALE_BY_LAYER:
    return add_boolean(text, c->scale_by_layer);
  default:
    return add_window(text, setting, c);
  }
}

/* The first key of each setting, in the family's own spelling. */
static void add_settings(struct text *text, const struct family *family,
                         const struct model_config *config)
{
  uint64_t done = family->fixed;
  for (const struct spelling *s = family->spellings; s->key; s++) {
    if (!(done >> s->setting & 1)) {
      text_add(text, ",\n  \"%s\": ", s->key);
      add_value(text, s->setting, config);
    }
    done |= (uint64_t)1 << s->setting;
  }
}

char *model_config_write(const struct model_config *config, enum dtype dtype, const char *origin,
                         struct error *error)
{
  const struct family *family = family_of(config);
  struct text text = {0};
  text_add(&text, "{\n  \"_name_or_path\": ");
  json_quote(&text, origin);
  text_add(&text, ",\n  \"architectures\": [\n    \"%s\"\n  ]", family->class);
  text_add(&text, ",\n  \"model_type\": \"%s\"", family->name);
  text_add(&text, ",\n  \"torch_dtype\": \"%s\"",
           dtype == DTYPE_F32    ? "float32"
           : dtype == DTYPE_BF16 ? "bfloat16"
                                 : "float16");
  add_settings(&text, family, config);
  add_rope(&text, config);
  text_add(&text, "\n}\n");
  if (!text.failed)
    return text.data;
  text_free(&text);
  error_set(error, EXIT_RUN, "config.json: out of memory");
  return NULL;
}
