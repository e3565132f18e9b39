#include "report/page.h"

#include "report/markup.h"
#include "report/page_style.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What Markdown, or the sites that show it, would take for more than text; it stays on its line. */
static void add_markdown(struct text *out, const char *in)
{
  for (; *in; in++) {
    size_t length = text_printable(in);
    if (*in == '\n' || *in == '\t')
      text_add(out, " ");
    else if (!length)
      text_add(out, "\\\\x%02x", (unsigned char)*in);
    else if (strchr("\\`*_[]|~#>", *in))
      text_add(out, "\\%c", *in);
    else if (strchr("<&@", *in))
      text_add(out, "&#%d;", *in);
    else
      text_add(out, "%.*s", (int)length, in);
    in += length ? length - 1 : 0;
  }
}

static void add(struct page *page, const char *text)
{
  if (page->format == PAGE_HTML)
    markup_add(page->out, text);
  else
    add_markdown(page->out, text);
}

static void add_formatted(struct page *page, const char *format, va_list arguments)
{
  struct text line = {0};
  char piece[2048];
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(piece, sizeof piece, format, arguments);
  if (length < (int)sizeof piece) {
    add(page, piece);
  } else {
    text_add(&line, "%*s", length, "");
    if (!line.failed)
      vsnprintf(line.data, (size_t)length + 1, format, again);
    add(page, line.failed ? "" : line.data);
    page->out->failed = page->out->failed || line.failed;
    text_free(&line);
  }
  va_end(again);
}

static bool is_html(const struct page *page)
{
  return page->format == PAGE_HTML;
}

void page_begin(struct page *page, const char *title)
{
  if (!is_html(page)) {
    text_add(page->out, "# ");
    add(page, title);
    text_add(page->out, "\n\n");
    return;
  }
  text_add(page->out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                      "<meta name=\"color-scheme\" content=\"light dark\">\n"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                      "style-src 'unsafe-inline'; img-src data:\">\n"
                      "<link rel=\"icon\" href=\"data:,\">\n<title>");
  add(page, title);
  text_add(page->out, "</title>\n<style>\n");
  page_style(page->out);
  plot_style(page->out);
  text_add(page->out, "</style>\n</head>\n<body>\n<main>\n<h1>");
  add(page, title);
  text_add(page->out, "</h1>\n");
}

void page_end(struct page *page)
{
  if (is_html(page))
    text_add(page->out, "</main>\n</body>\n</html>\n");
}

void page_heading(struct page *page, int level, const char *id, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  if (!is_html(page))
    text_add(page->out, "%.*s ", level, "######");
  else if (id)
    text_add(page->out, "<h%d id=\"%s\">", level, id);
  else
    text_add(page->out, "<h%d>", level);
  add_formatted(page, format, arguments);
  va_end(arguments);
  if (is_html(page))
    text_add(page->out, "</h%d>\n", level);
  else
    text_add(page->out, "\n\n");
}

void page_text(struct page *page, const char *class, const char *format, ...)
{
  bool strong = strncmp(class, "verdict", 7) == 0;
  va_list arguments;
  va_start(arguments, format);
  if (is_html(page))
    text_add(page->out, *class ? "<p class=\"%s\">" : "<p>", class);
  else
    text_add(page->out, "%s", strong ? "**" : "");
  add_formatted(page, format, arguments);
  va_end(arguments);
  if (is_html(page))
    text_add(page->out, "</p>\n");
  else
    text_add(page->out, "%s\n\n", strong ? "**" : "");
}

void page_list(struct page *page)
{
  text_add(page->out, is_html(page) ? "<ul>\n" : "");
}

void page_item(struct page *page, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  text_add(page->out, is_html(page) ? "<li>" : "- ");
  add_formatted(page, format, arguments);
  va_end(arguments);
  text_add(page->out, is_html(page) ? "</li>\n" : "\n");
}

void page_list_end(struct page *page)
{
  text_add(page->out, is_html(page) ? "</ul>\n" : "\n");
}

/* Between tags Markdown is HTML. */
void page_fold(struct page *page, const char *summary)
{
  text_add(page->out, "<details><summary>");
  markup_add(page->out, summary);
  text_add(page->out, is_html(page) ? "</summary>\n" : "</summary>\n\n");
}

void page_fold_end(struct page *page)
{
  text_add(page->out, is_html(page) ? "</details>\n" : "\n</details>\n\n");
}

void page_table(struct page *page, const char *class, const char *caption,
                const char *const *columns, size_t count)
{
  if (is_html(page)) {
    text_add(page->out, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"");
    add(page, caption);
    text_add(page->out, "\"><table class=\"%s\"><caption>", class);
    add(page, caption);
    text_add(page->out, "</caption>\n<thead><tr>");
  } else {
    text_add(page->out, "**");
    add(page, caption);
    text_add(page->out, "**\n\n|");
  }
  for (size_t i = 0; i < count; i++) {
    text_add(page->out, is_html(page) ? "<th scope=\"col\">" : " ");
    add(page, columns[i]);
    text_add(page->out, is_html(page) ? "</th>" : " |");
  }
  text_add(page->out, is_html(page) ? "</tr></thead>\n<tbody>\n" : "\n|");
  for (size_t i = 0; i < count && !is_html(page); i++)
    text_add(page->out, "---|");
  text_add(page->out, is_html(page) ? "" : "\n");
}

void page_row(struct page *page, const char *class)
{
  page->cells = 0;
  if (is_html(page))
    text_add(page->out, *class ? "<tr class=\"%s\">" : "<tr>", class);
  else
    text_add(page->out, "|");
}

void page_cell(struct page *page, const char *format, ...)
{
  bool head = page->cells++ == 0;
  va_list arguments;
  va_start(arguments, format);
  text_add(page->out, !is_html(page) ? " " : head ? "<th scope=\"row\">" : "<td>");
  add_formatted(page, format, arguments);
  va_end(arguments);
  text_add(page->out, !is_html(page) ? " |" : head ? "</th>" : "</td>");
}

void page_row_end(struct page *page)
{
  text_add(page->out, is_html(page) ? "</tr>\n" : "\n");
}

void page_table_end(struct page *page)
{
  text_add(page->out, is_html(page) ? "</tbody></table></div>\n" : "\n");
}

void page_gallery(struct page *page)
{
  text_add(page->out, is_html(page) ? "<div class=\"gallery\">\n" : "");
}

void page_gallery_end(struct page *page)
{
  text_add(page->out, is_html(page) ? "</div>\n" : "\n");
}

void page_links(struct page *page, const struct page_link *links, size_t count)
{
  if (!is_html(page))
    return;
  text_add(page->out, "<nav aria-label=\"Contents\"><ul>\n");
  for (size_t i = 0; i < count; i++) {
    text_add(page->out, "<li><a href=\"#%s\">", links[i].id);
    add(page, links[i].title);
    text_add(page->out, "</a></li>\n");
  }
  text_add(page->out, "</ul></nav>\n");
}
