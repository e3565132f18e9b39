/* A page as it is written, in HTML or in Markdown: headings, paragraphs, lists, tables and plots.
 * All strings are escaped; what a writer calls does not depend on the format. The HTML is one file:
 * no script, nothing from elsewhere. In Markdown a plot is a line for each of its series. */
#ifndef ATTEST_REPORT_PAGE_H
#define ATTEST_REPORT_PAGE_H

#include "report/plot.h"

enum page_format { PAGE_HTML, PAGE_MARKDOWN };

struct page {
  struct text *out; /* out->failed without memory */
  enum page_format format;
  unsigned plots; /* so far: their ids */
  unsigned cells; /* of the row that is being written */
};

void page_begin(struct page *page, const char *title);
void page_end(struct page *page);

/* Level 2 or below; `id` is what a link "#id" finds, of letters, digits and '-', or NULL. */
void page_heading(struct page *page, int level, const char *id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* `class` is "" or a class of the style sheet: "caveat", "verdict held", "verdict failed",
 * "verdict open". */
void page_text(struct page *page, const char *class, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Items between page_list and page_list_end. */
void page_list(struct page *page);
void page_item(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void page_list_end(struct page *page);

/* What may stay closed on the screen. */
void page_fold(struct page *page, const char *summary);
void page_fold_end(struct page *page);

/* A table: on a phone each row of class "cards" becomes a card whose cells say their column. The
 * first cell of a row is its header. */
void page_table(struct page *page, const char *class, const char *caption,
                const char *const *columns, size_t count);
void page_row(struct page *page, const char *class);
void page_cell(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void page_row_end(struct page *page);
void page_table_end(struct page *page);

/* Plots; their ids are given here. */
void page_lines(struct page *page, struct plot *plot, const struct plot_series *series,
                size_t count, const struct plot_mark *marks, size_t mark_count);
void page_bars(struct page *page, struct plot *plot, const struct plot_bar *bars, size_t count);
void page_heat(struct page *page, struct plot *plot, const struct plot_cells *cells);

/* Plots between these two stand side by side where there is room. */
void page_gallery(struct page *page);
void page_gallery_end(struct page *page);

/* Links to the headings with these ids. */
struct page_link {
  const char *id, *title;
};
void page_links(struct page *page, const struct page_link *links, size_t count);

#endif
