#include "train/optimizer.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

#define PIECE_ELEMENTS 32768
#define NORM_EPS 1e-6 /* of the clipping */

/* Whole rows of one parameter. */
struct optimizer_piece {
  const struct parameter *parameter;
  size_t first, rows;
  double *squares; /* [rows] */
};

static size_t rows_of_piece(size_t columns)
{
  return columns < PIECE_ELEMENTS ? PIECE_ELEMENTS / columns : 1;
}

/* Fills the pieces of a parameter, if there is room for them; returns how many it has. */
static size_t cut(const struct parameter *p, double *squares, struct optimizer_piece *pieces)
{
  size_t step = rows_of_piece(p->columns), count = (p->rows + step - 1) / step;
  for (size_t i = 0; pieces && i < count; i++) {
    size_t first = i * step, left = p->rows - first;
    pieces[i] = (struct optimizer_piece){p, first, left < step ? left : step, squares + first};
  }
  return count;
}

static int cut_all(struct optimizer *o, struct error *error)
{
  size_t pieces = 0, rows = 0;
  for (size_t i = 0; i < o->parameters->count; i++) {
    pieces += cut(&o->parameters->list[i], NULL, NULL);
    rows += o->parameters->list[i].rows;
  }
  o->pieces = memory_alloc(pieces, sizeof *o->pieces, "optimizer", error);
  o->squares = o->pieces ? memory_alloc(rows, sizeof *o->squares, "optimizer", error) : NULL;
  if (!o->squares)
    return error->code;
  double *squares = o->squares;
  for (size_t i = 0; i < o->parameters->count; i++) {
    o->piece_count += cut(&o->parameters->list[i], squares, o->pieces + o->piece_count);
    squares += o->parameters->list[i].rows;
  }
  return 0;
}

/* From the first parameter's values to behind the last one's. */
static size_t floats_of_block(const struct parameters *p)
{
  const struct parameter *last = &p->list[p->count - 1];
  return (size_t)(last->values + last->elements - p->values);
}

int optimizer_create(const struct optimizer_settings *settings, const struct kernels *kernels,
                     struct threads *threads, struct parameters *parameters, struct optimizer *o,
                     struct error *error)
{
  *o = (struct optimizer){.settings = *settings,
                          .kernels = kernels,
                          .threads = threads,
                          .parameters = parameters,
                          .power1 = 1,
                          .power2 = 1};
  if (cut_all(o, error))
    return error->code;
  if (settings->method == METHOD_SGD)
    return 0;
  o->m = memory_zeroed(floats_of_block(parameters), sizeof *o->m, "first moments", error);
  o->v = o->m ? memory_zeroed(floats_of_block(parameters), sizeof *o->v, "second moments", error)
              : NULL;
  return o->v ? 0 : error->code;
}

void optimizer_free(struct optimizer *o)
{
  free(o->m);
  free(o->v);
  free(o->pieces);
  free(o->squares);
  *o = (struct optimizer){0};
}

uint64_t optimizer_bytes(const struct optimizer_settings *settings,
                         const struct model_config *config)
{
  return settings->method == METHOD_SGD ? 0 : parameters_bytes(config);
}

void optimizer_resume(struct optimizer *o, uint64_t steps)
{
  o->power1 = o->power2 = 1;
  for (o->steps = 0; o->steps < steps; o->steps++) {
    o->power1 *= o->settings.beta1;
    o->power2 *= o->settings.beta2;
  }
}

float *optimizer_m(const struct optimizer *o, const struct parameter *parameter)
{
  return o->m + (parameter->values - o->parameters->values);
}

float *optimizer_v(const struct optimizer *o, const struct parameter *parameter)
{
  return o->v + (parameter->values - o->parameters->values);
}

static void add_squares(void *context, size_t index, int worker)
{
  const struct optimizer *o = context;
  const struct optimizer_piece *piece = &o->pieces[index];
  size_t columns = piece->parameter->columns;
  (void)worker;
  for (size_t i = 0; i < piece->rows; i++)
    piece->squares[i] =
        o->kernels->square_sum(piece->parameter->gradient + (piece->first + i) * columns, columns);
}

double optimizer_norm(const struct optimizer *o)
{
  double sum = 0;
  struct optimizer context = *o;
  threads_run(o->threads, o->piece_count, add_squares, &context);
  size_t row = 0;
  for (size_t i = 0; i < o->parameters->count; i++)
    for (size_t r = 0; r < o->parameters->list[i].rows; r++)
      sum += o->squares[row++];
  return sqrt(sum);
}

double optimizer_coefficient(const struct optimizer_settings *settings, double norm)
{
  double coefficient = settings->clip > 0 ? settings->clip / (norm + NORM_EPS) : 1;
  return coefficient < 1 ? coefficient : 1;
}

struct stepping {
  const struct optimizer *optimizer;
  struct update decaying, plain;
};

static void update_piece(void *context, size_t index, int worker)
{
  const struct stepping *s = context;
  const struct optimizer *o = s->optimizer;
  const struct optimizer_piece *piece = &o->pieces[index];
  const struct parameter *p = piece->parameter;
  const struct update *update = p->decays ? &s->decaying : &s->plain;
  size_t at = piece->first * p->columns, count = piece->rows * p->columns;
  (void)worker;
  if (o->settings.method == METHOD_SGD)
    o->kernels->sgd(update, p->gradient + at, p->values + at, count);
  else
    o->kernels->adam(update, p->gradient + at, p->values + at, optimizer_m(o, p) + at,
                     optimizer_v(o, p) + at, count);
}

void optimizer_step(struct optimizer *o, double rate, double norm)
{
  const struct optimizer_settings *s = &o->settings;
  o->steps++;
  o->power1 *= s->beta1;
  o->power2 *= s->beta2;
  struct update update = {.clip = (float)optimizer_coefficient(s, norm), .keep = 1};
  if (s->method == METHOD_SGD) {
    update.rate = (float)rate;
  } else {
    update.rate = (float)(rate / (1 - o->power1));
    update.b1 = (float)s->beta1;
    update.b1_rest = (float)(1 - s->beta1);
    update.b2 = (float)s->beta2;
    update.b2_rest = (float)(1 - s->beta2);
    update.root = (float)sqrt(1 - o->power2);
    update.eps = (float)s->eps;
  }
  struct stepping stepping = {o, update, update};
  if (s->method != METHOD_ADAM)
    stepping.decaying.keep = (float)(1 - rate * s->weight_decay);
  threads_run(o->threads, o->piece_count, update_piece, &stepping);
}
