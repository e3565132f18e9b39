/* The heads of a revision as a table, from which its CSV and its JSON are made. */
#include "trajectory/trajectory.h"

static const struct table_column columns[] = {
    {"layer", "layer", CELL_INTEGER},
    {"head", "head", CELL_INTEGER},
    {"class", "class", CELL_TEXT},
    {"induction", "induction", CELL_NUMBER},
    {"previous_token", "previous_token", CELL_NUMBER},
    {"duplicate_token", "duplicate_token", CELL_NUMBER},
    {"first_token", "first_token", CELL_NUMBER},
    {"self", "self", CELL_NUMBER},
    {"local", "local", CELL_NUMBER},
    {"baseline", "baseline", CELL_NUMBER},
    {"pr", "pr", CELL_NUMBER},
};

struct table trajectory_table(const struct revision *revision)
{
  struct table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
  size_t count = (size_t)revision->n_layers * (size_t)revision->n_heads;
  for (size_t i = 0; i < count; i++) {
    const struct head_row *row = &revision->heads[i];
    table_integer(&table, row->layer);
    table_integer(&table, row->head);
    table_text(&table, head_class_name(row->class));
    for (int c = 0; c < CLASS_COUNT; c++)
      table_number(&table, row->selectivity[c]);
    table_number(&table, row->baseline);
    table_number(&table, row->pr);
  }
  return table;
}

char *trajectory_format_csv(const struct revision *revision, size_t *length, struct error *error)
{
  struct text text = {0};
  struct table table = trajectory_table(revision);
  table_separated(&table, ',', "", &text);
  if (text.failed) {
    error_set(error, EXIT_RUN, "out of memory for the CSV text of %zu heads", table_rows(&table));
    text_free(&text);
  }
  table_free(&table);
  *length = text.length;
  return text.data;
}
