#include "few_shot/items.h"

#include "base/memory.h"
#include "base/npy_header.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REMEDY                                                                                     \
  "items are a .npy file, '<f4' in C order, of shape (classes, exemplars, width), as numpy.save "  \
  "writes a float32 array"
#define MOST_CLASSES ((size_t)1 << 20)
#define MOST_EXEMPLARS ((size_t)1 << 16)
#define MOST_ITEM_WIDTH ((size_t)1 << 16)
#define FACTORS 64 /* K */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "'<f4' is read as it is in memory");

/* --- surrogates --- */

/* The streams of the hash. */
enum stream { FACTOR = 1, MEAN, SPREAD, CLASS, EXEMPLAR, NOISE, GAUSS_CLASS, GAUSS_NOISE };

/* n(stream, i) */
static double normal(uint32_t seed, enum stream stream, uint64_t i)
{
  uint64_t z = (((uint64_t)seed << 56) + ((uint64_t)stream << 48) + i + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  uint64_t sum = (z & 0xFFFF) + (z >> 16 & 0xFFFF) + (z >> 32 & 0xFFFF) + (z >> 48);
  return ((double)(sum + 2) / 65536.0 - 2.0) * 1.7320508075688772;
}

/* What all items share. */
struct features {
  double factors[FACTORS][FEW_WIDTH]; /* A */
  double mean[FEW_WIDTH], scale[FEW_WIDTH];
  double group[FEW_WIDTH], own[FEW_WIDTH]; /* g_c of the class, g'_ce of the exemplar */
};

static void fill_shared(uint32_t seed, struct features *f)
{
  double harmonic = 0;
  for (int k = 0; k < FACTORS; k++)
    harmonic += 1.0 / (double)(k + 1);
  for (uint64_t k = 0; k < FACTORS; k++) {
    double size = sqrt(1.0 / ((double)(k + 1) * harmonic));
    for (uint64_t j = 0; j < FEW_WIDTH; j++)
      f->factors[k][j] = normal(seed, FACTOR, k * FEW_WIDTH + j) * size;
  }
  for (uint64_t j = 0; j < FEW_WIDTH; j++) {
    double n = normal(seed, SPREAD, j);
    f->mean[j] = normal(seed, MEAN, j);
    f->scale[j] = 0.5 + 0.5 * (n * n);
  }
}

/* sum over k of h_k A_k, the h from index `at` on */
static void mix_factors(const struct features *f, uint32_t seed, enum stream stream, uint64_t at,
                        double *out)
{
  for (size_t j = 0; j < FEW_WIDTH; j++)
    out[j] = 0;
  for (uint64_t k = 0; k < FACTORS; k++) {
    double h = normal(seed, stream, at + k);
    for (size_t j = 0; j < FEW_WIDTH; j++)
      out[j] += h * f->factors[k][j];
  }
}

/* Exemplar e of all; `item` counts exemplars. */
static void feature_item(struct features *f, uint32_t seed, uint64_t item, float *out)
{
  mix_factors(f, seed, EXEMPLAR, item * FACTORS, f->own);
  for (uint64_t j = 0; j < FEW_WIDTH; j++) {
    double noise = normal(seed, NOISE, item * FEW_WIDTH + j);
    double sum = 0.9 * (1 + f->mean[j]) + 0.7 * f->group[j] + 0.4 * f->own[j] + 0.32 * noise;
    double x = 0.7 * f->scale[j] * sum;
    out[j] = x > 0 ? (float)x : 0.0f;
  }
}

static int read_features(const struct few_items *items, size_t first, size_t count,
                         size_t exemplars, float *out, struct error *error)
{
  struct features *f = memory_alloc(1, sizeof *f, "few-shot items", error);
  if (!f)
    return error->code;
  fill_shared(items->seed, f);
  for (size_t c = first; c < first + count; c++) {
    mix_factors(f, items->seed, CLASS, c * FACTORS, f->group);
    for (size_t e = 0; e < exemplars; e++, out += FEW_WIDTH)
      feature_item(f, items->seed, c * FEW_EXEMPLARS + e, out);
  }
  free(f);
  return 0;
}

static void read_gaussian(const struct few_items *items, size_t first, size_t count,
                          size_t exemplars, float *out)
{
  const double between = sqrt(3.0 / 4.0);
  for (uint64_t c = first; c < first + count; c++)
    for (uint64_t e = 0; e < exemplars; e++)
      for (uint64_t j = 0; j < FEW_WIDTH; j++) {
        uint64_t at = (c * FEW_EXEMPLARS + e) * FEW_WIDTH + j;
        *out++ = (float)(between * normal(items->seed, GAUSS_CLASS, c * FEW_WIDTH + j) +
                         0.5 * normal(items->seed, GAUSS_NOISE, at));
      }
}

struct few_items few_items_surrogate(enum few_items_kind kind, uint32_t seed)
{
  return (struct few_items){.kind = kind,
                            .seed = seed,
                            .classes = FEW_CLASSES,
                            .exemplars = FEW_EXEMPLARS,
                            .width = FEW_WIDTH};
}

/* --- files --- */

int few_items_parse(const char *name, const void *data, size_t size, struct few_items *items,
                    struct error *error)
{
  static const uint64_t most[] = {MOST_CLASSES, MOST_EXEMPLARS, MOST_ITEM_WIDTH};
  struct npy_header header;
  *items = (struct few_items){.kind = FEW_FILE};
  if (npy_header_parse(name, data, size, REMEDY, &header, error) ||
      npy_header_expect(name, &header, "<f4", REMEDY, error))
    return error->code;
  const uint64_t *shape = header.shape;
  for (int i = 0; i < 3; i++)
    if (!shape[i] || shape[i] > most[i])
      return error_set(error, EXIT_INPUT,
                       "%s: shape (%llu, %llu, %llu): must be at least (1, 1, 1) and at most %zu "
                       "classes of %zu exemplars of %zu numbers",
                       name, (unsigned long long)shape[0], (unsigned long long)shape[1],
                       (unsigned long long)shape[2], MOST_CLASSES, MOST_EXEMPLARS, MOST_ITEM_WIDTH);
  if (shape[0] * shape[1] * shape[2] * sizeof(float) != size - header.start)
    return error_set(error, EXIT_INPUT,
                     "%s: shape (%llu, %llu, %llu) and %zu bytes of numbers do not fit together; "
                     "the file is cut off or has bytes after them",
                     name, (unsigned long long)shape[0], (unsigned long long)shape[1],
                     (unsigned long long)shape[2], size - header.start);
  items->values = (const uint8_t *)data + header.start;
  items->classes = (size_t)shape[0];
  items->exemplars = (size_t)shape[1];
  items->width = (size_t)shape[2];
  return 0;
}

static int check_values(const char *path, const struct few_items *items, struct error *error)
{
  size_t count = items->classes * items->exemplars * items->width;
  for (size_t i = 0; i < count; i++) {
    float value;
    memcpy(&value, items->values + i * sizeof value, sizeof value);
    if (!isfinite(value))
      return error_set(error, EXIT_INPUT,
                       "%s: the number at [%zu][%zu][%zu] is not finite; all must be", path,
                       i / items->width / items->exemplars, i / items->width % items->exemplars,
                       i % items->width);
  }
  return 0;
}

int few_items_open(const char *path, struct few_items *items, struct error *error)
{
  struct blob blob;
  *items = (struct few_items){.kind = FEW_FILE};
  if (file_map(path, &blob, error))
    return error->code;
  int status = few_items_parse(path, blob.data, blob.size, items, error);
  if (!status)
    status = check_values(path, items, error);
  if (!status)
    status = digest_blob(&blob, NULL, 0, &items->digest, error);
  if (status) {
    blob_free(&blob);
    *items = (struct few_items){.kind = FEW_FILE};
    return status;
  }
  items->blob = blob;
  return 0;
}

void few_items_close(struct few_items *items)
{
  if (items->blob.data)
    blob_free(&items->blob);
  *items = (struct few_items){.kind = items->kind};
}

static void read_file(const struct few_items *items, size_t first, size_t count, size_t exemplars,
                      float *out)
{
  size_t bytes = items->width * sizeof *out;
  for (size_t c = first; c < first + count; c++)
    for (size_t e = 0; e < exemplars; e++, out += items->width)
      memcpy(out, items->values + (c * items->exemplars + e) * bytes, bytes);
}

int few_items_read(const struct few_items *items, size_t first, size_t count, size_t exemplars,
                   float *out, struct error *error)
{
  if (items->kind == FEW_FEATURES)
    return read_features(items, first, count, exemplars, out, error);
  if (items->kind == FEW_GAUSSIAN)
    read_gaussian(items, first, count, exemplars, out);
  else
    read_file(items, first, count, exemplars, out);
  return 0;
}
