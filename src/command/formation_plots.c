#include "command/formation_plots.h"

#include "base/file.h"
#include "base/file_write.h"
#include "base/memory.h"
#include "base/text.h"
#include "few_shot/course.h"
#include "report/plot.h"
#include "study/formation_figures.h"

#include <stdlib.h>
#include <string.h>

#define MOST_SERIES 24 /* of a plot */

static bool same_plot(const struct study_curve *a, const struct study_curve *b)
{
  return strcmp(a->model, b->model) == 0 && strcmp(a->figure, b->figure) == 0;
}

/* The points of a curve as a series of colour i; free() the points. */
static int make_series(const struct study_curve *curve, size_t i, struct plot_series *series,
                       struct error *error)
{
  struct plot_point *points = memory_zeroed(curve->count, sizeof *points, "a plot", error);
  if (!points)
    return error->code;
  for (size_t k = 0; k < curve->count; k++)
    points[k] = (struct plot_point){.x = curve->points[k][0], .y = curve->points[k][1]};
  *series = (struct plot_series){.name = curve->name,
                                 .points = points,
                                 .count = curve->count,
                                 .colour = (unsigned)(i % PLOT_COLOURS),
                                 .dash = (unsigned)(i / PLOT_COLOURS % PLOT_DASHES)};
  return 0;
}

static int write_plot(const struct study_curve *first, const struct plot_series *series,
                      size_t count, const char *directory, struct error *error)
{
  const struct formation_curve *title = formation_curve_of(first->figure);
  const struct plot_mark chance = {.at = FEW_LN2, .label = "ln 2", .level = true};
  struct text name = {0}, heading = {0}, svg = {0}, file = {0};
  text_add(&name, "%s-figure-%s.svg", first->model, first->figure);
  text_add(&heading, "%s (%s)", title->title, first->model);
  const struct plot plot = {
      .id = "formation",
      .title = heading.data ? heading.data : "",
      .description = "arXiv 2404.07129, trained here: attest reproduce, docs/FORMATION.md",
      .x = {.label = title->x},
      .y = {.label = title->y}};
  double height = plot_lines(&plot, series, count, &chance, title->chance, &svg);
  plot_file(&svg, height, &file);
  char *path =
      name.failed || heading.failed || file.failed ? NULL : file_join(directory, name.data, error);
  if (path)
    (void)file_write(path, file.data, file.length, error);
  else
    error_set(error, EXIT_RUN, "%s: out of memory for plots", directory);
  free(path);
  text_free(&name);
  text_free(&heading);
  text_free(&svg);
  text_free(&file);
  return error->code;
}

/* The plot that curve `first` is the first of. */
static int draw(const struct study_curves *curves, size_t first, const char *directory,
                struct error *error)
{
  struct plot_series series[MOST_SERIES];
  size_t count = 0;
  int status = 0;
  for (size_t i = first; i < curves->count && count < MOST_SERIES && !status; i++) {
    if (!same_plot(&curves->curves[first], &curves->curves[i]))
      continue;
    status = make_series(&curves->curves[i], count, &series[count], error);
    count += !status;
  }
  if (!status)
    status = write_plot(&curves->curves[first], series, count, directory, error);
  for (size_t i = 0; i < count; i++)
    free((void *)(uintptr_t)series[i].points);
  return status;
}

static int write_points(const struct study_curves *curves, const char *directory,
                        struct error *error)
{
  struct text csv = {0};
  text_add(&csv, "model,figure,name,x,y\n");
  for (size_t i = 0; i < curves->count; i++)
    for (size_t k = 0; k < curves->curves[i].count; k++) {
      const struct study_curve *c = &curves->curves[i];
      text_add(&csv, "%s,%s,%s,", c->model, c->figure, c->name);
      text_add_double(&csv, c->points[k][0]);
      text_add(&csv, ",");
      text_add_double(&csv, c->points[k][1]);
      text_add(&csv, "\n");
    }
  int status = file_write_text_in(directory, "curves.csv", &csv, error);
  text_free(&csv);
  return status;
}

static bool is_first(const struct study_curves *curves, size_t index)
{
  for (size_t i = 0; i < index; i++)
    if (same_plot(&curves->curves[i], &curves->curves[index]))
      return false;
  return true;
}

int formation_plots(const struct study_curves *curves, const char *directory, struct error *error)
{
  if (!curves->count)
    return 0;
  if (file_make_directory(directory, error) || write_points(curves, directory, error))
    return error->code;
  for (size_t i = 0; i < curves->count; i++)
    if (is_first(curves, i) && draw(curves, i, directory, error))
      return error->code;
  return 0;
}
