#include "report/markup.h"
#include "report/plot_frame.h"

#include <math.h>

#define TALLEST 20.0 /* of a cell */
#define HEIGHT 320.0 /* of all cells, when they are many */
#define TOP 44.0
#define NAMES 74.0 /* below, where names of columns stand on end */
#define LEAST 0.12 /* opacity of a cell that holds anything: it must differ from an empty one */

struct heat {
  const struct plot_cells *cells;
  double width, height; /* of a cell */
};

static double shade(double value, double most)
{
  double share = most > 0 && value < most ? value / most : 1;
  return LEAST + (1 - LEAST) * share;
}

static void add_cell(const struct plot *plot, const struct heat *heat, size_t row, size_t column,
                     struct text *text)
{
  const struct plot_cells *c = heat->cells;
  double value = c->values[row * c->columns + column];
  text_add(text, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"",
           !isfinite(value) ? "gap"
           : value > 0      ? "heat"
                            : "none",
           FRAME_LEFT + heat->width * (double)column, TOP + heat->height * (double)row,
           heat->width - 1, heat->height - 1);
  if (isfinite(value) && value > 0)
    text_add(text, " fill-opacity=\"%.3f\"", shade(value, c->most));
  text_add(text, "><title>");
  markup_add(text, c->row_names[row]);
  text_add(text, ", ");
  markup_add(text, c->column_names[column]);
  text_add(text, ": ");
  if (isfinite(value))
    plot_number(&plot->y, value, text);
  else
    text_add(text, "not known");
  text_add(text, "</title></rect>\n");
}

/* So many apart that they do not touch. */
static size_t apart(double size)
{
  size_t every = 1;
  while (size * (double)every < 12)
    every++;
  return every;
}

static void add_names(const struct heat *heat, double bottom, struct text *text)
{
  const struct plot_cells *c = heat->cells;
  for (size_t row = 0; row < c->rows; row += apart(heat->height)) {
    text_add(text, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">", FRAME_LEFT - 5,
             TOP + heat->height * ((double)row + 0.5) + 4);
    markup_add(text, c->row_names[row]);
    text_add(text, "</text>\n");
  }
  for (size_t column = 0; column < c->columns; column += apart(heat->width)) {
    double x = FRAME_LEFT + heat->width * ((double)column + 0.5) + 4;
    text_add(text,
             "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\" transform=\"rotate(-60 %.1f %.1f)\">",
             x, bottom + 10, x, bottom + 10);
    markup_add(text, c->column_names[column]);
    text_add(text, "</text>\n");
  }
}

/* From nothing to the strongest colour. */
static void add_legend(const struct plot *plot, const struct plot_cells *cells, struct text *text)
{
  text_add(text,
           "<rect class=\"none\" x=\"%.1f\" y=\"24\" width=\"13\" height=\"11\"/>"
           "<text x=\"%.1f\" y=\"34\">0</text>\n",
           FRAME_LEFT, FRAME_LEFT + 17);
  for (int i = 0; i <= 10; i++)
    text_add(text,
             "<rect class=\"heat\" x=\"%.1f\" y=\"24\" width=\"10\" height=\"11\" "
             "fill-opacity=\"%.3f\"/>",
             FRAME_LEFT + 34 + 10 * i, shade(i, 10));
  text_add(text, "<text x=\"%.1f\" y=\"34\">", FRAME_LEFT + 150);
  plot_number(&plot->y, cells->most, text);
  text_add(text, " ");
  markup_add(text, plot->y.label);
  text_add(text, "</text>\n");
}

double plot_heat(const struct plot *plot, const struct plot_cells *cells, struct text *text)
{
  struct heat heat = {cells,
                      (FRAME_RIGHT - FRAME_LEFT) / (double)(cells->columns ? cells->columns : 1),
                      HEIGHT / (double)(cells->rows ? cells->rows : 1)};
  if (heat.height > TALLEST)
    heat.height = TALLEST;
  double bottom = TOP + heat.height * (double)cells->rows, height = bottom + NAMES + 22;
  frame_begin(plot, height, text);
  add_legend(plot, cells, text);
  for (size_t row = 0; row < cells->rows; row++)
    for (size_t column = 0; column < cells->columns; column++)
      add_cell(plot, &heat, row, column, text);
  add_names(&heat, bottom, text);
  text_add(text, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
           (FRAME_LEFT + FRAME_RIGHT) / 2, height - 6);
  markup_add(text, plot->x.label);
  text_add(text, "</text>\n");
  frame_end(text);
  return height;
}
