#include "pass/attention.h"

#include <math.h>
#include <string.h>

/* Queries are taken in groups of this many rows (rounded down to whole tiles), so that scores and
 * packed operands of a group stay in the cache and keys past the group are skipped. */
#define QUERY_ROWS 64

struct head_offsets attention_offsets(const struct model_config *config, size_t head)
{
  size_t d = config->head_dim;
  size_t kv_head = head / (config->heads / config->kv_heads);
  size_t keys = config->heads * d, values = keys + config->kv_heads * d;
  return (struct head_offsets){head * d, keys + kv_head * d, values + kv_head * d};
}

size_t attention_heads_floats(const struct model_config *config)
{
  return config->heads * config->head_dim;
}

size_t attention_row_floats(const struct model_config *config)
{
  return (config->heads + 2 * config->kv_heads) * config->head_dim;
}

/* Where the parts of a thread's scratch begin, in floats. */
struct layout {
  size_t keys, values, queries, scores, weights, total;
};

static size_t take(size_t *used, size_t floats)
{
  size_t at = *used;
  *used += gemm_round_up(floats, 16); /* panels stay 64-byte aligned */
  return at;
}

static struct layout lay_out(const struct kernels *kernels, size_t head_dim, size_t seq_len)
{
  size_t mr = (size_t)kernels->mr, nr = (size_t)gemm_nr(kernels, seq_len);
  size_t columns = gemm_round_up(head_dim, (size_t)gemm_nr(kernels, head_dim));
  struct layout l = {0};
  size_t rows = QUERY_ROWS / mr * mr;
  l.keys = take(&l.total, gemm_round_up(seq_len, nr) * head_dim);
  l.values = take(&l.total, seq_len * columns);
  l.queries = take(&l.total, rows * head_dim);
  l.scores = take(&l.total, rows * gemm_round_up(seq_len, nr));
  l.weights = take(&l.total, rows * seq_len);
  return l;
}

size_t attention_scratch_floats(const struct model_config *config, size_t seq_len)
{
  /* An upper bound for every tile, so that estimates do not depend on the instruction set. */
  size_t d = config->head_dim, padded = seq_len + GEMM_MAX_NR;
  size_t total = padded * d + seq_len * (d + GEMM_MAX_NR) + QUERY_ROWS * (d + padded + seq_len);
  return gemm_round_up(total + 5 * 16, 1024);
}

uint64_t attention_operations(const struct model_config *config, size_t seq_len, size_t sequences,
                              bool last_query_alone)
{
  uint64_t keys = last_query_alone ? seq_len : (uint64_t)seq_len * (seq_len + 1) / 2;
  return 2 * 2 * sequences * keys * config->heads * config->head_dim;
}

/* Queries [q0, q1) of one head of one sequence. */
struct group {
  size_t sequence, head, q0, q1;
};

/* Shows the group's rows to the hooks; count 0 = position + 1. */
static void show(const struct attention *at, const struct group *g, enum site_kind kind,
                 float *data, size_t stride, size_t count)
{
  hook_set_show(at->hooks, &(struct hook_rows){.site = {kind, at->layer, g->head},
                                               .sequence = at->first_sequence + g->sequence,
                                               .position = g->q0,
                                               .rows = g->q1 - g->q0,
                                               .count = count,
                                               .data = data,
                                               .stride = stride});
}

static bool shows(const struct attention *at, enum site_kind kind)
{
  return at->hooks && hook_set_has(at->hooks, kind);
}

/* What scores are multiplied by. */
static float scale_of(const struct attention *at)
{
  double divisor = sqrt((double)at->config->head_dim);
  return (float)(1.0 / (at->config->scale_by_layer ? divisor * (double)(at->layer + 1) : divisor));
}

/* Scores -> weights, in place: one row of `wide` floats a query, zeros past its own position and
 * before its window. */
static void weigh(const struct attention *at, const struct group *g, float *scores, size_t wide)
{
  size_t window = model_config_window(at->config, at->layer);
  float scale = scale_of(at);
  if (shows(at, SITE_SCORES)) {
    for (size_t i = g->q0; i < g->q1; i++)
      for (size_t j = 0; j <= i; j++)
        scores[(i - g->q0) * wide + j] *= scale; /* the softmax's own first step */
    scale = 1;
    show(at, g, SITE_SCORES, scores, wide, 0);
  }
  for (size_t i = g->q0; i < g->q1; i++) {
    float *weights = scores + (i - g->q0) * wide;
    size_t from = window && i + 1 > window ? i + 1 - window : 0;
    memset(weights, 0, from * sizeof *weights);
    at->kernels->softmax(weights + from, i + 1 - from, scale);
    memset(weights + i + 1, 0, (g->q1 - i - 1) * sizeof *weights);
  }
  if (shows(at, SITE_PATTERN))
    show(at, g, SITE_PATTERN, scores, wide, 0);
}

/* Keys and values of the head are packed in the scratch. */
static void query_group(const struct attention *at, const struct layout *l, float *base,
                        const struct group *g)
{
  const struct model_config *c = at->config;
  size_t row = attention_row_floats(c), d = c->head_dim, token = g->sequence * at->seq_len + g->q0;
  size_t wide = gemm_round_up(at->seq_len, (size_t)gemm_nr(at->kernels, at->seq_len)),
         rows = g->q1 - g->q0;
  struct head_offsets offset = attention_offsets(c, g->head);
  size_t heads = attention_heads_floats(c);
  float *out = at->out + token * heads + g->head * d;
  gemm_pack_rows(at->kernels, at->qkv + token * row + offset.query, row, rows, d, at->kernels->mr,
                 base + l->queries);
  gemm_run_here(&(struct gemm){.kernels = at->kernels,
                               .m = rows,
                               .n = g->q1, /* keys past the group's last query are masked */
                               .b_n = at->seq_len,
                               .k = d,
                               .a = base + l->queries,
                               .b = base + l->keys,
                               .b_k = d,
                               .c = base + l->scores,
                               .ldc = wide});
  weigh(at, g, base + l->scores, wide);
  gemm_pack_rows(at->kernels, base + l->scores, wide, rows, g->q1, at->kernels->mr,
                 base + l->weights);
  gemm_run_here(&(struct gemm){.kernels = at->kernels,
                               .m = rows,
                               .n = d,
                               .b_n = d,
                               .k = g->q1,
                               .a = base + l->weights,
                               .b = base + l->values,
                               .b_k = at->seq_len,
                               .c = out,
                               .ldc = heads});
  if (shows(at, SITE_HEAD_OUTPUT))
    show(at, g, SITE_HEAD_OUTPUT, out, heads, d);
}

/* One task: one sequence and one key-value head with all query heads that share it. */
static void attention_task(void *context, size_t index, int worker)
{
  const struct attention *at = context;
  const struct model_config *c = at->config;
  size_t sequence = index / c->kv_heads, group = c->heads / c->kv_heads;
  size_t head0 = index % c->kv_heads * group, row = attention_row_floats(c);
  size_t mr = (size_t)at->kernels->mr, step = QUERY_ROWS / mr * mr;
  const float *first = at->qkv + sequence * at->seq_len * row;
  struct head_offsets offset = attention_offsets(c, head0);
  struct layout l = lay_out(at->kernels, c->head_dim, at->seq_len);
  float *base = at->scratch + (size_t)worker * attention_scratch_floats(c, at->seq_len);
  gemm_pack_rows(at->kernels, first + offset.key, row, at->seq_len, c->head_dim,
                 gemm_nr(at->kernels, at->seq_len), base + l.keys);
  gemm_pack_transposed(at->kernels, GEMM_F32, first + offset.value, row, c->head_dim, at->seq_len,
                       gemm_nr(at->kernels, c->head_dim), base + l.values);
  for (size_t head = head0; head < head0 + group; head++)
    for (size_t q0 = at->first_query; q0 < at->seq_len; q0 += step) {
      size_t q1 = q0 + step < at->seq_len ? q0 + step : at->seq_len;
      query_group(at, &l, base, &(struct group){sequence, head, q0, q1});
    }
}

void attention_run(const struct attention *attention, struct threads *threads)
{
  threads_run(threads, attention->sequences * attention->config->kv_heads, attention_task,
              (void *)(uintptr_t)attention);
}
