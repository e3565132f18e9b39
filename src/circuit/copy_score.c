#include "circuit/copy_score.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "pass/layer_weights.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define STRIP 4096     /* logits of a row at a time */
#define MOST_ROWS 4096 /* heads of a layer times cases */

/* Of some cases and one layer; a row is (head, case). */
struct copying {
  const struct model *model;
  const struct circuit_options *options;
  const int32_t *tokens; /* [count] of the cases at hand */
  size_t count, rows, width, widest;
  struct packed weights;
  struct segment *segments; /* scratch: [heads] of values, [count] of the cases' own tokens */
  float *packed;            /* an operand of the products */
  float *values;            /* [count][kv_heads * head_dim] */
  float *inputs;            /* [rows][heads * head_dim] a head's values, those of others 0 */
  float *outputs;           /* [rows][hidden] */
  float *logits;            /* [rows][STRIP] or, of the own tokens, [rows][count]; without bias */
  float *bias;              /* [vocab] of the LM head; NULL = none */
  float *own;               /* [rows] the own token's logit, without bias */
  size_t *above[2];         /* [rows] ids in front of it: s = 1, s = -1 */
  size_t first, columns;    /* of the strip at hand */
  atomic_bool damaged;
};

/* --- memory --- */

static size_t larger(size_t a, size_t b)
{
  return a > b ? a : b;
}

/* Cases that go together. */
static size_t most_cases(const struct copying *c, size_t cases)
{
  const struct model_config *m = &c->model->config;
  uint64_t row = (2 * c->widest + c->width + m->hidden + 2 * STRIP) * sizeof(float);
  uint64_t fit = c->options->memory / 4 / row / m->heads;
  size_t most = larger(MOST_ROWS / m->heads, 1);
  most = fit < most ? larger((size_t)fit, 1) : most;
  return cases < most ? cases : most;
}

static int allocate(struct copying *c, size_t cases, struct error *error)
{
  const struct model_config *m = &c->model->config;
  size_t rows = cases * m->heads;
  size_t packed = gemm_packed_floats(rows, c->widest, c->options->kernels->mr);
  if (!(c->segments =
            memory_alloc(larger(m->heads, cases), sizeof *c->segments, "copy score", error)) ||
      !(c->packed = memory_alloc(packed, sizeof(float), "copy score", error)) ||
      !(c->values =
            memory_alloc(cases * m->kv_heads, m->head_dim * sizeof(float), "copy score", error)) ||
      !(c->inputs = memory_zeroed(rows, c->width * sizeof(float), "copy score", error)) ||
      !(c->outputs = memory_alloc(rows, m->hidden * sizeof(float), "copy score", error)) ||
      !(c->logits =
            memory_alloc(rows, larger(STRIP, cases) * sizeof(float), "copy score", error)) ||
      !(c->own = memory_alloc(rows, sizeof(float), "copy score", error)) ||
      !(c->above[0] = memory_alloc(rows, sizeof(size_t), "copy score", error)) ||
      !(c->above[1] = memory_alloc(rows, sizeof(size_t), "copy score", error)))
    return error->code;
  return 0;
}

static int take_bias(struct copying *c, struct error *error)
{
  const struct tensor *bias = c->model->lm_head.bias;
  if (!bias)
    return 0;
  c->bias = memory_alloc(c->model->config.vocab, sizeof(float), "copy score", error);
  return c->bias ? model_widen(bias, 0, c->model->config.vocab, c->bias, error) : error->code;
}

static void release(struct copying *c)
{
  packed_free(&c->weights);
  free(c->segments);
  free(c->packed);
  free(c->values);
  free(c->inputs);
  free(c->outputs);
  free(c->logits);
  free(c->bias);
  free(c->own);
  free(c->above[0]);
  free(c->above[1]);
}

/* --- products --- */

/* c [rows][ldc] = x [rows][k] times the weights of some segments. */
static int multiply(struct copying *c, const float *x, size_t rows, size_t k,
                    const struct segment *segments, size_t count, float *to, size_t ldc,
                    struct error *error)
{
  const struct kernels *kernels = c->options->kernels;
  struct threads *threads = c->options->threads;
  if (packed_fill(&c->weights, kernels, threads, segments, count, error))
    return error->code;
  gemm_pack_rows_threaded(kernels, threads, x, k, rows, k, kernels->mr, c->packed);
  struct gemm product = {.kernels = kernels, .m = rows, .a = c->packed, .c = to, .ldc = ldc};
  packed_product(&c->weights, &product, threads);
  return 0;
}

/* What the heads of a layer add, [rows][hidden]. */
static int make_outputs(struct copying *c, const float *streams, size_t layer, struct error *error)
{
  const struct model_config *m = &c->model->config;
  const struct layer *weights = &c->model->layers[layer];
  const struct linear output = {weights->output.weight, NULL};
  const struct segment all = {&output, 0, m->hidden, m->input_major};
  size_t d = m->head_dim, group = m->heads / m->kv_heads, wide = m->kv_heads * d;
  size_t segments = layer_weights_values(m, weights, c->segments);
  if (multiply(c, streams, c->count, m->hidden, c->segments, segments, c->values, wide, error))
    return error->code;
  memset(c->inputs, 0, c->rows * c->width * sizeof(float));
  for (size_t head = 0; head < m->heads; head++)
    for (size_t i = 0; i < c->count; i++)
      memcpy(c->inputs + (head * c->count + i) * c->width + head * d,
             c->values + i * wide + head / group * d, d * sizeof(float));
  return multiply(c, c->inputs, c->rows, c->width, &all, 1, c->outputs, m->hidden, error);
}

/* The own tokens' logits, by their rows of the LM head. */
static int make_own(struct copying *c, const struct linear *head, struct error *error)
{
  for (size_t i = 0; i < c->count; i++)
    c->segments[i] = (struct segment){head, (size_t)c->tokens[i], 1, false};
  if (multiply(c, c->outputs, c->rows, c->model->config.hidden, c->segments, c->count, c->logits,
               c->count, error))
    return error->code;
  for (size_t row = 0; row < c->rows; row++)
    c->own[row] = c->logits[row * c->count + row % c->count];
  return 0;
}

/* --- ranks --- */

static float biased(const struct copying *c, float logit, size_t id, bool negative)
{
  return (negative ? -logit : logit) + c->bias[id];
}

/* Without a bias both signs at once: what is in front with one is behind with the other, and of
 * equal ones the ids before the token are in front with both. */
static void count_plain(struct copying *c, size_t row, const float *logits, size_t token)
{
  const float own = c->own[row];
  size_t before = token <= c->first ? 0 : token - c->first;
  uint32_t more = 0, less = 0, equal = 0;
  for (size_t j = 0; j < c->columns; j++) {
    more += logits[j] > own;
    less += logits[j] < own;
  }
  for (size_t j = 0; j < c->columns && j < before; j++)
    equal += logits[j] == own;
  c->above[0][row] += more + equal;
  c->above[1][row] += less + equal;
}

static void count_biased(struct copying *c, size_t row, const float *logits, size_t token)
{
  for (int negative = 0; negative < 2; negative++) {
    float own = biased(c, c->own[row], token, negative);
    for (size_t j = 0; j < c->columns; j++) {
      float other = biased(c, logits[j], c->first + j, negative);
      c->above[negative][row] += other > own || (other == own && c->first + j < token);
    }
  }
}

/* Ids of the strip in front of a row's own token. */
static void count_row(void *context, size_t row, int worker)
{
  struct copying *c = context;
  const float *logits = c->logits + row * c->columns;
  size_t token = (size_t)c->tokens[row % c->count];
  (void)worker;
  if (!c->options->kernels->all_finite(logits, c->columns))
    atomic_store(&c->damaged, true);
  if (c->bias)
    count_biased(c, row, logits, token);
  else
    count_plain(c, row, logits, token);
}

static int rank_rows(struct copying *c, const struct linear *head, struct error *error)
{
  const struct model_config *m = &c->model->config;
  for (int negative = 0; negative < 2; negative++)
    memset(c->above[negative], 0, c->rows * sizeof(size_t));
  for (c->first = 0; c->first < m->vocab; c->first += STRIP) {
    c->columns = m->vocab - c->first < STRIP ? m->vocab - c->first : STRIP;
    const struct segment strip = {head, c->first, c->columns, false};
    if (interrupt_check(error) ||
        multiply(c, c->outputs, c->rows, m->hidden, &strip, 1, c->logits, c->columns, error))
      return error->code;
    threads_run(c->options->threads, c->rows, count_row, c);
  }
  return 0;
}

static int add_layer(struct copying *c, const float *streams, size_t layer, size_t *copied,
                     size_t *against, struct error *error)
{
  const struct model_config *m = &c->model->config;
  const struct linear head = {c->model->lm_head.weight, NULL};
  c->rows = c->count * m->heads;
  if (make_outputs(c, streams, layer, error) || make_own(c, &head, error) ||
      rank_rows(c, &head, error))
    return error->code;
  for (size_t row = 0; row < c->rows; row++) {
    size_t at = layer * m->heads + row / c->count;
    copied[at] += c->above[0][row] < COPY_TOP;
    against[at] += c->above[1][row] < COPY_TOP;
  }
  if (!atomic_load(&c->damaged))
    return 0;
  return error_set(error, EXIT_INPUT, "copy scores of layer %zu: a logit is not finite", layer);
}

int copy_score_add(const struct model *model, const struct circuit_options *options,
                   const struct copy_cases *cases, size_t *copied, size_t *against,
                   struct error *error)
{
  const struct model_config *m = &model->config;
  struct copying c = {.model = model, .options = options, .width = m->heads * m->head_dim};
  c.widest = larger(c.width, m->hidden);
  atomic_init(&c.damaged, false);
  size_t most = most_cases(&c, cases->count);
  int status = allocate(&c, most, error) ? error->code : take_bias(&c, error);
  for (size_t first = 0; first < cases->count && !status; first += most) {
    c.count = cases->count - first < most ? cases->count - first : most;
    c.tokens = cases->tokens + first;
    for (size_t layer = 0; layer < m->layers && !status; layer++)
      status = add_layer(&c, cases->streams + first * m->hidden, layer, copied, against, error);
  }
  release(&c);
  return status;
}
