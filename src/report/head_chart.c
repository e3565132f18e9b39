#include "report/head_map.h"

#include "base/memory.h"
#include "sleef_scalar.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 13
#define LEFT 10 /* columns for the labels of rows */

/* Characters of the chart, [ROWS][columns], and how its values become places. */
struct canvas {
  char *cells;
  size_t columns;
  double low, high;   /* of ln tokens */
  double bottom, top; /* of values */
};

enum mark { MARK_NONE, MARK_PATH, MARK_FIRST, MARK_SECOND, MARKS };

static double ln(double tokens, double floor)
{
  return Sleef_finz_logd1_u10purecfma(tokens > floor ? tokens : floor);
}

/* Tokens of 0 stand where the smallest above 0 divided by 10 would. */
static double floor_of(const struct trajectory *t)
{
  double least = 0;
  bool zero = false;
  for (size_t r = 0; r < t->count; r++) {
    double tokens = t->revisions[r].tokens;
    zero = zero || tokens <= 0;
    if (tokens > 0 && (least == 0 || tokens < least))
      least = tokens;
  }
  return least == 0 ? 1 : zero ? least / 10 : least;
}

static size_t place(double value, double low, double high, size_t count)
{
  double share = high > low ? (value - low) / (high - low) : 0;
  double at = share * (double)(count - 1) + 0.5;
  return at <= 0 ? 0 : at >= (double)count ? count - 1 : (size_t)at;
}

static void put(struct canvas *canvas, double x, double y, enum mark mark)
{
  size_t column = place(x, canvas->low, canvas->high, canvas->columns);
  size_t row = place(y, canvas->bottom, canvas->top, ROWS);
  char *cell = &canvas->cells[(ROWS - 1 - row) * canvas->columns + column];
  if ((char)mark > *cell)
    *cell = (char)mark;
}

/* From one point to the next, a step a column. */
static void draw(struct canvas *canvas, const struct trajectory *t, const double *values,
                 double floor, enum mark mark)
{
  for (size_t r = 0; r < t->count; r++) {
    double x = ln(t->revisions[r].tokens, floor);
    if (!isfinite(values[r]))
      continue;
    put(canvas, x, values[r], mark);
    if (r + 1 == t->count || !isfinite(values[r + 1]))
      continue;
    double to = ln(t->revisions[r + 1].tokens, floor);
    for (size_t s = 1; s < canvas->columns; s++) {
      double share = (double)s / (double)canvas->columns;
      put(canvas, x + (to - x) * share, values[r] + (values[r + 1] - values[r]) * share, MARK_PATH);
    }
  }
}

static void add_rows(const struct canvas *canvas, const struct chart *chart,
                     const struct text_look *look, struct text *text)
{
  static const char *const fancy[MARKS] = {" ", "\u00b7", "\u25cf", "\u25cb"};
  static const char *const plain[MARKS] = {" ", ".", "*", "o"};
  for (size_t row = 0; row < ROWS; row++) {
    double value = canvas->bottom +
                   (canvas->top - canvas->bottom) * (double)(ROWS - 1 - row) / (double)(ROWS - 1);
    if (row % 3 == 0)
      text_add(text, chart->percent ? "%7.1f %% " : "%9.4g ", chart->percent ? 100 * value : value);
    else
      text_add(text, "%*s", LEFT, "");
    text_add(text, "%s", look->utf8 ? "\u2502" : "|");
    size_t end = canvas->columns;
    const char *cells = canvas->cells + row * canvas->columns;
    while (end && cells[end - 1] == MARK_NONE)
      end--;
    for (size_t c = 0; c < end; c++)
      text_add(text, "%s", (look->utf8 ? fancy : plain)[(int)cells[c]]);
    text_add(text, "\n");
  }
}

static void add_below(const struct trajectory *t, const struct chart *chart,
                      const struct canvas *canvas, const struct text_look *look, struct text *text)
{
  text_add(text, "%*s%s", LEFT, "", look->utf8 ? "\u2514" : "+");
  for (size_t c = 0; c < canvas->columns; c++)
    text_add(text, "%s", look->utf8 ? "\u2500" : "-");
  text_add(text, "\n%*s%-12.4g%*.4g\n%*straining tokens (1e9), logarithmic\n", LEFT + 1, "",
           t->revisions[0].tokens, (int)canvas->columns - 12, t->revisions[t->count - 1].tokens,
           LEFT + 1, "");
  for (int s = 0; s < CHART_SERIES; s++)
    if (chart->names[s])
      text_add(text, "  %s %s: %.4g%s at %s, %.4g%s at %s\n",
               s == 0 ? (look->utf8 ? "\u25cf" : "*") : (look->utf8 ? "\u25cb" : "o"),
               chart->names[s], (chart->percent ? 100 : 1) * chart->values[s][0],
               chart->percent ? " %" : "", t->revisions[0].name,
               (chart->percent ? 100 : 1) * chart->values[s][t->count - 1],
               chart->percent ? " %" : "", t->revisions[t->count - 1].name);
}

int head_chart(const struct trajectory *trajectory, const struct chart *chart,
               const struct text_look *look, struct text *text, struct error *error)
{
  size_t width = look->width > 40 ? look->width : 40;
  double floor = floor_of(trajectory);
  struct canvas canvas = {.columns = (width < 120 ? width : 120) - LEFT - 2,
                          .low = ln(trajectory->revisions[0].tokens, floor),
                          .high = ln(trajectory->revisions[trajectory->count - 1].tokens, floor),
                          .top = chart->percent ? 1 : 0};
  for (int s = 0; s < CHART_SERIES; s++)
    for (size_t r = 0; chart->names[s] && r < trajectory->count; r++)
      if (isfinite(chart->values[s][r]) && chart->values[s][r] > canvas.top)
        canvas.top = chart->values[s][r];
  canvas.cells = memory_zeroed(ROWS, canvas.columns, chart->title, error);
  if (!canvas.cells)
    return error->code;
  for (int s = 0; s < CHART_SERIES; s++)
    if (chart->names[s])
      draw(&canvas, trajectory, chart->values[s], floor, s ? MARK_SECOND : MARK_FIRST);
  text_add(text, "%s\n", chart->title);
  add_rows(&canvas, chart, look, text);
  add_below(trajectory, chart, &canvas, look, text);
  free(canvas.cells);
  return 0;
}
