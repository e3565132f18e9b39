/* A list of claims as JSON and as text for a terminal. */
#include "claims/claims.h"
#include "claims/paper.h"
#include "claims/survival.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FIGURE_WIDTH 40 /* of a figure in the text */

/* A number where the figure is one, else its words, else null. */
static json_t *figure_json(double value, const char *words)
{
  if (isfinite(value))
    return json_real(value);
  return *words ? json_string(words) : json_null();
}

static json_t *text_json(const char *text)
{
  return *text ? json_string(text) : json_null();
}

static json_t *interval_json(const struct claim_row *row)
{
  const struct claim_interval *i = &row->interval;
  if (!i->resamples)
    return json_null();
  bool evaluated = row->verdict != CLAIM_NOT_EVALUATED;
  return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o}", "resamples", (json_int_t)i->resamples,
                   "same_verdict", (json_int_t)i->same_verdict, "same_recomputed",
                   (json_int_t)i->same_text, "survives",
                   evaluated ? json_boolean(claim_survives(row)) : json_null(), "low",
                   figure_json(i->low, ""), "high", figure_json(i->high, ""));
}

static json_t *row_json(const struct claim_row *row)
{
  return json_pack(
      "{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:o, "
      "s:o, s:o, s:o, s:o, s:O, s:o, s:s?}",
      "paper", row->paper->arxiv, "id", row->id, "source_id",
      text_json(row->source ? row->source->id : ""), "model", row->model, "kind",
      trajectory_kind_name(row->kind), "figure", row->figure, "revision", row->revision,
      "definition", row->definition, "basis", text_json(row->basis ? row->basis : ""), "stated",
      row->stated, "statement", row->statement, "where",
      text_json(row->source ? row->source->where : ""), "published",
      figure_json(row->published, row->published_text), "recomputed",
      figure_json(row->recomputed, row->recomputed_text), "published_text",
      text_json(row->published_text), "recomputed_text", text_json(row->recomputed_text), "verdict",
      claim_verdict_name(row->verdict), "under",
      text_json(row->verdict == CLAIM_UNDER_ANOTHER ? row->under : ""), "also_holds_under",
      text_json(row->stated ? row->under : ""), "missing", text_json(row->missing), "why",
      text_json(row->why), "margin", figure_json(row->margin, ""), "evidence", row->evidence,
      "interval", interval_json(row), "no_interval", claim_no_interval(row));
}

static json_t *trajectory_json(const struct trajectory *trajectory)
{
  return json_pack("{s:s, s:s, s:s, s:s, s:I}", "model", trajectory->model, "kind",
                   trajectory_kind_name(trajectory->kind), "source", trajectory->source, "caveat",
                   trajectory->caveat, "revisions", (json_int_t)trajectory->count);
}

json_t *claims_json(const struct claim_list *list, struct error *error)
{
  json_t *trajectories = json_array(), *rows = json_array(), *result = json_object();
  bool failed = false;
  for (size_t i = 0; i < list->trajectory_count; i++)
    failed |= json_array_append_new(trajectories, trajectory_json(&list->trajectories[i])) != 0;
  for (size_t i = 0; i < list->count; i++)
    failed |= json_array_append_new(rows, row_json(&list->rows[i])) != 0;
  failed |= json_object_set_new(result, "trajectories", trajectories) != 0;
  failed |= json_object_set_new(result, "claims", rows) != 0;
  if (!failed)
    return result;
  json_decref(result);
  error_set(error, EXIT_RUN, "out of memory for the JSON text of %zu claims", list->count);
  return NULL;
}

static void add_sources(const struct claim_list *list, struct text *text)
{
  for (size_t i = 0; i < list->trajectory_count; i++) {
    const struct trajectory *trajectory = &list->trajectories[i];
    text_add(text, "%s (%s, %s)\n  %s\n", trajectory->model, trajectory_kind_name(trajectory->kind),
             text_counted(trajectory->count, "revision").text, trajectory->source);
    if (*trajectory->caveat)
      text_add(text, "  Caveat: %s\n", trajectory->caveat);
    if (trajectory->kind == TRAJECTORY_PUBLISHED)
      text_add(text, "  Verdicts have no intervals: " CLAIM_TABLES_ALONE "\n");
  }
}

static const struct table_column columns[] = {
    {"id", "", CELL_TEXT},
    {"model", NULL, CELL_TEXT},
    {"figure", "figure", CELL_TEXT},
    {"definition", "reading", CELL_TEXT},
    {"published", "published", CELL_TEXT},
    {"recomputed", "recomputed", CELL_TEXT},
    {"verdict", "verdict", CELL_TEXT},
};

/* Of figures from published tables, whose tables are of one group and several models. */
static const struct table_column source_columns[] = {
    {"source_id", "", CELL_TEXT},          {"model", "model", CELL_TEXT},
    {"figure", "figure", CELL_TEXT},       {"definition", "reading", CELL_TEXT},
    {"published", "published", CELL_TEXT}, {"recomputed", "recomputed", CELL_TEXT},
    {"verdict", "verdict", CELL_TEXT},
};

/* Readings that the paper does not state have no verdict of their own on the paper. */
static void verdict_text(const struct claim_row *row, char *out, size_t capacity)
{
  const char *verdict = claim_verdict_name(row->verdict);
  if (!row->stated)
    verdict = row->verdict == CLAIM_UNDER_ANOTHER    ? "holds, too"
              : row->verdict == CLAIM_NOT_REPRODUCED ? "does not hold"
                                                     : verdict;
  if (*row->missing && *row->published_text)
    snprintf(out, capacity, "%s: %s", verdict, row->missing);
  else if (row->stated && *row->under)
    snprintf(out, capacity, "%s; also holds under the reading \"%s\"",
             row->verdict == CLAIM_UNDER_ANOTHER ? "not as stated" : verdict, row->under);
  else
    snprintf(out, capacity, "%s%s%s", verdict, row->source && *row->why ? "; " : "",
             row->source ? row->why : "");
}

/* Long lists are cut in text; JSON has them whole. */
static void add_cut(struct table *table, const char *words)
{
  char cut[FIGURE_WIDTH + 4];
  snprintf(cut, sizeof cut, "%.*s%s", FIGURE_WIDTH, words,
           strlen(words) > FIGURE_WIDTH ? "..." : "");
  table_text(table, *words ? cut : NULL);
}

/* Whether other sequences would have led to the same. */
static void interval_text(const struct claim_row *row, char *out, size_t capacity)
{
  const struct claim_interval *i = &row->interval;
  bool evaluated = row->verdict != CLAIM_NOT_EVALUATED;
  size_t same = evaluated ? i->same_verdict : i->same_text;
  double percent = 100 * (double)same / (double)i->resamples;
  if (evaluated && claim_survives(row))
    snprintf(out, capacity, "; survives the interval");
  else if (evaluated)
    snprintf(out, capacity, "; does not survive the interval: in %.1f %% of resamples", percent);
  else if (same < i->resamples)
    snprintf(out, capacity, "; the figure in %.1f %% of resamples", percent);
}

static void add_row(const struct claim_row *row, struct table *table)
{
  char figure[300], verdict[300];
  snprintf(figure, sizeof figure, "%s%s%s", row->figure, *row->revision ? " " : "", row->revision);
  verdict_text(row, verdict, sizeof verdict);
  if (row->interval.resamples)
    interval_text(row, verdict + strlen(verdict), sizeof verdict - strlen(verdict));
  table_text(table, row->source ? row->source->id : row->id);
  table_text(table, row->model);
  table_text(table, figure);
  table_text(table, row->definition);
  add_cut(table, row->published_text);
  add_cut(table, row->recomputed_text);
  table_text(table, verdict);
}

static bool same_group(const struct claim_row *a, const struct claim_row *b)
{
  if (a->source && b->source)
    return a->paper == b->paper && a->kind == b->kind && strcmp(a->id, b->id) == 0;
  return a->source == b->source && a->paper == b->paper && a->kind == b->kind &&
         strcmp(a->model, b->model) == 0;
}

/* Without `all`: the stated readings and, of the many figures of published tables, those that do
 * not come out. */
static bool is_shown(const struct claim_row *row, bool all)
{
  return all || (row->stated && (!row->source || row->verdict != CLAIM_REPRODUCED));
}

static void add_title(const struct claim_row *row, struct text *text)
{
  const char *title = row->model;
  for (size_t i = 0; row->source && i < row->paper->claim_count; i++)
    if (strcmp(row->paper->claims[i].id, row->id) == 0)
      title = row->paper->claims[i].title;
  text_add(text, "\n%s%s%s (%s)\n", row->source ? row->id : "", row->source ? ": " : "", title,
           trajectory_kind_name(row->kind));
}

void claims_text(const struct claim_list *list, bool all, struct text *text)
{
  add_sources(list, text);
  for (size_t i = 0; i < list->count;) {
    const struct claim_row *first = &list->rows[i];
    struct table table = {.columns = first->source ? source_columns : columns,
                          .column_count = sizeof columns / sizeof *columns};
    for (; i < list->count && same_group(first, &list->rows[i]); i++)
      if (is_shown(&list->rows[i], all))
        add_row(&list->rows[i], &table);
    if (table_rows(&table) || table.failed) {
      add_title(first, text);
      table_aligned(&table, "", text);
    }
    table_free(&table);
  }
}
