/* A sweep as SVG: a plot an axis, the points measured, with the line that the operations predict.
 */
#include "base/file_write.h"
#include "base/memory.h"
#include "base/text.h"
#include "bench/bench_shapes.h"
#include "bench/bench_sweep.h"
#include "report/plot.h"

#include <stdlib.h>

static const char *const labels[SWEEP_AXES] = {
    "layers (T 256, 8 sequences)", "sequences (T 256, 4 layers)", "T (4 layers, 4 sequences)"};
static const char *const ids[SWEEP_AXES] = {"layers", "sequences", "T"};

static double x_of(const struct sweep_point *p)
{
  size_t x = p->axis == SWEEP_LAYERS      ? p->layers
             : p->axis == SWEEP_SEQUENCES ? p->sequences
                                          : p->seq_len;
  return (double)x;
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

/* The two series of a shape: measured points, into room[0 .. count), and the line, behind them. */
static void fill(const struct sweep_point *points, size_t count, enum sweep_axis axis, size_t shape,
                 struct plot_point *room, struct plot_series series[2])
{
  double each = cost(points, count, shape);
  size_t used = 0;
  for (size_t i = 0; i < count; i++) {
    if (points[i].axis != axis || points[i].shape != shape)
      continue;
    room[used] = (struct plot_point){x_of(&points[i]), points[i].seconds, NULL};
    room[count + used++] = (struct plot_point){x_of(&points[i]), each * points[i].gflop, NULL};
  }
  series[0] = (struct plot_series){.name = shapes_small[shape].name,
                                   .points = room,
                                   .count = used,
                                   .colour = (unsigned)shape,
                                   .no_line = true};
  series[1] = (struct plot_series){
      .points = room + count, .count = used, .colour = (unsigned)shape, .dash = 1};
}

/* room[SHAPES * 2 * count]. */
static double add_plot(const struct sweep_point *points, size_t count, enum sweep_axis axis,
                       double top, struct plot_point *room, struct text *text)
{
  struct plot_series series[2 * SHAPES];
  const struct plot plot = {
      .id = ids[axis],
      .title = "CPU seconds of a screen, one thread: measured, predicted (dashed)",
      .description = "Measured (points), and what a constant time per operation predicts (dashed).",
      .x = {.label = labels[axis], .high = 1e-9},
      .y = {.label = "seconds", .high = 1e-9},
      .top = top};
  for (size_t shape = 0; shape < SHAPES; shape++)
    fill(points, count, axis, shape, room + 2 * count * shape, series + 2 * shape);
  return plot_lines(&plot, series, 2 * SHAPES, NULL, 0, text);
}

int sweep_plot(const struct sweep_point *points, size_t count, const char *path,
               struct error *error)
{
  struct plot_point *room = memory_zeroed(2 * SHAPES * count + 1, sizeof *room, path, error);
  struct text plots = {0}, svg = {0};
  double height = 0;
  if (!room)
    return error->code;
  for (int axis = 0; axis < SWEEP_AXES; axis++)
    height += add_plot(points, count, (enum sweep_axis)axis, height, room, &plots);
  plot_file(&plots, height, &svg);
  int status = file_write_text(path, &svg, error);
  text_free(&plots);
  text_free(&svg);
  free(room);
  return status;
}
