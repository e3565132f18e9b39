#include "tape/replacing.h"

#include "base/memory.h"
#include "tape/op.h"

#include <stdlib.h>
#include <string.h>

/* A replacement by a function, at one site of one layer. */
struct written {
  struct tape_replacement replacement;
  const struct replacing *replacing;
  enum site_kind kind;
  size_t layer;
};

void replacing_free(struct replacing *r)
{
  for (size_t i = 0; i < r->count; i++)
    free(r->list[i]);
  free(r->list);
  *r = (struct replacing){0};
}

/* Scores and patterns have a row for every query of every head. */
static bool is_square(enum site_kind kind)
{
  return kind == SITE_SCORES || kind == SITE_PATTERN;
}

static size_t heads_of(const struct replacing *r, enum site_kind kind)
{
  if (!site_has_head(kind))
    return 1;
  return kind == SITE_KEY || kind == SITE_VALUE ? r->config->kv_heads : r->config->heads;
}

static bool has_position(const struct positions *p, size_t position, size_t seq_len)
{
  if (p->kind == POSITIONS_ALL)
    return true;
  if (p->kind == POSITIONS_LAST)
    return position + 1 == seq_len;
  for (size_t i = 0; i < p->count; i++)
    if (p->list[i] == position)
      return true;
  return false;
}

/* Where a site's value lies at one sequence, position and head. */
struct place {
  size_t row, first, count;
};

static struct place place_of(const struct replacing *r, enum site_kind kind, size_t columns,
                             size_t sequence, size_t position, size_t head)
{
  size_t heads = heads_of(r, kind);
  if (is_square(kind))
    return (struct place){(sequence * heads + head) * r->seq_len + position, 0, position + 1};
  size_t width = columns / heads;
  return (struct place){sequence * r->seq_len + position, head * width, width};
}

static bool meant(const struct tape_replacement *t, const struct replacing *r, size_t sequence,
                  size_t position, size_t head)
{
  return sequence >= t->first && (!t->end || sequence < t->end) &&
         (t->site.head == SITE_ALL || !site_has_head(t->site.kind) || t->site.head == head) &&
         has_position(&t->positions, position, r->seq_len);
}

static unsigned char *mask_of(const struct replacing *r, const struct tape_replacement *t,
                              size_t rows, size_t columns)
{
  unsigned char *mask = calloc(rows, columns);
  for (size_t s = 0; mask && s < r->sequences; s++)
    for (size_t p = 0; p < r->seq_len; p++)
      for (size_t h = 0; h < heads_of(r, t->site.kind); h++) {
        struct place place = place_of(r, t->site.kind, columns, s, p, h);
        if (meant(t, r, s, p, h))
          memset(mask + place.row * columns + place.first, 1, place.count);
      }
  return mask;
}

/* A row of the value goes to the hook in the pieces that the hook knows. */
static void write_row(void *context, size_t row, float *data)
{
  const struct written *w = context;
  const struct replacing *r = w->replacing;
  size_t heads = heads_of(r, w->kind), columns = heads * r->config->head_dim;
  size_t position = row % r->seq_len, sequence = row / r->seq_len;
  size_t only = is_square(w->kind) ? sequence % heads : SITE_ALL;
  if (is_square(w->kind))
    sequence /= heads;
  if (!site_has_head(w->kind))
    columns = w->kind == SITE_LOGITS ? r->config->vocab : r->config->hidden;
  for (size_t head = 0; head < heads; head++) {
    if ((only != SITE_ALL && head != only) || !meant(&w->replacement, r, sequence, position, head))
      continue;
    struct place place = place_of(r, w->kind, columns, sequence, position, head);
    const struct hook_value value = {.site = {w->kind, w->layer, head},
                                     .sequence = sequence,
                                     .position = position,
                                     .count = place.count};
    w->replacement.write(w->replacement.context, &value, data + place.first);
  }
}

/* Keeps what a function works with; the positions are borrowed no longer than recording takes. */
static struct written *keep(struct replacing *r, const struct tape_replacement *t,
                            enum site_kind kind, size_t layer)
{
  size_t positions = t->positions.kind == POSITIONS_LIST ? t->positions.count : 0;
  struct written **list = memory_room(r->list, r->count + 1, &r->room, sizeof(struct written *));
  if (!list)
    return NULL;
  r->list = list;
  struct written *w = malloc(sizeof *w + positions * sizeof(size_t));
  if (!w)
    return NULL;
  *w = (struct written){*t, r, kind, layer};
  if (positions) {
    memcpy(w + 1, t->positions.list, positions * sizeof(size_t));
    w->replacement.positions.list = (const size_t *)(const void *)(w + 1);
  }
  r->list[r->count++] = w;
  return w;
}

static size_t replace(struct replacing *r, struct tape *tape, const struct tape_replacement *t,
                      size_t layer, size_t value)
{
  unsigned char *mask = mask_of(r, t, tape_rows(tape, value), tape_columns(tape, value));
  struct written *written = t->write && mask ? keep(r, t, t->site.kind, layer) : NULL;
  size_t replaced = TAPE_NONE;
  if (!mask || (t->write && !written))
    op_fault(tape, "out of memory");
  else if (written)
    replaced = tape_rewrite(tape, value, mask, write_row, written);
  else
    replaced = tape_replace(tape, value, mask, t->given);
  free(mask);
  return replaced;
}

size_t replacing_apply(struct replacing *r, struct tape *tape, const struct tape_pass_input *input,
                       enum site_kind kind, size_t layer, size_t value)
{
  for (size_t i = 0; i < input->replacement_count && value != TAPE_NONE; i++) {
    const struct tape_replacement *t = &input->replacements[i];
    if (t->site.kind == kind &&
        (!site_has_layer(kind) || t->site.layer == SITE_ALL || t->site.layer == layer))
      value = replace(r, tape, t, layer, value);
  }
  return value;
}
