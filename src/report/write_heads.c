/* Plots of single heads: final induction heads, and those that the reader chose. */
#include "report/model_plots.h"

#include "claims/arxiv_2606_02378/rise.h"
#include "probe/observe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_HEADS 24 /* final induction heads of a model that get a plot */
#define MOST_ROWS 3   /* sequences of a dump that are drawn beside their mean */

static const char *const places[CLASS_COUNT] = {"after the earlier token (induction)",
                                                "previous token",
                                                "the earlier token itself",
                                                "first position",
                                                "itself",
                                                "3 to 6 back (each)"};

static const struct revision *last_of(const struct trajectory *t)
{
  return &t->revisions[t->count - 1];
}

static size_t heads_of(const struct trajectory *t)
{
  return (size_t)t->revisions[0].n_layers * (size_t)t->revisions[0].n_heads;
}

static void write_head(const struct model_plots *model, size_t head)
{
  const struct trajectory *t = model->trajectory;
  const struct head_row *row = &last_of(t)->heads[head];
  size_t crossing = rise_crossing(t, head, CLASS_INDUCTION, model->threshold);
  struct plot_point *selectivity = model->points, *pr = model->points + t->count;
  char title[300], level[32];
  for (size_t r = 0; r < t->count; r++) {
    const struct head_row *at = &t->revisions[r].heads[head];
    const char *name = t->revisions[r].name;
    selectivity[r] =
        (struct plot_point){t->revisions[r].tokens, at->selectivity[CLASS_INDUCTION], name};
    pr[r] = (struct plot_point){t->revisions[r].tokens, at->pr, name};
  }
  const struct plot_series series[] = {
      {"induction selectivity", selectivity, t->count, 0, false, true, false},
      {"participation ratio", pr, t->count, 1, true, true, false}};
  snprintf(title, sizeof title, "Head L%dH%d of %s", row->layer, row->head, t->model);
  snprintf(level, sizeof level, "%gx", model->threshold);
  bool crosses = crossing < t->count;
  const struct plot_mark marks[] = {
      {model->threshold, level, true},
      {crosses ? t->revisions[crossing].tokens : NAN, "crossing", false}};
  struct plot plot = {
      .title = title,
      .description = crosses ? "Induction selectivity and participation ratio of a head; marked is "
                               "the first revision at which its selectivity crosses the threshold."
                             : "Induction selectivity, which never crosses the threshold, and "
                               "participation ratio of a head.",
      .x = {.label = MODEL_TOKENS, .log = true},
      .y = {.label = "multiple, dimensions", .log = true}};
  page_lines(model->page, &plot, series, 2, marks, crosses ? 2 : 1);
}

/* Mean attention at a position that the protocol names; its selectivity where no baseline is known.
 */
static double weight_of(const struct head_row *row, int class)
{
  return row->selectivity[class] *
         (isfinite(row->baseline) ? fmax(row->baseline, BASELINE_FLOOR) : 1);
}

/* Where the last query of a head looks, at the last revision. */
static void write_row(const struct model_plots *model, size_t head, const char *which)
{
  const struct trajectory *t = model->trajectory;
  const struct head_row *row = &last_of(t)->heads[head];
  bool known = isfinite(row->baseline);
  struct plot_bar bars[CLASS_COUNT];
  char title[300], description[300];
  for (int c = 0; c < CLASS_COUNT; c++)
    bars[c] = (struct plot_bar){places[c], weight_of(row, c), NAN, NAN, c == CLASS_INDUCTION};
  snprintf(title, sizeof title, "Attention row of L%dH%d, %s", row->layer, row->head, t->model);
  snprintf(description, sizeof description,
           "%s at the positions that the protocol names, at the last revision, of %s.",
           known ? "Mean attention of the last query"
                 : "Selectivity (the published tables hold no mean attention)",
           which);
  struct plot plot = {
      .title = title,
      .description = description,
      .x = {.label = known ? "mean attention" : "multiple of the baseline", .percent = known}};
  page_bars(model->page, &plot, bars, CLASS_COUNT);
}

/* The same over training. */
static void write_course(const struct model_plots *model, size_t head)
{
  const struct trajectory *t = model->trajectory;
  const struct head_row *row = &last_of(t)->heads[head];
  bool known = isfinite(row->baseline);
  struct plot_series series[CLASS_COUNT];
  char title[300];
  for (int c = 0; c < CLASS_COUNT; c++) {
    struct plot_point *points = model->points + (size_t)c * t->count;
    for (size_t r = 0; r < t->count; r++)
      points[r] = (struct plot_point){
          t->revisions[r].tokens, weight_of(&t->revisions[r].heads[head], c), t->revisions[r].name};
    series[c] = (struct plot_series){.name = places[c],
                                     .points = points,
                                     .count = t->count,
                                     .colour = (unsigned)c,
                                     .dashed = c >= 4,
                                     .markers = true};
  }
  snprintf(title, sizeof title, "Where L%dH%d of %s looks, over training", row->layer, row->head,
           t->model);
  struct plot plot = {
      .title = title,
      .description = known ? "Mean attention of the last query at the positions that the protocol "
                             "names, revision by revision."
                           : "Selectivity (the published tables hold no mean attention) at the "
                             "positions that the protocol names, revision by revision.",
      .x = {.label = MODEL_TOKENS, .log = true},
      .y = {.label = known ? "mean attention" : "multiple of the baseline",
            .log = !known,
            .percent = known}};
  page_lines(model->page, &plot, series, CLASS_COUNT, NULL, 0);
}

static size_t strongest(const struct trajectory *t)
{
  const struct revision *last = last_of(t);
  size_t best = 0;
  for (size_t i = 1; i < heads_of(t); i++)
    if (last->heads[i].selectivity[CLASS_INDUCTION] >
        last->heads[best].selectivity[CLASS_INDUCTION])
      best = i;
  return best;
}

static bool is_final(const struct model_plots *model, size_t head)
{
  return last_of(model->trajectory)->heads[head].selectivity[CLASS_INDUCTION] >= model->threshold;
}

/* Whether it is among the final induction heads that are drawn. */
static bool is_drawn(const struct model_plots *model, size_t head)
{
  size_t before = 0;
  for (size_t i = 0; i < head; i++)
    before += is_final(model, i);
  return is_final(model, head) && before < MOST_HEADS;
}

static void write_chosen(const struct model_plots *model)
{
  const struct revision *last = last_of(model->trajectory);
  for (size_t i = 0; i < model->chosen->count; i++) {
    const struct head_name *name = &model->chosen->list[i];
    if (name->layer >= (size_t)last->n_layers || name->head >= (size_t)last->n_heads)
      continue;
    size_t head = name->layer * (size_t)last->n_heads + name->head;
    if (head != strongest(model->trajectory))
      write_row(model, head, "a head that was asked for");
    write_course(model, head);
    if (!is_drawn(model, head))
      write_head(model, head);
  }
}

void write_heads(const struct model_plots *model)
{
  size_t all = 0, heads = heads_of(model->trajectory);
  for (size_t i = 0; i < heads; i++)
    if (is_final(model, i) && all++ < MOST_HEADS)
      write_head(model, i);
  write_row(model, strongest(model->trajectory), "the head with the largest induction selectivity");
  if (all > MOST_HEADS)
    page_text(model->page, "", "%zu more induction heads are not drawn.", all - MOST_HEADS);
  write_chosen(model);
}

/* --- position by position --- */

/* points[1 + MOST_ROWS][seq_len]: the mean, then the first sequences. */
static size_t fill_rows(const struct rows *rows, const struct head_name *head,
                        struct plot_point *points, struct plot_series series[1 + MOST_ROWS])
{
  static const char *const names[1 + MOST_ROWS] = {"mean", "sequence 1", "sequence 2",
                                                   "sequence 3"};
  size_t count = 1 + (rows->n < MOST_ROWS ? rows->n : MOST_ROWS);
  for (size_t s = 0; s < count; s++, points += rows->seq_len) {
    for (size_t p = 0; p < rows->seq_len; p++)
      points[p] = (struct plot_point){(double)p,
                                      s ? (double)rows_at(rows, s - 1, head->layer, head->head, p)
                                        : rows_mean(rows, head->layer, head->head, p),
                                      NULL};
    series[s] = (struct plot_series){.name = names[s],
                                     .points = points,
                                     .count = rows->seq_len,
                                     .colour = (unsigned)s,
                                     .dashed = s > 0};
  }
  return count;
}

void write_rows(struct page *page, const struct report *report)
{
  const struct rows *rows = &report->rows;
  struct plot_series series[1 + MOST_ROWS];
  char title[300], description[500], name[HEAD_NAME_SIZE];
  struct plot_point *points = calloc((1 + MOST_ROWS) * rows->seq_len + 1, sizeof *points);
  page->out->failed = page->out->failed || !points;
  for (size_t i = 0; points && i < report->chosen.count; i++) {
    size_t count = fill_rows(rows, &report->chosen.list[i], points, series);
    snprintf(title, sizeof title, "Attention row of %s, position by position",
             head_name_format(&report->chosen.list[i], name));
    snprintf(
        description, sizeof description,
        "Attention of the last query, at position %zu, to every position: the mean of %s "
        "that attest screen --dump wrote, and the first of them by themselves. Of which model and "
        "revision they are, the file does not say. Its SHA-256: %s.",
        rows->seq_len - 1, text_counted(rows->n, "sequence").text, rows->digest.sha256);
    struct plot plot = {.title = title,
                        .description = description,
                        .x = {.label = "position"},
                        .y = {.label = "attention", .percent = true}};
    page_lines(page, &plot, series, count, NULL, 0);
  }
  free(points);
}
