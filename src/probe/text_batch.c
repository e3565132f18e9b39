#include "probe/text_batch.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/npy_header.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define REMEDY                                                                                     \
  "save it with numpy.save(FILE, ids.astype(numpy.int32)), ids of shape (texts, tokens)"

static int refuse(const char *path, const char *what, struct error *error)
{
  return error_set(error, EXIT_INPUT, "%s: %s; " REMEDY, path, what);
}

/* Where the ids begin, and bytes of each. */
static int read_header(const char *path, const struct blob *blob, struct npy_header *h,
                       size_t *width, struct error *error)
{
  if (npy_header_parse(path, blob->data, blob->size, REMEDY, h, error))
    return error->code;
  *width = strcmp(h->type, "<i4") == 0 ? 4 : strcmp(h->type, "<i8") == 0 ? 8 : 0;
  if (*width == 0)
    return refuse(path, "its values are not of type int32 or int64, little-endian", error);
  if (h->rank != 2 || !h->c_order)
    return refuse(path, "is not an array of two dimensions in C order", error);
  if (h->shape[0] < 1 || h->shape[0] > (uint64_t)BATCH_MAX_N || h->shape[1] < 1 ||
      h->shape[1] > (uint64_t)BATCH_MAX_SEQ_LEN)
    return error_set(error, EXIT_INPUT, "%s: its shape (%llu, %llu) must be (1 to %lld, 1 to %lld)",
                     path, (unsigned long long)h->shape[0], (unsigned long long)h->shape[1],
                     (long long)BATCH_MAX_N, (long long)BATCH_MAX_SEQ_LEN);
  uint64_t bytes = h->shape[0] * h->shape[1] * *width; /* at most 2^43 */
  if (blob->size - h->start != bytes)
    return error_set(error, EXIT_INPUT,
                     "%s: holds %llu bytes of ids, (%llu, %llu) of %zu bytes take %llu; the file "
                     "is cut short or damaged, get it again",
                     path, (unsigned long long)(blob->size - h->start),
                     (unsigned long long)h->shape[0], (unsigned long long)h->shape[1], *width,
                     (unsigned long long)bytes);
  return 0;
}

static int64_t id_at(const struct token_rows *tokens, int64_t index)
{
  const uint8_t *at = tokens->ids + (size_t)index * tokens->width;
  int32_t narrow;
  int64_t wide;
  if (tokens->width == sizeof narrow)
    memcpy(&narrow, at, sizeof narrow);
  else
    memcpy(&wide, at, sizeof wide);
  return tokens->width == sizeof narrow ? narrow : wide;
}

static int look_at_ids(const char *path, struct token_rows *tokens, struct error *error)
{
  for (int64_t i = 0; i < tokens->rows * tokens->length; i++) {
    int64_t id = id_at(tokens, i);
    if (id < 0 || id >= BATCH_MAX_VOCAB)
      return error_set(error, EXIT_INPUT,
                       "%s: row %lld, column %lld: %lld is not a token id, from 0 to %lld", path,
                       (long long)(i / tokens->length), (long long)(i % tokens->length),
                       (long long)id, (long long)BATCH_MAX_VOCAB - 1);
    tokens->largest = id > tokens->largest ? (int32_t)id : tokens->largest;
  }
  return 0;
}

int token_rows_read(const char *path, struct token_rows *tokens, struct error *error)
{
  struct npy_header header;
  *tokens = (struct token_rows){.rows = 0};
  if (file_map(path, &tokens->blob, error))
    return error->code;
  int status = read_header(path, &tokens->blob, &header, &tokens->width, error);
  if (!status) {
    tokens->ids = tokens->blob.data + header.start;
    tokens->rows = (int64_t)header.shape[0];
    tokens->length = (int64_t)header.shape[1];
    status = look_at_ids(path, tokens, error);
  }
  if (status)
    token_rows_free(tokens);
  return status;
}

void token_rows_get(const struct token_rows *tokens, int64_t row, int32_t *ids)
{
  for (int64_t k = 0; k < tokens->length; k++)
    ids[k] = (int32_t)id_at(tokens, row * tokens->length + k);
}

void token_rows_free(struct token_rows *tokens)
{
  if (tokens->blob.data)
    blob_free(&tokens->blob);
  *tokens = (struct token_rows){.rows = 0};
}

/* Where each id of a text stands last; -1 = nowhere. */
struct places {
  int32_t *last; /* [largest id + 1] */
};

static void note_places(struct places *places, const int32_t *ids, int64_t length)
{
  for (int64_t k = 0; k < length; k++)
    places->last[ids[k]] = (int32_t)k;
}

static void forget_places(struct places *places, const int32_t *ids, int64_t length)
{
  for (int64_t k = 0; k < length; k++)
    places->last[ids[k]] = -1;
}

/* Finds i and the query in one text. */
static bool find_example(const struct places *places, const int32_t *ids, int64_t length,
                         int64_t min_first, int64_t *first, int64_t *query)
{
  for (int64_t i = min_first; i + TEXT_LEAST_GAP < length; i++) {
    if (ids[i] < TEXT_LEAST_ID || ids[i + 1] < TEXT_LEAST_ID || ids[i] == ids[i + 1])
      continue;
    *query = places->last[ids[i]];
    *first = i;
    if (*query >= i + TEXT_LEAST_GAP)
      return true;
  }
  return false;
}

/* The least query that leaves a place for a baseline position. */
static int least_query(int64_t length, int64_t baseline_n, int64_t *least, struct error *error)
{
  *least = 0;
  if (baseline_n == 0)
    return 0;
  int32_t *positions = memory_alloc((size_t)baseline_n, sizeof *positions, "baseline", error);
  int status =
      positions ? batch_baseline_positions(length, baseline_n, positions, error) : EXIT_RUN;
  for (int64_t i = 0; !status && i < baseline_n; i++)
    if (i == 0 || positions[i] + BATCH_RESERVED_END < *least)
      *least = positions[i] + BATCH_RESERVED_END;
  free(positions);
  return status;
}

/* The text stands in the batch already. */
static void add_example(const int32_t *ids, int64_t first, int64_t query, struct batch *batch)
{
  int64_t i = batch->n++;
  batch->a[i] = ids[first];
  batch->b[i] = ids[first + 1];
  batch->ab[i] = (int32_t)first;
  batch->b_position[i] = (int32_t)first + 1;
  batch->query[i] = (size_t)query;
}

static void add_examples(const struct token_rows *tokens, int64_t most, int64_t min_first,
                         int64_t least, struct places *places, struct batch *batch)
{
  int64_t first, query;
  memset(places->last, -1, ((size_t)tokens->largest + 1) * sizeof *places->last);
  for (int64_t r = 0; r < tokens->rows && batch->n < most; r++) {
    int32_t *ids = batch->tokens + batch->n * batch->seq_len;
    token_rows_get(tokens, r, ids);
    note_places(places, ids, tokens->length);
    if (find_example(places, ids, tokens->length, min_first, &first, &query) && query >= least)
      add_example(ids, first, query, batch);
    forget_places(places, ids, tokens->length);
  }
}

int batch_of_text(const char *path, const struct token_rows *tokens, int64_t n, int64_t min_first,
                  int64_t baseline_n, struct batch *batch, struct error *error)
{
  int64_t most = n < tokens->rows ? n : tokens->rows, least;
  struct places places = {NULL};
  if (least_query(tokens->length, baseline_n, &least, error))
    return error_prefix(error, "%s", path);
  int status = batch_allocate(most, tokens->length, batch, error);
  if (!status) {
    batch->query = memory_alloc((size_t)most, sizeof *batch->query, "batch", error);
    places.last = memory_alloc((size_t)tokens->largest + 1, sizeof *places.last, "batch", error);
    status = batch->query && places.last ? 0 : EXIT_RUN;
  }
  if (!status) {
    batch->n = 0;
    add_examples(tokens, most, min_first, least, &places, batch);
    if (batch->n == 0)
      status = error_set(error, EXIT_INPUT,
                         "%s: none of its %lld texts has an example: an id of at least %d, another "
                         "such behind it, and the first again %d tokens later or more",
                         path, (long long)tokens->rows, TEXT_LEAST_ID, TEXT_LEAST_GAP);
  }
  if (status)
    batch_free(batch);
  free(places.last);
  return status;
}
