/* Config + tensors: the weights of every layer by role, names and shapes checked. */
#ifndef ATTEST_MODEL_MODEL_H
#define ATTEST_MODEL_MODEL_H

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "model/config.h"

/* A matrix [out][in] (gpt2: [in][out]) and its bias [out]; bias NULL = none. gpt_neox and gpt2 keep
 * query, key and value in one matrix, `query` of the layer (enum qkv_layout). */
struct linear {
  const struct tensor *weight, *bias;
};

struct expert {
  struct linear gate, up, down;
};

/* Which tensor goes where says the table of families. NULL members are absent in the family. */
struct layer {
  /* Before attention and MLP, or behind them; norm2 NULL: the first one serves both. */
  const struct tensor *norm1, *norm1_bias, *norm2, *norm2_bias;
  struct linear query, key, value, output;
  const struct tensor *query_norm, *key_norm;
  const struct tensor **query_norms, **key_norms; /* [heads], [kv_heads] of QK_NORM_HEADS; one
                                                      array, owned by query_norms */
  struct linear gate, up, down;                   /* dense MLP; gpt_neox: up and down */
  struct linear router;
  struct expert *experts;
};

struct model {
  struct model_config config;
  const struct checkpoint *checkpoint; /* borrowed; must outlive the model */
  const struct tensor *embedding;      /* [vocab][hidden] */
  const struct tensor *positions;      /* [context][hidden]; NULL = none are learned */
  const struct tensor *final_norm, *final_norm_bias;
  struct linear lm_head; /* weight NULL: a base model, stored without one */
  struct layer *layers;
};

/* Reads the config, finds every tensor and checks shape and dtype (F32, BF16, F16). Tensors that no
 * known model has are refused by name; the buffers of older checkpoints (attention.bias,
 * attention.masked_bias, rotary_emb.inv_freq) are passed over; of a base model (names.h) the LM
 * head may be missing. Owner: the caller, model_free. Errors: EXIT_INPUT, EXIT_RUN. */
int model_load(const struct checkpoint *checkpoint, struct model *model, struct error *error);
void model_free(struct model *model);

/* Whether a tensor of this name belongs to a checkpoint but not to the forward pass: a buffer of an
 * older one, or the copy of a tied embedding. */
bool model_passes_over(const struct model_config *config, const char *name);

/* Whether a tensor of this name may be missing: the LM head of a base model. */
bool model_does_without(const struct checkpoint *checkpoint, const struct model_config *config,
                        const char *name);

/* The storage type of a weight, which model_load has checked to be one of the three. */
enum gemm_type model_weight_type(const struct tensor *tensor);

/* Widens elements [first, first + count) of a weight. Errors: EXIT_INPUT for a value that is not
 * finite, with the tensor's name. */
int model_widen(const struct tensor *tensor, size_t first, size_t count, float *to,
                struct error *error);

/* Parameters (elements of weights) of the model. */
uint64_t model_parameters(const struct model *model);

#endif
