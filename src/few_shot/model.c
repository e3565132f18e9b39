#include "few_shot/model.h"

#include "base/memory.h"
#include "few_shot/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROPE_BASE 10000.0

struct few_model {
  struct few_model_options options;
  struct few_clamp clamp;
  float *gradients;
  size_t item_rows;
  struct tape *tape;
  struct rope rope;
  struct few_inputs inputs;
  struct few_recorded recorded;
  size_t rows;     /* items of the batch */
  int32_t *row_of; /* [items]: where an item of the table stands in it */
  uint64_t input_bytes;
};

/* --- making one --- */

/* One part of the memory of inputs: a zeroed array that is counted. */
static void *take(struct few_model *m, size_t count, size_t size, struct error *error)
{
  void *memory = memory_zeroed(count, size, "few-shot model", error);
  m->input_bytes += (uint64_t)count * size;
  return memory;
}

static int take_inputs(struct few_model *m, struct error *error)
{
  struct few_inputs *in = &m->inputs;
  const struct few_sizes *s = &m->options.sizes;
  size_t n = m->options.batch, pairs = s->heads * FEW_POSITIONS * n;
  if (!(in->items = take(m, m->item_rows * s->width, sizeof *in->items, error)) ||
      !(in->tokens = take(m, 2 * FEW_POSITIONS * n, sizeof *in->tokens, error)) ||
      !(in->labels = take(m, 3 * n, sizeof *in->labels, error)) ||
      !(in->match = take(m, pairs, sizeof *in->match, error)) ||
      !(in->previous = take(m, pairs * FEW_POSITIONS, sizeof *in->previous, error)) ||
      !(m->row_of = take(m, m->options.items, sizeof *m->row_of, error)))
    return error->code;
  in->shifted = in->tokens + FEW_POSITIONS * n;
  in->targets = in->labels + 2 * n;
  return 0;
}

/* Row t has the strength on t - 1 and the rest on t; row 0 is 1 on itself. */
static void fill_previous(struct few_model *m)
{
  struct tape_lanes lanes = few_lanes(&m->options.sizes, m->options.batch, 0);
  float strength = (float)m->clamp.previous_strength;
  float rest = (float)(1 - m->clamp.previous_strength);
  for (size_t head = 0; head < lanes.heads; head++)
    for (size_t t = 0; t < FEW_POSITIONS; t++)
      for (size_t i = 0; i < lanes.sequences; i++) {
        m->inputs.previous[tape_lanes_row(&lanes, head, t, t) * lanes.sequences + i] =
            t ? rest : 1.0f;
        if (t)
          m->inputs.previous[tape_lanes_row(&lanes, head, t, t - 1) * lanes.sequences + i] =
              strength;
      }
}

static int record(struct few_model *m, const float *parameters, float *gradients,
                  struct error *error)
{
  const struct few_recording recording = {.tape = m->tape,
                                          .sizes = m->options.sizes,
                                          .clamp = &m->clamp,
                                          .sequences = m->options.batch,
                                          .item_rows = m->item_rows,
                                          .watched = !gradients,
                                          .inputs = &m->inputs,
                                          .parameters = parameters,
                                          .graft = m->options.graft,
                                          .gradients = gradients,
                                          .rope = &m->rope};
  few_record(&recording, &m->recorded);
  return tape_plan(m->tape, false, error) ? error->code : tape_allocate(m->tape, error);
}

static int check(const struct few_model_options *o, const struct few_clamp *clamp,
                 struct error *error)
{
  if (few_sizes_check("few-shot model", &o->sizes, error) ||
      few_clamp_check("few-shot model", clamp, &o->sizes, error))
    return error->code;
  if (!o->batch || o->batch > FEW_MOST_BATCH || !o->items || o->items > INT32_MAX)
    return error_set(error, EXIT_INPUT, "few-shot model: batches must have 1 to %d sequences",
                     FEW_MOST_BATCH);
  if (clamp->graft && !o->graft)
    return error_set(error, EXIT_INPUT, "few-shot model: a graft without parameters to take");
  return 0;
}

int few_model_create(const struct few_model_options *options, const float *parameters,
                     float *gradients, struct few_model **model, struct error *error)
{
  static const struct few_clamp none;
  const struct few_clamp *clamp = options->clamp ? options->clamp : &none;
  const struct few_sizes *s = &options->sizes;
  *model = NULL;
  if (check(options, clamp, error))
    return error->code;
  struct few_model *m = *model = memory_zeroed(1, sizeof *m, "few-shot model", error);
  if (!m)
    return error->code;
  m->options = *options;
  m->clamp = *clamp;
  m->gradients = gradients;
  m->item_rows = options->items < 2 * options->batch ? options->items : 2 * options->batch;
  const struct model_config rotary = {.rotary_dims = s->hidden / s->heads, .rope_base = ROPE_BASE};
  if (take_inputs(m, error) || rope_create(&m->rope, &rotary, FEW_POSITIONS, error) ||
      tape_create(options->kernels, NULL, &m->tape, error))
    return error->code;
  fill_previous(m);
  if (gradients)
    memset(gradients, 0, few_parameters(s) * sizeof *gradients);
  return record(m, parameters, gradients, error);
}

void few_model_free(struct few_model *m)
{
  if (!m)
    return;
  tape_free(m->tape);
  rope_free(&m->rope);
  free(m->inputs.items);
  free(m->inputs.tokens);
  free(m->inputs.labels);
  free(m->inputs.match);
  free(m->inputs.previous);
  free(m->row_of);
  free(m);
}

size_t few_model_batch(const struct few_model *m)
{
  return m->options.batch;
}

const struct few_sizes *few_model_sizes(const struct few_model *m)
{
  return &m->options.sizes;
}

uint64_t few_model_bytes(const struct few_model *m)
{
  return sizeof *m + m->input_bytes + tape_bytes(m->tape);
}

/* --- a batch --- */

static void put_item(struct few_model *m, const struct few_table *table, size_t item, size_t row)
{
  size_t width = m->options.sizes.width;
  memcpy(m->inputs.items + row * width, table->items + item * width,
         width * sizeof *m->inputs.items);
}

/* The items of the batch, ascending, are the rows that count. */
static void take_items(struct few_model *m, const struct few_table *table,
                       const struct few_sequence *sequences, size_t count)
{
  const struct few_recorded *r = &m->recorded;
  memset(m->row_of, 0, table->rows * sizeof *m->row_of);
  for (size_t i = 0; i < count; i++)
    m->row_of[sequences[i].items[0]] = m->row_of[sequences[i].items[1]] = 1;
  m->rows = 0;
  for (size_t i = 0; i < table->rows; i++)
    if (m->row_of[i]) {
      put_item(m, table, i, m->rows);
      m->row_of[i] = (int32_t)m->rows++;
    }
  for (size_t i = 0; i < r->by_item_count; i++)
    tape_limit_rows(m->tape, r->by_item[i], m->rows);
  for (size_t i = 0; i < r->by_token_count; i++)
    tape_limit_rows(m->tape, r->by_token[i], m->rows + m->options.sizes.labels);
}

static void put_sequence(struct few_model *m, const struct few_sequence *s, size_t i)
{
  struct few_inputs *in = &m->inputs;
  size_t n = m->options.batch;
  int32_t labels = (int32_t)m->rows;
  const int32_t rows[FEW_POSITIONS] = {m->row_of[s->items[0]], labels + s->labels[0],
                                       m->row_of[s->items[1]], labels + s->labels[1],
                                       m->row_of[s->items[s->query]]};
  for (size_t t = 0; t < FEW_POSITIONS; t++) {
    in->tokens[t * n + i] = rows[t];
    in->shifted[t * n + i] = t && t + 1 < FEW_POSITIONS ? rows[t - 1] : rows[t];
  }
  in->labels[i] = s->labels[0];
  in->labels[n + i] = s->labels[1];
  in->targets[i] = s->labels[s->query];
}

/* Patterns of the match clamp: `match_strength` on the right label, the rest on the other. */
static void put_match(struct few_model *m, const struct few_sequence *s, size_t i)
{
  struct tape_lanes lanes = few_lanes(&m->options.sizes, m->options.batch, 1);
  float strength = (float)m->clamp.match_strength, rest = (float)(1 - m->clamp.match_strength);
  for (size_t head = 0; head < lanes.heads; head++)
    for (size_t k = 0; k < 2; k++)
      m->inputs
          .match[tape_lanes_row(&lanes, head, FEW_POSITIONS - 1, 2 * k + 1) * lanes.sequences + i] =
          (int32_t)k == s->query ? strength : rest;
}

/* A batch that is not full ends with copies of its first sequence. */
static int put_batch(struct few_model *m, const struct few_table *table,
                     const struct few_sequence *sequences, size_t count, struct error *error)
{
  if (table->rows > m->options.items || !count || count > m->options.batch)
    return error_set(error, EXIT_INPUT,
                     "few-shot model: %zu sequences on %zu items, made for %zu on %zu", count,
                     table->rows, m->options.batch, m->options.items);
  take_items(m, table, sequences, count);
  for (size_t i = 0; i < m->options.batch; i++) {
    const struct few_sequence *s = &sequences[i < count ? i : 0];
    put_sequence(m, s, i);
    if (m->clamp.match)
      put_match(m, s, i);
  }
  return 0;
}

/* --- running --- */

static int explain(struct few_model *m, struct error *error)
{
  if (tape_check(m->tape, error))
    return error->code;
  return error_set(error, EXIT_INPUT, "the loss or a gradient is not finite");
}

int few_model_run(struct few_model *m, const struct few_table *table,
                  const struct few_sequence *sequences, double *loss, struct error *error)
{
  const struct few_model_options *o = &m->options;
  if (put_batch(m, table, sequences, o->batch, error))
    return error->code;
  tape_forward(m->tape);
  tape_backward(m->tape, false);
  *loss = tape_loss(m->tape, m->recorded.loss) / (double)o->batch;
  if (!isfinite(*loss) || !o->kernels->all_finite(m->gradients, few_parameters(&o->sizes)))
    return explain(m, error);
  return 0;
}

int few_model_forward(struct few_model *m, const struct few_table *table,
                      const struct few_sequence *sequences, size_t count, struct error *error)
{
  if (put_batch(m, table, sequences, count, error))
    return error->code;
  tape_forward(m->tape);
  return isfinite(tape_loss(m->tape, m->recorded.loss)) ? 0 : explain(m, error);
}

const float *few_model_logits(const struct few_model *m, size_t sequence)
{
  return tape_data(m->tape, m->recorded.logits) +
         sequence * tape_stride(m->tape, m->recorded.logits);
}

double few_model_loss(const struct few_model *m, size_t sequence)
{
  return tape_row_losses(m->tape, m->recorded.loss)[sequence];
}

/* The row of (head, query, key) of a value that is kept; NULL where it is not. */
static const float *pair_of(const struct few_model *m, size_t value, size_t layer, size_t head,
                            size_t query, size_t key)
{
  struct tape_lanes lanes = few_lanes(&m->options.sizes, m->options.batch, layer);
  const float *data = value == TAPE_NONE ? NULL : tape_data(m->tape, value);
  return data ? data + tape_lanes_row(&lanes, head, query, key) * m->options.batch : NULL;
}

const float *few_model_pattern(const struct few_model *m, size_t layer, size_t head, size_t query,
                               size_t key)
{
  return pair_of(m, m->recorded.layers[layer].clamped_pattern, layer, head, query, key);
}

const float *few_model_scores(const struct few_model *m, size_t layer, size_t head, size_t query,
                              size_t key)
{
  return pair_of(m, m->recorded.layers[layer].scores, layer, head, query, key);
}
