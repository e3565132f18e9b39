#include "report/markup.h"
#include "report/plot_frame.h"

#include <math.h>

/* Bars lie, one below the other, so that their names can be read. */
#define BAR_LINE 34.0
#define BAR_TOP 34.0
#define BAR_HEIGHT 12.0

static void add_spread(const struct plot_bar *bar, const struct scale *x, double y,
                       struct text *text)
{
  if (!isfinite(bar->low) || !isfinite(bar->high))
    return;
  double low = scale_at(x, bar->low), high = scale_at(x, bar->high), half = BAR_HEIGHT / 2;
  text_add(text, "<path class=\"spread\" d=\"M%.1f %.1fv%.1fm0 -%.1fH%.1fm0 -%.1fv%.1f\"/>\n", low,
           y, BAR_HEIGHT, half, high, half, BAR_HEIGHT);
}

static void add_bar(const struct plot *plot, const struct plot_bar *bar, const struct scale *x,
                    double y, struct text *text)
{
  text_add(text, "<text x=\"4\" y=\"%.1f\">", y - 4);
  markup_add(text, bar->name);
  text_add(text, ": ");
  if (!isfinite(bar->value)) {
    text_add(text, "none</text>\n");
    return;
  }
  plot_number(&plot->x, bar->value, text);
  double zero = scale_at(x, 0), at = scale_at(x, bar->value);
  text_add(text,
           "</text>\n<rect class=\"f%u\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
           "height=\"%.1f\"><title>",
           bar->colour % PLOT_COLOURS, at < zero ? at : zero, y, fabs(at - zero), BAR_HEIGHT);
  markup_add(text, bar->name);
  text_add(text, ": ");
  plot_number(&plot->x, bar->value, text);
  text_add(text, "</title></rect>\n");
  add_spread(bar, x, y, text);
}

double plot_bars(const struct plot *plot, const struct plot_bar *bars, size_t count,
                 struct text *text)
{
  struct range xs = {0, 0, true, false}; /* bars begin at 0 */
  for (size_t i = 0; i < count; i++) {
    range_add(&xs, &plot->x, bars[i].value);
    range_add(&xs, &plot->x, bars[i].low);
    range_add(&xs, &plot->x, bars[i].high);
  }
  struct scale x = scale_make(&plot->x, &xs, 4 + BAR_HEIGHT, FRAME_RIGHT - BAR_HEIGHT);
  double bottom = BAR_TOP + BAR_LINE * (double)count;
  frame_begin(plot, bottom + 44, text);
  frame_x(plot, &x, bottom, BAR_TOP - 8, text);
  for (size_t i = 0; i < count; i++)
    add_bar(plot, &bars[i], &x, BAR_TOP + BAR_LINE * (double)i + 16, text);
  frame_end(text);
  return bottom + 44;
}
