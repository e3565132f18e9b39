#include "claims/summary.h"

#include "claims/paper.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 100
#define TITLE_WIDTH 43 /* of a claim in the grid */
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

static void find_models(const struct summary *summary, struct grid *grid)
{
  const struct claim_row *row;
  grid->model_count = 0;
  for (size_t i = 0; (row = row_at(summary, i)); i++) {
    size_t m = 0;
    if (!in_grid(grid, row))
      continue;
    while (m < grid->model_count && strcmp(grid->models[m], row->model) != 0)
      m++;
    if (m == grid->model_count && m < MOST_MODELS)
      grid->models[grid->model_count++] = row->model;
  }
}

/* "+6 ~1 x1" in columns; a verdict that no figure has is omitted. */
static void add_cell(const struct summary *summary, const struct grid *grid, const char *claim,
                     const char *model, size_t width)
{
  size_t counts[CLAIM_VERDICT_COUNT] = {0}, used = 0;
  const struct claim_row *row;
  for (size_t i = 0; (row = row_at(summary, i)); i++)
    if (in_grid(grid, row) && strcmp(row->model, model) == 0 && strcmp(row->id, claim) == 0)
      counts[row->verdict]++;
  for (int v = 0; v < CLAIM_VERDICT_COUNT; v++) {
    char number[24];
    if (!counts[v])
      continue;
    int length = snprintf(number, sizeof number, "%zu", counts[v]);
    text_add(summary->text, "%s", used ? " " : "");
    add_symbol(summary, (enum claim_verdict)v);
    text_add(summary->text, "%s", number);
    used += (size_t)length + 1 + (used ? 1 : 0);
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

static size_t model_width(const char *model)
{
  size_t length = strlen(model);
  return (length < 9 ? 9 : length) + 2;
}

/* Models first .. until the line is full; returns the first that did not fit. */
static size_t add_columns(const struct summary *summary, const struct grid *grid, size_t first)
{
  size_t last = first, width = TITLE_WIDTH;
  while (last < grid->model_count &&
         (last == first || width + model_width(grid->models[last]) <= WIDTH))
    width += model_width(grid->models[last++]);
  text_add(summary->text, "%*s", TITLE_WIDTH, "");
  for (size_t m = first; m < last; m++)
    text_add(summary->text, "%-*s", (int)model_width(grid->models[m]),
             strcmp(grid->models[m], ALL_MODELS) == 0 ? "together" : grid->models[m]);
  end_line(summary->text);
  for (size_t c = 0; c < grid->paper->claim_count; c++) {
    const struct paper_claim *claim = &grid->paper->claims[c];
    text_add(summary->text, "%-3s %-*.*s", claim->id, TITLE_WIDTH - 4, TITLE_WIDTH - 5,
             claim->title);
    for (size_t m = first; m < last; m++)
      add_cell(summary, grid, claim->id, grid->models[m], model_width(grid->models[m]));
    end_line(summary->text);
  }
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

/* Cut to `columns`: this is one line a figure, the whole is in the details. */
static void add_fitting(struct text *text, const char *words, size_t columns)
{
  if (text_columns(words) <= columns) {
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
  text_add(&line, " %s %s %s: published %s, comes out %s", row->id,
           strcmp(row->model, ALL_MODELS) == 0 ? "together" : row->model, row->figure,
           row->published_text, *row->recomputed_text ? row->recomputed_text : "-");
  if (*row->under)
    text_add(&line, "; holds under %s", row->under);
  else if (*row->why)
    text_add(&line, "; %s", row->why);
  add_fitting(summary->text, line.data ? line.data : "", WIDTH - 1);
  text_add(summary->text, "\n");
  summary->text->failed = summary->text->failed || line.failed;
  text_free(&line);
}

/* What does not hold at all comes first: it must not be among what is only counted. */
static void add_lines(const struct summary *summary)
{
  static const enum claim_verdict order[] = {CLAIM_NOT_REPRODUCED, CLAIM_UNDER_ANOTHER};
  const struct claim_row *row;
  size_t total = 0, shown = 0;
  for (size_t i = 0; (row = row_at(summary, i)); i++)
    total += differs(row);
  if (total)
    text_add(summary->text, "\n%zu figures do not come out as stated:\n", total);
  for (size_t v = 0; v < 2; v++)
    for (size_t i = 0; (row = row_at(summary, i)); i++) {
      if (!differs(row) || row->verdict != order[v] || shown == summary->style->lines)
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
    for (size_t i = 0; i < summary->count; i++)
      for (size_t t = 0; t < summary->lists[i].trajectory_count; t++)
        models += summary->lists[i].trajectories[t].kind == (enum trajectory_kind)kind;
    text_add(summary->text, "%s%s: ", kind ? "; " : "", names[kind]);
    if (models)
      text_add(summary->text, "%zu models", models);
    else
      text_add(summary->text, "none");
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
