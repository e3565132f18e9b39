#include "report/rows.h"

#include "base/npy_header.h"
#include "probe/dump.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REMEDY "write it with attest screen MODEL_DIR --dump DIR"
#define ROUNDING 1e-3            /* of the sum of up to 2^20 weights in fp32 */
#define MOST ((uint64_t)1 << 20) /* of each dimension; together they stay below 2^62 bytes */

static int check_header(const char *path, const struct blob *file, const struct npy_header *h,
                        struct error *error)
{
  uint64_t bytes = sizeof(float);
  bool fits = h->rank == 4 && h->c_order && strcmp(h->type, "<f4") == 0;
  for (size_t i = 0; fits && i < h->rank; i++) {
    fits = h->shape[i] >= 1 && h->shape[i] <= MOST && bytes <= UINT64_MAX / MOST;
    bytes *= fits ? h->shape[i] : 1;
  }
  if (fits && file->size - h->start == bytes)
    return 0;
  return error_set(
      error, EXIT_INPUT,
      "%s: does not hold float32 weights of sequences x layers x heads x positions; " REMEDY, path);
}

/* Whether each row is what a softmax gives: no weight below 0, their sum 1 but for rounding. */
static int check_weights(const char *path, const struct rows *rows, struct error *error)
{
  for (size_t row = 0; row < rows->n * rows->layers * rows->heads; row++) {
    size_t head = row % rows->heads, layer = row / rows->heads % rows->layers;
    size_t sequence = row / rows->heads / rows->layers;
    double sum = 0;
    bool positive = true;
    for (size_t position = 0; position < rows->seq_len; position++) {
      double weight = (double)rows_at(rows, sequence, layer, head, position);
      positive = positive && weight >= 0;
      sum += weight;
    }
    if (!positive || !(fabs(sum - 1) < ROUNDING))
      return error_set(error, EXIT_INPUT,
                       "%s: sequence %zu, layer %zu, head %zu, counted from 0: no attention, whose "
                       "weights are at least 0 and add up to 1; " REMEDY,
                       path, sequence, layer, head);
  }
  return 0;
}

static int read_file(const char *path, struct rows *rows, struct error *error)
{
  struct npy_header header;
  if (file_map(path, &rows->file, error) ||
      npy_header_parse(path, rows->file.data, rows->file.size, REMEDY, &header, error) ||
      check_header(path, &rows->file, &header, error) ||
      digest_of(rows->file.data, rows->file.size, &rows->digest, error))
    return error->code;
  rows->n = (size_t)header.shape[0];
  rows->layers = (size_t)header.shape[1];
  rows->heads = (size_t)header.shape[2];
  rows->seq_len = (size_t)header.shape[3];
  rows->start = header.start;
  return check_weights(path, rows, error);
}

int rows_read(const char *directory, struct rows *rows, struct error *error)
{
  char *path = file_join(directory, dump_files[0], error);
  *rows = (struct rows){0};
  if (path && read_file(path, rows, error))
    rows_free(rows);
  free(path);
  return error->code;
}

void rows_free(struct rows *rows)
{
  blob_free(&rows->file);
  *rows = (struct rows){0};
}

float rows_at(const struct rows *rows, size_t sequence, size_t layer, size_t head, size_t position)
{
  float value;
  size_t index =
      ((sequence * rows->layers + layer) * rows->heads + head) * rows->seq_len + position;
  memcpy(&value, rows->file.data + rows->start + index * sizeof value, sizeof value);
  return value;
}

double rows_mean(const struct rows *rows, size_t layer, size_t head, size_t position)
{
  double sum = 0;
  for (size_t i = 0; i < rows->n; i++)
    sum += (double)rows_at(rows, i, layer, head, position);
  return sum / (double)rows->n;
}
