/* Results that a run has as tables beside its trajectories. Ablations become bars; others lines, as
 * the table itself says. What is not of the expected form is left out, and that is said. */
#include "report/write.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BARS 32
#define MOST_SERIES 24
#define MOST_GROUPS 16

/* A table of a result, borrowed. */
struct result {
  const char *model, *name, *title;
  const json_t *columns, *rows, *plot;
};

static const char *string_of(const json_t *object, const char *key)
{
  const char *value = json_string_value(json_object_get(object, key));
  return value ? value : "";
}

static size_t column_of(const struct result *r, const char *name)
{
  size_t i = 0;
  while (i < json_array_size(r->columns) &&
         strcmp(json_string_value(json_array_get(r->columns, i)), name) != 0)
    i++;
  return i;
}

static bool is_table(const struct result *r)
{
  const json_t *item;
  size_t i;
  if (!json_is_array(r->columns) || !json_is_array(r->rows))
    return false;
  json_array_foreach(r->columns, i, item) if (!json_is_string(item)) return false;
  json_array_foreach(r->rows, i, item) if (!json_is_array(item)) return false;
  return json_array_size(r->rows) > 0;
}

static const json_t *cell(const struct result *r, size_t row, size_t column)
{
  return json_array_get(json_array_get(r->rows, row), column);
}

static const char *text_cell(const struct result *r, size_t row, const char *column)
{
  const char *value = json_string_value(cell(r, row, column_of(r, column)));
  return value ? value : "";
}

static double number_cell(const struct result *r, size_t row, const char *column)
{
  const json_t *value = cell(r, row, column_of(r, column));
  return json_is_number(value) ? json_number_value(value) : NAN;
}

/* The bar of rows that share condition and control: their mean, and how far they reach. */
static bool add_bar(struct plot_bar *bars, size_t *count, const char *name, double value,
                    unsigned colour, size_t *drawn)
{
  size_t i = 0;
  while (i < *count && strcmp(bars[i].name, name) != 0)
    i++;
  if (i == MOST_BARS || !isfinite(value))
    return false;
  if (i == *count) {
    bars[(*count)++] = (struct plot_bar){name, value, NAN, NAN, colour};
    drawn[i] = 1;
    return true;
  }
  struct plot_bar *bar = &bars[i];
  double low = isfinite(bar->low) ? bar->low : bar->value;
  double high = isfinite(bar->high) ? bar->high : bar->value;
  bar->low = value < low ? value : low;
  bar->high = value > high ? value : high;
  bar->value = (bar->value * (double)drawn[i] + value) / (double)(drawn[i] + 1);
  drawn[i]++;
  return true;
}

static unsigned colour_of(const char *control)
{
  return strcmp(control, "baseline") == 0 ? 6 : strcmp(control, "circuit") == 0 ? 1 : 0;
}

static void draw_bars(struct page *page, const struct result *r, const char *revision,
                      const struct plot_bar *bars, size_t count)
{
  char title[400];
  snprintf(title, sizeof title, "Ablations of %.150s at %.150s", r->model, revision);
  struct plot plot = {.title = title,
                      .description = "Sequences whose answer comes first (top-1) without the heads "
                                     "of a circuit, of controls of equal size (mean; the line "
                                     "spans all seeds) and of whole layers.",
                      .x = {.label = "top-1", .percent = true}};
  page_bars(page, &plot, bars, count);
}

/* Of the last revision, which is that of the last row. */
static void write_ablations(struct page *page, const struct result *r)
{
  struct plot_bar bars[MOST_BARS];
  char names[MOST_BARS + 1][200];
  size_t drawn[MOST_BARS] = {0}, count = 0, rows = json_array_size(r->rows);
  const char *last = text_cell(r, rows - 1, "revision");
  for (size_t i = 0; i < rows; i++) {
    const char *control = text_cell(r, i, "control");
    if (strcmp(text_cell(r, i, "revision"), last) != 0)
      continue;
    snprintf(names[count], sizeof names[count], "%.90s: %.90s", text_cell(r, i, "condition"),
             control);
    add_bar(bars, &count, names[count], number_cell(r, i, "top1") / number_cell(r, i, "n"),
            colour_of(control), drawn);
  }
  draw_bars(page, r, last, bars, count);
}

/* Lines as the table says: y over x, a line for each value of `series`, of the rows whose `group`
 * is this. What is more than a plot can hold is counted. */
static size_t find_lines(const struct result *r, const char *group, const char *names[MOST_SERIES],
                         size_t *left)
{
  size_t count = 0;
  for (size_t i = 0; i < json_array_size(r->rows); i++) {
    const char *name = text_cell(r, i, string_of(r->plot, "series"));
    size_t s = 0;
    if (strcmp(text_cell(r, i, string_of(r->plot, "group")), group) != 0)
      continue;
    while (s < count && strcmp(names[s], name) != 0)
      s++;
    *left += s == MOST_SERIES;
    if (s == count && count < MOST_SERIES)
      names[count++] = name;
  }
  return count;
}

static struct plot_series fill_line(const struct result *r, const char *group, const char *name,
                                    size_t index, struct plot_point *points)
{
  const char *x = string_of(r->plot, "x"), *y = string_of(r->plot, "y");
  size_t count = 0;
  for (size_t i = 0; i < json_array_size(r->rows); i++)
    if (strcmp(text_cell(r, i, string_of(r->plot, "series")), name) == 0 &&
        strcmp(text_cell(r, i, string_of(r->plot, "group")), group) == 0)
      points[count++] = (struct plot_point){number_cell(r, i, x), number_cell(r, i, y), NULL};
  return (struct plot_series){.name = *name ? name : NULL,
                              .points = points,
                              .count = count,
                              .colour = (unsigned)(index % PLOT_COLOURS),
                              .dash = (unsigned)(index / PLOT_COLOURS % PLOT_DASHES),
                              .markers = count <= 40};
}

static void draw_lines(struct page *page, const struct result *r, const char *group,
                       struct plot_point *points)
{
  const char *names[MOST_SERIES];
  struct plot_series series[MOST_SERIES];
  size_t left = 0, count = find_lines(r, group, names, &left);
  const char *x = string_of(r->plot, "x"), *y = string_of(r->plot, "y");
  for (size_t s = 0; s < count; s++) {
    series[s] = fill_line(r, group, names[s], s, points);
    points += series[s].count;
  }
  char title[500], description[500];
  snprintf(title, sizeof title, "%.200s: %.200s", *group ? group : r->model, r->title);
  const char *about = string_of(r->plot, "about");
  snprintf(description, sizeof description, "%.250s%sTable \"%.40s\" of %.60s: %.60s over %.60s.",
           about, *about ? " " : "", r->name, r->model, y, x);
  struct plot plot = {.title = title,
                      .description = description,
                      .x = {.label = x, .log = json_is_true(json_object_get(r->plot, "log"))},
                      .y = {.label = y}};
  const json_t *level = json_object_get(r->plot, "level");
  const struct plot_mark mark = {json_number_value(json_object_get(level, "at")),
                                 string_of(level, "label"), true};
  page_lines(page, &plot, series, count, &mark, json_is_object(level));
  if (left)
    page_text(page, "", "%s: %zu rows of more lines are not drawn.", title, left);
}

/* Whether no row before this one has its group. */
static bool begins_group(const struct result *r, size_t row)
{
  const char *column = string_of(r->plot, "group"), *group = text_cell(r, row, column);
  for (size_t i = 0; i < row; i++)
    if (strcmp(text_cell(r, i, column), group) == 0)
      return false;
  return true;
}

static void write_lines(struct page *page, const struct result *r)
{
  size_t rows = json_array_size(r->rows), groups = 0;
  struct plot_point *points = calloc(rows, sizeof *points);
  for (size_t i = 0; points && i < rows && groups < MOST_GROUPS; i++)
    if (begins_group(r, i)) {
      draw_lines(page, r, text_cell(r, i, string_of(r->plot, "group")), points);
      groups++;
    }
  page->out->failed = page->out->failed || !points;
  free(points);
}

static void write_result(struct page *page, const char *model, const json_t *json)
{
  const struct result r = {.model = model,
                           .name = string_of(json, "name"),
                           .title = string_of(json, "title"),
                           .columns = json_object_get(json, "columns"),
                           .rows = json_object_get(json, "rows"),
                           .plot = json_object_get(json, "plot")};
  if (!is_table(&r))
    page_text(page, "", "%s: %s is no table, and not drawn.", r.model, r.name);
  else if (strcmp(r.name, "ablations") == 0)
    write_ablations(page, &r);
  else if (json_is_object(r.plot))
    write_lines(page, &r);
}

void write_results(struct page *page, const struct report *report)
{
  bool any = false;
  page_heading(page, 2, "results", "Further results");
  page_gallery(page);
  for (size_t i = 0; i < report->manifest_count; i++)
    for (size_t k = 0; k < json_array_size(report->manifests[i].results); k++) {
      write_result(page, report->manifests[i].model,
                   json_array_get(report->manifests[i].results, k));
      any = true;
    }
  for (size_t i = 0; i < json_array_size(report->results); i++) {
    const json_t *entry = json_array_get(report->results, i);
    write_result(page, string_of(entry, "model"), json_object_get(entry, "result"));
    any = true;
  }
  page_gallery_end(page);
  if (!any)
    page_text(page, "", "There are none.");
}
