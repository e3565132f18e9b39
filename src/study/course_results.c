#include "study/course_results.h"

#include "base/text.h"

#include <string.h>

/* What is drawn of every task's table. */
static const struct drawn {
  const char *name, *title, *column, *about;
} drawn[] = {
    {"circuit_edges", "Edges of the circuit", "edges",
     "How many edges the published search leaves of each revision's circuit, after pruning."},
    {"circuit_overlap", "Overlap with the circuit of the revision before", "jaccard",
     "Edges in both circuits, of those in either (Jaccard index): 1 means that nothing changed."},
};

/* The index of a column by the header that a table begins with; SIZE_MAX: there is none. */
static size_t column_of(const char *header, const char *name)
{
  size_t length = strlen(name);
  for (size_t i = 0;; i++) {
    size_t cell = strcspn(header, ",\n");
    if (cell == length && strncmp(header, name, length) == 0)
      return i;
    if (header[cell] != ',')
      return SIZE_MAX;
    header += cell + 1;
  }
}

/* The cell of a row, which is not terminated there; "" in rows that are shorter. */
static const char *cell_of(const char *row, size_t column, size_t *length)
{
  *length = strcspn(row, ",\n");
  for (; column; column--) {
    row += *length;
    *length = *row == ',' ? strcspn(++row, ",\n") : 0;
  }
  return row;
}

/* "task,step,value" for every row that has the value. */
static void add_lines(const char *table, const char *task, const char *column, struct text *csv)
{
  size_t x = column_of(table, "step"), y = column_of(table, column), length, step_length;
  const char *row = table + strcspn(table, "\n");
  if (x == SIZE_MAX || y == SIZE_MAX)
    return;
  while (*row && *++row) {
    const char *step = cell_of(row, x, &step_length), *value = cell_of(row, y, &length);
    if (length)
      text_add(csv, "%.*s,%.*s,%.*s\n", (int)strcspn(task, ","), task, (int)step_length, step,
               (int)length, value);
    row += strcspn(row, "\n");
  }
}

static void add_result(struct journal *journal, const char *csv,
                       const struct journal_result *result)
{
  journal_add(journal,
              (struct journal_entry){.event = JOURNAL_RESULT, .text = csv, .result = *result});
}

void course_results(struct journal *journal, const struct course_table *tables, size_t count)
{
  for (size_t t = 0; t < count; t++)
    add_result(journal, tables[t].csv,
               &(struct journal_result){.name = "circuits", .title = tables[t].title});
  for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++) {
    struct text csv = {0};
    text_add(&csv, "task,step,%s\n", drawn[i].column);
    for (size_t t = 0; t < count; t++)
      add_lines(tables[t].csv, tables[t].task, drawn[i].column, &csv);
    if (!csv.failed)
      add_result(journal, csv.data,
                 &(struct journal_result){.name = drawn[i].name,
                                          .title = drawn[i].title,
                                          .x = "step",
                                          .y = drawn[i].column,
                                          .series = "task",
                                          .about = drawn[i].about,
                                          .log = true});
    journal->failed = journal->failed || csv.failed;
    text_free(&csv);
  }
}
