#include "passing.h"

#include "checkpoint/in_memory.h"
#include "model/weights.h"
#include "workshop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURES "tests/fixtures/conformance/"

const char *const passing_models[PASSING_MODELS] = {
    FIXTURES "gpt_neox-parallel-f16/model",
    FIXTURES "gpt_neox-sequential-f32/model",
    FIXTURES "olmo-clip-f32/model",
    FIXTURES "olmo-tied-bf16/model",
    FIXTURES "olmoe-bf16/model",
};

size_t passing_count(void)
{
  return support_emulated() ? 1 : PASSING_MODELS;
}

static void open_model(struct checkpoint *checkpoint, bool distinct, struct passing *p)
{
  struct error error = {0};
  *p = (struct passing){.checkpoint = checkpoint, .memory = (uint64_t)1 << 30};
  p->tokens = malloc(sizeof *p->tokens * PASSING_N * PASSING_T);
  assert_non_null(p->tokens);
  if (model_load(p->checkpoint, &p->model, &error) || threads_start(3, &p->threads, &error))
    fail_msg("%s", error.text);
  for (size_t i = 0; i < PASSING_N * PASSING_T; i++)
    p->tokens[i] = (int32_t)(distinct ? (i * 7 + 3) % p->model.config.vocab : (i * i + i / 9) % 61);
}

void passing_open(const char *directory, bool distinct, struct passing *p)
{
  struct error error = {0};
  struct checkpoint *checkpoint;
  if (checkpoint_open(directory, &checkpoint, &error))
    fail_msg("%s", error.text);
  open_model(checkpoint, distinct, p);
}

#define GROUPED                                                                                    \
  "{\"model_type\": \"olmo\", \"num_hidden_layers\": 3, \"num_attention_heads\": 4, "              \
  "\"num_key_value_heads\": 2, \"hidden_size\": 64, \"intermediate_size\": 96, "                   \
  "\"vocab_size\": 1500, \"max_position_embeddings\": 64}"

static struct checkpoint *make_up(struct inventory *inventory)
{
  struct error error = {0};
  struct model_config config;
  struct checkpoint *checkpoint = NULL;
  if (model_config_parse("grouped", GROUPED, strlen(GROUPED), &config, &error) ||
      inventory_create("grouped", &config, DTYPE_F32, false, inventory, &error))
    fail_msg("%s", error.text);
  for (size_t i = 0; i < inventory->count; i++) {
    struct tensor *tensor = &inventory->tensors[i];
    void *data = malloc((size_t)tensor->bytes);
    assert_non_null(data);
    weights_fill(&config, 1, tensor, inventory->kinds[i], 0, (size_t)tensor->elements, data);
    tensor->data = data;
  }
  if (checkpoint_of_tensors("grouped", GROUPED, inventory->tensors, inventory->count, &checkpoint,
                            &error))
    fail_msg("%s", error.text);
  return checkpoint;
}

void passing_open_grouped(struct passing *p)
{
  struct inventory inventory;
  struct checkpoint *checkpoint = make_up(&inventory);
  open_model(checkpoint, false, p);
  p->inventory = inventory;
}

void passing_open_any(size_t index, bool distinct, struct passing *p)
{
  if (index < passing_count())
    passing_open(passing_models[index], distinct, p);
  else
    passing_open_grouped(p);
}

void passing_close(struct passing *p)
{
  for (size_t i = 0; i < p->inventory.count; i++)
    free((void *)(uintptr_t)p->inventory.tensors[i].data);
  inventory_free(&p->inventory);
  threads_stop(p->threads);
  model_free(&p->model);
  checkpoint_close(p->checkpoint);
  free(p->tokens);
}

uint64_t passing_run(const struct passing *p, const struct hook *hooks, size_t count, size_t n)
{
  struct error error = {0};
  uint64_t operations = 0;
  struct forward_options options = {.threads = p->threads,
                                    .hooks = {hooks, count},
                                    .forks = p->forks,
                                    .memory = p->memory,
                                    .operations = &operations};
  if (kernels_select(ISA_AUTO, &options.kernels, &error) ||
      forward_run(&p->model, p->tokens, n, PASSING_T, &options, &error))
    fail_msg("%s", error.text);
  return operations;
}

static size_t cell(const struct capture *c, size_t layer, size_t head, size_t sequence,
                   size_t position)
{
  return ((layer * c->heads + head) * c->n + sequence) * PASSING_T + position;
}

static void keep(void *context, const struct hook_value *value, const float *data)
{
  struct capture *c = context;
  size_t at = cell(c, value->site.layer, value->site.head, value->sequence, value->position);
  if (value->site.kind != c->site.kind || value->site.layer >= c->layers ||
      value->site.head >= c->heads || value->sequence >= c->n || value->position >= PASSING_T ||
      value->first + value->count > c->width)
    abort(); /* on a thread from which a test cannot fail */
  memcpy(c->data + at * c->width + value->first, data, value->count * sizeof *data);
  c->seen[at]++; /* the thread alone has this value */
}

static size_t width_of(const struct model_config *config, enum site_kind kind)
{
  if (kind == SITE_LOGITS)
    return config->vocab;
  if (kind == SITE_PATTERN || kind == SITE_SCORES)
    return PASSING_T;
  return site_has_head(kind) ? config->head_dim : config->hidden;
}

struct hook capture_start(struct capture *c, const struct model_config *config, enum site_kind kind,
                          size_t n)
{
  bool shared = kind == SITE_KEY || kind == SITE_VALUE;
  size_t heads = shared ? config->kv_heads : config->heads;
  *c = (struct capture){
      .site = {kind, site_has_layer(kind) ? SITE_ALL : 0, site_has_head(kind) ? SITE_ALL : 0},
      .layers = site_has_layer(kind) ? config->layers : 1,
      .heads = site_has_head(kind) ? heads : 1,
      .n = n,
      .width = width_of(config, kind)};
  size_t cells = c->layers * c->heads * n * PASSING_T;
  c->data = calloc(cells * c->width, sizeof *c->data);
  c->seen = calloc(cells, sizeof *c->seen);
  assert_true(c->data && c->seen);
  return (struct hook){.site = c->site, .read = keep, .context = c};
}

void capture_free(struct capture *c)
{
  free(c->data);
  free(c->seen);
}

float *capture_at(const struct capture *c, size_t layer, size_t head, size_t sequence,
                  size_t position)
{
  return c->data + cell(c, layer, head, sequence, position) * c->width;
}

int capture_seen(const struct capture *c, size_t layer, size_t head, size_t sequence,
                 size_t position)
{
  return c->seen[cell(c, layer, head, sequence, position)];
}

void capture_assert_equal(const struct capture *a, const struct capture *b)
{
  size_t cells = a->layers * a->heads * a->n * PASSING_T;
  assert_int_equal(a->width, b->width);
  assert_memory_equal(a->seen, b->seen, cells * sizeof *a->seen);
  assert_memory_equal(a->data, b->data, cells * a->width * sizeof *a->data);
}

uint64_t passing_operations(const struct passing *p, const struct hook *hooks, size_t count,
                            size_t n)
{
  struct error error = {0};
  struct forward_options options = {
      .threads = p->threads, .hooks = {hooks, count}, .forks = p->forks, .memory = p->memory};
  struct forward_plan plan;
  double left = -1;
  uint64_t operations = passing_run(p, hooks, count, n);
  if (forward_plan(&p->model, n, PASSING_T, &options, &plan, &error) ||
      forward_left_gflop(&p->model, p->tokens, n, PASSING_T, &options, &plan, &left, &error))
    fail_msg("%s", error.text);
  assert_true(fabs(1e9 * left - (double)operations) < 0.5);
  return operations;
}

void passing_ignore(void *context, const struct hook_value *value, const float *data)
{
  (void)context;
  (void)value;
  (void)data;
}
