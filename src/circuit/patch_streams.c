/* What the destinations of a patched run read. */
#include "circuit/patching.h"

#include <stdlib.h>
#include <string.h>

static size_t heads_of(const struct patching *p)
{
  return p->runs->graph.heads;
}

/* --- whose --- */

static enum whose source_whose(const struct patching *p, size_t source)
{
  const struct graph_place place = graph_source(&p->runs->graph, source);
  switch (place.kind) {
  case GRAPH_HEAD:
    return p->head_whose[place.layer * heads_of(p) + place.head];
  case GRAPH_MLP:
    return p->layers[place.layer].mlp_whose;
  case GRAPH_INPUT: /* this run's is the clean one */
  case GRAPH_QUERY:
  case GRAPH_KEY:
  case GRAPH_VALUE:
  case GRAPH_LOGITS:
    break;
  }
  return OF_CLEAN;
}

/* As a destination reads it, whose first edge is `first`. */
static enum whose edge_whose(const struct patching *p, size_t first, size_t source)
{
  return p->kept[first + source] ? source_whose(p, source) : OF_CORRUPTED;
}

enum whose patch_reads(const struct patching *p, size_t destination)
{
  const struct graph *graph = &p->runs->graph;
  size_t first = graph_first_edge(graph, destination);
  size_t sources = graph_sources_of(graph, destination);
  enum whose all = edge_whose(p, first, 0);
  for (size_t s = 1; s < sources && all != OF_THIS; s++)
    if (edge_whose(p, first, s) != all)
      return OF_THIS;
  return all;
}

/* --- values of the runs that are there --- */

/* Rows of this part of the batch in an array [layers][rows][columns]. */
static size_t run_leaf(struct patching *p, const float *data, size_t layer, size_t columns)
{
  size_t length = p->batch->seq_len, at = layer * batch_rows(p->batch) + p->first * length;
  return tape_leaf(p->tape, p->count * length, columns, data + at * columns, NULL);
}

static size_t embedding_of(struct patching *p, enum whose whose)
{
  if (p->embedding[whose] == TAPE_NONE)
    p->embedding[whose] =
        run_leaf(p, p->batch->run[whose].embedding, 0, runs_config(p->runs)->hidden);
  return p->embedding[whose];
}

static size_t attention_of(struct patching *p, size_t layer, enum whose whose)
{
  size_t *value = &p->layers[layer].attention[whose];
  if (*value == TAPE_NONE && whose != OF_THIS)
    *value = run_leaf(p, p->batch->run[whose].attention, layer, runs_config(p->runs)->hidden);
  return *value;
}

static size_t mlp_of(struct patching *p, size_t layer, enum whose whose)
{
  size_t *value = &p->layers[layer].mlp[whose];
  if (*value == TAPE_NONE && whose != OF_THIS)
    *value = run_leaf(p, p->batch->run[whose].mlp, layer, runs_config(p->runs)->hidden);
  return *value;
}

/* A head's output before the projection. */
static size_t head_of(struct patching *p, size_t layer, size_t head, enum whose whose)
{
  const struct model_config *c = runs_config(p->runs);
  if (whose == OF_THIS)
    return p->head_value[layer * c->heads + head];
  size_t *all = &p->layers[layer].heads[whose];
  if (*all == TAPE_NONE) {
    size_t leaf = run_leaf(p, p->batch->run[whose].heads, layer, c->heads * c->head_dim);
    *all = tape_add(p->tape, &leaf, 1); /* a leaf has no views */
  }
  return tape_view(p->tape, *all, head * c->head_dim, c->head_dim);
}

/* --- attention as a destination reads it --- */

/* What a head of one run adds more than that of another. */
static size_t difference(struct patching *p, size_t layer, size_t head, enum whose whose,
                         enum whose from)
{
  const struct model_config *c = runs_config(p->runs);
  size_t *value = &p->differences[((layer * c->heads + head) * WHOSE + whose) * WHOSE + from];
  if (*value != TAPE_NONE)
    return *value;
  struct tape_part part = recorder_of_layer(&p->recorder, &p->recorder.model->layers[layer].output);
  part.bias = TAPE_NONE;
  size_t less = tape_scale(p->tape, head_of(p, layer, head, from), -1);
  size_t x = tape_add(p->tape, (const size_t[]){head_of(p, layer, head, whose), less}, 2);
  *value = tape_linear_columns(p->tape, x, &part, head * c->head_dim);
  return *value;
}

/* The run that most heads are read of, among those whose attention is there. */
static enum whose base_of(const struct patching *p, size_t layer, const unsigned char *heads)
{
  size_t counts[WHOSE] = {0};
  enum whose base = OF_CORRUPTED;
  for (size_t h = 0; h < heads_of(p); h++)
    counts[heads[h]]++;
  for (enum whose w = OF_CLEAN; w < WHOSE; w++)
    if (counts[w] > counts[base] &&
        (w != OF_THIS || p->layers[layer].attention[OF_THIS] != TAPE_NONE))
      base = w;
  return base;
}

static size_t mix_heads(struct patching *p, size_t layer, const unsigned char *heads)
{
  enum whose base = base_of(p, layer, heads);
  size_t count = 1, *terms = malloc((heads_of(p) + 1) * sizeof *terms);
  if (!terms) {
    p->failed = true;
    return TAPE_NONE;
  }
  terms[0] = attention_of(p, layer, base);
  for (size_t h = 0; h < heads_of(p); h++)
    if (heads[h] != base)
      terms[count++] = difference(p, layer, h, heads[h], base);
  size_t value = count > 1 ? tape_add(p->tape, terms, count) : terms[0];
  free(terms);
  return value;
}

/* Room for one more at the end of a list; NULL without memory. */
static void *one_more(struct patching *p, void *list, size_t count, size_t size)
{
  if (count & (count - 1)) /* full at powers of two */
    return list;
  void *more = reallocarray(list, count ? 2 * count : 1, size);
  p->failed |= !more;
  return more;
}

/* The attention of a layer for a destination with edges from `first` on. */
static size_t read_attention(struct patching *p, size_t layer, size_t first)
{
  struct patch_layer *l = &p->layers[layer];
  for (size_t h = 0; h < heads_of(p); h++)
    p->read[h] = (unsigned char)edge_whose(p, first, graph_head(&p->runs->graph, layer, h));
  for (size_t i = 0; i < l->mixed_count; i++)
    if (!memcmp(l->mixed[i].heads, p->read, heads_of(p)))
      return l->mixed[i].value;
  struct mixed *more = one_more(p, l->mixed, l->mixed_count, sizeof *more);
  unsigned char *heads = more ? malloc(heads_of(p)) : NULL;
  l->mixed = more ? more : l->mixed;
  if (!heads) {
    p->failed = true;
    return TAPE_NONE;
  }
  memcpy(heads, p->read, heads_of(p));
  size_t value = mix_heads(p, layer, heads);
  l->mixed[l->mixed_count++] = (struct mixed){heads, value};
  return value;
}

/* --- the residual stream as a destination reads it --- */

/* As the pass adds it: (MLP + attention) + stream, or one after the other. */
static size_t add_layer(struct patching *p, const struct stream *s)
{
  if (s->mlp == TAPE_NONE)
    return tape_add(p->tape, (const size_t[]){s->before, s->attention}, 2);
  if (!p->runs->graph.sequential)
    return tape_add(p->tape, (const size_t[]){s->mlp, s->attention, s->before}, 3);
  size_t between = tape_add(p->tape, (const size_t[]){s->before, s->attention}, 2);
  return tape_add(p->tape, (const size_t[]){between, s->mlp}, 2);
}

static size_t next_stream(struct patching *p, size_t layer, struct stream *s)
{
  struct patch_layer *l = &p->layers[layer];
  for (size_t i = 0; i < l->stream_count; i++)
    if (l->streams[i].before == s->before && l->streams[i].attention == s->attention &&
        l->streams[i].mlp == s->mlp)
      return l->streams[i].value;
  struct stream *more = one_more(p, l->streams, l->stream_count, sizeof *more);
  if (!more)
    return TAPE_NONE;
  l->streams = more;
  s->value = add_layer(p, s);
  l->streams[l->stream_count++] = *s;
  return s->value;
}

size_t patch_stream(struct patching *p, size_t destination)
{
  const struct graph *graph = &p->runs->graph;
  const struct graph_place place = graph_destination(graph, destination);
  size_t first = graph_first_edge(graph, destination);
  size_t layers = place.kind == GRAPH_LOGITS ? graph->layers : place.layer;
  size_t value = embedding_of(p, edge_whose(p, first, 0));
  for (size_t l = 0; l < layers && !p->failed; l++) {
    struct stream s = {.before = value, .attention = read_attention(p, l, first)};
    s.mlp = mlp_of(p, l, edge_whose(p, first, graph_mlp(graph, l)));
    value = next_stream(p, l, &s);
  }
  if (place.kind == GRAPH_MLP && graph->sequential && !p->failed) {
    struct stream s = {value, read_attention(p, layers, first), TAPE_NONE, 0};
    value = next_stream(p, layers, &s);
  }
  return value;
}
