/* The heads of one checkpoint on one task: as a table, and the most remarkable ones in lines. */
#include "study/circuit_tables.h"
#include "trajectory/circuit_course.h"

#include <math.h>

void circuit_sheet_components(const struct circuit_sheet *s, struct text *text)
{
  struct table table = {.columns = component_columns + COMPONENT_PLACE,
                        .column_count = COMPONENT_COLUMNS - COMPONENT_PLACE};
  for (size_t h = 0; h < s->found.component_count; h++)
    component_cells(&s->found, h, &table);
  table_separated(&table, ',', "", text);
  text->failed |= table.failed;
  table_free(&table);
}

typedef double measure_head(const struct component *component);

static double induction(const struct component *c)
{
  return c->patterns.induction;
}

static double previous(const struct component *c)
{
  return c->patterns.previous;
}

static double duplicate(const struct component *c)
{
  return c->patterns.duplicate;
}

static double direct(const struct component *c)
{
  return c->direct;
}

/* Of movers alone. */
static double copying(const struct component *c)
{
  return mover_is(&c->mover) ? mover_copy_score(&c->mover) : (double)NAN;
}

/* The head that has most; SIZE_MAX: none has any. */
static size_t most_of(const struct found *f, measure_head *measure)
{
  size_t best = SIZE_MAX;
  for (size_t h = 0; h < f->component_count; h++) {
    double value = measure(&f->components[h]);
    if (!isnan(value) && (best == SIZE_MAX || value > measure(&f->components[best])))
      best = h;
  }
  return best;
}

void circuit_sheet_heads(const struct circuit_sheet *s, struct text *text)
{
  static const struct {
    const char *what;
    measure_head *measure;
    const char *unit;
  } kinds[] = {{"induction", induction, ""},
               {"previous token", previous, ""},
               {"duplicate token", duplicate, ""},
               {"direct effect", direct, ""},
               {"copy score of movers", copying, " %"}};
  const struct found *f = &s->found;
  char name[GRAPH_NAME_SIZE];
  const char *before = "  most of";
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    size_t h = most_of(f, kinds[i].measure);
    if (h == SIZE_MAX)
      continue;
    size_t source = graph_head(&f->graph, h / f->graph.heads, h % f->graph.heads);
    text_add(text, "%s %s: %s with %.3g%s", before, kinds[i].what,
             graph_source_name(&f->graph, source, name), kinds[i].measure(&f->components[h]),
             kinds[i].unit);
    before = ";";
  }
  if (*before == ';')
    text_add(text, "\n");
}
