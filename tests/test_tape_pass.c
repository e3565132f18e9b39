/* The pass on a tape has the bits of the fast one at every site, for the conformance models and for
 * variants of every family; and it replaces what hooks replace. */
#include "fixture_models.h"
#include "passing.h"

#include "model/parameters.h"
#include "model/weights.h"
#include "tape/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS (SITE_LOGITS + 1)

/* What the conformance models leave out. */
#define SHAPE                                                                                      \
  "\"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"hidden_size\": 48, "                    \
  "\"vocab_size\": 1100, \"max_position_embeddings\": 64"
#define NEOX "{\"model_type\": \"gpt_neox\", \"intermediate_size\": 72, " SHAPE
#define OLMO "{\"model_type\": \"olmo\", \"intermediate_size\": 72, " SHAPE
#define OLMOE                                                                                      \
  "{\"model_type\": \"olmoe\", \"intermediate_size\": 24, \"num_experts\": 6, "                    \
  "\"num_experts_per_tok\": 3, " SHAPE
static const char *const variants[] = {
    NEOX ", \"hidden_act\": \"gelu_pytorch_tanh\", \"rotary_pct\": 1.0}",
    NEOX ", \"attention_bias\": false, \"tie_word_embeddings\": true, \"rotary_pct\": 0.5}",
    NEOX ", \"use_parallel_residual\": false, \"hidden_act\": \"gelu_new\", \"rotary_pct\": 0.5}",
    OLMO ", \"num_key_value_heads\": 2, \"attention_bias\": true}",
    OLMO ", \"num_key_value_heads\": 1, \"clip_qkv\": 0.1, \"tie_word_embeddings\": true}",
    OLMOE ", \"num_key_value_heads\": 2, \"norm_topk_prob\": true, \"clip_qkv\": 0.6}",
    OLMOE ", \"num_key_value_heads\": 1, \"attention_bias\": true}",
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* --- models --- */

static void check(int status, const struct error *error)
{
  if (status)
    fail_msg("%s", error->text);
}

static void read_stored(const char *directory, struct parameters *parameters)
{
  struct error error = {0};
  struct checkpoint *checkpoint;
  struct model model;
  check(checkpoint_open(directory, &checkpoint, &error), &error);
  check(model_load(checkpoint, &model, &error), &error);
  check(parameters_read(&model, parameters, &error), &error);
  model_free(&model);
  checkpoint_close(checkpoint);
}

static void make_up(const char *config, struct parameters *parameters)
{
  struct error error = {0};
  check(parameters_create("variant", config, strlen(config), parameters, &error), &error);
  for (size_t i = 0; i < parameters->count; i++) {
    struct parameter *p = &parameters->list[i];
    weights_fill(&parameters->model.config, i, &parameters->inventory.tensors[i], p->kind, 0,
                 p->elements, p->values);
    for (size_t k = 0; p->rank > 1 && k < p->elements; k++)
      p->values[k] *= 8; /* as large as weights that were trained */
  }
}

/* --- both passes --- */

/* A model, its tape and the fast pass on the same parameters. */
struct pair {
  struct parameters parameters;
  struct passing passing;
  size_t n;
  struct tape *tape;
  struct tape_pass pass;
};

static size_t sequences(void)
{
  return passing_count() > 1 ? PASSING_N : 2;
}

static void open_pair(struct pair *p, const char *directory, const char *config)
{
  struct error error = {0};
  *p = (struct pair){.n = sequences()};
  if (directory)
    read_stored(directory, &p->parameters);
  else
    make_up(config, &p->parameters);
  p->passing = (struct passing){.model = p->parameters.model, .memory = (uint64_t)1 << 30};
  check(threads_start(3, &p->passing.threads, &error), &error);
  p->passing.tokens = malloc(PASSING_N * PASSING_T * sizeof *p->passing.tokens);
  assert_non_null(p->passing.tokens);
  for (size_t i = 0; i < PASSING_N * PASSING_T; i++)
    p->passing.tokens[i] = (int32_t)((i * i + i / 9) % p->parameters.model.config.vocab);
}

static void close_pair(struct pair *p)
{
  tape_free(p->tape);
  tape_pass_free(&p->pass);
  threads_stop(p->passing.threads);
  free(p->passing.tokens);
  parameters_free(&p->parameters);
}

static struct tape_site site_of(const struct pair *p, enum site_kind kind, size_t layer,
                                size_t head)
{
  return tape_pass_site(&p->pass, &p->parameters.model.config, PASSING_T,
                        &(struct site){kind, layer, head});
}

/* Records, keeps every site, and runs. */
static void run_tape(struct pair *p, enum isa isa, const struct tape_replacement *replacements,
                     size_t count)
{
  struct error error = {0};
  const struct kernels *kernels;
  const struct model_config *c = &p->parameters.model.config;
  const struct tape_pass_input input = {.parameters = &p->parameters,
                                        .sequences = p->n,
                                        .seq_len = PASSING_T,
                                        .tokens = p->passing.tokens,
                                        .embedding = TAPE_NONE,
                                        .replacements = replacements,
                                        .replacement_count = count};
  check(kernels_select(isa, &kernels, &error), &error);
  check(tape_create(kernels, p->passing.threads, &p->tape, &error), &error);
  check(tape_pass_record(p->tape, &input, NULL, &p->pass, &error), &error);
  for (int kind = 0; kind < KINDS; kind++)
    for (size_t layer = 0; layer < (site_has_layer((enum site_kind)kind) ? c->layers : 1); layer++)
      tape_keep(p->tape, site_of(p, (enum site_kind)kind, layer, 0).value);
  check(tape_plan(p->tape, false, &error), &error);
  check(tape_allocate(p->tape, &error), &error);
  tape_forward(p->tape);
}

static const float *on_tape(const struct pair *p, enum site_kind kind, size_t layer, size_t head,
                            size_t sequence, size_t position)
{
  struct tape_site site = site_of(p, kind, layer, head);
  size_t row = sequence * PASSING_T + position;
  if (kind == SITE_SCORES || kind == SITE_PATTERN)
    row = (sequence * p->parameters.model.config.heads + head) * PASSING_T + position;
  return tape_data(p->tape, site.value) + row * tape_stride(p->tape, site.value) + site.first;
}

static void compare(const struct pair *p, const struct capture *c)
{
  char name[SITE_NAME_SIZE];
  bool square = c->site.kind == SITE_SCORES || c->site.kind == SITE_PATTERN;
  for (size_t layer = 0; layer < c->layers; layer++)
    for (size_t head = 0; head < c->heads; head++)
      for (size_t s = 0; s < p->n; s++)
        for (size_t i = 0; i < PASSING_T; i++) {
          size_t width = square ? i + 1 : c->width;
          assert_true(capture_seen(c, layer, head, s, i) > 0);
          if (memcmp(on_tape(p, c->site.kind, layer, head, s, i), capture_at(c, layer, head, s, i),
                     width * sizeof(float)) != 0)
            fail_msg("%s: sequence %zu, position %zu differs",
                     site_format(&(struct site){c->site.kind, layer, head}, name), s, i);
        }
}

/* The fast pass, with hooks that write before those that read. */
static void check_pair(struct pair *p, const struct hook *writers, size_t count)
{
  struct capture all[KINDS];
  struct hook hooks[KINDS + 8];
  for (size_t i = 0; i < count; i++)
    hooks[i] = writers[i];
  for (int kind = 0; kind < KINDS; kind++)
    hooks[count + (size_t)kind] =
        capture_start(&all[kind], &p->parameters.model.config, (enum site_kind)kind, PASSING_N);
  passing_run(&p->passing, hooks, count + KINDS, p->n);
  for (int kind = 0; kind < KINDS; kind++) {
    compare(p, &all[kind]);
    capture_free(&all[kind]);
  }
}

static void check_model(const char *directory, const char *config)
{
  struct pair p;
  open_pair(&p, directory, config);
  run_tape(&p, ISA_AUTO, NULL, 0);
  check_pair(&p, NULL, 0);
  close_pair(&p);
}

static void test_every_site(void **state)
{
  char directory[256];
  (void)state;
  for (size_t i = 0; i < (passing_count() > 1 ? CONFORMANCE_MODELS : 3); i++) {
    snprintf(directory, sizeof directory, CONFORMANCE "%s/model", conformance_models[i]);
    check_model(directory, NULL);
  }
  for (size_t i = 0; i<FAMILY_MODELS; i += passing_count()> 1 ? 1 : 3) {
    snprintf(directory, sizeof directory, FAMILIES "%s/model", family_models[i]);
    check_model(directory, NULL);
  }
  for (size_t i = 0; i < COUNT(variants); i++)
    check_model(NULL, variants[i]);
}

/* A function of the value and of where it stands. */
static void change(void *context, const struct hook_value *value, float *data)
{
  float shift = (float)(value->sequence + 2 * value->position + 3 * value->site.head) / 64;
  (void)context;
  for (size_t j = 0; j < value->count; j++)
    data[j] = data[j] * 0.5f + shift + (float)(value->first + j) / 1024;
}

static void erase(void *context, const struct hook_value *value, float *data)
{
  (void)context;
  memset(data, 0, value->count * sizeof *data);
}

/* One kind of site after the other, changed on both sides at some sequences, positions and heads.
 */
static void check_replaced(const char *config, enum site_kind kind)
{
  static const size_t positions[] = {0, 5, PASSING_T - 1};
  const struct site site = {kind, site_has_layer(kind) ? 1 : 0, 0};
  const struct site all = {kind, site_has_layer(kind) ? SITE_ALL : 0,
                           site_has_head(kind) ? SITE_ALL : 0};
  const struct positions some = {POSITIONS_LIST, positions, 3}, last = {.kind = POSITIONS_LAST};
  const struct hook hooks[] = {
      {.site = site, .positions = some, .first = 1, .end = 2, .write = change},
      {.site = all, .positions = last, .write = erase},
      {.site = all, .first = 1, .write = change}};
  const struct tape_replacement replacements[] = {
      {.site = site, .positions = some, .first = 1, .end = 2, .write = change, .given = TAPE_NONE},
      {.site = all, .positions = last, .given = TAPE_NONE},
      {.site = all, .first = 1, .write = change, .given = TAPE_NONE}};
  struct pair p;
  open_pair(&p, NULL, config);
  p.n = 2;
  run_tape(&p, ISA_AUTO, replacements, COUNT(replacements));
  check_pair(&p, hooks, COUNT(hooks));
  close_pair(&p);
}

static void test_replaced_as_by_hooks(void **state)
{
  (void)state;
  for (int kind = 0; kind < KINDS; kind++)
    for (size_t i = passing_count() > 1 ? 0 : 5; i < COUNT(variants); i += 1 + i % 2)
      check_replaced(variants[i], (enum site_kind)kind);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_site),
      cmocka_unit_test(test_replaced_as_by_hooks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
