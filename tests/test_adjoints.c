/* The adjoints' formulas against differences of the forward formulas, both in double (cases.h):
 * what the kernels are held to is itself the gradient of what they belong to. */
#include "support.h"

#include "cases.h"

#include <math.h>
#include <string.h>

enum { N = 37, ROOM = 40 };

/* Which array holds what, in the forward case and in the backward one. */
struct pair {
  const char *forward, *backward;
  char input, output; /* of the forward case */
  char dy, dx; /* of the backward case; dy 0: the loss is the output, times `scale`; '1': it is the
                  outputs' sum */
  char given;  /* array of the backward case that is to hold the forward's result, if any */
  double scale;
};

static const struct pair pairs[] = {
    {"layer_norm", "layer_norm_backward", 'x', 'y', 'y', 'z', 0, 1},
    {"layer_norm, no weight", "layer_norm_backward, plain", 'x', 'x', 'y', 'y', 0, 1},
    {"rms_norm", "rms_norm_backward", 'x', 'y', 'y', 'z', 0, 1},
    {"softmax", "softmax_backward", 'x', 'x', 'y', 'y', 'x', 1},
    {"gelu", "gelu_slope", 'x', 'x', '1', 'y', 0, 1},
    {"gelu_tanh", "gelu_tanh_slope", 'x', 'x', '1', 'y', 0, 1},
    {"silu_mul", "silu_mul_backward", 'x', 'x', 'z', 'x', 0, 1},
    {"silu_mul", "silu_mul_backward", 'y', 'x', 'z', 'w', 0, 1},
    {"rope", "rope_backward", 'x', 'x', 'x', 'x', 0, 1},
    {"rope_pairs", "rope_pairs_backward", 'x', 'x', 'x', 'x', 0, 1},
    {"scale", "scale", 'x', 'y', 'x', 'y', 0, 1},
    {"cross_entropy", "cross_entropy_backward", 'x', 'y', 0, 'x', 'x', (double)0.3f},
};

struct arrays {
  float x[ROOM], y[ROOM], z[ROOM], w[ROOM], a[ROOM], b[ROOM];
};

static struct case_data data_of(struct arrays *s)
{
  return (struct case_data){1, N, s->x, s->y, s->z, s->w, s->a, s->b};
}

static const struct row_case *find(const char *name)
{
  const struct row_case *c;
  for (size_t i = 0; (c = row_case_at(i)); i++)
    if (strcmp(c->name, name) == 0)
      return c;
  fail_msg("no case %s", name);
  return NULL;
}

/* The sum of dy times the forward result, or the loss. */
static double value(const struct pair *pair, struct arrays *inputs, const float *dy)
{
  double want[ROOM] = {0}, size[ROOM], sum = 0;
  struct case_data data = data_of(inputs);
  row_case_exact(find(pair->forward), &data, pair->output, &(struct case_exact){want, size});
  if (!dy)
    return pair->scale * want[0];
  for (size_t i = 0; i < N; i++)
    sum += (double)dy[i] * want[i];
  return sum;
}

/* Differences over h and h / 2, extrapolated; steps of a power of two are exact in fp32. */
static double slope(const struct pair *pair, const struct arrays *inputs, const float *dy, size_t i)
{
  double slopes[2];
  for (int half = 0; half < 2; half++) {
    struct arrays moved = *inputs;
    struct case_data data = data_of(&moved);
    float step = half ? 0x1p-8f : 0x1p-7f, *x = case_array(&data, pair->input) + i, middle = *x;
    *x = middle + step;
    double above = value(pair, &moved, dy);
    *x = middle - step;
    slopes[half] = (above - value(pair, &moved, dy)) / (2 * (double)step);
  }
  return (4 * slopes[1] - slopes[0]) / 3;
}

static void fill(float *x, unsigned seed)
{
  for (int i = 0; i < N; i++) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = (float)((int)(seed >> 20) - 2048) / 1024.0f; /* within +-2, in steps of 2^-10 */
  }
}

static void check_pair(const struct pair *pair)
{
  struct arrays forward = {0}, backward;
  double want[ROOM] = {0}, size[ROOM];
  float dy[ROOM] = {0};
  fill(forward.x, 1);
  fill(forward.y, 2);
  fill(forward.a, 3);
  fill(forward.b, 4);
  fill(dy, 5);
  for (int i = 0; i < N && pair->dy == '1'; i++)
    dy[i] = 1;
  backward = forward;
  struct case_data data = data_of(&backward), before = data_of(&forward);
  if (pair->given) {
    row_case_exact(find(pair->forward), &before, 'x', &(struct case_exact){want, size});
    for (size_t i = 0; i < N; i++)
      case_array(&data, pair->given)[i] = (float)want[i];
  }
  if (pair->dy && pair->dy != '1')
    memcpy(case_array(&data, pair->dy), dy, sizeof dy);
  row_case_exact(find(pair->backward), &data, pair->dx, &(struct case_exact){want, size});
  for (size_t i = 0; i < N / 2 * 2; i++) {
    double slope_there = slope(pair, &forward, pair->dy ? dy : NULL, i);
    if (!(fabs(want[i] - slope_there) <= 1e-6 * (1 + fabs(slope_there))))
      fail_msg("%s, element %zu: %.9g, differences say %.9g", pair->backward, i, want[i],
               slope_there);
  }
}

static void test_adjoints_are_gradients(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    check_pair(&pairs[i]);
}

/* The gradient of a norm's weight is the column sum of the gain rows. */
static void test_gain(void **state)
{
  const struct pair norms[] = {{"layer_norm", "layer_norm_backward", 'a', 'y', 'y', 'w', 0, 1},
                               {"rms_norm", "rms_norm_backward", 'a', 'y', 'y', 'w', 0, 1}};
  (void)state;
  for (size_t n = 0; n < 2; n++) {
    struct arrays inputs = {0};
    double gain[ROOM] = {0}, size[ROOM], normed[ROOM];
    fill(inputs.x, 6);
    fill(inputs.y, 7);
    for (size_t i = 0; i < N; i++)
      inputs.a[i] = 1;
    struct case_data data = data_of(&inputs);
    row_case_exact(find(norms[n].backward), &data, 'w', &(struct case_exact){gain, size});
    row_case_exact(find(norms[n].forward), &data, 'y', &(struct case_exact){normed, size});
    for (size_t i = 0; i < N; i++) /* with weight 1 and bias 0 the output is what is weighted */
      assert_true(fabs(gain[i] - (double)inputs.y[i] * normed[i]) < 1e-12);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_adjoints_are_gradients),
      cmocka_unit_test(test_gain),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
