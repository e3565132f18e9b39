#include "claims/summary.h"

#include "claims/paper.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 100
#define TITLE_WIDTH 40 /* of a claim in the grid */
#define MOST_MODELS 12 /* of one kind */

struct summary {
  const struct claim_list *lists;
  size_t count;
  const struct summary_style *style;
  struct text *text;
};

/* What a grid is about: the stated rows of one paper from one kind of evidence. */
struct grid {
  const struct paper *paper;
  enum trajectory_kind kind;
  const char *models[MOST_MODELS];
  size_t model_count;
  bool others; /* a column holds rows of other models than its own */
};

static const char *const kind_titles[] = {
    "from the published tables (the author's own figures, nothing measured here)",
    "on small models trained for this project (not the paper's models)",
    "on the real checkpoints, screened here", "on synthetic weights (no evidence about any claim)"};

static const char *symbol(const struct summary *summary, enum claim_verdict verdict)
{
  static const char *const fancy[CLAIM_VERDICT_COUNT] = {"\u2713", "~", "\u2717", "\u00b7"};
  static const char *const plain[CLAIM_VERDICT_COUNT] = {"+", "~", "x", "."};
  return summary->style->utf8 ? fancy[verdict] : plain[verdict];
}

static void add_symbol(const struct summary *summary, enum claim_verdict verdict)
{
  static const char *const colours[CLAIM_VERDICT_COUNT] = {"32", "33", "31", "2"};
  if (summary->style->colour)
    text_add(summary->text, "\033[%sm%s\033[0m", colours[verdict], symbol(summary, verdict));
  else
    text_add(summary->text, "%s", symbol(summary, verdict));
}

/* Rows of all lists, one after the other; NULL behind the last. */
static const struct claim_row *row_at(const struct summary *summary, size_t index)
{
  for (size_t i = 0; i < summary->count; i++) {
    if (index < summary->lists[i].count)
      return &summary->lists[i].rows[index];
    index -= summary->lists[i].count;
  }
  return NULL;
}

static bool in_grid(const struct grid *grid, const struct claim_row *row)
{
  return row->stated && row->paper == grid->paper && row->kind == grid->kind;
}

/* Models that a text names beside those of the paper's own trajectories share a column. */
static const char *column_model(const struct claim_row *row)
{
  return row->source && row->kind == TRAJECTORY_PUBLISHED &&
                 !paper_find_model(row->paper, row->model)
             ? ALL_MODELS
             : row->model;
}

static void find_models(const struct summary *summary, struct grid *grid)
{
  const struct claim_row *row;
  grid->model_count = 0;
  grid->others = false;
  for (size_t i = 0; (row = row_at(summary, i)); i++) {
    size_t m = 0;
    if (!in_grid(grid, row))
      continue;
    grid->others = grid->others || strcmp(column_model(row), row->model) != 0;
    while (m < grid->model_count && strcmp(grid->models[m], column_model(row)) != 0)
      m++;
    if (m == grid->model_count && m < MOST_MODELS)
      grid->models[grid->model_count++] = column_model(row);
  }
}

/* How many figures have each verdict. */
struct counts {
  size_t of[CLAIM_VERDICT_COUNT];
};

static struct counts count_cell(const struct summary *summary, const struct grid *grid,
                                const char *claim, const char *model)
{
  struct counts counts = {{0}};
  const struct claim_row *row;
  for (size_t i = 0; (row = row_at(summary, i)); i++)
    if (in_grid(grid, row) && strcmp(column_model(row), model) == 0 && strcmp(row->id, claim) == 0)
      counts.of[row->verdict]++;
  return counts;
}

/* Columns that "+6 ~1 x1" takes. */
static size_t counts_width(const struct counts *counts)
{
  size_t used = 0;
  for (int v = 0; v < CLAIM_VERDICT_COUNT; v++)
    if (counts->of[v])
      used += (used ? 2 : 1) + (size_t)snprintf(NULL, 0, "%zu", counts->of[v]);
  return used;
}

/* In columns; a verdict that no figure has is omitted. */
static void add_counts(const struct summary *summary, const struct counts *counts, size_t width)
{
  size_t used = counts_width(counts);
  bool any = false;
  for (int v = 0; v < CLAIM_VERDICT_COUNT; v++) {
    if (!counts->of[v])
      continue;
    text_add(summary->text, "%s", any ? " " : "");
    add_symbol(summary, (enum claim_verdict)v);
    text_add(summary->text, "%zu", counts->of[v]);
    any = true;
  }
  text_add(summary->text, "%*s", (int)(width > used ? width - used : 0), "");
}

/* Lines end where their text ends. */
static void end_line(struct text *text)
{
  while (text->length && text->data[text->length - 1] == ' ')
    text->length--;
  text_add(text, "\n");
}

static const char *model_title(const struct grid *grid, const char *model)
{
  if (strcmp(model, ALL_MODELS) != 0)
    return model;
  return grid->others ? "all, other" : "together";
}

static size_t model_width(const struct summary *summary, const struct grid *grid, const char *model)
{
  size_t width = strlen(model_title(grid, model));
  for (size_t c = 0; c < grid->paper->claim_count; c++) {
    struct counts counts = count_cell(summary, grid, grid->paper->claims[c].id, model);
    size_t needed = counts_width(&counts);
    width = needed > width ? needed : width;
  }
  return (width < 9 ? 9 : width) + 2;
}

/* What a claim's row says as a whole. */
enum row_kind { ROW_NONE, ROW_OPEN, ROW_EVALUATED };

static enum row_kind kind_of(const struct summary *summary, const struct grid *grid,
                             const char *claim)
{
  enum row_kind kind = ROW_NONE;
  for (size_t m = 0; m < grid->model_count; m++) {
    struct counts counts = count_cell(summary, grid, claim, grid->models[m]);
    for (int v = 0; v < CLAIM_VERDICT_COUNT; v++)
      if (counts.of[v] && kind != ROW_EVALUATED)
        kind = v == CLAIM_NOT_EVALUATED ? ROW_OPEN : ROW_EVALUATED;
  }
  return kind;
}

/* Claims of which no figure can be evaluated share a row, as their numbers say the same. */
static void add_open(const struct summary *summary, const struct grid *grid, size_t first,
                     size_t last)
{
  struct counts sums[MOST_MODELS] = {0};
  struct text names = {0};
  for (size_t c = 0; c < grid->paper->claim_count; c++) {
    const char *id = grid->paper->claims[c].id;
    if (kind_of(summary, grid, id) != ROW_OPEN)
      continue;
    text_add(&names, "%s ", id);
    for (size_t m = first; m < last; m++)
      sums[m].of[CLAIM_NOT_EVALUATED] +=
          count_cell(summary, grid, id, grid->models[m]).of[CLAIM_NOT_EVALUATED];
  }
  if (names.length) {
    text_add(summary->text, "%-*s", TITLE_WIDTH, names.data);
    for (size_t m = first; m < last; m++)
      add_counts(summary, &sums[m], model_width(summary, grid, grid->models[m]));
    end_line(summary->text);
  }
  summary->text->failed = summary->text->failed || names.failed;
  text_free(&names);
}

/* Models first .. until the line is full; returns the first that did not fit. */
static size_t add_columns(const struct summary *summary, const struct grid *grid, size_t first)
{
  size_t last = first, width = TITLE_WIDTH;
  while (last < grid->model_count &&
         (last == first || width + model_width(summary, grid, grid->models[last]) <=
                               WIDTH + 2)) /* blanks at the end */
    width += model_width(summary, grid, grid->models[last++]);
  text_add(summary->text, "%*s", TITLE_WIDTH, "");
  for (size_t m = first; m < last; m++)
    text_add(summary->text, "%-*s", (int)model_width(summary, grid, grid->models[m]),
             model_title(grid, grid->models[m]));
  end_line(summary->text);
  for (size_t c = 0; c < grid->paper->claim_count; c++) {
    const struct paper_claim *claim = &grid->paper->claims[c];
    if (kind_of(summary, grid, claim->id) != ROW_EVALUATED)
      continue;
    text_add(summary->text, "%-3s %-*.*s", claim->id, TITLE_WIDTH - 4, TITLE_WIDTH - 5,
             claim->title);
    for (size_t m = first; m < last; m++) {
      struct counts counts = count_cell(summary, grid, claim->id, grid->models[m]);
      add_counts(summary, &counts, model_width(summary, grid, grid->models[m]));
    }
    end_line(summary->text);
  }
  add_open(summary, grid, first, last);
  return last;
}

static void add_grid(const struct summary *summary, struct grid *grid)
{
  find_models(summary, grid);
  if (!grid->model_count)
    return;
  text_add(summary->text, "\narXiv %s, %s\n", grid->paper->arxiv, kind_titles[grid->kind]);
  for (size_t first = 0; first < grid->model_count;)
    first = add_columns(summary, grid, first);
}

static bool differs(const struct claim_row *row)
{
  return row->stated &&
         (row->verdict == CLAIM_NOT_REPRODUCED || row->verdict == CLAIM_UNDER_ANOTHER);
}

/* Cut to `columns` (0: as it is): this is one line a figure, the whole is in the details. */
static void add_fitting(struct text *text, const char *words, size_t columns)
{
  if (!columns || text_columns(words) <= columns) {
    text_add(text, "%s", words);
    return;
  }
  size_t used = 0;
  const char *end = words;
  while (*end && used + 3 < columns) {
    end++;
    while (((unsigned char)*end & 0xC0) == 0x80)
      end++;
    used++;
  }
  text_add(text, "%.*s...", (int)(end - words), words);
}

static void add_line(const struct summary *summary, const struct claim_row *row)
{
  struct text line = {0};
  add_symbol(summary, row->verdict);
  text_add(&line, " %s %s %s: published %s, comes out %s", row->source ? row->source->id : row->id,
           strcmp(row->model, ALL_MODELS) == 0 ? "together" : row->model, row->figure,
           row->published_text, *row->recomputed_text ? row->recomputed_text : "-");
  if (*row->under)
    text_add(&line, "; holds under the reading \"%s\"", row->under);
  else if (*row->why)
    text_add(&line, "; %s", row->why);
  add_fitting(summary->text, line.data ? line.data : "",
              summary->style->columns ? summary->style->columns - 1 : 0); /* behind the symbol */
  text_add(summary->text, "\n");
  summary->text->failed = summary->text->failed || line.failed;
  text_free(&line);
}

/* The figures of the claims that do not hold at all come first, then the most important of the
 * others: they must not be among what is only counted. What is asserted of all models together
 * comes after what is asserted of each. */
static int rank_of(const struct claim_row *row)
{
  bool fails = row->verdict == CLAIM_NOT_REPRODUCED;
  bool together = !row->source && strcmp(row->model, ALL_MODELS) == 0;
  if (row->source)
    return row->source->headline ? 1 : fails ? 4 : 5;
  return !fails ? 3 : together ? 2 : 0;
}
#define RANKS 6

static void add_lines(const struct summary *summary)
{
  const struct claim_row *row;
  size_t total = 0, shown = 0;
  for (size_t i = 0; (row = row_at(summary, i)); i++)
    total += differs(row);
  if (total)
    text_add(summary->text, "\n%s %s not come out as stated:\n", text_counted(total, "figure").text,
             total == 1 ? "does" : "do");
  for (int rank = 0; rank < RANKS; rank++)
    for (size_t i = 0; (row = row_at(summary, i)); i++) {
      if (!differs(row) || rank_of(row) != rank || shown == summary->style->lines)
        continue;
      add_line(summary, row);
      shown++;
    }
  if (shown < total)
    text_add(summary->text, "  and %zu more\n", total - shown);
}

static void add_legend(const struct summary *summary)
{
  static const char *const words[CLAIM_VERDICT_COUNT] = {"reproduced", "only under another reading",
                                                         "not reproduced", "not evaluated"};
  text_add(summary->text, "\nFigures:");
  for (int v = 0; v < CLAIM_VERDICT_COUNT; v++) {
    text_add(summary->text, "%s", v ? "   " : " ");
    add_symbol(summary, (enum claim_verdict)v);
    text_add(summary->text, " %s", words[v]);
  }
  text_add(summary->text, "\n");
}

static void add_evidence(const struct summary *summary)
{
  static const char *const names[] = {"published tables", "trained small models",
                                      "real checkpoints", "synthetic weights"};
  text_add(summary->text, "Evidence: ");
  for (int kind = TRAJECTORY_PUBLISHED; kind <= TRAJECTORY_REAL; kind++) {
    size_t models = 0;
    const struct claim_row *row;
    bool rows = false;
    for (size_t i = 0; (row = row_at(summary, i)); i++)
      rows = rows || row->kind == (enum trajectory_kind)kind;
    for (size_t i = 0; i < summary->count; i++)
      for (size_t t = 0; t < summary->lists[i].trajectory_count; t++)
        models += summary->lists[i].trajectories[t].kind == (enum trajectory_kind)kind;
    text_add(summary->text, "%s%s: ", kind ? "; " : "", names[kind]);
    if (models)
      text_add(summary->text, "%s", text_counted(models, "model").text);
    else
      text_add(summary->text, rows ? "figures of models" : "none");
  }
  text_add(summary->text, ".\n");
}

void summary_text(const struct claim_list *lists, size_t count, const struct summary_style *style,
                  struct text *text)
{
  const struct summary summary = {lists, count, style, text};
  for (const struct paper *const *paper = papers; *paper; paper++)
    for (int kind = TRAJECTORY_PUBLISHED; kind <= TRAJECTORY_SYNTHETIC; kind++) {
      struct grid grid = {.paper = *paper, .kind = (enum trajectory_kind)kind};
      add_grid(&summary, &grid);
    }
  add_legend(&summary);
  add_lines(&summary);
  add_evidence(&summary);
}
