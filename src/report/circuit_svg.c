#include "report/circuit_picture.h"
#include "report/circuit_rows.h"
#include "report/markup.h"

#define COLUMN 76.0 /* units from node to node */
#define ROW 64.0
#define NODE_WIDTH 58.0
#define NODE_HEIGHT 22.0
#define MARGIN 24.0
#define HEAD_HEIGHT 40.0 /* for the title */
#define INPUT_SHIFT 16.0 /* of q to the left and v to the right of a head's middle */

struct canvas {
  const struct circuit_picture *picture;
  struct circuit_rows rows;
  double width, height;
};

/* The middle of a node; rows grow upwards. */
static double middle_x(const struct canvas *c, const struct circuit_place *place)
{
  double columns = (double)circuit_rows_columns(&c->rows, place->row);
  return c->width / 2 + ((double)place->column - (columns - 1) / 2) * COLUMN;
}

static double middle_y(const struct canvas *c, const struct circuit_place *place)
{
  return c->height - MARGIN - NODE_HEIGHT / 2 - (double)place->row * ROW;
}

static void begin(const struct canvas *c, struct text *text)
{
  text_add(text,
           "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n"
           "<style>:root{--ink:#222;--paper:#fff;--plus:#2471a3;--minus:#c0392b}\n"
           "@media (prefers-color-scheme:dark){:root{--ink:#ddd;--paper:#1b1b1b;--plus:#6cb2e8;"
           "--minus:#f08a7c}}\n"
           "svg{background:var(--paper);font:12px sans-serif}text{fill:var(--ink);text-anchor:"
           "middle}\nrect{fill:var(--paper);stroke:var(--ink)}.plus{stroke:var(--plus)}"
           ".minus{stroke:var(--minus)}path{fill:none;opacity:.75}</style>\n<title>",
           c->width, c->height);
  markup_add(text, c->picture->title);
  text_add(text, "</title>\n<text x=\"%.0f\" y=\"20\">", c->width / 2);
  markup_add(text, c->picture->title);
  text_add(text, "</text>\n");
}

static void add_edge(const struct canvas *c, size_t edge, struct text *text)
{
  const struct circuit_picture *picture = c->picture;
  const struct graph_edge ends = graph_edge(picture->graph, edge);
  const struct circuit_place *from = circuit_rows_find(&c->rows, ends.source);
  const struct circuit_place *to =
      circuit_rows_find(&c->rows, graph_node(picture->graph, ends.destination));
  const char *input = circuit_rows_input(picture->graph, ends.destination);
  char name[GRAPH_EDGE_NAME_SIZE];
  if (!from || !to)
    return;
  double shift = *input == 'q' ? -INPUT_SHIFT : *input == 'v' ? INPUT_SHIFT : 0;
  double x1 = middle_x(c, from), y1 = middle_y(c, from) - NODE_HEIGHT / 2;
  double x2 = middle_x(c, to) + shift, y2 = middle_y(c, to) + NODE_HEIGHT / 2;
  text_add(text,
           "<path class=\"%s\" stroke-width=\"%.2f\" d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f "
           "%.1f\"><title>",
           picture->scores[edge] < 0 ? "minus" : "plus",
           circuit_rows_width(&c->rows, picture->scores[edge]), x1, y1, x1, y1 - ROW / 3, x2,
           y2 + ROW / 3, x2, y2);
  markup_add(text, graph_edge_name(picture->graph, edge, name));
  text_add(text, ": %.6g", picture->scores[edge]);
  if (picture->included)
    text_add(text, ", in %zu of %zu resamples", picture->included[edge], picture->resamples);
  text_add(text, "</title></path>\n");
}

static void add_node(const struct canvas *c, const struct circuit_place *place, struct text *text)
{
  char name[GRAPH_NAME_SIZE];
  double x = middle_x(c, place), y = middle_y(c, place);
  text_add(text,
           "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"%.0f\" rx=\"4\"/>"
           "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n",
           x - NODE_WIDTH / 2, y - NODE_HEIGHT / 2, NODE_WIDTH, NODE_HEIGHT, x, y + 4,
           circuit_rows_name(&c->rows, place->node, name));
}

void circuit_picture_svg(const struct circuit_picture *picture, struct text *text)
{
  struct canvas c = {.picture = picture};
  circuit_rows_make(picture, &c.rows, text);
  double columns = (double)c.rows.widest, rows = (double)c.rows.rows;
  c.width = 2 * MARGIN + (columns > 6 ? columns : 6) * COLUMN;
  c.height = HEAD_HEIGHT + 2 * MARGIN + (rows > 1 ? rows : 1) * ROW;
  begin(&c, text);
  for (size_t e = 0; e < picture->graph->edges; e++)
    if (picture->kept[e])
      add_edge(&c, e, text);
  for (size_t i = 0; i < c.rows.count; i++)
    add_node(&c, &c.rows.places[i], text);
  if (!c.rows.count)
    text_add(text, "<text x=\"%.0f\" y=\"%.0f\">no edges are left</text>\n", c.width / 2,
             c.height / 2);
  text_add(text, "</svg>\n");
  circuit_rows_free(&c.rows);
}
