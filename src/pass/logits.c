/* After the last layer: final norm and LM head, of the rows that somebody reads. */
#include "pass/engine.h"

/* The rows of a batch, of which those of the logits are part. */
struct head_rows {
  struct rows norm, logits;
};

/* Part of the logits of these rows. */
struct strip {
  const struct rows *rows;
  size_t width;
};

static void check_row(struct engine *e, const void *context, size_t row)
{
  const struct strip *strip = context;
  if (!e->kernels->all_finite(e->act.logits + row * LOGIT_STRIP, strip->width))
    engine_mark_damaged(e, rows_token(strip->rows, row, e->seq_len));
}

/* normed [rows][hidden] -> logits [rows][vocab], a strip of the vocabulary at a time. */
static int run_strips(struct engine *e, const struct head_rows *b, struct packed *weights,
                      struct error *error)
{
  const struct rows *rows = &b->logits;
  size_t hidden = e->config->hidden, vocab = e->config->vocab;
  size_t row = rows_index(&b->norm, rows_token(rows, 0, e->seq_len), e->seq_len);
  size_t stride = rows->last && !b->norm.last ? e->seq_len : 1,
         count = rows_count(rows, e->seq_len);
  for (size_t at = 0; at < vocab; at += LOGIT_STRIP) {
    size_t width = vocab - at < LOGIT_STRIP ? vocab - at : LOGIT_STRIP;
    const struct segment segment = {&e->model->lm_head, at, width, false};
    if (packed_fill(weights, e->kernels, e->threads, &segment, 1, error))
      return error->code;
    engine_product(e, weights, e->act.normed + row * hidden, stride * hidden, count, e->act.logits,
                   LOGIT_STRIP);
    engine_rows(e, count, check_row, &(struct strip){rows, width});
    if (engine_check(e, SIZE_MAX, "logits", error))
      return error->code;
    engine_show(e, &(struct shown_rows){.site = {SITE_LOGITS, 0, 0},
                                        .rows = rows,
                                        .data = e->act.logits,
                                        .step = (rows->last ? 1 : e->seq_len) * LOGIT_STRIP,
                                        .stride = LOGIT_STRIP,
                                        .first = at,
                                        .count = width});
  }
  return 0;
}

static int run_batch(struct engine *e, const struct head_rows *b, struct packed *strip,
                     struct error *error)
{
  const struct span span = span_of(e, &b->norm);
  engine_norm_rows(e, &e->weights.norm1, &span); /* residual -> normed [rows][hidden] */
  engine_show_buffer(e, SITE_FINAL_NORM, 0, &b->norm, e->act.normed);
  return rows_any(&b->logits) ? run_strips(e, b, strip, error) : 0;
}

int logits_run(struct engine *e, struct error *error)
{
  const struct hooks *hooks = &e->options->hooks;
  const struct rows norm = need_head(hooks, false, &e->chunk.portion);
  const struct rows logits = need_head(hooks, true, &e->chunk.portion);
  size_t most = e->plan.batch * (norm.last ? e->seq_len : 1); /* sequences that fit the buffers */
  struct packed strip = {0};
  int status = rows_any(&norm) ? layer_weights_final_norm(e->model, &e->weights, error) : 0;
  hook_set_choose(&e->chunk.hooks, hooks, HOOKS_OUTSIDE, &e->chunk.portion);
  for (size_t first = norm.first; first < norm.end && !status; first += most) {
    const struct head_rows b = {rows_within(&norm, first, first + most),
                                rows_within(&logits, first, first + most)};
    status = run_batch(e, &b, &strip, error);
  }
  packed_free(&strip);
  return status;
}
