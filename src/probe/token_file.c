#include "probe/token_file.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/sniff.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES (sizeof MAGIC - 1)
#define PREFIX_1 (MAGIC_BYTES + 4) /* version and a 16-bit length */
#define PREFIX_2 (MAGIC_BYTES + 6) /* from version 2 on: a 32-bit length */
#define REMEDY                                                                                     \
  "save it with numpy.save(FILE, ids.astype(numpy.int32)), ids of shape (texts, tokens)"

/* The header: a Python dictionary with three members. */
struct header {
  const char *at, *end;
  bool c_order;
  uint64_t shape[2];
  size_t rank, width; /* of the shape; bytes an id, 0 = another type */
};

static int read_le(const uint8_t *bytes, int count)
{
  uint32_t value = 0;
  for (int i = count; i-- > 0;)
    value = value << 8 | bytes[i];
  return value > INT32_MAX ? INT32_MAX : (int)value;
}

static void skip_blanks(struct header *h)
{
  while (h->at < h->end && (*h->at == ' ' || *h->at == '\n'))
    h->at++;
}

static bool take(struct header *h, const char *word)
{
  size_t length = strlen(word);
  skip_blanks(h);
  if ((size_t)(h->end - h->at) < length || memcmp(h->at, word, length) != 0)
    return false;
  h->at += length;
  return true;
}

static bool take_number(struct header *h, uint64_t *number)
{
  skip_blanks(h);
  const char *start = h->at;
  while (h->at < h->end && *h->at >= '0' && *h->at <= '9')
    h->at++;
  return text_to_u64(start, (size_t)(h->at - start), number);
}

static bool take_shape(struct header *h)
{
  if (!take(h, "("))
    return false;
  while (!take(h, ")")) {
    uint64_t number;
    if (!take_number(h, &number))
      return false;
    if (h->rank < 2)
      h->shape[h->rank] = number;
    h->rank++;
    if (!take(h, ","))
      return take(h, ")");
  }
  return true;
}

static bool take_type(struct header *h)
{
  if (take(h, "'<i4'"))
    h->width = 4;
  else if (take(h, "'<i8'"))
    h->width = 8;
  else if (take(h, "'")) {
    while (h->at < h->end && *h->at != '\'')
      h->at++;
    return take(h, "'");
  }
  return h->width != 0;
}

static bool take_order(struct header *h)
{
  h->c_order = take(h, "False");
  return h->c_order || take(h, "True");
}

static bool take_header(struct header *h)
{
  static const struct {
    const char *key;
    bool (*take)(struct header *header);
  } members[] = {
      {"'descr':", take_type}, {"'fortran_order':", take_order}, {"'shape':", take_shape}};
  bool taken[3] = {false, false, false};
  if (!take(h, "{"))
    return false;
  while (!take(h, "}")) {
    size_t i = 0;
    while (i < 3 && (taken[i] || !take(h, members[i].key)))
      i++;
    if (i == 3 || !members[i].take(h))
      return false;
    taken[i] = true;
    if (!take(h, ",")) {
      if (!take(h, "}"))
        return false;
      break;
    }
  }
  skip_blanks(h);
  return h->at == h->end && taken[0] && taken[1] && taken[2];
}

static int refuse(const char *path, const char *what, struct error *error)
{
  return error_set(error, EXIT_INPUT, "%s: %s; " REMEDY, path, what);
}

/* Where the ids begin, and their shape. */
static int read_header(const char *path, const struct blob *blob, struct header *h, size_t *start,
                       struct error *error)
{
  char what[120];
  if (blob->size < MAGIC_BYTES || memcmp(blob->data, MAGIC, MAGIC_BYTES) != 0) {
    snprintf(what, sizeof what, "is %s, must be a .npy file",
             sniff_name(sniff(blob->data, blob->size)));
    return refuse(path, what, error);
  }
  if (blob->size < PREFIX_2)
    return refuse(path, "its .npy header is damaged", error);
  int version = blob->data[MAGIC_BYTES];
  size_t prefix = version == 1 ? PREFIX_1 : PREFIX_2;
  size_t length = (size_t)read_le(blob->data + MAGIC_BYTES + 2, version == 1 ? 2 : 4);
  if (version < 1 || version > 3 || length > blob->size - prefix)
    return refuse(path, "its .npy header is damaged or of an unknown version", error);
  *start = prefix + length;
  *h = (struct header){.at = (const char *)blob->data + prefix,
                       .end = (const char *)blob->data + *start};
  if (!take_header(h))
    return refuse(path, "its .npy header is damaged", error);
  if (h->width == 0)
    return refuse(path, "its values are not of type int32 or int64, little-endian", error);
  if (h->rank != 2 || !h->c_order)
    return refuse(path, "is not an array of two dimensions in C order", error);
  if (h->shape[0] < 1 || h->shape[0] > (uint64_t)BATCH_MAX_N || h->shape[1] < 1 ||
      h->shape[1] > (uint64_t)BATCH_MAX_SEQ_LEN)
    return error_set(error, EXIT_INPUT, "%s: its shape (%llu, %llu) must be (1 to %lld, 1 to %lld)",
                     path, (unsigned long long)h->shape[0], (unsigned long long)h->shape[1],
                     (long long)BATCH_MAX_N, (long long)BATCH_MAX_SEQ_LEN);
  uint64_t bytes = h->shape[0] * h->shape[1] * h->width; /* at most 2^43 */
  if (blob->size - *start != bytes)
    return error_set(error, EXIT_INPUT,
                     "%s: holds %llu bytes of ids, (%llu, %llu) of %zu bytes take %llu; the file "
                     "is cut short or damaged, get it again",
                     path, (unsigned long long)(blob->size - *start),
                     (unsigned long long)h->shape[0], (unsigned long long)h->shape[1], h->width,
                     (unsigned long long)bytes);
  return 0;
}

static int take_ids(const char *path, const uint8_t *bytes, size_t width, struct token_rows *tokens,
                    struct error *error)
{
  for (int64_t i = 0; i < tokens->rows * tokens->length; i++) {
    int32_t narrow;
    int64_t id;
    if (width == 4) {
      memcpy(&narrow, bytes + (size_t)i * width, width);
      id = narrow;
    } else {
      memcpy(&id, bytes + (size_t)i * width, width);
    }
    if (id < 0 || id >= BATCH_MAX_VOCAB)
      return error_set(error, EXIT_INPUT,
                       "%s: row %lld, column %lld: %lld is no token id, from 0 to %lld", path,
                       (long long)(i / tokens->length), (long long)(i % tokens->length),
                       (long long)id, (long long)BATCH_MAX_VOCAB - 1);
    tokens->ids[i] = (int32_t)id;
    tokens->largest = tokens->largest < tokens->ids[i] ? tokens->ids[i] : tokens->largest;
  }
  return 0;
}

int token_rows_read(const char *path, struct token_rows *tokens, struct error *error)
{
  struct blob blob;
  struct header h;
  size_t start = 0;
  *tokens = (struct token_rows){0};
  if (file_map(path, &blob, error))
    return error->code;
  int status = read_header(path, &blob, &h, &start, error);
  if (!status) {
    tokens->rows = (int64_t)h.shape[0];
    tokens->length = (int64_t)h.shape[1];
    tokens->ids = memory_alloc((size_t)(tokens->rows * tokens->length), sizeof *tokens->ids,
                               "token ids", error);
    status = tokens->ids ? take_ids(path, blob.data + start, h.width, tokens, error) : EXIT_RUN;
  }
  blob_free(&blob);
  if (status)
    token_rows_free(tokens);
  return status;
}

void token_rows_free(struct token_rows *tokens)
{
  free(tokens->ids);
  *tokens = (struct token_rows){0};
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

static void add_example(const int32_t *ids, int64_t first, int64_t query, struct batch *batch)
{
  int64_t i = batch->n++;
  memcpy(batch->tokens + i * batch->seq_len, ids, (size_t)batch->seq_len * sizeof *ids);
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
    const int32_t *ids = tokens->ids + r * tokens->length;
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
