/* Plots of trajectories, model by model: BOS heads by both definitions, the induction circuit and
 * its recall, BOS heads by layer; then heads one by one (write_heads.c). Definitions:
 * docs/PROTOCOL.md; the counts are those of the claims. */
#include "report/model_plots.h"
#include "report/write.h"

#include "base/memory.h"
#include "claims/arxiv_2606_02378/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* y of revision r, for series `which`. */
typedef double measured(const struct model_plots *model, size_t r, int which);

static const struct revision *last_of(const struct trajectory *t)
{
  return &t->revisions[t->count - 1];
}

static void fill(const struct model_plots *model, int which, const char *name, measured *measure,
                 struct plot_series *series)
{
  const struct trajectory *t = model->trajectory;
  struct plot_point *points = model->points + (size_t)which * t->count;
  for (size_t r = 0; r < t->count; r++)
    points[r] =
        (struct plot_point){t->revisions[r].tokens, measure(model, r, which), t->revisions[r].name};
  *series = (struct plot_series){.name = name,
                                 .points = points,
                                 .count = t->count,
                                 .colour = (unsigned)which,
                                 .dash = which == 1,
                                 .markers = true};
}

static double bos_share(const struct model_plots *model, size_t r, int which)
{
  const struct revision *revision = &model->trajectory->revisions[r];
  return (double)measure_bos(revision, which == 1, revision->n_layers) /
         (double)measure_heads(revision);
}

static void write_bos(const struct model_plots *model)
{
  char title[300];
  struct plot_series series[2];
  const struct plot_mark half = {0.5, "50 %", true};
  snprintf(title, sizeof title, "BOS heads of %s", model->trajectory->model);
  struct plot plot = {.title = title,
                      .description = "Share of all heads whose last query rests on the first "
                                     "position, by both published definitions: screen (first_token "
                                     "selectivity >= 30x) and best class.",
                      .x = {.label = MODEL_TOKENS, .log = true},
                      .y = {.label = "share of heads", .percent = true, .high = 1}};
  fill(model, 0, "screen, >= 30x", bos_share, &series[0]);
  fill(model, 1, "best class", bos_share, &series[1]);
  page_lines(model->page, &plot, series, 2, &half, 1);
}

static double induction_count(const struct model_plots *model, size_t r, int which)
{
  return (double)measure_induction(&model->trajectory->revisions[r],
                                   which ? CLASS_THRESHOLD : CIRCUIT_THRESHOLD);
}

static void write_induction(const struct model_plots *model)
{
  char title[300];
  struct plot_series series[2];
  snprintf(title, sizeof title, "Induction heads of %s", model->trajectory->model);
  struct plot plot = {.title = title,
                      .description = "How many heads have an induction selectivity of at least 50x "
                                     "(the circuit) and of at least 30x.",
                      .x = {.label = MODEL_TOKENS, .log = true},
                      .y = {.label = "heads", .high = 4}};
  fill(model, 0, ">= 50x", induction_count, &series[0]);
  fill(model, 1, ">= 30x", induction_count, &series[1]);
  page_lines(model->page, &plot, series, 2, NULL, 0);
}

static double recall(const struct model_plots *model, size_t r, int which)
{
  struct recall found = measure_recall(
      model->trajectory, r, which ? CLASS_THRESHOLD : model->threshold, model->threshold);
  return found.total ? (double)found.found / (double)found.total : NAN;
}

static void write_recall(const struct model_plots *model)
{
  char title[300], description[300], name[64];
  struct plot_series series[2];
  if (measure_recall(model->trajectory, 0, model->threshold, model->threshold).total == 0)
    return;
  snprintf(title, sizeof title, "Recall of the final induction heads of %s",
           model->trajectory->model);
  snprintf(description, sizeof description,
           "Share of the heads with an induction selectivity of at least %gx at the last revision "
           "that a screen finds earlier, at %gx and at 30x.",
           model->threshold, model->threshold);
  snprintf(name, sizeof name, "found at >= %gx", model->threshold);
  struct plot plot = {.title = title,
                      .description = description,
                      .x = {.label = MODEL_TOKENS, .log = true},
                      .y = {.label = "recall", .percent = true, .high = 1}};
  fill(model, 0, name, recall, &series[0]);
  fill(model, 1, "found at >= 30x", recall, &series[1]);
  page_lines(model->page, &plot, series, model->threshold > CLASS_THRESHOLD ? 2 : 1, NULL, 0);
}

/* BOS heads of each layer, as shares. */
static int write_layers(const struct model_plots *model, struct error *error)
{
  const struct trajectory *t = model->trajectory;
  size_t layers = (size_t)t->revisions[0].n_layers;
  double *values = memory_zeroed(layers * t->count, sizeof *values, t->model, error);
  const char **revisions = memory_zeroed(t->count, sizeof *revisions, t->model, error);
  const char **names = memory_zeroed(layers, sizeof *names, t->model, error);
  char(*labels)[32] = memory_zeroed(layers, sizeof *labels, t->model, error);
  int status = values && revisions && names && labels ? 0 : error->code;
  for (size_t l = 0; !status && l < layers; l++) {
    snprintf(labels[l], sizeof labels[l], "L%zu", l);
    names[l] = labels[l];
    for (size_t r = 0; r < t->count; r++) {
      const struct revision *at = &t->revisions[r];
      values[l * t->count + r] =
          (double)(measure_bos(at, false, (int)l + 1) - measure_bos(at, false, (int)l)) /
          (double)at->n_heads;
    }
  }
  for (size_t r = 0; !status && r < t->count; r++)
    revisions[r] = t->revisions[r].name;
  if (!status) {
    char title[300];
    snprintf(title, sizeof title, "BOS heads of %s by layer", t->model);
    struct plot plot = {.title = title,
                        .description = "Share of the heads of each layer with a first_token "
                                       "selectivity of at least 30x. An empty cell has none: claim "
                                       "F1 says that layers 0 and 1 stay empty.",
                        .x = {.label = "revision"},
                        .y = {.label = "of a layer's heads", .percent = true}};
    const struct plot_cells cells = {layers, t->count, values, names, revisions, 1};
    page_heat(model->page, &plot, &cells);
  }
  free(values);
  free(revisions);
  free(names);
  free(labels);
  return status;
}

/* Small models have hardly any head of 50x: theirs are those of 30x, which is said. */
static double threshold_of(const struct trajectory *t)
{
  return measure_induction(last_of(t), CIRCUIT_THRESHOLD) ? CIRCUIT_THRESHOLD : CLASS_THRESHOLD;
}

static int write_model(struct page *page, const struct report *report, const struct trajectory *t,
                       struct error *error)
{
  struct plot_point *points =
      memory_zeroed(MODEL_SERIES * t->count, sizeof *points, t->model, error);
  if (!points)
    return error->code;
  const struct model_plots model = {page, t, &report->chosen, points, threshold_of(t)};
  page_heading(page, 3, NULL, "%s: %s", t->model, report_kind(t->kind));
  page_text(page, "", "%s", t->source);
  if (*t->caveat)
    page_text(page, "caveat", "%s", t->caveat);
  if (model.threshold < CIRCUIT_THRESHOLD)
    page_text(page, "",
              "No head reaches 50x at the last revision; the heads drawn one by one are "
              "those of at least 30x.");
  page_gallery(page);
  write_bos(&model);
  write_induction(&model);
  write_recall(&model);
  int status = write_layers(&model, error);
  write_heads(&model);
  page_gallery_end(page);
  free(points);
  return status;
}

int write_models(struct page *page, const struct report *report, struct error *error)
{
  page_heading(page, 2, "models", "Models");
  if (!report->trajectory_count)
    page_text(page, "", "No trajectories are among the inputs; the work folder of a run has them.");
  for (size_t i = 0; i < report->trajectory_count; i++)
    if (write_model(page, report, &report->trajectories[i].trajectory, error))
      return error->code;
  if (report->rows.n) {
    page_heading(page, 3, NULL, "Attention rows, position by position");
    page_gallery(page);
    write_rows(page, report);
    page_gallery_end(page);
  }
  return 0;
}
