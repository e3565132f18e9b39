#include "pass/engine.h"

#include <stdio.h>
#include <string.h>

/* Rows a task: long enough to pay for handing it out. */
#define TASK_ROWS 16

struct row_job {
  struct engine *engine;
  engine_row *row;
  const void *context;
  size_t rows;
};

static void row_task(void *context, size_t index, int worker)
{
  const struct row_job *job = context;
  size_t end = (index + 1) * TASK_ROWS < job->rows ? (index + 1) * TASK_ROWS : job->rows;
  (void)worker;
  for (size_t row = index * TASK_ROWS; row < end; row++)
    job->row(job->engine, job->context, row);
}

void engine_rows(struct engine *engine, size_t rows, engine_row *row, const void *context)
{
  struct row_job job = {engine, row, context, rows};
  threads_run(engine->threads, (rows + TASK_ROWS - 1) / TASK_ROWS, row_task, &job);
}

struct span span_of(const struct engine *e, const struct rows *rows)
{
  return (struct span){rows_token(rows, 0, e->seq_len), rows->last ? e->seq_len : 1,
                       rows_count(rows, e->seq_len)};
}

void engine_norm(const struct engine *e, const struct norm *norm, const float *x, float *y)
{
  size_t hidden = e->config->hidden;
  if (e->config->norm_kind == NORM_RMS)
    e->kernels->rms_norm(x, norm->weight, y, hidden, e->config->norm_eps);
  else
    e->kernels->layer_norm(x, norm->weight, norm->bias, y, hidden, e->config->norm_eps);
}

struct norm_job {
  const struct norm *norm;
  const struct span *span;
};

static void norm_row(struct engine *e, const void *context, size_t row)
{
  const struct norm_job *job = context;
  size_t hidden = e->config->hidden, token = job->span->first + row * job->span->stride;
  engine_norm(e, job->norm, e->act.residual + token * hidden, e->act.normed + row * hidden);
}

void engine_norm_rows(struct engine *e, const struct norm *norm, const struct span *span)
{
  engine_rows(e, span->count, norm_row, &(struct norm_job){norm, span});
}

static void copy_row(struct engine *e, const void *context, size_t row)
{
  const struct span *span = context;
  size_t hidden = e->config->hidden, token = span->first + row * span->stride;
  memcpy(e->act.normed + row * hidden, e->act.residual + token * hidden,
         hidden * sizeof *e->act.normed);
}

void engine_enter_rows(struct engine *e, const struct norm *norm, const struct span *span)
{
  if (e->config->branch_norms)
    engine_rows(e, span->count, copy_row, span);
  else
    engine_norm_rows(e, norm, span);
}

struct buffer_job {
  const struct norm *norm;
  float *buffer;
};

static void norm_buffer_row(struct engine *e, const void *context, size_t row)
{
  const struct buffer_job *job = context;
  float *x = job->buffer + row * e->config->hidden;
  engine_norm(e, job->norm, x, x);
}

void engine_norm_buffer(struct engine *e, const struct norm *norm, float *buffer, size_t rows)
{
  engine_rows(e, rows, norm_buffer_row, &(struct buffer_job){norm, buffer});
}

/* Packs the rows as operand A. */
static struct gemm prepare_product(struct engine *e, const float *x, size_t stride, size_t rows,
                                   size_t k, float *c, size_t ldc)
{
  float *operand = e->act.operand;
  gemm_pack_rows_threaded(e->kernels, e->threads, x, stride, rows, k, e->kernels->mr, operand);
  return (struct gemm){.kernels = e->kernels, .m = rows, .a = operand, .c = c, .ldc = ldc};
}

static void count_product(struct engine *e, const struct packed *w, size_t rows)
{
  e->operations += (uint64_t)2 * rows * w->n * w->k;
}

void engine_product(struct engine *e, const struct packed *w, const float *x, size_t stride,
                    size_t rows, float *c, size_t ldc)
{
  struct gemm product = prepare_product(e, x, stride, rows, w->k, c, ldc);
  packed_product(w, &product, e->threads);
  count_product(e, w, rows);
}

int engine_product_once(struct engine *e, struct packed *w, const struct segment *segments,
                        size_t count, const float *x, size_t stride, size_t rows, float *c,
                        size_t ldc, struct error *error)
{
  size_t k = (size_t)segments[0].linear->weight->shape[1];
  struct gemm product = prepare_product(e, x, stride, rows, k, c, ldc);
  int status = packed_product_once(w, &product, e->threads, segments, count, error);
  count_product(e, w, rows);
  return status;
}

void engine_mark_damaged(struct engine *engine, size_t token)
{
  size_t seen = atomic_load(&engine->damaged);
  while (token < seen && !atomic_compare_exchange_weak(&engine->damaged, &seen, token))
    ;
}

int engine_check(struct engine *e, size_t layer, const char *what, struct error *error)
{
  size_t token = atomic_load(&e->damaged);
  char where[40] = "after the last layer";
  if (token == SIZE_MAX)
    return 0;
  if (layer != SIZE_MAX)
    snprintf(where, sizeof where, "layer %zu", layer);
  return error_set(error, EXIT_INPUT,
                   "%s: %s: %s of sequence %zu, position %zu is not finite; the checkpoint is "
                   "damaged or leaves the range of fp32",
                   checkpoint_path(e->model->checkpoint), where, what,
                   e->chunk.portion.first + token / e->seq_len % portion_own(&e->chunk.portion),
                   token % e->seq_len);
}

void engine_advance(struct engine *e, double amount)
{
  e->worked += amount;
  if (e->options->progress)
    e->options->progress(e->options->context, e->worked / e->work);
}

struct show_job {
  struct engine *engine;
  const struct shown_rows *shown;
};

static void show_sequence(void *context, size_t index, int worker)
{
  const struct show_job *job = context;
  const struct shown_rows *shown = job->shown;
  size_t seq_len = job->engine->seq_len;
  bool last = shown->rows->last;
  (void)worker;
  hook_set_show(&job->engine->chunk.hooks,
                &(struct hook_rows){.site = shown->site,
                                    .sequence = shown->rows->first + index,
                                    .position = last ? seq_len - 1 : 0,
                                    .rows = last ? 1 : seq_len,
                                    .first = shown->first,
                                    .count = shown->count,
                                    .data = shown->data + index * shown->step,
                                    .stride = shown->stride});
}

void engine_show(struct engine *e, const struct shown_rows *shown)
{
  if (hook_set_has(&e->chunk.hooks, shown->site.kind))
    threads_run(e->threads, shown->rows->end - shown->rows->first, show_sequence,
                &(struct show_job){e, shown});
}

void engine_show_buffer(struct engine *e, enum site_kind kind, size_t layer,
                        const struct rows *rows, float *data)
{
  size_t hidden = e->config->hidden;
  engine_show(e, &(struct shown_rows){.site = {kind, layer, 0},
                                      .rows = rows,
                                      .data = data,
                                      .step = (rows->last ? 1 : e->seq_len) * hidden,
                                      .stride = hidden,
                                      .count = hidden});
}

void engine_show_residual(struct engine *e, enum site_kind kind, size_t layer,
                          const struct rows *rows)
{
  size_t hidden = e->config->hidden;
  engine_show(
      e, &(struct shown_rows){.site = {kind, layer, 0},
                              .rows = rows,
                              .data = e->act.residual + rows_token(rows, 0, e->seq_len) * hidden,
                              .step = e->seq_len * hidden,
                              .stride = hidden,
                              .count = hidden});
}
