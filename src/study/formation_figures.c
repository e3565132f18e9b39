#include "study/formation_figures.h"

#include "base/text.h"
#include "few_shot/course.h"

#include <string.h>

static const struct formation_curve figures[] = {
    {"3", "Figure 3a: nothing clamped", "training sequences", "loss", true,
     "The sequences of training and three kinds that are held back."},
    {"3b", "Figure 3b: induction strengths", "training sequences", "induction strength", false,
     "Of every head of layer 1: its attention to the right label less that to the other one."},
    {"4b", "Figure 4b: heads trained alone", "training sequences", "loss (fsl_train)", true,
     "Each head of layer 1 trained without the others, and all together (unclamped)."},
    {"5a", "Figure 5a: the toy model", "steps", "loss", false,
     "A product of three vectors, of which none, c, or b and c are given from the beginning."},
    {"5b", "Figure 5b: six clamps", "training sequences", "loss (fsl_train)", true,
     "Head 1:3 alone, with a part of the circuit given from the beginning, or nothing (none)."},
    {"6", "Figure 6: more classes, more labels", "training sequences", "loss (fsl_train)", true,
     "Head 1:3 alone; B: layer 0 and copy given; C: match given; both: layer 0 given."},
    {"7", "Figure 7: grafts of layer 0", "training sequences", "loss (fsl_train)", true,
     "Layer 0 of trained models of several seeds, kept, below a new layer 1."},
    {"8", "Figure 8: previous-token clamps", "training sequences", "loss (fsl_train)", true,
     "Heads of layer 0 look at the previous token from the beginning: 0:6, three, all; and 0:2."},
    {"12", "Figure 12: without layer 0's direct output", "training sequences", "loss (fsl_train)",
     true, "The same model with and without what layer 0 adds to the answer itself."},
    {"15", "Figure 15: strengths of the match", "training sequences", "loss (fsl_train)", true,
     "The match of keys and queries clamped to several strengths."},
};
#define FIGURES (sizeof figures / sizeof *figures)

const struct formation_curve *formation_curve_of(const char *figure)
{
  size_t i = 0;
  while (i + 1 < FIGURES && strcmp(figures[i].figure, figure) != 0)
    i++;
  return &figures[i];
}

static void add_points(const struct study_curve *curve, struct text *csv)
{
  size_t step = (curve->count + RESULT_POINTS - 2) / (RESULT_POINTS - 1);
  for (size_t k = 0; k < curve->count; k++) {
    if (k % step != 0 && k + 1 != curve->count)
      continue;
    text_add(csv, "%s %s,", curve->model, curve->name);
    text_add_double(csv, curve->points[k][0]);
    text_add(csv, ",");
    text_add_double(csv, curve->points[k][1]);
    text_add(csv, "\n");
  }
}

static void add_figure(struct journal *journal, const struct study_curves *curves, size_t first,
                       const struct formation_curve *figure)
{
  struct text csv = {0};
  bool any = false;
  text_add(&csv, "curve,%s,%s\n", figure->x, figure->y);
  for (size_t i = first; i < curves->count; i++)
    if (strcmp(curves->curves[i].figure, figure->figure) == 0) {
      add_points(&curves->curves[i], &csv);
      any = true;
    }
  const struct journal_result result = {.name = "curves",
                                        .title = figure->title,
                                        .x = figure->x,
                                        .y = figure->y,
                                        .series = "curve",
                                        .about = figure->about,
                                        .level = figure->chance ? "chance, ln 2" : NULL,
                                        .at = FEW_LN2};
  if (any && !csv.failed)
    journal_add(journal, (struct journal_entry){
                             .event = JOURNAL_RESULT, .text = csv.data, .result = result});
  journal->failed = journal->failed || csv.failed;
  text_free(&csv);
}

void formation_results(struct journal *journal, const struct study_curves *curves, size_t first)
{
  for (size_t f = 0; f < FIGURES; f++)
    add_figure(journal, curves, first, &figures[f]);
}
