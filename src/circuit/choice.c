#include "circuit/choice.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *choice_rule_name(enum choice_rule rule)
{
  return rule == CHOICE_GREEDY ? "greedy" : "topn";
}

struct offered {
  double size; /* |score| */
  size_t edge;
};

/* Whether a is taken before b. */
static bool before(const struct offered *a, const struct offered *b)
{
  return a->size > b->size || (a->size == b->size && a->edge < b->edge);
}

static int compare_offered(const void *a, const void *b)
{
  return before(a, b) ? -1 : 1;
}

static void order_all(const struct graph *g, const double *scores, struct offered *all,
                      size_t *order)
{
  for (size_t e = 0; e < g->edges; e++)
    all[e] = (struct offered){fabs(scores[e]), e};
  qsort(all, g->edges, sizeof *all, compare_offered);
  for (size_t e = 0; e < g->edges; e++)
    order[e] = all[e].edge;
}

/* What is on offer: a heap whose first element is taken next. */
struct heap {
  struct offered *list;
  size_t count;
};

static void heap_add(struct heap *heap, struct offered offered)
{
  size_t i = heap->count++;
  for (; i > 0 && before(&offered, &heap->list[(i - 1) / 2]); i = (i - 1) / 2)
    heap->list[i] = heap->list[(i - 1) / 2];
  heap->list[i] = offered;
}

static struct offered heap_take(struct heap *heap)
{
  struct offered *list = heap->list, first = list[0], last = list[--heap->count];
  size_t i = 0, child;
  while ((child = 2 * i + 1) < heap->count) {
    child += child + 1 < heap->count && before(&list[child + 1], &list[child]);
    if (!before(&list[child], &last))
      break;
    list[i] = list[child];
    i = child;
  }
  list[i] = last;
  return first;
}

static void offer_into(const struct graph *g, const double *scores, size_t destination,
                       struct heap *heap)
{
  size_t first = graph_first_edge(g, destination);
  for (size_t e = first; e < first + graph_sources_of(g, destination); e++)
    heap_add(heap, (struct offered){fabs(scores[e]), e});
}

/* The edges into a source that was reached. */
static void offer_node(const struct graph *g, const double *scores, size_t source,
                       struct heap *heap)
{
  const struct graph_place place = graph_source(g, source);
  if (place.kind == GRAPH_MLP)
    offer_into(g, scores, graph_reads(g, GRAPH_MLP, place.layer, 0), heap);
  if (place.kind != GRAPH_HEAD)
    return;
  for (enum graph_kind kind = GRAPH_QUERY; kind <= GRAPH_VALUE; kind++)
    offer_into(g, scores, graph_reads(g, kind, place.layer, place.head), heap);
}

/* Every source has an edge into the logits, so all edges are on offer in the end. */
static void order_greedily(const struct graph *g, const double *scores, struct offered *room,
                           bool *reached, size_t *order)
{
  struct heap heap = {room, 0};
  offer_into(g, scores, g->destinations - 1, &heap);
  for (size_t taken = 0; taken < g->edges; taken++) {
    size_t edge = heap_take(&heap).edge, source = graph_edge(g, edge).source;
    order[taken] = edge;
    if (!reached[source])
      offer_node(g, scores, source, &heap);
    reached[source] = true;
  }
}

int choice_order(const struct graph *g, const double *scores, enum choice_rule rule, size_t *order,
                 struct error *error)
{
  struct offered *room = memory_alloc(g->edges, sizeof *room, "choice of edges", error);
  bool *reached = memory_zeroed(g->sources, sizeof *reached, "choice of edges", error);
  int status = room && reached ? 0 : error->code;
  if (!status && rule == CHOICE_GREEDY)
    order_greedily(g, scores, room, reached, order);
  else if (!status)
    order_all(g, scores, room, order);
  free(room);
  free(reached);
  return status;
}

void choice_take(const struct graph *g, const size_t *order, size_t n, unsigned char *kept)
{
  memset(kept, 0, g->edges * sizeof *kept);
  for (size_t i = 0; i < n && i < g->edges; i++)
    kept[order[i]] = true;
}

/* How many kept edges lead into and out of every node. */
struct degrees {
  size_t *in, *out; /* [sources + 1] */
};

static void count_degrees(const struct graph *g, const unsigned char *kept, const struct degrees *d)
{
  memset(d->in, 0, (g->sources + 1) * sizeof *d->in);
  memset(d->out, 0, (g->sources + 1) * sizeof *d->out);
  for (size_t to = 0; to < g->destinations; to++) {
    size_t first = graph_first_edge(g, to), node = graph_node(g, to);
    for (size_t from = 0; from < graph_sources_of(g, to); from++) {
      d->in[node] += kept[first + from];
      d->out[from] += kept[first + from];
    }
  }
}

/* Destinations ascend in the order of computation: one pass forwards finds all that has nothing
 * into it. */
static bool drop_parentless(const struct graph *g, unsigned char *kept, const struct degrees *d)
{
  bool changed = false;
  for (size_t to = 0; to < g->destinations; to++) {
    size_t first = graph_first_edge(g, to), node = graph_node(g, to);
    for (size_t from = 1; from < graph_sources_of(g, to); from++) {
      if (!kept[first + from] || d->in[from])
        continue;
      kept[first + from] = false;
      d->in[node]--;
      d->out[from]--;
      changed = true;
    }
  }
  return changed;
}

/* And one backwards all that leads nowhere; `logits`, the first, need no edge out of them. */
static bool drop_childless(const struct graph *g, unsigned char *kept, const struct degrees *d)
{
  bool changed = false;
  for (size_t to = g->destinations - 1; to-- > 0;) {
    size_t first = graph_first_edge(g, to), node = graph_node(g, to);
    for (size_t from = 0; !d->out[node] && from < graph_sources_of(g, to); from++) {
      if (!kept[first + from])
        continue;
      kept[first + from] = false;
      d->in[node]--;
      d->out[from]--;
      changed = true;
    }
  }
  return changed;
}

size_t choice_prune(const struct graph *g, unsigned char *kept, struct error *error)
{
  size_t left = 0;
  size_t *counts = memory_alloc(2 * (g->sources + 1), sizeof *counts, "pruning", error);
  if (!counts)
    return SIZE_MAX;
  const struct degrees degrees = {counts, counts + g->sources + 1};
  count_degrees(g, kept, &degrees);
  for (bool changed = true; changed;) {
    changed = drop_parentless(g, kept, &degrees);
    changed = drop_childless(g, kept, &degrees) || changed;
  }
  free(counts);
  for (size_t e = 0; e < g->edges; e++)
    left += kept[e];
  return left;
}

size_t choice_nodes(const struct graph *g, const unsigned char *kept, bool *nodes)
{
  size_t count = 0;
  memset(nodes, 0, (g->sources + 1) * sizeof *nodes);
  for (size_t e = 0; e < g->edges; e++) {
    if (!kept[e])
      continue;
    struct graph_edge edge = graph_edge(g, e);
    nodes[edge.source] = nodes[graph_node(g, edge.destination)] = true;
  }
  for (size_t i = 0; i <= g->sources; i++)
    count += nodes[i];
  return count;
}
