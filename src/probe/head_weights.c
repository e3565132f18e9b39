#include "probe/head_weights.h"

#include "base/memory.h"
#include "checkpoint/tensor_pages.h"
#include "probe/participation.h"
#include "probe/singular.h"

#include <math.h>
#include <stdlib.h>

const char *const head_weight_names[HEAD_WEIGHT_FIGURES] = {"stable_rank", "weight_pr", "sigma1",
                                                            "gap"};

double head_weight_figure(const struct head_weights *weights, int figure)
{
  const double figures[HEAD_WEIGHT_FIGURES] = {weights->stable_rank, weights->weight_pr,
                                               weights->sigma1, weights->gap};
  return figures[figure];
}

/* A slice, its singular values, and what singular_values takes. */
uint64_t head_weights_bytes(const struct model_config *c, int threads)
{
  uint64_t longer = c->hidden > c->head_dim ? c->hidden : c->head_dim, slice, work;
  uint64_t shorter = c->hidden < c->head_dim ? c->hidden : c->head_dim;
  if (__builtin_mul_overflow(longer, shorter * sizeof(float), &slice) ||
      __builtin_mul_overflow(longer + shorter + 1, shorter * sizeof(double), &work) ||
      __builtin_add_overflow(slice, work, &slice) ||
      __builtin_mul_overflow(slice, (uint64_t)threads, &slice))
    return UINT64_MAX;
  return slice;
}

static struct head_weights figures_of(double *s, size_t count)
{
  struct head_weights weights = {.sigma1 = s[0], .gap = NAN, .stable_rank = NAN};
  double squares = 0, second = count > 1 ? s[1] : 0;
  if (s[0] > 0)
    weights.gap = (s[0] - second) / s[0];
  for (size_t i = 0; i < count; i++) {
    s[i] *= s[i];
    squares += s[i];
  }
  if (s[0] > 0)
    weights.stable_rank = squares / s[0];
  weights.weight_pr = participation_of_squares(s, count);
  return weights;
}

struct measure {
  const struct model *model;
  size_t layer;
  struct head_weights *weights; /* of the layer */
  struct error *errors;         /* one a head */
};

static int measure_slice(const struct measure *m, size_t head, struct error *error)
{
  const struct model_config *c = &m->model->config;
  const struct tensor *output = m->model->layers[m->layer].output.weight;
  size_t width = c->heads * c->head_dim, count = c->hidden < c->head_dim ? c->hidden : c->head_dim;
  float *slice = memory_alloc(c->hidden * c->head_dim, sizeof *slice, "weights of a head", error);
  double *s = slice ? memory_alloc(count, sizeof *s, "weights of a head", error) : NULL;
  for (size_t row = 0; s && !error->code && row < c->hidden; row++)
    model_widen(output, row * width + head * c->head_dim, c->head_dim, slice + row * c->head_dim,
                error);
  if (s && !error->code &&
      !singular_values(slice, (int64_t)c->hidden, (int64_t)c->head_dim, s, error))
    m->weights[head] = figures_of(s, count);
  free(slice);
  free(s);
  return error->code;
}

static void measure_head(void *context, size_t head, int worker)
{
  (void)worker;
  const struct measure *m = context;
  if (measure_slice(m, head, &m->errors[head]))
    error_prefix(&m->errors[head], "layer %zu head %zu", m->layer, head);
}

int head_weights_measure(const struct model *model, struct threads *threads,
                         void (*done)(void *context, size_t heads), void *context,
                         struct head_weights *weights, struct error *error)
{
  size_t heads = model->config.heads;
  int status = 0;
  struct error *errors = memory_zeroed(heads, sizeof *errors, "errors of the heads", error);
  if (!errors)
    return EXIT_RUN;
  for (size_t layer = 0; !status && layer < model->config.layers; layer++) {
    struct measure measure = {model, layer, weights + layer * heads, errors};
    threads_run(threads, heads, measure_head, &measure);
    for (size_t head = 0; !status && head < heads; head++)
      if ((status = errors[head].code))
        *error = errors[head];
    tensor_drop(model->layers[layer].output.weight);
    if (done && !status)
      done(context, (layer + 1) * heads);
  }
  free(errors);
  return status;
}
