/* What the tests of the model on a tape share: small models of every family, made up and ready to
 * run. */
#ifndef ATTEST_TESTS_TAPING_H
#define ATTEST_TESTS_TAPING_H

#include "support.h"

#include "model/weights.h"
#include "tape/model.h"
#include "tape/routing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 6, SEQ_LEN = 20, TOKENS = BATCH * (SEQ_LEN + 1) };

#define SHAPE                                                                                      \
  "\"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"hidden_size\": 32, "                    \
  "\"vocab_size\": 50, \"max_position_embeddings\": 64"

static const char *const taping_configs[] = {
    "{\"model_type\": \"gpt_neox\", \"intermediate_size\": 72, \"rotary_pct\": 0.5, " SHAPE "}",
    "{\"model_type\": \"gpt_neox\", \"intermediate_size\": 72, \"rotary_pct\": 0.5, "
    "\"use_parallel_residual\": false, \"tie_word_embeddings\": true, "
    "\"hidden_act\": \"gelu_new\", " SHAPE "}",
    "{\"model_type\": \"olmo\", \"intermediate_size\": 72, \"clip_qkv\": 1.5, "
    "\"num_key_value_heads\": 2, \"tie_word_embeddings\": true, \"attention_bias\": true, " SHAPE
    "}",
    "{\"model_type\": \"olmoe\", \"intermediate_size\": 24, \"num_experts\": 6, "
    "\"num_experts_per_tok\": 2, " SHAPE "}",
    "{\"model_type\": \"olmoe\", \"intermediate_size\": 24, \"num_experts\": 6, "
    "\"num_key_value_heads\": 2, \"num_experts_per_tok\": 3, \"norm_topk_prob\": true, "
    "\"clip_qkv\": 2.0, " SHAPE "}",
    "{\"model_type\": \"gpt2\", \"n_layer\": 2, \"n_head\": 4, \"n_embd\": 32, "
    "\"vocab_size\": 50, \"n_positions\": 64}",
    "{\"model_type\": \"olmo2\", \"intermediate_size\": 72, " SHAPE "}",
    "{\"model_type\": \"stablelm\", \"intermediate_size\": 72, \"qk_layernorm\": true, "
    "\"use_parallel_residual\": true, \"num_key_value_heads\": 2, " SHAPE "}",
    "{\"model_type\": \"qwen3\", \"intermediate_size\": 72, \"head_dim\": 12, "
    "\"use_sliding_window\": true, \"sliding_window\": 7, \"max_window_layers\": 1, "
    "\"num_key_value_heads\": 2, " SHAPE "}",
};
#define CONFIGS (sizeof taping_configs / sizeof *taping_configs)

static inline void check(int status, const struct error *error)
{
  if (status)
    fail_msg("%s", error->text);
}

static inline void make_up(const char *config, struct parameters *p)
{
  struct error error = {0};
  check(parameters_create("made up", config, strlen(config), p, &error), &error);
  for (size_t i = 0; i < p->count; i++) {
    struct parameter *one = &p->list[i];
    weights_fill(&p->model.config, i, &p->inventory.tensors[i], one->kind, 0, one->elements,
                 one->values);
    for (size_t k = 0; one->rank > 1 && k < one->elements; k++)
      one->values[k] *= 10;
  }
}

static inline void fill_tokens(int32_t tokens[TOKENS], size_t vocab)
{
  for (size_t i = 0; i < TOKENS; i++)
    tokens[i] = (int32_t)((i * i + i / 7 * 5) % vocab);
}

/* A model with its parameters, ready to run. */
struct made {
  struct parameters parameters;
  struct threads *threads;
  struct tape_model *model;
  struct tape_losses losses;
  int32_t tokens[TOKENS];
};

struct how {
  const struct kernels *kernels; /* NULL = the fastest */
  int threads;                   /* 0 = one */
  size_t micro_batch;
  bool keep_all, auxiliary;
  const struct tape_replacement *replacements;
  size_t replacement_count;
};

static inline void keep_all(struct tape *tape)
{
  for (size_t i = 0; i < tape->value_count; i++) {
    tape_keep(tape, i);
    tape_keep_gradient(tape, i);
  }
}

static inline void build(struct made *m, const struct how *how)
{
  struct error error = {0};
  struct tape_model_options options = {.kernels = how->kernels,
                                       .batch = BATCH,
                                       .micro_batch = how->micro_batch,
                                       .seq_len = SEQ_LEN,
                                       .load_balancing = how->auxiliary ? 0.01 : 0,
                                       .router_z = how->auxiliary ? 0.001 : 0,
                                       .replacements = how->replacements,
                                       .replacement_count = how->replacement_count};
  if (!options.kernels)
    check(kernels_select(ISA_AUTO, &options.kernels, &error), &error);
  check(threads_start(how->threads ? how->threads : 1, &m->threads, &error), &error);
  options.threads = m->threads;
  check(tape_model_create(&m->parameters, &options, &m->model, &error), &error);
  tape_model_tape(m->model)->shared_work = 0; /* small, and yet on all threads */
  if (how->keep_all)
    keep_all(tape_model_tape(m->model));
  check(tape_model_plan(m->model, &error), &error);
  check(tape_model_allocate(m->model, &error), &error);
}

static inline void make(struct made *m, const char *config, const struct how *how)
{
  *m = (struct made){0};
  make_up(config, &m->parameters);
  fill_tokens(m->tokens, m->parameters.model.config.vocab);
  build(m, how);
}

static inline void run(struct made *m)
{
  struct error error = {0};
  check(tape_model_run(m->model, m->tokens, &m->losses, &error), &error);
}

static inline void unmake(struct made *m)
{
  tape_model_free(m->model);
  threads_stop(m->threads);
  parameters_free(&m->parameters);
}

static inline size_t gradient_floats(const struct made *m)
{
  const struct parameter *last = &m->parameters.list[m->parameters.count - 1];
  return (size_t)(last->gradient - m->parameters.gradients) + last->elements;
}

static inline const struct parameter *find(const struct made *m, const char *name)
{
  for (size_t i = 0; i < m->parameters.count; i++)
    if (strstr(m->parameters.list[i].name, name))
      return &m->parameters.list[i];
  fail_msg("no parameter %s", name);
  return NULL;
}

#endif
