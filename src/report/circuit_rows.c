#include "report/circuit_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The row of a node in the whole graph: embedding, heads and MLP of each layer, logits. */
static size_t full_row(const struct graph *g, size_t node)
{
  if (node == g->sources)
    return 2 * g->layers + 1;
  const struct graph_place place = graph_source(g, node);
  if (place.kind == GRAPH_INPUT)
    return 0;
  return 1 + 2 * place.layer + (place.kind == GRAPH_MLP);
}

static void place_nodes(struct circuit_rows *rows, const bool *nodes)
{
  size_t before = SIZE_MAX, column = 0;
  for (size_t node = 0; node <= rows->graph->sources; node++) {
    if (!nodes[node])
      continue;
    size_t row = full_row(rows->graph, node);
    column = row == before ? column + 1 : 0;
    rows->rows += row != before;
    before = row;
    rows->places[rows->count++] = (struct circuit_place){node, rows->rows - 1, column};
    rows->widest = column + 1 > rows->widest ? column + 1 : rows->widest;
  }
}

void circuit_rows_make(const struct circuit_picture *picture, struct circuit_rows *rows,
                       struct text *text)
{
  const struct graph *g = picture->graph;
  *rows = (struct circuit_rows){.graph = g};
  bool *nodes = calloc(g->sources + 1, sizeof *nodes);
  rows->places = calloc(g->sources + 1, sizeof *rows->places);
  text->failed = text->failed || !nodes || !rows->places;
  for (size_t e = 0; e < g->edges && !text->failed; e++) {
    if (!picture->kept[e])
      continue;
    const struct graph_edge edge = graph_edge(g, e);
    nodes[edge.source] = nodes[graph_node(g, edge.destination)] = true;
    rows->most = fmax(rows->most, fabs(picture->scores[e]));
  }
  if (!text->failed)
    place_nodes(rows, nodes);
  free(nodes);
}

void circuit_rows_free(struct circuit_rows *rows)
{
  free(rows->places);
  *rows = (struct circuit_rows){0};
}

const char *circuit_rows_name(const struct circuit_rows *rows, size_t node,
                              char name[GRAPH_NAME_SIZE])
{
  return node == rows->graph->sources ? strcpy(name, "logits")
                                      : graph_source_name(rows->graph, node, name);
}

const char *circuit_rows_input(const struct graph *g, size_t destination)
{
  switch (graph_destination(g, destination).kind) {
  case GRAPH_QUERY:
    return "q";
  case GRAPH_KEY:
    return "k";
  case GRAPH_VALUE:
    return "v";
  case GRAPH_INPUT:
  case GRAPH_HEAD:
  case GRAPH_MLP:
  case GRAPH_LOGITS:
    break;
  }
  return "";
}

size_t circuit_rows_columns(const struct circuit_rows *rows, size_t row)
{
  size_t columns = 0;
  for (size_t i = 0; i < rows->count; i++)
    columns += rows->places[i].row == row;
  return columns;
}

const struct circuit_place *circuit_rows_find(const struct circuit_rows *rows, size_t node)
{
  for (size_t i = 0; i < rows->count; i++)
    if (rows->places[i].node == node)
      return &rows->places[i];
  return NULL;
}

double circuit_rows_width(const struct circuit_rows *rows, double score)
{
  return .5 + (rows->most > 0 ? 3.5 * fabs(score) / rows->most : 0);
}
