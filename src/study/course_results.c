#include "study/course_results.h"

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

/* The file name of a task: what it is called is what stands before its ending. */
static const char *file_of(const struct manifest *manifest, size_t task)
{
  const char *path = manifest->circuits.tasks[task].path, *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

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
      text_add(csv, "%.*s,%.*s,%.*s\n", (int)strcspn(task, ".,"), task, (int)step_length, step,
               (int)length, value);
    row += strcspn(row, "\n");
  }
}

static void add_result(struct journal *journal, const struct text *csv,
                       const struct journal_result *result)
{
  if (!csv->failed)
    journal_add(journal, (struct journal_entry){
                             .event = JOURNAL_RESULT, .text = csv->data, .result = *result});
  journal->failed = journal->failed || csv->failed;
}

void course_results(struct journal *journal, const struct manifest *manifest,
                    const struct course_files *files)
{
  size_t tasks = manifest->circuits.task_count;
  for (size_t t = 0; t < tasks && t < files->count; t++)
    add_result(journal, &files->list[t].text,
               &(struct journal_result){.name = "circuits", .title = file_of(manifest, t)});
  for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++) {
    struct text csv = {0};
    text_add(&csv, "task,step,%s\n", drawn[i].column);
    for (size_t t = 0; t < tasks && t < files->count; t++)
      add_lines(files->list[t].text.data, file_of(manifest, t), drawn[i].column, &csv);
    add_result(journal, &csv,
               &(struct journal_result){.name = drawn[i].name,
                                        .title = drawn[i].title,
                                        .x = "step",
                                        .y = drawn[i].column,
                                        .series = "task",
                                        .about = drawn[i].about,
                                        .log = true});
    text_free(&csv);
  }
}
