#include "circuit/graph.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* Products of three of these and a few more stay far below 2^64. */
#define MOST 10000

/* Edges into the destinations of layers before this one. */
static size_t edges_before(const struct graph *g, size_t layer)
{
  size_t sum = layer + (g->heads + 1) * (layer * (layer - (layer > 0)) / 2);
  return (3 * g->heads + 1) * sum + (g->sequential ? layer * g->heads : 0);
}

int graph_create(const struct model_config *c, struct graph *graph, struct error *error)
{
  if (c->branch_norms)
    return error_set(error, EXIT_INPUT,
                     "%s: the norm behind its attention leaves no contribution to a single head, "
                     "so it has no graph of edges; take a model of another family",
                     model_family_name(c->family));
  if (c->layers > MOST || c->heads > MOST)
    return error_set(error, EXIT_INPUT,
                     "%zu layers of %zu heads: a graph of edges has at most %d of each", c->layers,
                     c->heads, MOST);
  *graph = (struct graph){c->layers, c->heads, !c->parallel_residual, 0, 0, 0};
  graph->sources = 1 + c->layers * (c->heads + 1);
  graph->destinations = c->layers * (3 * c->heads + 1) + 1;
  graph->edges = edges_before(graph, c->layers) + graph->sources;
  return 0;
}

struct graph_place graph_source(const struct graph *g, size_t source)
{
  if (!source)
    return (struct graph_place){GRAPH_INPUT, 0, 0};
  size_t layer = (source - 1) / (g->heads + 1), within = (source - 1) % (g->heads + 1);
  return within < g->heads ? (struct graph_place){GRAPH_HEAD, layer, within}
                           : (struct graph_place){GRAPH_MLP, layer, 0};
}

struct graph_place graph_destination(const struct graph *g, size_t destination)
{
  static const enum graph_kind kinds[] = {GRAPH_QUERY, GRAPH_KEY, GRAPH_VALUE};
  size_t layer = destination / (3 * g->heads + 1), within = destination % (3 * g->heads + 1);
  if (layer == g->layers)
    return (struct graph_place){GRAPH_LOGITS, 0, 0};
  return within < 3 * g->heads
             ? (struct graph_place){kinds[within / g->heads], layer, within % g->heads}
             : (struct graph_place){GRAPH_MLP, layer, 0};
}

size_t graph_head(const struct graph *g, size_t layer, size_t head)
{
  return 1 + layer * (g->heads + 1) + head;
}

size_t graph_mlp(const struct graph *g, size_t layer)
{
  return graph_head(g, layer, g->heads);
}

size_t graph_reads(const struct graph *g, enum graph_kind kind, size_t layer, size_t head)
{
  size_t first = layer * (3 * g->heads + 1);
  switch (kind) {
  case GRAPH_QUERY:
    return first + head;
  case GRAPH_KEY:
    return first + g->heads + head;
  case GRAPH_VALUE:
    return first + 2 * g->heads + head;
  case GRAPH_MLP:
    return first + 3 * g->heads;
  case GRAPH_INPUT:
  case GRAPH_HEAD:
  case GRAPH_LOGITS:
    break;
  }
  return g->destinations - 1;
}

size_t graph_sources_of(const struct graph *g, size_t destination)
{
  const struct graph_place place = graph_destination(g, destination);
  if (place.kind == GRAPH_LOGITS)
    return g->sources;
  return graph_head(g, place.layer, place.kind == GRAPH_MLP && g->sequential ? g->heads : 0);
}

size_t graph_first_edge(const struct graph *g, size_t destination)
{
  size_t layer = destination / (3 * g->heads + 1), within = destination % (3 * g->heads + 1);
  return edges_before(g, layer) + within * graph_head(g, layer, 0);
}

struct graph_edge graph_edge(const struct graph *g, size_t edge)
{
  size_t low = 0, high = g->destinations; /* the last destination whose first edge is <= edge */
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (graph_first_edge(g, middle) <= edge)
      low = middle;
    else
      high = middle;
  }
  return (struct graph_edge){edge - graph_first_edge(g, low), low};
}

size_t graph_edge_number(const struct graph *g, const struct graph_edge *edge)
{
  return graph_first_edge(g, edge->destination) + edge->source;
}

size_t graph_node(const struct graph *g, size_t destination)
{
  const struct graph_place place = graph_destination(g, destination);
  if (place.kind == GRAPH_LOGITS)
    return g->sources;
  return place.kind == GRAPH_MLP ? graph_mlp(g, place.layer)
                                 : graph_head(g, place.layer, place.head);
}

/* --- names --- */

static const char *place_name(const struct graph_place *place, char name[GRAPH_NAME_SIZE])
{
  static const char *const letters[] = {
      [GRAPH_QUERY] = "<q>", [GRAPH_KEY] = "<k>", [GRAPH_VALUE] = "<v>", [GRAPH_HEAD] = ""};
  switch (place->kind) {
  case GRAPH_INPUT:
    return strcpy(name, "input");
  case GRAPH_LOGITS:
    return strcpy(name, "logits");
  case GRAPH_MLP:
    snprintf(name, GRAPH_NAME_SIZE, "m%zu", place->layer);
    return name;
  case GRAPH_QUERY:
  case GRAPH_KEY:
  case GRAPH_VALUE:
  case GRAPH_HEAD:
    snprintf(name, GRAPH_NAME_SIZE, "a%zu.h%zu%s", place->layer, place->head, letters[place->kind]);
  }
  return name;
}

const char *graph_source_name(const struct graph *g, size_t source, char name[GRAPH_NAME_SIZE])
{
  const struct graph_place place = graph_source(g, source);
  return place_name(&place, name);
}

const char *graph_destination_name(const struct graph *g, size_t destination,
                                   char name[GRAPH_NAME_SIZE])
{
  const struct graph_place place = graph_destination(g, destination);
  return place_name(&place, name);
}

const char *graph_edge_name(const struct graph *g, size_t edge, char name[GRAPH_EDGE_NAME_SIZE])
{
  char source[GRAPH_NAME_SIZE], destination[GRAPH_NAME_SIZE];
  const struct graph_edge ends = graph_edge(g, edge);
  snprintf(name, GRAPH_EDGE_NAME_SIZE, "%s->%s", graph_source_name(g, ends.source, source),
           graph_destination_name(g, ends.destination, destination));
  return name;
}

/* The digits at *at, without zeros in front, and goes past them. */
static bool take_number(const char **at, size_t *number)
{
  uint64_t value;
  size_t digits = strspn(*at, "0123456789");
  if ((digits > 1 && **at == '0') || !text_to_u64(*at, digits, &value) || value >= MOST)
    return false;
  *number = (size_t)value;
  *at += digits;
  return true;
}

/* What stands in front of `end`: as place_name writes it. */
static bool take_place(const char *name, const char *end, struct graph_place *place)
{
  size_t length = (size_t)(end - name);
  *place = (struct graph_place){GRAPH_MLP, 0, 0};
  if (length == 5 && !strncmp(name, "input", 5)) {
    place->kind = GRAPH_INPUT;
    return true;
  }
  if (length == 6 && !strncmp(name, "logits", 6)) {
    place->kind = GRAPH_LOGITS;
    return true;
  }
  if (*name == 'm')
    return name++ && take_number(&name, &place->layer) && name == end;
  if (*name++ != 'a' || !take_number(&name, &place->layer) || *name++ != '.' || *name++ != 'h' ||
      !take_number(&name, &place->head))
    return false;
  place->kind = !strncmp(name, "<q>", 3)   ? GRAPH_QUERY
                : !strncmp(name, "<k>", 3) ? GRAPH_KEY
                : !strncmp(name, "<v>", 3) ? GRAPH_VALUE
                                           : GRAPH_HEAD;
  return name + (place->kind == GRAPH_HEAD ? 0 : 3) == end;
}

size_t graph_edge_of_name(const struct graph *g, const char *name)
{
  struct graph_place from, to;
  const char *arrow = strstr(name, "->");
  if (!arrow || !take_place(name, arrow, &from) ||
      !take_place(arrow + 2, arrow + strlen(arrow), &to))
    return SIZE_MAX;
  bool writes = from.kind == GRAPH_INPUT || from.kind == GRAPH_HEAD || from.kind == GRAPH_MLP;
  bool reads = to.kind != GRAPH_INPUT && to.kind != GRAPH_HEAD;
  if (!writes || !reads || from.layer >= g->layers || to.layer >= g->layers ||
      from.head >= g->heads || to.head >= g->heads)
    return SIZE_MAX;
  struct graph_edge edge = {0, graph_reads(g, to.kind, to.layer, to.head)};
  if (from.kind != GRAPH_INPUT)
    edge.source = graph_head(g, from.layer, from.kind == GRAPH_MLP ? g->heads : from.head);
  return edge.source < graph_sources_of(g, edge.destination) ? graph_edge_number(g, &edge)
                                                             : SIZE_MAX;
}
