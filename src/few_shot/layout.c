#include "few_shot/layout.h"

#include <math.h>

#define KEPT_DEVIATION 0.87962566103423978 /* of a standard normal that is cut at +-2 */
#define LABEL_DEVIATION 0.02

struct few_place few_place(const struct few_sizes *s, enum few_tensor tensor)
{
  const size_t d = s->hidden;
  const struct {
    const char *name;
    size_t rows, columns;
    int rank;
  } shapes[FEW_TENSORS] = {
      [FEW_WE] = {"We", d, s->width, 2},  [FEW_BE] = {"be", 1, d, 1},
      [FEW_LE] = {"Le", d, s->labels, 2}, [FEW_G0] = {"g0", 1, d, 1},
      [FEW_B0] = {"b0", 1, d, 1},         [FEW_WQKV0] = {"Wqkv0", 3 * d, d, 2},
      [FEW_WO0] = {"Wo0", d, d, 2},       [FEW_G1] = {"g1", 1, d, 1},
      [FEW_B1] = {"b1", 1, d, 1},         [FEW_WQKV1] = {"Wqkv1", 3 * d, d, 2},
      [FEW_WO1] = {"Wo1", d, d, 2},       [FEW_GF] = {"gf", 1, d, 1},
      [FEW_BF] = {"bf", 1, d, 1},         [FEW_WU] = {"Wu", s->labels, d, 2},
      [FEW_BU] = {"bu", 1, s->labels, 1},
  };
  struct few_place place = {.offset = 0};
  for (int i = 0; i <= (int)tensor; i++) {
    place.offset += i ? place.rows * place.columns : 0;
    place.name = shapes[i].name;
    place.rows = shapes[i].rows;
    place.columns = shapes[i].columns;
    place.rank = shapes[i].rank;
  }
  return place;
}

size_t few_parameters(const struct few_sizes *sizes)
{
  struct few_place last = few_place(sizes, FEW_BU);
  return last.offset + last.columns;
}

int few_sizes_check(const char *where, const struct few_sizes *s, struct error *error)
{
  if (!s->heads || s->heads > FEW_MOST_HEADS || !s->hidden || s->hidden > FEW_MOST_HIDDEN ||
      s->hidden % (2 * s->heads) || s->hidden / s->heads > FEW_MOST_HEAD_DIM)
    return error_set(error, EXIT_INPUT,
                     "%s: hidden size %zu and %zu heads: at most %d and %d, and a head "
                     "has hidden size / heads numbers, an even number of at most %d",
                     where, s->hidden, s->heads, FEW_MOST_HIDDEN, FEW_MOST_HEADS,
                     FEW_MOST_HEAD_DIM);
  if (!s->width || s->width > FEW_MOST_WIDTH || !s->labels)
    return error_set(error, EXIT_INPUT, "%s: items of %zu numbers and %zu labels: at most %d",
                     where, s->width, s->labels, FEW_MOST_WIDTH);
  return 0;
}

static double truncated(struct random *random)
{
  double n = random_normal(random);
  while (!(n >= -2 && n <= 2))
    n = random_normal(random);
  return n;
}

/* Standard deviation of a tensor's draws; 0 = none are drawn. */
static double deviation(enum few_tensor tensor, size_t columns)
{
  switch (tensor) {
  case FEW_WE:
  case FEW_WQKV0:
  case FEW_WO0:
  case FEW_WQKV1:
  case FEW_WO1:
  case FEW_WU:
    return sqrt(1.0 / (double)columns) / KEPT_DEVIATION;
  case FEW_LE:
    return LABEL_DEVIATION;
  default:
    return 0;
  }
}

void few_initial(const struct few_sizes *sizes, uint32_t seed, float *parameters)
{
  struct random random;
  random_seed(&random, seed);
  for (int i = 0; i < FEW_TENSORS; i++) {
    struct few_place place = few_place(sizes, (enum few_tensor)i);
    double sd = deviation((enum few_tensor)i, place.columns);
    float constant = i == FEW_G0 || i == FEW_G1 || i == FEW_GF ? 1.0f : 0.0f;
    for (size_t j = 0; j < place.rows * place.columns; j++)
      parameters[place.offset + j] = sd > 0 ? (float)(sd * truncated(&random)) : constant;
  }
}
