/* Plots on a page: in HTML as a figure with its numbers as a table behind it, in Markdown a line
 * for each series. */
#include "report/page.h"

#include "report/spark.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void begin(struct page *page, struct plot *plot, char id[16])
{
  snprintf(id, 16, "plot-%u", ++page->plots);
  plot->id = id;
  if (page->format == PAGE_HTML)
    text_add(page->out, "<figure>\n");
}

static void end(struct page *page, const struct plot *plot)
{
  if (page->format != PAGE_HTML) {
    text_add(page->out, "\n");
    return;
  }
  text_add(page->out, "<figcaption>");
  page_text(page, "", "%s", plot->description);
  text_add(page->out, "</figcaption></figure>\n");
}

/* In Markdown, where room is short, what is said of several plots stands at the first. */
static void describe(struct page *page, const struct plot *plot)
{
  struct page apart = {.out = &(struct text){0}, .format = page->format};
  page_text(&apart, "", "%s", plot->description);
  const char *said = apart.out->data ? apart.out->data : "";
  bool again = page->out->data && strstr(page->out->data, said);
  if (again)
    page_text(page, "", "%s.", plot->title);
  else
    page_text(page, "", "%s. %s", plot->title, plot->description);
  page->out->failed = page->out->failed || apart.out->failed;
  text_free(apart.out);
}

static void add_value(struct page *page, double value)
{
  if (isfinite(value))
    page_cell(page, "%.6g", value);
  else
    page_cell(page, "-");
}

static void add_numbers(struct page *page, const struct plot *plot,
                        const struct plot_series *series, size_t count)
{
  const char *const columns[] = {"series", "point", plot->x.label, plot->y.label};
  page_fold(page, "The numbers of this plot");
  page_table(page, "", plot->title, columns, 4);
  for (size_t s = 0; s < count; s++)
    for (size_t i = 0; i < series[s].count; i++) {
      page_row(page, "");
      page_cell(page, "%s", series[s].name ? series[s].name : "");
      page_cell(page, "%s", series[s].points[i].name ? series[s].points[i].name : "");
      add_value(page, series[s].points[i].x);
      add_value(page, series[s].points[i].y);
      page_row_end(page);
    }
  page_table_end(page);
  page_fold_end(page);
}

#define MOST_BLOCKS 40 /* of a line of blocks; a longer series shows about every k-th point */

/* Where the next block is of a series of so many points. */
static size_t block_at(size_t block, size_t blocks, size_t count)
{
  return blocks < 2 ? 0 : block * (count - 1) / (blocks - 1);
}

/* "- screen `▁▁▃▇` 0 % at 0.002 to 57.8 % at 299.9" */
static void add_line(struct page *page, const struct plot *plot, const struct plot_series *s)
{
  double values[MOST_BLOCKS];
  struct text spark = {0}, first = {0}, last = {0};
  size_t used = 0, begin_at = 0, end_at = 0;
  size_t blocks = s->count < MOST_BLOCKS ? s->count : MOST_BLOCKS;
  for (size_t i = 0; i < s->count; i++) {
    if (!isfinite(s->points[i].y))
      continue;
    begin_at = used++ ? begin_at : i;
    end_at = i;
  }
  for (size_t b = 0; b < blocks; b++)
    values[b] = s->points[block_at(b, blocks, s->count)].y;
  if (used) {
    spark_add(&spark, values, blocks, plot->y.low, plot->y.high, true);
    plot_number(&plot->y, s->points[begin_at].y, &first);
    plot_number(&plot->y, s->points[end_at].y, &last);
    page_item(page, "%s: %s %s at %.6g to %s at %.6g", s->name ? s->name : plot->y.label,
              spark.data ? spark.data : "", first.data ? first.data : "", s->points[begin_at].x,
              last.data ? last.data : "", s->points[end_at].x);
  }
  page->out->failed = page->out->failed || spark.failed || first.failed || last.failed;
  text_free(&spark);
  text_free(&first);
  text_free(&last);
}

void page_lines(struct page *page, struct plot *plot, const struct plot_series *series,
                size_t count, const struct plot_mark *marks, size_t mark_count)
{
  char id[16];
  begin(page, plot, id);
  if (page->format == PAGE_HTML) {
    plot_lines(plot, series, count, marks, mark_count, page->out);
    add_numbers(page, plot, series, count);
  } else {
    describe(page, plot);
    for (size_t s = 0; s < count; s++)
      add_line(page, plot, &series[s]);
  }
  end(page, plot);
}

void page_bars(struct page *page, struct plot *plot, const struct plot_bar *bars, size_t count)
{
  char id[16];
  begin(page, plot, id);
  if (page->format == PAGE_HTML)
    plot_bars(plot, bars, count, page->out);
  else
    describe(page, plot);
  for (size_t i = 0; page->format != PAGE_HTML && i < count; i++) {
    if (isfinite(bars[i].low) && isfinite(bars[i].high))
      page_item(page, "%s: %.6g (%.6g to %.6g)", bars[i].name, bars[i].value, bars[i].low,
                bars[i].high);
    else if (isfinite(bars[i].value))
      page_item(page, "%s: %.6g", bars[i].name, bars[i].value);
    else
      page_item(page, "%s: none", bars[i].name);
  }
  end(page, plot);
}

/* A row of cells each. */
static void add_rows(struct page *page, const struct plot *plot, const struct plot_cells *c)
{
  for (size_t row = 0; row < c->rows; row++) {
    struct text spark = {0}, last = {0};
    const double *values = c->values + row * c->columns;
    spark_add(&spark, values, c->columns, 0, c->most, true);
    if (c->columns)
      plot_number(&plot->y, values[c->columns - 1], &last);
    page_item(page, "%s: %s %s at the last", c->row_names[row], spark.data ? spark.data : "",
              last.data ? last.data : "");
    page->out->failed = page->out->failed || spark.failed || last.failed;
    text_free(&spark);
    text_free(&last);
  }
}

void page_heat(struct page *page, struct plot *plot, const struct plot_cells *cells)
{
  char id[16];
  begin(page, plot, id);
  if (page->format == PAGE_HTML) {
    plot_heat(plot, cells, page->out);
  } else {
    describe(page, plot);
    add_rows(page, plot, cells);
  }
  end(page, plot);
}
