#include "report/markup.h"
#include "report/plot_frame.h"

#include <math.h>

#define HEIGHT 190.0 /* of the area between the axes */
#define LEGEND_LINE 17.0
#define LEGEND_TOP 34.0

/* Where the legend's next entry goes. */
struct legend {
  double x, y;
};

/* All of a plot's entries, or, without a text, the room that they take. */
static void next_entry(struct legend *legend, const char *name)
{
  double width = 30 + frame_text_width(name);
  if (legend->x > 4 && legend->x + width > PLOT_WIDTH) {
    legend->x = 4;
    legend->y += LEGEND_LINE;
  }
}

static double marker_reach(unsigned colour)
{
  return colour % 4 == 1 ? 3.0 : 3.6;
}

/* A circle, a square, a triangle or a diamond, so that colours alone need not be told apart. */
static void add_marker(unsigned colour, double x, double y, struct text *text)
{
  double r = marker_reach(colour);
  switch (colour % 4) {
  case 0:
    text_add(text, "<path d=\"M%.1f %.1fa%.1f %.1f 0 1 0 %.1f 0a%.1f %.1f 0 1 0 -%.1f 0z\"", x - r,
             y, r, r, 2 * r, r, r, 2 * r);
    break;
  case 1:
    text_add(text, "<path d=\"M%.1f %.1fh%.1fv%.1fh-%.1fz\"", x - r, y - r, 2 * r, 2 * r, 2 * r);
    break;
  case 2:
    text_add(text, "<path d=\"M%.1f %.1fl%.1f %.1fh-%.1fz\"", x, y - r, r, 2 * r, 2 * r);
    break;
  default:
    text_add(text, "<path d=\"M%.1f %.1fl%.1f %.1fl-%.1f %.1fl-%.1f -%.1fz\"", x, y - r, r, r, r, r,
             r, r);
  }
  text_add(text, " class=\"f%u\"", colour % PLOT_COLOURS);
}

static const char *const dashes[PLOT_DASHES] = {"", " dash", " dots"};

static void add_key(const struct plot_series *s, const struct legend *at, struct text *text)
{
  if (!s->no_line)
    text_add(text, "<path class=\"line s%u%s\" d=\"M%.1f %.1fh22\"/>", s->colour % PLOT_COLOURS,
             dashes[s->dash % PLOT_DASHES], at->x, at->y - 4);
  if (s->markers || s->no_line) {
    add_marker(s->colour, at->x + 11, at->y - 4, text);
    text_add(text, "/>");
  }
  text_add(text, "<text x=\"%.1f\" y=\"%.1f\">", at->x + 27, at->y);
  markup_add(text, s->name);
  text_add(text, "</text>\n");
}

/* Returns where it ends. */
static double add_legend(const struct plot_series *series, size_t count, struct text *text)
{
  struct legend legend = {4, LEGEND_TOP};
  bool any = false;
  for (size_t i = 0; i < count; i++) {
    if (!series[i].name)
      continue;
    next_entry(&legend, series[i].name);
    if (text)
      add_key(&series[i], &legend, text);
    legend.x += 42 + frame_text_width(series[i].name);
    any = true;
  }
  return any ? legend.y : LEGEND_TOP - LEGEND_LINE;
}

static bool shown(const struct plot_point *point)
{
  return isfinite(point->x) && isfinite(point->y);
}

/* Pieces of the line end where a value is missing. */
static void add_line(const struct plot_series *s, const struct scale *x, const struct scale *y,
                     struct text *text)
{
  const char *move = "M";
  text_add(text, "<path class=\"line s%u%s\" d=\"", s->colour % PLOT_COLOURS,
           dashes[s->dash % PLOT_DASHES]);
  for (size_t i = 0; i < s->count; i++) {
    if (!shown(&s->points[i])) {
      move = "M";
      continue;
    }
    text_add(text, "%s%.1f %.1f", move, scale_at(x, s->points[i].x), scale_at(y, s->points[i].y));
    move = "L";
  }
  text_add(text, "\"/>\n");
}

static void add_points(const struct plot *plot, const struct plot_series *s, const struct scale *x,
                       const struct scale *y, struct text *text)
{
  for (size_t i = 0; i < s->count; i++) {
    const struct plot_point *p = &s->points[i];
    if (!shown(p))
      continue;
    add_marker(s->colour, scale_at(x, p->x), scale_at(y, p->y), text);
    text_add(text, "><title>");
    markup_add(text, s->name ? s->name : plot->y.label);
    if (p->name) {
      text_add(text, ", ");
      markup_add(text, p->name);
    }
    text_add(text, ": ");
    plot_number(&plot->x, p->x, text);
    text_add(text, ", ");
    plot_number(&plot->y, p->y, text);
    text_add(text, "</title></path>\n");
  }
}

/* What is drawn, and where. */
struct drawing {
  const struct plot_series *series;
  size_t count;
  const struct scale *x, *y;
};

/* How far the points between two positions stay away from the place of a level's label. */
static double clearance(const struct drawing *d, double level, double from, double to)
{
  double least = HEIGHT;
  for (size_t s = 0; s < d->count; s++)
    for (size_t i = 0; i < d->series[s].count; i++) {
      const struct plot_point *p = &d->series[s].points[i];
      if (!shown(p) || scale_at(d->x, p->x) < from || scale_at(d->x, p->x) > to)
        continue;
      double away = fabs(scale_at(d->y, p->y) - (level - 8));
      least = away < least ? away : least;
    }
  return least;
}

/* A line across, its label above it at the end where it covers less. */
static void add_level(const struct drawing *d, const struct plot_mark *mark, struct text *text)
{
  double at = scale_at(d->y, mark->at), label = frame_text_width(mark->label) + 8;
  bool right = clearance(d, at, FRAME_RIGHT - label, FRAME_RIGHT) >
               clearance(d, at, FRAME_LEFT, FRAME_LEFT + label);
  bool at_top = at - 4 < d->y->to + 8; /* the axis has its label there */
  text_add(text, "<path class=\"mark\" d=\"M%.1f %.1fH%.1f\"/><text x=\"%.1f\" y=\"%.1f\"%s>",
           FRAME_LEFT, at, FRAME_RIGHT, right ? FRAME_RIGHT - 4 : FRAME_LEFT + 4,
           at_top ? at + 12 : at - 4, right ? " text-anchor=\"end\"" : "");
}

static void add_mark(const struct drawing *d, const struct plot_mark *mark, struct text *text)
{
  if (!isfinite(mark->at))
    return;
  if (mark->level) {
    add_level(d, mark, text);
  } else {
    double at = scale_at(d->x, mark->at);
    bool before = at + 4 + frame_text_width(mark->label) > FRAME_RIGHT;
    text_add(text, "<path class=\"mark\" d=\"M%.1f %.1fV%.1f\"/><text x=\"%.1f\" y=\"%.1f\"%s>", at,
             d->y->from, d->y->to, before ? at - 4 : at + 4, d->y->from - 6,
             before ? " text-anchor=\"end\"" : "");
  }
  markup_add(text, mark->label);
  text_add(text, "</text>\n");
}

double plot_lines(const struct plot *plot, const struct plot_series *series, size_t count,
                  const struct plot_mark *marks, size_t mark_count, struct text *text)
{
  struct range xs = {0}, ys = {0};
  for (size_t s = 0; s < count; s++)
    for (size_t i = 0; i < series[s].count; i++) {
      const struct plot_point *p = &series[s].points[i];
      if (!shown(p))
        continue;
      range_add(&xs, &plot->x, p->x);
      range_add(&ys, &plot->y, p->y);
    }
  for (size_t m = 0; m < mark_count; m++)
    range_add(marks[m].level ? &ys : &xs, marks[m].level ? &plot->y : &plot->x, marks[m].at);
  double top = add_legend(series, count, NULL) + 36, bottom = top + HEIGHT;
  struct scale x = scale_make(&plot->x, &xs, FRAME_LEFT, FRAME_RIGHT);
  struct scale y = scale_make(&plot->y, &ys, bottom, top);
  frame_begin(plot, bottom + 44, text);
  add_legend(series, count, text);
  frame_x(plot, &x, bottom, top, text);
  frame_y(plot, &y, FRAME_LEFT, FRAME_RIGHT, text);
  const struct drawing drawing = {series, count, &x, &y};
  for (size_t m = 0; m < mark_count; m++)
    add_mark(&drawing, &marks[m], text);
  for (size_t s = 0; s < count; s++) {
    if (!series[s].no_line)
      add_line(&series[s], &x, &y, text);
    if (series[s].markers || series[s].no_line)
      add_points(plot, &series[s], &x, &y, text);
  }
  frame_end(text);
  return bottom + 44;
}
