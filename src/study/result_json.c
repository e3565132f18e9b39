#include "study/result_json.h"

#include "base/json.h"
#include "base/text.h"

#include <string.h>

/* A cell of CSV: a number where it reads as one, null where it is empty. */
static json_t *cell_json(const char *text, size_t length)
{
  uint64_t whole;
  double number;
  if (length == 0)
    return json_null();
  if (text_to_u64(text, length, &whole) && whole <= INT64_MAX)
    return json_integer((json_int_t)whole);
  if (text_to_double(text, length, &number))
    return json_real(number);
  return json_stringn(text, length);
}

/* The next line of CSV as an array, which *csv then goes past. */
static json_t *line_json(const char **csv)
{
  json_t *cells = json_array();
  size_t length;
  do {
    length = strcspn(*csv, ",\n");
    json_add(cells, cell_json(*csv, length));
    *csv += length;
  } while (*(*csv)++ == ',');
  return cells;
}

json_t *result_json(const struct journal_entry *entry)
{
  const struct journal_result *r = &entry->result;
  const char *csv = entry->text, *end = csv + strlen(csv);
  json_t *columns = line_json(&csv), *rows = json_array();
  while (csv < end)
    json_add(rows, line_json(&csv));
  json_t *plot = r->x ? json_pack("{s:s, s:s, s:s, s:s?, s:b}", "x", r->x, "y", r->y, "series",
                                  r->series, "group", r->group, "log", r->log)
                      : json_null();
  if (r->x && r->about)
    json_put(plot, "about", json_string(r->about));
  if (r->x && r->level)
    json_put(plot, "level", json_pack("{s:s, s:f}", "label", r->level, "at", r->at));
  return json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", r->name, "title", r->title, "plot", plot,
                   "columns", columns, "rows", rows);
}
