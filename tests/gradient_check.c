#include "gradient_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 40 /* elements of an input that are moved */

/* A case set up: inputs in fp32 and in double, gradients, and the upstream one. */
struct checked {
  const struct gradient_case *c;
  size_t count;
  float *data[CASE_INPUTS], *gradient[CASE_INPUTS];
  double *x[CASE_INPUTS];
  size_t output_count;
  float *dy; /* [output_count]; of a loss 1 */
  double *y;
  struct tape *tape;
  size_t output;
};

const struct gradient_case *gradient_case_at(size_t index)
{
  if (index < gradient_cases_common_count)
    return &gradient_cases_common[index];
  index -= gradient_cases_common_count;
  if (index < gradient_cases_attention_count)
    return &gradient_cases_attention[index];
  index -= gradient_cases_attention_count;
  if (index < gradient_cases_more_count)
    return &gradient_cases_more[index];
  index -= gradient_cases_more_count;
  return index < gradient_cases_lanes_count ? &gradient_cases_lanes[index] : NULL;
}

const struct gradient_case *gradient_case_find(const char *name)
{
  const struct gradient_case *c;
  for (size_t i = 0; (c = gradient_case_at(i)); i++)
    if (strcmp(c->name, name) == 0)
      return c;
  fail_msg("no case %s", name);
  return NULL;
}

/* Within +-2, in steps of 2^-10: differences of a power of two are exact. */
static float next(unsigned *seed)
{
  *seed = *seed * 1664525u + 1013904223u;
  return (float)((int)(*seed >> 20) - 2048) / 1024.0f;
}

static size_t elements(const struct case_input *input)
{
  return input->rows * input->columns;
}

static void *room(size_t count, size_t size)
{
  void *data = calloc(count + 1, size);
  assert_non_null(data);
  return data;
}

static void fill(struct checked *k)
{
  unsigned seed = 1;
  for (; k->count < CASE_INPUTS && k->c->inputs[k->count].rows; k->count++) {
    size_t i = k->count, n = elements(&k->c->inputs[i]);
    k->data[i] = room(n, sizeof(float));
    k->gradient[i] = room(n, sizeof(float));
    k->x[i] = room(n, sizeof(double));
    for (size_t j = 0; j < n; j++)
      k->x[i][j] = (double)(k->data[i][j] = next(&seed));
  }
}

static void check(int status, const struct error *error)
{
  if (status)
    fail_msg("%s", error->text);
}

/* Records, runs, and leaves gradients and the output. */
static void run(struct checked *k, const struct kernels *kernels, struct threads *threads,
                gradient_fault *fault)
{
  struct error error = {0};
  size_t leaves[CASE_INPUTS];
  unsigned seed = 99;
  check(tape_create(kernels, threads, &k->tape, &error), &error);
  for (size_t i = 0; i < k->count; i++)
    leaves[i] = tape_leaf(k->tape, k->c->inputs[i].rows, k->c->inputs[i].columns, k->data[i],
                          k->c->inputs[i].constant ? NULL : k->gradient[i]);
  k->output = k->c->record(k->c, k->tape, leaves);
  bool loss = k->output == TAPE_NONE;
  size_t columns = loss ? 1 : tape_columns(k->tape, k->output);
  k->output_count = loss ? 1 : tape_rows(k->tape, k->output) * columns;
  k->dy = room(k->output_count, sizeof *k->dy);
  k->y = room(k->output_count, sizeof *k->y);
  for (size_t i = 0; i < k->output_count; i++)
    k->dy[i] = loss ? 1 : next(&seed);
  if (!loss) {
    size_t dy = tape_leaf(k->tape, k->output_count / columns, columns, k->dy, NULL);
    (void)tape_weighted_sum(k->tape, k->output, dy, 1);
    tape_keep(k->tape, k->output);
  }
  if (fault)
    fault(k->tape);
  check(tape_plan(k->tape, false, &error), &error);
  check(tape_allocate(k->tape, &error), &error);
  tape_forward(k->tape);
  tape_backward(k->tape, false);
}

static double value(const struct checked *k)
{
  double sum = 0;
  k->c->exact(k->c, k->x, k->y);
  for (size_t i = 0; i < k->output_count; i++)
    sum += (double)k->dy[i] * k->y[i];
  return sum;
}

/* Differences over h and h / 2, extrapolated. */
static double slope(const struct checked *k, double *x)
{
  double slopes[2], middle = *x;
  for (int half = 0; half < 2; half++) {
    double step = half ? 0x1p-13 : 0x1p-12;
    *x = middle + step;
    double above = value(k);
    *x = middle - step;
    slopes[half] = (above - value(k)) / (2 * step);
    *x = middle;
  }
  return (4 * slopes[1] - slopes[0]) / 3;
}

static double input_error(const struct checked *k, size_t i)
{
  double slopes[SAMPLES], largest = 0, worst = 0;
  size_t n = elements(&k->c->inputs[i]), samples = n < SAMPLES ? n : SAMPLES;
  for (size_t s = 0; s < samples; s++) {
    slopes[s] = slope(k, &k->x[i][s * n / samples]);
    largest = fmax(largest, fabs(slopes[s]));
  }
  for (size_t s = 0; s < samples; s++) {
    double got = (double)k->gradient[i][s * n / samples];
    double error = fabs(got - slopes[s]) / (2e-6 * (fabs(slopes[s]) + largest) + 1e-7);
    worst = error <= worst ? worst : error; /* NaN counts */
  }
  return worst;
}

/* The output against the formula; losses are compared with the reference's in test_operations.c. */
static double output_error(const struct checked *k)
{
  double largest = 0, worst = 0;
  size_t columns = tape_columns(k->tape, k->output);
  k->c->exact(k->c, k->x, k->y);
  for (size_t i = 0; i < k->output_count; i++)
    largest = fmax(largest, fabs(k->y[i]));
  for (size_t i = 0; i < k->output_count; i++) {
    size_t at = i / columns * tape_stride(k->tape, k->output) + i % columns;
    double got = (double)tape_data(k->tape, k->output)[at];
    double error = fabs(got - k->y[i]) / (2e-6 * (fabs(k->y[i]) + largest) + 1e-7);
    worst = error <= worst ? worst : error; /* NaN counts */
  }
  return worst;
}

/* <A x, dy> = <x, A^T dy> */
static double identity_error(const struct checked *k)
{
  double left = 0, right = 0, size = 1e-12;
  size_t columns = tape_columns(k->tape, k->output);
  for (size_t i = 0; i < k->output_count; i++) {
    const float *row =
        tape_data(k->tape, k->output) + i / columns * tape_stride(k->tape, k->output);
    double product = (double)row[i % columns] * (double)k->dy[i];
    left += product;
    size += fabs(product);
  }
  for (size_t i = 0; i < k->count; i++)
    for (size_t j = 0; k->c->linear >> i & 1 && j < elements(&k->c->inputs[i]); j++) {
      double product = k->x[i][j] * (double)k->gradient[i][j];
      right += product;
      size += fabs(product);
    }
  return fabs(left - right) / (1e-6 * size);
}

static void release(struct checked *k)
{
  tape_free(k->tape);
  for (size_t i = 0; i < k->count; i++) {
    free(k->data[i]);
    free(k->gradient[i]);
    free(k->x[i]);
  }
  free(k->dy);
  free(k->y);
}

double gradient_check(const struct gradient_case *c, const struct kernels *kernels,
                      struct threads *threads, gradient_fault *fault)
{
  struct checked k = {.c = c};
  double worst = 0;
  fill(&k);
  run(&k, kernels, threads, fault);
  if (k.output != TAPE_NONE)
    worst = output_error(&k);
  if (c->linear)
    worst = fmax(worst, identity_error(&k));
  for (size_t i = 0; i < k.count; i++)
    if (!c->inputs[i].constant)
      worst = fmax(worst, input_error(&k, i));
  release(&k);
  return worst;
}
