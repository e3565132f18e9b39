#include "report/circuit_picture.h"
#include "report/circuit_rows.h"

/* A text between quotes: printable, quotes and backslashes escaped. */
static void add_quoted(struct text *text, const char *in)
{
  text_add(text, "\"");
  for (const char *p = in; *p;) {
    size_t length = text_printable(p);
    if (*p == '"' || *p == '\\')
      text_add(text, "\\");
    text_add(text, "%.*s", (int)(length ? length : 1), length ? p : "?");
    p += length ? length : 1;
  }
  text_add(text, "\"");
}

static void add_nodes(const struct circuit_rows *rows, struct text *text)
{
  char name[GRAPH_NAME_SIZE];
  size_t row = SIZE_MAX;
  for (size_t i = 0; i < rows->count; i++) {
    const struct circuit_place *place = &rows->places[i];
    if (place->row != row)
      text_add(text, "%s  { rank=same;", row == SIZE_MAX ? "" : " }\n");
    row = place->row;
    text_add(text, " \"%s\";", circuit_rows_name(rows, place->node, name));
  }
  text_add(text, "%s", rows->count ? " }\n" : "");
}

static void add_edge(const struct circuit_picture *picture, const struct circuit_rows *rows,
                     size_t edge, struct text *text)
{
  const struct graph *g = picture->graph;
  char from[GRAPH_NAME_SIZE], to[GRAPH_NAME_SIZE];
  const struct graph_edge ends = graph_edge(g, edge);
  const char *input = circuit_rows_input(g, ends.destination);
  text_add(text, "  \"%s\" -> \"%s\" [", graph_source_name(g, ends.source, from),
           circuit_rows_name(rows, graph_node(g, ends.destination), to));
  if (*input)
    text_add(text, "label=\"%s\", ", input);
  text_add(text, "color=\"%s\", penwidth=%.2f, tooltip=\"%.6g",
           picture->scores[edge] < 0 ? "#c0392b" : "#2471a3",
           circuit_rows_width(rows, picture->scores[edge]), picture->scores[edge]);
  if (picture->included)
    text_add(text, ", in %zu of %zu resamples", picture->included[edge], picture->resamples);
  text_add(text, "\"];\n");
}

void circuit_picture_dot(const struct circuit_picture *picture, struct text *text)
{
  struct circuit_rows rows;
  circuit_rows_make(picture, &rows, text);
  text_add(text, "digraph circuit {\n  label=");
  add_quoted(text, picture->title);
  text_add(text, ";\n  rankdir=BT;\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n"
                 "  edge [fontname=\"sans-serif\", fontsize=8, arrowsize=0.5];\n");
  add_nodes(&rows, text);
  for (size_t e = 0; e < picture->graph->edges; e++)
    if (picture->kept[e])
      add_edge(picture, &rows, e, text);
  text_add(text, "}\n");
  circuit_rows_free(&rows);
}
