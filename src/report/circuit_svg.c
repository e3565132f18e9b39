#include "report/circuit_picture.h"
#include "report/circuit_rows.h"
#include "report/markup.h"

#include <stdio.h>
#include <string.h>

#define COLUMN 76.0 /* units from node to node */
#define ROW 64.0
#define NODE_WIDTH 58.0
#define NODE_HEIGHT 22.0
#define MARGIN 24.0
#define LINE 17.0        /* of text */
#define LETTER 6.6       /* units that a character of it takes, about */
#define SAMPLE 28.0      /* of a line or a box in the legend */
#define INPUT_SHIFT 16.0 /* of q to the left and v to the right of a head's middle */

struct canvas {
  const struct circuit_picture *picture;
  struct circuit_rows rows;
  double width, height, bottom; /* bottom: of the picture, where the legend begins */
};

/* Columns that the next line of a title takes: up to the last blank that fits, or all that fit. */
static size_t line_length(const char *words, double width)
{
  size_t most = (size_t)(width / LETTER), length = strlen(words);
  if (length <= most)
    return length;
  for (length = most; length > 1 && words[length] != ' ';)
    length--;
  if (length > 1)
    return length;
  for (length = most; length > 1 && ((unsigned char)words[length] & 0xC0) == 0x80;)
    length--;
  return length;
}

/* Adds the title in as many lines as it takes, or, without a text, counts them. */
static size_t add_title(const char *title, double width, struct text *text)
{
  size_t lines = 0;
  char line[1024];
  while (*title) {
    size_t length = line_length(title, width - 2 * MARGIN);
    snprintf(line, sizeof line, "%.*s", (int)length, title);
    lines++;
    if (text) {
      text_add(text, "<text class=\"title\" x=\"%.0f\" y=\"%.0f\">", width / 2,
               MARGIN + LINE * (double)(lines - 1));
      markup_add(text, line);
      text_add(text, "</text>\n");
    }
    title += length + (title[length] == ' ');
  }
  return lines;
}

/* The middle of a node; rows grow upwards. */
static double middle_x(const struct canvas *c, const struct circuit_place *place)
{
  double columns = (double)circuit_rows_columns(&c->rows, place->row);
  return c->width / 2 + ((double)place->column - (columns - 1) / 2) * COLUMN;
}

static double middle_y(const struct canvas *c, const struct circuit_place *place)
{
  return c->bottom - MARGIN - NODE_HEIGHT / 2 - (double)place->row * ROW;
}

static void begin(const struct canvas *c, struct text *text)
{
  text_add(text,
           "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n"
           "<style>:root{--ink:#222;--paper:#fff;--plus:#2471a3;--minus:#c0392b}\n"
           "@media (prefers-color-scheme:dark){:root{--ink:#ddd;--paper:#1b1b1b;--plus:#6cb2e8;"
           "--minus:#f08a7c}}\n"
           "svg{background:var(--paper);font:12px sans-serif}text{fill:var(--ink);text-anchor:"
           "middle}.title{font-weight:bold}.key{text-anchor:start}\nrect{fill:var(--paper);stroke:"
           "var(--ink)}.plus{stroke:var(--plus)}"
           ".minus{stroke:var(--minus)}.any{stroke:var(--ink)}path{fill:none;opacity:.75}</"
           "style>\n<title>",
           c->width, c->height);
  markup_add(text, c->picture->title);
  text_add(text, "</title>\n");
  add_title(c->picture->title, c->width, text);
}

/* What the picture's lines and boxes mean; its own lines are no paths, which are edges alone. */
struct legend_line {
  const char *class; /* of its sample; NULL: none; "box": a node */
  double width;      /* of the sample */
  const char *words;
};

static const struct legend_line legend[] = {
    {"plus", 3, "score above 0: with this edge corrupted the metric rises"},
    {"minus", 3, "score below 0: with it corrupted the metric falls"},
    {"any", .5, "a score near 0"},
    {"any", 4, "the largest score, regardless of sign"},
    {"box", 0, "a node: input (embedding), aL.hH (layer L, head H), mL (MLP), logits"},
    {NULL, 0, "an edge ends at the left of a head for its query, in the middle for its"},
    {NULL, 0, "key, at the right for its value; layers follow each other upwards"},
};
#define LEGEND_LINES (sizeof legend / sizeof *legend)

static void add_legend(const struct canvas *c, struct text *text)
{
  for (size_t i = 0; i < LEGEND_LINES; i++) {
    double y = c->bottom + LINE * (double)(i + 1), x = MARGIN;
    if (legend[i].class && strcmp(legend[i].class, "box") == 0)
      text_add(text, "<rect x=\"%.0f\" y=\"%.1f\" width=\"%.0f\" height=\"11\" rx=\"3\"/>", x,
               y - 10, SAMPLE);
    else if (legend[i].class)
      text_add(text,
               "<line class=\"%s\" stroke-width=\"%.1f\" x1=\"%.0f\" y1=\"%.1f\" x2=\"%.0f\" "
               "y2=\"%.1f\"/>",
               legend[i].class, legend[i].width, x, y - 4, x + SAMPLE, y - 4);
    text_add(text, "<text class=\"key\" x=\"%.0f\" y=\"%.1f\">%s", x + SAMPLE + 8, y,
             legend[i].words);
    if (legend[i].width == 4) /* of circuit_rows_width */
      text_add(text, ": %.3g", c->rows.most);
    text_add(text, "</text>\n");
  }
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
  c.bottom = LINE * (double)add_title(picture->title, c.width, NULL) + 2 * MARGIN +
             (rows > 1 ? rows : 1) * ROW;
  c.height = c.bottom + LINE * (double)LEGEND_LINES + MARGIN;
  begin(&c, text);
  for (size_t e = 0; e < picture->graph->edges; e++)
    if (picture->kept[e])
      add_edge(&c, e, text);
  for (size_t i = 0; i < c.rows.count; i++)
    add_node(&c, &c.rows.places[i], text);
  if (!c.rows.count)
    text_add(text, "<text x=\"%.0f\" y=\"%.0f\">no edges are left</text>\n", c.width / 2,
             c.bottom - ROW);
  add_legend(&c, text);
  text_add(text, "</svg>\n");
  circuit_rows_free(&c.rows);
}
