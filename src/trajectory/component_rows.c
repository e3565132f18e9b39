/* Component scores as rows. */
#include "trajectory/circuit_course.h"

#include <math.h>

const struct table_column component_columns[COMPONENT_COLUMNS] = {
    {"revision", "revision", CELL_TEXT},
    {"step", NULL, CELL_INTEGER},
    {"tokens", NULL, CELL_NUMBER},
    {"task", "task", CELL_TEXT},
    {"layer", "layer", CELL_INTEGER},
    {"head", "head", CELL_INTEGER},
    {"induction", "induction", CELL_NUMBER},
    {"previous", "previous", CELL_NUMBER},
    {"duplicate", "duplicate", CELL_NUMBER},
    {"cases", NULL, CELL_INTEGER},
    {"copy_score", "copy %", CELL_NUMBER},
    {"negative_copy_score", "negative %", CELL_NUMBER},
    {"to_positive", "to answer", CELL_NUMBER},
    {"to_negative", "to other", CELL_NUMBER},
    {"to_later", NULL, CELL_NUMBER},
    {"mover", "mover", CELL_FLAG},
    {"inhibition_metric", NULL, CELL_NUMBER},
    {"inhibition_to_positive", NULL, CELL_NUMBER},
    {"inhibition_to_negative", NULL, CELL_NUMBER},
    {"s_inhibition", "S-inh.", CELL_FLAG},
    {"direct_effect", "direct", CELL_NUMBER},
};

void component_cells(const struct found *found, size_t head, struct table *table)
{
  const struct component *c = &found->components[head];
  table_integer(table, (int64_t)(head / found->graph.heads));
  table_integer(table, (int64_t)(head % found->graph.heads));
  table_number(table, c->patterns.induction);
  table_number(table, c->patterns.previous);
  table_number(table, c->patterns.duplicate);
  table_integer(table, (int64_t)c->mover.cases);
  table_number(table, mover_copy_score(&c->mover));
  table_number(table, mover_negative_score(&c->mover));
  table_number(table, c->mover.to_positive);
  table_number(table, c->mover.to_negative);
  table_number(table, c->mover.to_later);
  if (c->mover.cases)
    table_flag(table, mover_is(&c->mover));
  else
    table_missing(table);
  table_number(table, c->inhibition.metric);
  table_number(table, c->inhibition.to_positive);
  table_number(table, c->inhibition.to_negative);
  if (isnan(c->inhibition.metric))
    table_missing(table);
  else
    table_flag(table, inhibition_is(&c->inhibition));
  table_number(table, c->direct);
}

bool circuit_course_has_components(const struct circuit_course *course)
{
  for (size_t r = 0; r < course->revision_count; r++)
    for (size_t t = 0; t < course->task_count; t++)
      if (!course->revisions[r].found[t].component_count)
        return false;
  return course->revision_count > 0;
}

int circuit_course_components(const struct circuit_course *course, struct table *table,
                              struct error *error)
{
  *table = (struct table){.columns = component_columns, .column_count = COMPONENT_COLUMNS};
  for (size_t r = 0; r < course->revision_count; r++)
    for (size_t t = 0; t < course->task_count; t++) {
      const struct course_revision *revision = &course->revisions[r];
      for (size_t h = 0; h < revision->found[t].component_count; h++) {
        table_text(table, revision->name);
        table_integer(table, (int64_t)revision->step);
        table_number(table, revision->tokens);
        table_text(table, course->tasks[t].name);
        component_cells(&revision->found[t], h, table);
      }
    }
  return table->failed ? error_set(error, EXIT_RUN, "%s: out of memory", course->model) : 0;
}
