#include "model/config_keys.h"

#include "base/text.h"
#include "model/settings.h"

#include <string.h>

/* Where a key does not touch the result. null never does. */
enum inert {
  INERT,        /* at any value */
  INERT_FALSE,  /* false */
  INERT_TRUE,   /* true */
  INERT_EMPTY,  /* {} or [] */
  INERT_ONE,    /* the number 1 */
  INERT_NULL,   /* only null */
  INERT_FULL,   /* a list of "full_attention" */
  INERT_UNUSED, /* where "use_sliding_window" is false */
};

/* A forward pass at inference without a cache, in fp32, knows none of: training, generation,
 * tokens with a role, heads of classifiers, outputs that are asked for, how a library computes
 * attention, or who wrote the file. */
static const struct {
  const char *key; /* "*" first: every key that ends so */
  enum inert inert;
  const char *reason; /* why another value changes the result */
} keys[] = {
    {"model_type", INERT, NULL}, /* read before */
    {"rope_parameters", INERT, NULL},
    {"rope_scaling", INERT, NULL}, /* both read by settings.c */

    {"architectures", INERT, NULL},
    {"auto_map", INERT, NULL},
    {"custom_pipelines", INERT, NULL},
    {"_name_or_path", INERT, NULL},
    {"name_or_path", INERT, NULL},
    {"_commit_hash", INERT, NULL},
    {"*_version", INERT, NULL}, /* of the libraries that wrote it */
    {"unsloth_fixed", INERT, NULL},
    {"num_steps", INERT, NULL},
    {"torch_dtype", INERT, NULL}, /* the tensors say themselves what they are */
    {"dtype", INERT, NULL},
    {"use_bfloat16", INERT, NULL},
    {"torchscript", INERT, NULL},
    {"tf_legacy_loss", INERT, NULL},

    {"*_token_id", INERT, NULL},
    {"*_token_ids", INERT, NULL},
    {"forced_decoder_ids", INERT, NULL},
    {"tokenizer_class", INERT, NULL},
    {"prefix", INERT, NULL},

    {"id2label", INERT, NULL},
    {"label2id", INERT, NULL},
    {"num_labels", INERT, NULL},
    {"problem_type", INERT, NULL},
    {"finetuning_task", INERT, NULL},
    {"task_specific_params", INERT, NULL},

    {"initializer_range", INERT, NULL},
    {"*dropout", INERT, NULL}, /* all of them end with the training */
    {"*dropout_prob", INERT, NULL},
    {"*_pdrop", INERT, NULL},
    {"gradient_checkpointing", INERT, NULL},
    {"router_aux_loss_coef", INERT, NULL},
    {"router_z_loss_coef", INERT, NULL},
    {"router_jitter_noise", INERT, NULL},
    {"use_cache", INERT, NULL},
    {"output_router_logits", INERT, NULL},
    {"output_attentions", INERT, NULL},
    {"output_hidden_states", INERT, NULL},
    {"output_scores", INERT, NULL},
    {"return_dict", INERT, NULL},
    {"return_dict_in_generate", INERT, NULL},
    {"_attn_implementation", INERT, NULL},
    {"_attn_implementation_autoset", INERT, NULL},
    {"_attn_implementation_internal", INERT, NULL},
    {"_experts_implementation", INERT, NULL},
    {"_experts_implementation_internal", INERT, NULL},
    {"attn_implementation", INERT, NULL},
    {"_flash_attn_2_enabled", INERT, NULL},
    {"use_flash_attention", INERT, NULL},
    {"use_flash_attention_2", INERT, NULL},
    {"chunk_size_feed_forward", INERT, NULL}, /* pieces of the same product */
    {"pretraining_tp", INERT, NULL},
    {"max_sequence_length", INERT, NULL}, /* of older writers, beside max_position_embeddings */
    {"n_ctx", INERT, NULL},
    {"summary_activation", INERT, NULL}, /* a head of classifiers */
    {"summary_first_dropout", INERT, NULL},
    {"summary_proj_to_labels", INERT, NULL},
    {"summary_type", INERT, NULL},
    {"summary_use_proj", INERT, NULL},
    {"output_past", INERT, NULL}, /* the older name of use_cache */
    {"n_special", INERT, NULL},   /* of the first GPT */
    {"predict_special_tokens", INERT, NULL},
    {"reorder_and_upcast_attn", INERT, NULL}, /* all is fp32 here */
    {"is_decoder", INERT, NULL},              /* these families are causal either way */

    {"max_length", INERT, NULL},
    {"max_new_tokens", INERT, NULL},
    {"min_length", INERT, NULL},
    {"min_new_tokens", INERT, NULL},
    {"do_sample", INERT, NULL},
    {"early_stopping", INERT, NULL},
    {"num_beams", INERT, NULL},
    {"num_beam_groups", INERT, NULL},
    {"num_return_sequences", INERT, NULL},
    {"diversity_penalty", INERT, NULL},
    {"repetition_penalty", INERT, NULL},
    {"encoder_repetition_penalty", INERT, NULL},
    {"length_penalty", INERT, NULL},
    {"exponential_decay_length_penalty", INERT, NULL},
    {"temperature", INERT, NULL},
    {"top_k", INERT, NULL},
    {"top_p", INERT, NULL},
    {"min_p", INERT, NULL},
    {"typical_p", INERT, NULL},
    {"epsilon_cutoff", INERT, NULL},
    {"eta_cutoff", INERT, NULL},
    {"no_repeat_ngram_size", INERT, NULL},
    {"encoder_no_repeat_ngram_size", INERT, NULL},
    {"bad_words_ids", INERT, NULL},
    {"force_words_ids", INERT, NULL},
    {"suppress_tokens", INERT, NULL},
    {"begin_suppress_tokens", INERT, NULL},
    {"remove_invalid_values", INERT, NULL},
    {"renormalize_logits", INERT, NULL},
    {"generation_config", INERT, NULL},

    {"is_encoder_decoder", INERT_FALSE, "an encoder and a decoder"},
    {"tie_encoder_decoder", INERT_FALSE, "an encoder and a decoder"},
    {"add_cross_attention", INERT_FALSE, "attention to an encoder"},
    {"cross_attention_hidden_size", INERT_NULL, "attention to an encoder"},
    {"pruned_heads", INERT_EMPTY, "heads that were pruned"},
    {"quantization_config", INERT_NULL, "weights that are stored quantised"},
    {"compression_config", INERT_NULL, "weights that are stored compressed"},
    {"mlp_bias", INERT_FALSE, "biases in the MLP"},
    {"sliding_window", INERT_UNUSED, "attention within a window"},
    {"use_sliding_window", INERT_FALSE, "attention within a window"},
    {"max_window_layers", INERT, NULL}, /* counts only with use_sliding_window */
    {"layer_types", INERT_FULL, "layers that attend to a part of the sequence"},
    {"is_llama_config", INERT, NULL}, /* of the trainer that wrote it */
    {"rope_interleaved", INERT_FALSE, "another order of the rotated dimensions"},
    {"qk_layernorm", INERT_FALSE, "norms of queries and keys"},
    {"use_qk_norm", INERT_FALSE, "norms of queries and keys"},
    {"alibi", INERT_FALSE, "positions as a slope on attention"},
    {"use_alibi", INERT_FALSE, "positions as a slope on attention"},
    {"logit_scale", INERT_ONE, "scaled logits"},
    {"logits_scaling", INERT_ONE, "scaled logits"},
    {"embedding_multiplier", INERT_ONE, "a scaled embedding"},
    {"residual_multiplier", INERT_ONE, "scaled branches"},
    {"final_logit_softcapping", INERT_NULL, "capped logits"},
    {"attn_logit_softcapping", INERT_NULL, "capped attention scores"},
    {"scale_attn_by_inverse_layer_idx", INERT_FALSE, "scaled attention scores"},
    {"scale_attn_weights", INERT_TRUE, "attention scores that are not scaled"},
};

static bool matches(const char *pattern, const char *key)
{
  return *pattern == '*' ? text_ends_with(key, pattern + 1) : strcmp(pattern, key) == 0;
}

static bool is_full_attention(const json_t *value)
{
  for (size_t i = 0; i < json_array_size(value); i++) {
    const char *type = json_string_value(json_array_get(value, i));
    if (!type || strcmp(type, "full_attention") != 0)
      return false;
  }
  return json_is_array(value);
}

static bool is_inert(const json_t *config, enum inert inert, const json_t *value)
{
  if (json_is_null(value))
    return true;
  switch (inert) {
  case INERT:
    return true;
  case INERT_FALSE:
    return json_is_false(value);
  case INERT_TRUE:
    return json_is_true(value);
  case INERT_EMPTY:
    return (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
  case INERT_ONE:
    return json_is_number(value) && json_number_value(value) == 1.0;
  case INERT_NULL:
    return false;
  case INERT_FULL:
    return is_full_attention(value);
  case INERT_UNUSED:
    return json_is_false(json_object_get(config, "use_sliding_window"));
  }
  return false;
}

static bool is_setting(const struct family *family, const char *key)
{
  for (const struct spelling *s = family->spellings; s->key; s++)
    if (strcmp(s->key, key) == 0)
      return true;
  return false;
}

static int check_key(const char *name, const json_t *config, const struct family *family,
                     const char *key, const json_t *value, struct error *error)
{
  char shown[SETTINGS_TEXT];
  if (is_setting(family, key))
    return 0;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    if (!matches(keys[i].key, key))
      continue;
    if (is_inert(config, keys[i].inert, value))
      return 0;
    return error_set(error, EXIT_INPUT,
                     "%s: \"%.100s\" is %s, which changes the result (%s) and is not supported",
                     name, key, settings_show(value, shown), keys[i].reason);
  }
  if (json_is_null(value))
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: \"%.100s\" is unknown for family %s: attest does not know whether it "
                   "changes the result; if you know that it does not, remove it from a copy of the "
                   "file",
                   name, key, family->name);
}

int config_keys_check(const char *name, const json_t *object, const struct family *family,
                      struct error *error)
{
  json_t *members = (json_t *)(uintptr_t)object; /* jansson's iterator takes no const */
  const char *key;
  json_t *value;
  json_object_foreach(members, key, value)
  {
    if (check_key(name, object, family, key, value, error))
      return error->code;
  }
  return 0;
}
