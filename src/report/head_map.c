#include "report/head_map.h"

#include "claims/arxiv_2606_02378/measure.h"
#include "report/spark.h"

#include <math.h>

static const char letters[CLASS_COUNT + 1] = {'I', 'P', 'D', 'B', 'S', 'L', '.'};
static const char *const colours[CLASS_COUNT + 1] = {"31", "34", "35", "33", "36", "32", "2"};

static void add_letter(enum head_class class, const struct text_look *look, struct text *text)
{
  if (look->colour)
    text_add(text, "\033[%sm%c\033[0m", colours[class], letters[class]);
  else
    text_add(text, "%c", letters[class]);
}

static void add_legend(const struct text_look *look, struct text *text)
{
  text_add(text, "  ");
  for (int c = 0; c <= CLASS_COUNT; c++) {
    add_letter((enum head_class)c, look, text);
    text_add(text, " %s%s",
             c == CLASS_FIRST_TOKEN ? "first_token (BOS)" : head_class_name((enum head_class)c),
             c == CLASS_COUNT ? "\n" : "  ");
  }
}

/* Numbers of heads above their columns: tens, then ones. */
static void add_numbers(int heads, const char *gap, struct text *text)
{
  if (heads > 10) {
    text_add(text, "%7s", "");
    for (int h = 0; h < heads; h++)
      text_add(text, "%s%c", gap, h % 10 == 0 ? (char)('0' + h / 10 % 10) : ' ');
    text_add(text, "\n");
  }
  text_add(text, "  head ");
  for (int h = 0; h < heads; h++)
    text_add(text, "%s%d", gap, h % 10);
  text_add(text, "\n");
}

void head_map(const struct revision *revision, const struct text_look *look, struct text *text)
{
  size_t width = look->width > 40 ? look->width : 40;
  const char *gap = 9 + 2 * (size_t)revision->n_heads <= width ? " " : "";
  add_numbers(revision->n_heads, gap, text);
  for (int layer = 0; layer < revision->n_layers; layer++) {
    text_add(text, "  L%-4d ", layer);
    for (int h = 0; h < revision->n_heads; h++) {
      text_add(text, "%s", gap);
      add_letter(revision->heads[layer * revision->n_heads + h].class, look, text);
    }
    text_add(text, "\n");
  }
  add_legend(look, text);
  size_t heads = measure_heads(revision);
  text_add(
      text,
      "  BOS heads: %zu of %zu by the screen (>= %gx), %zu by best class; induction heads: %zu "
      ">= %gx, %zu >= %gx\n",
      measure_bos(revision, false, revision->n_layers), heads, BOS_THRESHOLD,
      measure_bos(revision, true, revision->n_layers),
      measure_induction(revision, CIRCUIT_THRESHOLD), CIRCUIT_THRESHOLD,
      measure_induction(revision, CLASS_THRESHOLD), CLASS_THRESHOLD);
}

static const struct table_column story_columns[] = {
    {"revision", "revision", CELL_TEXT},
    {"tokens", "tokens (1e9)", CELL_NUMBER},
    {"class", "class", CELL_TEXT},
    {"induction", "induction", CELL_NUMBER},
    {"previous_token", "previous", CELL_NUMBER},
    {"duplicate_token", "duplicate", CELL_NUMBER},
    {"first_token", "first", CELL_NUMBER},
    {"self", "self", CELL_NUMBER},
    {"local", "local", CELL_NUMBER},
    {"pr", "PR", CELL_NUMBER},
};

struct table head_story(const struct trajectory *trajectory, size_t head)
{
  struct table table = {.columns = story_columns,
                        .column_count = sizeof story_columns / sizeof *story_columns};
  for (size_t r = 0; r < trajectory->count; r++) {
    const struct head_row *row = &trajectory->revisions[r].heads[head];
    table_text(&table, trajectory->revisions[r].name);
    table_number(&table, trajectory->revisions[r].tokens);
    table_text(&table, head_class_name(row->class));
    for (int c = 0; c < CLASS_COUNT; c++)
      table_number(&table, row->selectivity[c]);
    table_number(&table, row->pr);
  }
  return table;
}

static double value_of(const struct head_row *row, int which)
{
  return which < CLASS_COUNT ? row->selectivity[which] : row->pr;
}

static void add_spark(const struct trajectory *t, size_t head, int which,
                      const struct text_look *look, struct text *text)
{
  double most = -HUGE_VAL;
  size_t at = t->count;
  text_add(text, "  %-16s ", which < CLASS_COUNT ? head_class_name((enum head_class)which) : "PR");
  for (size_t r = 0; r < t->count; r++) {
    double value = value_of(&t->revisions[r].heads[head], which);
    if (isfinite(value) && value > most) {
      most = value;
      at = r;
    }
  }
  for (size_t r = 0; r < t->count && at < t->count; r++) {
    double value = value_of(&t->revisions[r].heads[head], which);
    spark_add(text, &value, 1, 0, most > 0 ? most : 1, look->utf8);
  }
  if (at < t->count)
    text_add(text, "  %.4g to %.4g, largest %.4g at %s\n",
             value_of(&t->revisions[0].heads[head], which),
             value_of(&t->revisions[t->count - 1].heads[head], which), most, t->revisions[at].name);
  else
    text_add(text, "not available\n");
}

void head_sparks(const struct trajectory *trajectory, size_t head, const struct text_look *look,
                 struct text *text)
{
  for (int which = 0; which <= CLASS_COUNT; which++)
    add_spark(trajectory, head, which, look, text);
}
