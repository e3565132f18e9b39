#include "study/piece.h"

#include "base/digest.h"
#include "base/file_write.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/version.h"
#include "study/cost.h"
#include "study/piece_format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINE 64 /* the figures begin at a multiple of this */

static int64_t rows_of(const struct protocol *p, const struct shard_range *range)
{
  int64_t all = p->pr_n < p->n ? p->pr_n : p->n;
  int64_t end = range->to < all ? range->to : all;
  return end > range->from ? end - range->from : 0;
}

/* Bytes of the figures and of the outputs; false when that overflows. */
static bool sizes(const struct protocol *p, const struct shard_range *range, uint64_t heads,
                  uint64_t head_dim, uint64_t *figures, uint64_t *outputs)
{
  uint64_t sequences = (uint64_t)(range->to - range->from), rows = (uint64_t)rows_of(p, range);
  return !__builtin_mul_overflow(heads, sequences * OBSERVED_FIGURES * sizeof(double), figures) &&
         !__builtin_mul_overflow(heads, rows * sizeof(float), outputs) &&
         !__builtin_mul_overflow(*outputs, head_dim, outputs) && *figures < UINT64_MAX / 4 &&
         *outputs < UINT64_MAX / 4;
}

uint64_t piece_bytes(const struct protocol *p, const struct shard_range *range, uint64_t heads,
                     uint64_t head_dim)
{
  uint64_t figures, outputs;
  return sizes(p, range, heads, head_dim, &figures, &outputs) ? figures + outputs : UINT64_MAX;
}

static uint64_t heads_of(const struct piece_head *head)
{
  return (uint64_t)head->layers * (uint64_t)head->heads;
}

bool piece_sizes(const struct protocol *p, const struct piece_head *head, uint64_t *figures,
                 uint64_t *outputs)
{
  return sizes(p, &head->range, heads_of(head), (uint64_t)head->head_dim, figures, outputs);
}

void piece_digests(char trailer[PIECE_TRAILER], const void *head, size_t head_bytes,
                   const void *figures, size_t figure_bytes, const void *outputs,
                   size_t output_bytes)
{
  digest_xxh3(head, head_bytes, trailer);
  digest_xxh3(figures, figure_bytes, trailer + 33);
  digest_xxh3(outputs, output_bytes, trailer + 66);
  trailer[32] = trailer[65] = trailer[98] = '\n';
}

bool piece_finite_doubles(const uint8_t *bytes, uint64_t size)
{
  for (uint64_t i = 0; i < size; i += sizeof(double)) {
    double value;
    memcpy(&value, bytes + i, sizeof value);
    if (!isfinite(value))
      return false;
  }
  return true;
}

bool piece_finite_floats(const uint8_t *bytes, uint64_t size)
{
  for (uint64_t i = 0; i < size; i += sizeof(float)) {
    float value;
    memcpy(&value, bytes + i, sizeof value);
    if (!isfinite(value))
      return false;
  }
  return true;
}

static void copy_head(const struct observations *o, size_t index, size_t figures, size_t outputs,
                      struct piece *piece)
{
  const struct observed observed = observations_of(o, index);
  const size_t from = (size_t)piece->head.range.from;
  memcpy((char *)piece->figures + index * figures, observed.figures[from], figures);
  if (outputs)
    memcpy((char *)piece->outputs + index * outputs,
           observed.outputs + from * (size_t)observed.head_dim, outputs);
}

int piece_take(const struct observations *observations, const struct protocol *p,
               struct piece *piece, struct error *error)
{
  static const char what[] = "the part of a screen";
  const struct piece_head *head = &piece->head;
  uint64_t heads = heads_of(head), figures, outputs;
  if (!piece_sizes(p, head, &figures, &outputs))
    return error_set(error, EXIT_RUN, "%s: is larger than can be addressed", what);
  piece->figures = memory_alloc(figures, 1, what, error);
  piece->outputs = piece->figures ? memory_alloc(outputs, 1, what, error) : NULL;
  if (!piece->outputs)
    return EXIT_RUN;
  for (size_t i = 0; i < heads; i++)
    copy_head(observations, i, figures / heads, outputs / heads, piece);
  if (!piece_finite_doubles((const uint8_t *)piece->figures, figures) ||
      !piece_finite_floats((const uint8_t *)piece->outputs, outputs))
    return error_set(error, EXIT_RUN, "%s: a figure is missing or not finite", what);
  return 0;
}

void piece_free(struct piece *piece)
{
  free(piece->figures);
  free(piece->outputs);
  piece->figures = NULL;
  piece->outputs = NULL;
}

static json_t *head_json(const struct manifest *m, const struct piece_head *head, json_t *read)
{
  return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:[I,I,I], s:[I,I], s:O}", "attest",
                   ATTEST_VERSION, "manifest", m->digest, "model", m->model, "revision",
                   head->revision, "screen", head->identity, "protocol",
                   cost_protocol_json(&m->protocol), "shape", (json_int_t)head->layers,
                   (json_int_t)head->heads, (json_int_t)head->head_dim, "sequences",
                   (json_int_t)head->range.from, (json_int_t)head->range.to, "read", read);
}

/* The two first lines, padded. */
static int header(const char *path, const struct manifest *m, const struct piece_head *head,
                  json_t *read, struct text *text, struct error *error)
{
  json_t *json = head_json(m, head, read);
  text_add(text, PIECE_MAGIC PIECE_VERSION "\n");
  int status = json_compact(path, json, text, error);
  json_decref(json);
  if (status)
    return status;
  text_add(text, "%*s\n", (int)(LINE - 1 - text->length % LINE), "");
  return text->failed ? error_set(error, EXIT_RUN, "%s: out of memory", path) : 0;
}

int piece_write(const char *path, const struct manifest *m, const struct piece *piece, json_t *read,
                struct error *error)
{
  struct text text = {0};
  char trailer[PIECE_TRAILER];
  uint64_t figures, outputs;
  /* piece_take has checked that nothing overflows */
  piece_sizes(&m->protocol, &piece->head, &figures, &outputs);
  int status = header(path, m, &piece->head, read, &text, error);
  if (!status) {
    piece_digests(trailer, text.data, text.length, piece->figures, figures, piece->outputs,
                  outputs);
    const struct file_part parts[] = {{text.data, text.length},
                                      {piece->figures, figures},
                                      {piece->outputs, outputs},
                                      {trailer, sizeof trailer}};
    status = file_write_parts(path, parts, sizeof parts / sizeof *parts, error);
  }
  text_free(&text);
  return status;
}
