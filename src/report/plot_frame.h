/* What plots have in common: how values become positions, axes, ticks, legend, begin and end. */
#ifndef ATTEST_REPORT_PLOT_FRAME_H
#define ATTEST_REPORT_PLOT_FRAME_H

#include "report/plot.h"

/* From values to units along one axis. */
struct scale {
  bool log, percent;
  bool zero;        /* log: there is a column for what is not above 0, at `from` */
  double low, high; /* of values */
  double from, to;  /* of positions */
  double step;      /* of ticks; log: none */
};

/* The range of what an axis must show. */
struct range {
  double low, high;
  bool any, zero; /* zero: something at or below 0 on an axis with log */
};
void range_add(struct range *range, const struct plot_axis *axis, double value);

/* A linear scale whose ends are ticks, or a logarithmic one; what the axis asks for is within. */
struct scale scale_make(const struct plot_axis *axis, const struct range *range, double from,
                        double to);
double scale_at(const struct scale *scale, double value);

/* Lines and labels of both axes. */
void frame_x(const struct plot *plot, const struct scale *x, double bottom, double top,
             struct text *text);
void frame_y(const struct plot *plot, const struct scale *y, double left, double right,
             struct text *text);

/* Positions of the frame that all plots share. */
#define FRAME_LEFT 56.0
#define FRAME_RIGHT 466.0

/* Units that a text takes, about. */
double frame_text_width(const char *string);

/* Begins an element with title and description; the height is known by then. */
void frame_begin(const struct plot *plot, double height, struct text *text);
void frame_end(struct text *text);

#endif
