#include "report/plot_frame.h"

#include "report/markup.h"
#include "sleef_scalar.h"

#include <math.h>
#include <string.h>

#define TICKS 5
#define LETTER 6.6      /* units that a character takes, about */
#define DIGIT 7.7       /* that a digit takes, which is wider */
#define ZERO_WIDTH 30.0 /* of the place for what a logarithmic axis cannot show */
#define ZERO_HEIGHT 20.0

/* So that differences and steps are finite and not 0, whatever a file holds. */
#define LARGEST 1e300
#define SMALLEST 1e-280

static double within(double value)
{
  return value > LARGEST          ? LARGEST
         : value < -LARGEST       ? -LARGEST
         : fabs(value) < SMALLEST ? 0
                                  : value;
}

void range_add(struct range *range, const struct plot_axis *axis, double value)
{
  if (!isfinite(value))
    return;
  value = within(value);
  if (axis->log && value <= 0) {
    range->zero = true;
    return;
  }
  range->low = !range->any || value < range->low ? value : range->low;
  range->high = !range->any || value > range->high ? value : range->high;
  range->any = true;
}

/* The largest power of ten that is at most `value`, which is finite and above 0. */
static double power_of_ten(double value)
{
  double power = 1;
  while (power > value)
    power /= 10;
  while (power * 10 <= value)
    power *= 10;
  return power;
}

/* 1, 2 or 5 times a power of ten: the smallest of them that is at least `least`, which is finite
 * and above 0. */
static double round_step(double least)
{
  double power = power_of_ten(least);
  return power >= least       ? power
         : 2 * power >= least ? 2 * power
         : 5 * power >= least ? 5 * power
                              : 10 * power;
}

static void widen(struct scale *scale)
{
  if (scale->log && scale->high <= scale->low) {
    scale->low /= 2;
    scale->high *= 2;
  } else if (scale->high - scale->low <= 1e-9 * fabs(scale->low)) {
    scale->high = scale->low + (scale->low != 0 ? fabs(scale->low) : 1);
  }
  if (scale->log)
    return;
  double step = scale->step = round_step((scale->high - scale->low) / TICKS);
  scale->low = floor(scale->low / step) * step;
  scale->high = ceil(scale->high / step - 1e-9) * step;
}

struct scale scale_make(const struct plot_axis *axis, const struct range *range, double from,
                        double to)
{
  struct range all = *range;
  if (axis->low < axis->high) {
    range_add(&all, axis, axis->low);
    range_add(&all, axis, axis->high);
  }
  struct scale scale = {axis->log,
                        axis->percent,
                        all.zero,
                        all.any ? all.low : (double)axis->log,
                        all.any ? all.high : 1 + (double)axis->log,
                        from,
                        to,
                        0};
  widen(&scale);
  return scale;
}

static double log_share(const struct scale *scale, double value)
{
  double low = Sleef_finz_logd1_u10purecfma(scale->low);
  return (Sleef_finz_logd1_u10purecfma(value) - low) /
         (Sleef_finz_logd1_u10purecfma(scale->high) - low);
}

double scale_at(const struct scale *scale, double value)
{
  value = within(value);
  double zero = scale->to > scale->from ? ZERO_WIDTH : -ZERO_HEIGHT;
  double from = scale->from + (scale->zero ? zero : 0);
  if (scale->log && value <= 0)
    return scale->from;
  double share =
      scale->log ? log_share(scale, value) : (value - scale->low) / (scale->high - scale->low);
  return from + (scale->to - from) * share;
}

static void add_value(bool percent, double value, struct text *text)
{
  if (percent)
    text_add(text, "%.4g %%", 100 * value);
  else
    text_add(text, "%.6g", value);
}

/* As a tick has it: a million in full, since its neighbours are. */
static void add_tick(const struct scale *scale, double value, struct text *text)
{
  if (scale->percent || fabs(value) < 1e6 || fabs(value) >= 1e7)
    add_value(scale->percent, value, text);
  else
    text_add(text, "%.7g", value);
}

void plot_number(const struct plot_axis *axis, double value, struct text *text)
{
  add_value(axis->percent, value, text);
}

/* The label of the last tick stays within the plot. */
static void add_tick_x(const struct scale *x, double value, double bottom, double top,
                       struct text *text)
{
  struct text label = {0};
  add_tick(x, value, &label);
  const char *shown = label.data ? label.data : "";
  double at = scale_at(x, value), most = PLOT_WIDTH - DIGIT * (double)strlen(shown) / 2 - 1;
  text_add(text,
           "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/><text x=\"%.1f\" y=\"%.1f\" "
           "text-anchor=\"middle\">%s</text>\n",
           at, bottom, top, at < most ? at : most, bottom + 16, shown);
  text->failed = text->failed || label.failed;
  text_free(&label);
}

/* Powers of ten, with 2 and 5 times them where these are few. NAN behind the last, which `index`
 * goes past. */
static double log_tick(const struct scale *scale, size_t index)
{
  static const double between[] = {1, 2, 5};
  size_t each = scale->high / scale->low < 300 ? 3 : 1;
  double power = power_of_ten(scale->low);
  for (size_t i = 0; i < index / each; i++)
    power *= 10;
  double value = power * between[index % each];
  return power > scale->high ? NAN : value;
}

/* `room` between two labels. */
static bool has_room(const struct scale *scale, double value, double room, double *last)
{
  double at = scale_at(scale, value);
  if (value < scale->low || value > scale->high || fabs(at - *last) < room)
    return false;
  *last = at;
  return true;
}

static void add_log_x(const struct scale *x, double bottom, double top, struct text *text)
{
  double value, last = x->zero ? x->from + 4 : -100;
  for (size_t i = 0; isfinite(value = log_tick(x, i)); i++)
    if (has_room(x, value, value >= 1000 ? 34 : 26, &last))
      add_tick_x(x, value, bottom, top, text);
}

void frame_x(const struct plot *plot, const struct scale *x, double bottom, double top,
             struct text *text)
{
  if (x->zero)
    add_tick_x(x, 0, bottom, top, text);
  if (x->log) {
    add_log_x(x, bottom, top, text);
  } else {
    for (int i = 0; x->low + i * x->step <= x->high + x->step / 2; i++) {
      double value = x->low + i * x->step;
      add_tick_x(x, fabs(value) < x->step / 1e6 ? 0 : value, bottom, top, text);
    }
  }
  text_add(text,
           "<path class=\"axis\" d=\"M%.1f %.1fH%.1f\"/><text x=\"%.1f\" y=\"%.1f\" "
           "text-anchor=\"middle\">",
           x->from, bottom, x->to, (x->from + x->to) / 2, bottom + 34);
  markup_add(text, plot->x.label);
  text_add(text, "</text>\n");
}

static void add_tick_y(const struct scale *y, double value, double left, double right,
                       struct text *text)
{
  double at = scale_at(y, value);
  text_add(text,
           "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/><text x=\"%.1f\" y=\"%.1f\" "
           "text-anchor=\"end\">",
           left, at, right, left - 6, at + 4);
  add_tick(y, value, text);
  text_add(text, "</text>\n");
}

static void add_log_y(const struct scale *y, double left, double right, struct text *text)
{
  double value, last = y->zero ? y->from : 1e4;
  if (y->zero)
    add_tick_y(y, 0, left, right, text);
  for (size_t i = 0; isfinite(value = log_tick(y, i)); i++)
    if (has_room(y, value, 14, &last))
      add_tick_y(y, value, left, right, text);
}

void frame_y(const struct plot *plot, const struct scale *y, double left, double right,
             struct text *text)
{
  if (y->log)
    add_log_y(y, left, right, text);
  for (int i = 0; !y->log && y->low + i * y->step <= y->high + y->step / 2; i++) {
    double value = y->low + i * y->step;
    add_tick_y(y, fabs(value) < y->step / 1e6 ? 0 : value, left, right, text);
  }
  text_add(text, "<text x=\"4\" y=\"%.1f\">", y->to - 12);
  markup_add(text, plot->y.label);
  text_add(text, "</text>\n");
}

double frame_text_width(const char *string)
{
  return LETTER * (double)text_columns(string);
}

void frame_begin(const struct plot *plot, double height, struct text *text)
{
  text_add(text,
           "<svg class=\"plot\" role=\"img\" aria-labelledby=\"%s-title %s-desc\" "
           "viewBox=\"0 0 %d %.0f\" y=\"%.0f\" width=\"%d\" height=\"%.0f\">\n"
           "<title id=\"%s-title\">",
           plot->id, plot->id, PLOT_WIDTH, height, plot->top, PLOT_WIDTH, height, plot->id);
  markup_add(text, plot->title);
  text_add(text, "</title>\n<desc id=\"%s-desc\">", plot->id);
  markup_add(text, plot->description);
  text_add(text, "</desc>\n<text class=\"title\" x=\"4\" y=\"16\">");
  markup_add(text, plot->title);
  text_add(text, "</text>\n");
}

void frame_end(struct text *text)
{
  text_add(text, "</svg>\n");
}
