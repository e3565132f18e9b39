/* A sweep as SVG: three panels of points, with the line that the operations predict. */
#include "base/file.h"
#include "base/text.h"
#include "bench/bench_shapes.h"
#include "bench/bench_sweep.h"

/* Pixels. */
#define PANEL 300.0
#define GAP 70.0
#define TOP 50.0
#define TICKS 4

static const char *const colours[SHAPES] = {"#1b6ca8", "#c8553d", "#3a7d44"};
static const char *const titles[SWEEP_AXES] = {
    "layers (T 256, 8 sequences)", "sequences (T 256, 4 layers)", "T (4 layers, 4 sequences)"};

struct panel {
  double left, x_most, y_most;
};

static double x_of(const struct sweep_point *p)
{
  size_t x = p->axis == SWEEP_LAYERS      ? p->layers
             : p->axis == SWEEP_SEQUENCES ? p->sequences
                                          : p->seq_len;
  return (double)x;
}

static double to_x(const struct panel *panel, double x)
{
  return panel->left + PANEL * x / panel->x_most;
}

static double to_y(const struct panel *panel, double y)
{
  return TOP + PANEL * (1 - y / panel->y_most);
}

static struct panel make_panel(const struct sweep_point *points, size_t count, enum sweep_axis axis)
{
  struct panel panel = {GAP + (double)axis * (PANEL + GAP), 1e-9, 1e-9};
  for (size_t i = 0; i < count; i++) {
    if (points[i].axis != axis)
      continue;
    if (x_of(&points[i]) > panel.x_most)
      panel.x_most = x_of(&points[i]);
    if (points[i].seconds * 1.05 > panel.y_most)
      panel.y_most = points[i].seconds * 1.05;
  }
  return panel;
}

static void add_frame(struct text *svg, const struct panel *panel, const char *title)
{
  text_add(svg,
           "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" "
           "stroke=\"#888\"/>\n<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
           panel->left, TOP, PANEL, PANEL, panel->left + PANEL / 2, TOP + PANEL + 38, title);
  for (int i = 0; i <= TICKS; i++) {
    double x = panel->x_most * i / TICKS, y = panel->y_most * i / TICKS;
    text_add(svg,
             "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>\n"
             "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>\n",
             to_x(panel, x), TOP + PANEL + 16, x, panel->left - 5, to_y(panel, y) + 4, y);
  }
}

/* Seconds a GFLOP of a shape, over all its points. */
static double cost(const struct sweep_point *points, size_t count, size_t shape)
{
  double seconds = 0, gflop = 0;
  for (size_t i = 0; i < count; i++)
    if (points[i].shape == shape) {
      seconds += points[i].seconds;
      gflop += points[i].gflop;
    }
  return gflop > 0 ? seconds / gflop : 0;
}

static void add_series(struct text *svg, const struct panel *panel,
                       const struct sweep_point *points, size_t count, enum sweep_axis axis,
                       size_t shape)
{
  double each = cost(points, count, shape);
  text_add(svg, "<polyline fill=\"none\" stroke=\"%s\" stroke-dasharray=\"4 3\" points=\"",
           colours[shape]);
  for (size_t i = 0; i < count; i++)
    if (points[i].axis == axis && points[i].shape == shape)
      text_add(svg, "%.1f,%.1f ", to_x(panel, x_of(&points[i])),
               to_y(panel, each * points[i].gflop));
  text_add(svg, "\"/>\n");
  for (size_t i = 0; i < count; i++)
    if (points[i].axis == axis && points[i].shape == shape)
      text_add(svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n",
               to_x(panel, x_of(&points[i])), to_y(panel, points[i].seconds), colours[shape]);
}

int sweep_plot(const struct sweep_point *points, size_t count, const char *path,
               struct error *error)
{
  struct text svg = {0};
  double width = GAP + SWEEP_AXES * (PANEL + GAP);
  text_add(&svg,
           "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
           "font-family=\"sans-serif\" font-size=\"12\">\n"
           "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
           "<text x=\"%.0f\" y=\"20\">CPU seconds of a screen on one thread: measured (dots), and "
           "what a constant time per operation predicts (dashed)</text>\n",
           width, TOP + PANEL + GAP, GAP);
  for (size_t i = 0; i < SHAPES; i++)
    text_add(&svg, "<text x=\"%.0f\" y=\"40\" fill=\"%s\">%s</text>\n", GAP + 140.0 * (double)i,
             colours[i], shapes_small[i].name);
  for (int axis = 0; axis < SWEEP_AXES; axis++) {
    struct panel panel = make_panel(points, count, (enum sweep_axis)axis);
    add_frame(&svg, &panel, titles[axis]);
    for (size_t shape = 0; shape < SHAPES; shape++)
      add_series(&svg, &panel, points, count, (enum sweep_axis)axis, shape);
  }
  text_add(&svg, "</svg>\n");
  int status = svg.failed ? error_set(error, EXIT_RUN, "%s: out of memory", path)
                          : file_write(path, svg.data, svg.length, error);
  text_free(&svg);
  return status;
}
