/* Clean and corrupted runs of a batch of pairs. */
#include "base/interrupt.h"
#include "base/memory.h"
#include "circuit/runs_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tape_part answers_part(const struct answers *answers, struct tape *tape, size_t hidden)
{
  size_t weight = tape_leaf(tape, answers->columns, hidden, answers->weight, NULL);
  size_t bias =
      answers->bias ? tape_leaf(tape, 1, answers->columns, answers->bias, NULL) : TAPE_NONE;
  return (struct tape_part){weight, bias, 0, answers->columns};
}

/* While the runs of a batch are on a tape. */
struct running {
  struct circuit_runs *runs;
  struct run_batch *batch;
  struct answers answers;
  struct tape *tape;
  struct tape_pass pass;
  int32_t *tokens; /* [rows] */
  double *metric;  /* [count] */
};

static int record(struct running *r, struct error *error)
{
  const struct circuit_runs *runs = r->runs;
  const struct model_config *c = runs_config(runs);
  if (tape_create(runs->options.kernels, runs->options.threads, &r->tape, error))
    return error->code;
  const struct tape_part head = answers_part(&r->answers, r->tape, c->hidden);
  const struct tape_pass_input input = {.parameters = &runs->parameters,
                                        .sequences = r->batch->count,
                                        .seq_len = r->batch->seq_len,
                                        .tokens = r->tokens,
                                        .embedding = TAPE_NONE,
                                        .head = &head};
  if (tape_pass_record(r->tape, &input, NULL, &r->pass, error))
    return error->code;
  tape_stop_when(r->tape, interrupt_requested);
  tape_keep(r->tape, r->pass.embedding);
  tape_keep(r->tape, r->pass.logits);
  for (size_t i = 0; i < r->pass.count; i++) {
    tape_keep(r->tape, r->pass.layers[i].heads);
    tape_keep(r->tape, r->pass.layers[i].attention);
    tape_keep(r->tape, r->pass.layers[i].mlp);
  }
  return tape_plan(r->tape, false, error) ? error->code : tape_allocate(r->tape, error);
}

static bool take(const struct running *r, size_t value, float *to)
{
  size_t rows = tape_rows(r->tape, value), columns = tape_columns(r->tape, value);
  size_t stride = tape_stride(r->tape, value);
  const float *from = tape_data(r->tape, value);
  for (size_t row = 0; row < rows; row++)
    memcpy(to + row * columns, from + row * stride, columns * sizeof *to);
  return r->runs->options.kernels->all_finite(to, rows * columns);
}

static int run(struct running *r, enum run_kind kind, struct error *error)
{
  const struct model_config *c = runs_config(r->runs);
  const struct run_values *v = &r->batch->run[kind];
  size_t rows = batch_rows(r->batch), length = r->batch->seq_len;
  for (size_t i = 0; i < r->batch->count; i++)
    memcpy(r->tokens + i * length,
           kind == RUN_CLEAN ? r->batch->pairs[i]->clean : r->batch->pairs[i]->corrupted,
           length * sizeof *r->tokens);
  tape_forward(r->tape);
  if (tape_stopped(r->tape))
    return interrupt_check(error);
  bool finite = take(r, r->pass.embedding, v->embedding);
  for (size_t i = 0; i < r->pass.count; i++) {
    finite &= take(r, r->pass.layers[i].heads, v->heads + i * rows * c->heads * c->head_dim);
    finite &= take(r, r->pass.layers[i].attention, v->attention + i * rows * c->hidden);
    finite &= take(r, r->pass.layers[i].mlp, v->mlp + i * rows * c->hidden);
  }
  answers_measure(&r->answers, 1, tape_data(r->tape, r->pass.logits),
                  tape_stride(r->tape, r->pass.logits), r->runs->options.threads, r->metric, NULL);
  for (size_t i = 0; i < r->batch->count; i++) {
    finite &= isfinite(r->metric[i]) != 0;
    r->runs->metric[kind][runs_pair(r->runs, r->batch, i)] = r->metric[i];
  }
  if (finite)
    return 0;
  return tape_check(r->tape, error) ? error->code
                                    : error_set(error, EXIT_INPUT, "a metric is not finite");
}

/* The values' places in one block. */
static int place_values(const struct circuit_runs *runs, struct run_batch *b, struct error *error)
{
  const struct model_config *c = runs_config(runs);
  size_t rows = batch_rows(b), width = c->heads * c->head_dim;
  size_t each = rows * (c->hidden + c->layers * (width + 2 * c->hidden));
  if (!(b->values = memory_alloc(RUN_KINDS * each, sizeof *b->values, "activations", error)))
    return error->code;
  for (int kind = 0; kind < RUN_KINDS; kind++) {
    struct run_values *v = &b->run[kind];
    v->embedding = b->values + (size_t)kind * each;
    v->heads = v->embedding + rows * c->hidden;
    v->attention = v->heads + c->layers * rows * width;
    v->mlp = v->attention + c->layers * rows * c->hidden;
  }
  return 0;
}

static int run_both(struct running *r, struct error *error)
{
  if (answers_create(&r->runs->parameters, r->runs->task->metric, r->batch->pairs, r->batch->count,
                     &r->answers, error) ||
      !(r->tokens = memory_zeroed(batch_rows(r->batch), sizeof *r->tokens, "tokens", error)) ||
      !(r->metric = memory_alloc(r->batch->count, sizeof *r->metric, "metric", error)) ||
      record(r, error))
    return error->code;
  return run(r, RUN_CORRUPTED, error) ? error->code : run(r, RUN_CLEAN, error);
}

int runs_load(struct circuit_runs *runs, struct run_batch *batch, struct error *error)
{
  if (batch->values)
    return 0;
  for (size_t i = 0; !runs->keeps && i < runs->batch_count; i++) {
    free(runs->batches[i].values);
    runs->batches[i].values = NULL;
  }
  struct running r = {.runs = runs, .batch = batch};
  int status = place_values(runs, batch, error);
  if (!status)
    status = run_both(&r, error);
  if (status) {
    free(batch->values);
    batch->values = NULL;
  }
  tape_free(r.tape);
  tape_pass_free(&r.pass);
  answers_free(&r.answers);
  free(r.tokens);
  free(r.metric);
  return status;
}
