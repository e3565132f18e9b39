#include "circuit/contract.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "gemm.h"

#include <stdlib.h>
#include <string.h>

/* --- heads --- */

struct projecting {
  const struct circuit_runs *runs;
  const struct parameter *weight;
  const float *x;
  size_t rows, stride;
  float *to;
  float *packed; /* of each thread: weight, rows */
};

static size_t aligned(size_t floats)
{
  return gemm_round_up(floats, 16);
}

static size_t weight_floats(const struct circuit_runs *runs)
{
  const struct model_config *c = runs_config(runs);
  const struct kernels *kernels = runs->options.kernels;
  return aligned(gemm_packed_floats(c->hidden, c->head_dim, gemm_nr(kernels, c->hidden)));
}

static size_t packed_floats(const struct circuit_runs *runs, size_t rows)
{
  return weight_floats(runs) +
         aligned(gemm_packed_floats(rows, runs_config(runs)->head_dim, runs->options.kernels->mr));
}

static void project_task(void *context, size_t head, int worker)
{
  const struct projecting *p = context;
  const struct model_config *c = runs_config(p->runs);
  const struct kernels *kernels = p->runs->options.kernels;
  size_t width = c->heads * c->head_dim, d = c->head_dim;
  float *b = p->packed + (size_t)worker * packed_floats(p->runs, p->rows);
  float *a = b + weight_floats(p->runs);
  if (c->input_major)
    (void)gemm_pack_transposed(kernels, GEMM_F32, p->weight->values + head * d * c->hidden,
                               c->hidden, c->hidden, d, gemm_nr(kernels, c->hidden), b);
  else
    gemm_pack_rows(kernels, p->weight->values + head * d, width, c->hidden, d,
                   gemm_nr(kernels, c->hidden), b);
  gemm_pack_rows(kernels, p->x + head * d, width, p->rows, d, kernels->mr, a);
  gemm_run_here(&(struct gemm){.kernels = kernels,
                               .m = p->rows,
                               .n = c->hidden,
                               .k = d,
                               .a = a,
                               .b = b,
                               .b_n = c->hidden,
                               .b_k = d,
                               .c = p->to + head * p->stride,
                               .ldc = c->hidden});
}

int project_heads(const struct circuit_runs *runs, size_t layer, const float *x, size_t rows,
                  float *to, size_t stride, struct error *error)
{
  const struct model *model = &runs->parameters.model;
  struct projecting p = {.runs = runs,
                         .weight =
                             parameters_of(&runs->parameters, model->layers[layer].output.weight),
                         .x = x,
                         .rows = rows,
                         .stride = stride,
                         .to = to};
  size_t workers = (size_t)threads_count(runs->options.threads);
  p.packed = memory_alloc(workers, packed_floats(runs, rows) * sizeof(float), "heads", error);
  if (!p.packed)
    return error->code;
  threads_run(runs->options.threads, model->config.heads, project_task, &p);
  free(p.packed);
  return 0;
}

int batch_sources(const struct circuit_runs *runs, const struct run_batch *batch, size_t pair,
                  enum run_kind kind, size_t from, float *values, struct error *error)
{
  const struct model_config *c = runs_config(runs);
  const struct run_values *v = &batch->run[kind];
  size_t rows = batch_rows(batch), first = pair * batch->seq_len + from;
  size_t positions = batch->seq_len - from, part = positions * c->hidden;
  size_t width = c->heads * c->head_dim;
  memcpy(values, v->embedding + first * c->hidden, part * sizeof *values);
  for (size_t layer = 0; layer < c->layers; layer++) {
    float *to = values + graph_head(&runs->graph, layer, 0) * part;
    if (project_heads(runs, layer, v->heads + (layer * rows + first) * width, positions, to, part,
                      error))
      return error->code;
    memcpy(to + c->heads * part, v->mlp + (layer * rows + first) * c->hidden,
           part * sizeof *values);
  }
  return 0;
}

/* --- scores --- */

/* Of one pair: sources [first, first + count) meet destinations [from, end). */
struct contracting {
  const struct circuit_runs *runs;
  const float *sums;
  size_t depth; /* seq_len * hidden */
  size_t from;
  float *differences; /* [heads + 1][depth] */
  float *packed;      /* the same packed */
  float *inputs;      /* [seq_len][heads * head_dim] */
  float *products;    /* [heads + 1][destinations] */
};

static const void *gradient_row(void *context, size_t index, enum gemm_type *type)
{
  const struct contracting *c = context;
  *type = GEMM_F32;
  return c->sums + (c->from + index) * c->depth;
}

static void subtract(const float *corrupted, const float *clean, size_t n, float *to)
{
  for (size_t i = 0; i < n; i++)
    to[i] = corrupted[i] - clean[i];
}

/* Sources [first, first + count), whose differences are number `at` and so on, with destinations
 * from c->from on. */
static int contract_some(struct contracting *c, size_t first, size_t at, size_t count,
                         float divisor, float *edges, struct error *error)
{
  const struct circuit_runs *runs = c->runs;
  const struct graph *graph = &runs->graph;
  size_t destinations = graph->destinations - c->from;
  const struct gemm_source source = {c, gradient_row};
  gemm_pack_rows(runs->options.kernels, c->differences + at * c->depth, c->depth, count, c->depth,
                 runs->options.kernels->mr, c->packed);
  bool finite = gemm_run_direct(&(struct gemm){.kernels = runs->options.kernels,
                                               .m = count,
                                               .n = destinations,
                                               .k = c->depth,
                                               .a = c->packed,
                                               .c = c->products,
                                               .ldc = destinations},
                                &source, runs->options.threads);
  for (size_t d = 0; d < destinations; d++) {
    size_t edge = graph_first_edge(graph, c->from + d);
    size_t sources = graph_sources_of(graph, c->from + d);
    for (size_t s = 0; s < count && first + s < sources; s++)
      edges[edge + first + s] = c->products[s * destinations + d] / divisor;
  }
  return finite ? 0 : error_set(error, EXIT_INPUT, "a gradient holds a NaN or an infinity");
}

static int contract_sources(struct contracting *c, size_t first, size_t count, float divisor,
                            float *edges, struct error *error)
{
  for (size_t at = 0; at < count; at += GEMM_DIRECT_ROWS) {
    size_t some = count - at < GEMM_DIRECT_ROWS ? count - at : GEMM_DIRECT_ROWS;
    if (contract_some(c, first + at, at, some, divisor, edges, error))
      return error->code;
  }
  return 0;
}

/* Differences of a layer's heads and MLP. */
static int layer_differences(struct contracting *c, const struct run_batch *b, size_t pair,
                             size_t layer, struct error *error)
{
  const struct model_config *config = runs_config(c->runs);
  size_t width = config->heads * config->head_dim, rows = batch_rows(b);
  const struct run_values *clean = &b->run[RUN_CLEAN], *corrupted = &b->run[RUN_CORRUPTED];
  size_t at = (layer * rows + pair * b->seq_len) * width;
  subtract(corrupted->heads + at, clean->heads + at, b->seq_len * width, c->inputs);
  if (project_heads(c->runs, layer, c->inputs, b->seq_len, c->differences, c->depth, error))
    return error->code;
  at = (layer * rows + pair * b->seq_len) * config->hidden;
  subtract(corrupted->mlp + at, clean->mlp + at, c->depth,
           c->differences + config->heads * c->depth);
  return 0;
}

static int allocate(struct contracting *c, const struct run_batch *b, struct error *error)
{
  const struct model_config *config = runs_config(c->runs);
  size_t sources = config->heads + 1;
  size_t packed = gemm_packed_floats(sources, c->depth, c->runs->options.kernels->mr);
  if (!(c->differences = memory_alloc(sources * c->depth, sizeof(float), "differences", error)) ||
      !(c->packed = memory_alloc(packed, sizeof(float), "differences", error)) ||
      !(c->inputs = memory_alloc(b->seq_len * config->heads, config->head_dim * sizeof(float),
                                 "differences", error)) ||
      !(c->products =
            memory_alloc(sources * c->runs->graph.destinations, sizeof(float), "scores", error)))
    return error->code;
  return 0;
}

static int contract(struct contracting *c, const struct run_batch *b, size_t pair, float divisor,
                    float *edges, struct error *error)
{
  const struct graph *graph = &c->runs->graph;
  size_t part = 3 * graph->heads + 1, first = pair * c->depth;
  subtract(b->run[RUN_CORRUPTED].embedding + first, b->run[RUN_CLEAN].embedding + first, c->depth,
           c->differences);
  if (contract_sources(c, 0, 1, divisor, edges, error))
    return error->code;
  for (size_t layer = 0; layer < graph->layers; layer++) {
    c->from = (layer + 1) * part - (graph->sequential ? 1 : 0);
    if (interrupt_check(error) || layer_differences(c, b, pair, layer, error) ||
        contract_sources(c, graph_head(graph, layer, 0), graph->heads + 1, divisor, edges, error))
      return error->code;
  }
  return 0;
}

int contract_pair(const struct circuit_runs *runs, const struct run_batch *batch, size_t pair,
                  const float *sums, size_t steps, float *edges, struct error *error)
{
  struct contracting c = {
      .runs = runs, .sums = sums, .depth = batch->seq_len * runs_config(runs)->hidden};
  int status = allocate(&c, batch, error);
  if (!status)
    status = contract(&c, batch, pair, (float)steps, edges, error);
  free(c.differences);
  free(c.packed);
  free(c.inputs);
  free(c.products);
  return status;
}
