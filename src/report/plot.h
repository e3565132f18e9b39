/* Plots as SVG: lines, bars, heat maps. The same data give the same bytes. Colours are CSS
 * variables with a light and a dark set, no script is needed, and every plot says in words what it
 * shows: title, description, and a title at each point, bar and cell, which browsers show as a
 * tooltip.
 *
 * A plot takes the width that it is given, 480 units by its own measure, so that its letters can be
 * read on a phone. Strings may come from files: they are escaped. What is not finite is left out.
 */
#ifndef ATTEST_REPORT_PLOT_H
#define ATTEST_REPORT_PLOT_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

#define PLOT_WIDTH 480
#define PLOT_COLOURS 8
#define PLOT_DASHES 3

struct plot_axis {
  const char *label;
  bool log;         /* what is not above 0 stands on a place of its own before the axis */
  bool percent;     /* values are fractions, shown as percentages */
  double low, high; /* what must be shown at least; both 0: what the data need */
};

struct plot {
  const char *id; /* of letters, digits and '-', one a page: what the description is found by */
  const char *title, *description;
  struct plot_axis x, y;
  double top; /* in a file of several plots; on a page it has no effect */
};

struct plot_point {
  double x, y;
  const char *name; /* of the point, in its title, such as a revision; NULL: none */
};

struct plot_series {
  const char *name; /* in the legend; NULL: not there */
  const struct plot_point *points;
  size_t count;
  unsigned colour; /* below PLOT_COLOURS; also the shape of its markers */
  unsigned dash;   /* below PLOT_DASHES: solid, dashed, dotted */
  bool markers;    /* false: the line alone, for many points */
  bool no_line;    /* markers alone */
};

/* A line across the plot at an x (or, of `level`, at a y). */
struct plot_mark {
  double at;
  const char *label;
  bool level;
};

struct plot_bar {
  const char *name;
  double value;
  double low, high; /* of an interval or a range, drawn over the bar; both NAN: none */
  unsigned colour;
};

struct plot_cells {
  size_t rows, columns;
  const double *values;            /* [row][column]; NAN: not known */
  const char *const *row_names;    /* [rows] */
  const char *const *column_names; /* [columns] */
  double most; /* of the strongest colour; 0 and below have none, which shows as an empty cell */
};

/* Each adds one <svg> element, whose classes plot_style explains, and returns its height in units.
 * text->failed without memory. */
double plot_lines(const struct plot *plot, const struct plot_series *series, size_t count,
                  const struct plot_mark *marks, size_t mark_count, struct text *text);
double plot_bars(const struct plot *plot, const struct plot_bar *bars, size_t count,
                 struct text *text);
double plot_heat(const struct plot *plot, const struct plot_cells *cells, struct text *text);

/* A value as it stands in ticks and titles: six significant digits, a fraction as "7.4 %". */
void plot_number(const struct plot_axis *axis, double value, struct text *text);

/* The style sheet of all plots, without <style>: once a page. */
void plot_style(struct text *text);

/* Adds an SVG file with plots one below the other: each has as `top` the sum of the heights of
 * those before it; `height` is the sum of all. */
void plot_file(const struct text *plots, double height, struct text *text);

#endif
