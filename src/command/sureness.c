#include "command/sureness.h"

#include <stdio.h>

static const struct table_column columns[] = {
    {"layer", NULL, CELL_INTEGER},   {"head", NULL, CELL_INTEGER},
    {"name", "head", CELL_TEXT},     {"class", "class", CELL_TEXT},
    {"figure", "figure", CELL_TEXT}, {"threshold", "threshold", CELL_NUMBER},
    {"value", "value", CELL_NUMBER}, {"low", "low", CELL_NUMBER},
    {"high", "high", CELL_NUMBER},
};

static void add_open(struct table *table, const struct head_row *row, const struct open_sign *open)
{
  char name[32], figure[64];
  bool alone = open->other == CLASS_UNCLASSIFIED;
  snprintf(name, sizeof name, "L%dH%d", row->layer, row->head);
  snprintf(figure, sizeof figure, "%s%s%s", head_class_name(open->class), alone ? "" : " - ",
           alone ? "" : head_class_name(open->other));
  table_integer(table, row->layer);
  table_integer(table, row->head);
  table_text(table, name);
  table_text(table, head_class_name(row->class));
  table_text(table, figure);
  table_number(table, open->threshold);
  table_number(table, open->value);
  table_number(table, open->low);
  table_number(table, open->high);
}

/* A row a question that is open; returns how many heads have any. */
static size_t undecided(const struct sureness *sureness, const struct revision *revision,
                        struct table *table)
{
  size_t heads = 0;
  *table = (struct table){.columns = columns, .column_count = sizeof columns / sizeof *columns};
  for (size_t i = 0; i < sureness->count; i++) {
    const struct sure_head *head = &sureness->heads[i];
    heads += !head->settled;
    for (int k = 0; k < head->open_count; k++)
      add_open(table, &revision->heads[i], &head->open[k]);
  }
  return heads;
}

static int64_t pr_n(const struct screening *screening)
{
  int64_t seen = screening->sureness->seen, wanted = screening->protocol.pr_n;
  return seen < wanted ? seen : wanted;
}

json_t *sureness_json(const struct screening *screening, const struct revision *revision)
{
  const struct sureness *s = screening->sureness;
  int64_t n = screening->protocol.n;
  struct table table;
  size_t heads = undecided(s, revision, &table);
  json_t *rows = table_json(&table);
  table_free(&table);
  json_t *looks = json_array();
  for (int64_t look = sure_next_look(n, 0); look <= s->seen && look < n;
       look = sure_next_look(n, look))
    json_array_append_new(looks, json_integer(look));
  return json_pack("{s:f, s:I, s:I, s:I, s:o, s:I, s:I, s:o}", "confidence", screening->until_sure,
                   "full", (json_int_t)n, "seen", (json_int_t)s->seen, "saved",
                   (json_int_t)(n - s->seen), "looks", looks, "pr_n", (json_int_t)pr_n(screening),
                   "undecided_heads", (json_int_t)heads, "undecided", rows);
}

void sureness_text(const struct screening *screening, const struct revision *revision,
                   struct text *text)
{
  const struct sureness *s = screening->sureness;
  int64_t n = screening->protocol.n;
  struct table table;
  size_t heads = undecided(s, revision, &table);
  text_add(text,
           "  ended after %lld of %s: %lld saved (%.0f %%); participation ratio "
           "over %lld\n",
           (long long)s->seen, text_counted((size_t)n, "sequence").text, (long long)(n - s->seen),
           100.0 * (double)(n - s->seen) / (double)n, (long long)pr_n(screening));
  if (s->seen < n)
    text_add(text,
             "  class, BOS and induction membership of %s will be those of all %lld "
             "sequences, with an error of at most %g %% over all heads and looks\n",
             text_counted(s->count - heads, "head").text, (long long)n,
             100 * (1 - screening->until_sure));
  if (heads) {
    text_add(text,
             "  %zu undecided so near a threshold that another look is not expected to "
             "settle them (class of the moment):\n",
             heads);
    table_aligned(&table, "  ", text);
  }
  table_free(&table);
}
