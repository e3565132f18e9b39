/* libFuzzer target: config.json in any spelling. */
#include "model/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the forward pass relies on when it sizes its buffers. */
static bool is_sound(const struct model_config *c)
{
  return c->layers && c->ffn && c->vocab && c->context && c->kv_heads &&
         c->heads % c->kv_heads == 0 && c->head_dim && c->hidden == c->heads * c->head_dim &&
         c->rotary_dims && c->rotary_dims % 2 == 0 && c->rotary_dims <= c->head_dim &&
         c->rope_base >= 1.0 && c->norm_eps > 0 && c->clip_qkv >= 0 && c->top_k <= c->experts &&
         (c->family == FAMILY_OLMOE) == (c->experts > 0) &&
         (c->qkv_layout == QKV_APART || c->kv_heads == c->heads) &&
         c->gated_mlp == (c->activation == ACTIVATION_SILU);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct error error;
  struct model_config config;
  int status = model_config_parse("fuzz/config.json", data, size, &config, &error);
  if (status ? status != error.code || !*error.text || strchr(error.text, '\n')
             : error.code || !is_sound(&config))
    abort();
  return 0;
}
