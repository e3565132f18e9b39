/* Plots of one model, head by head: parts of write_models. */
#ifndef ATTEST_REPORT_MODEL_PLOTS_H
#define ATTEST_REPORT_MODEL_PLOTS_H

#include "report/page.h"
#include "report/report.h"

#define MODEL_SERIES CLASS_COUNT /* lines of a plot, at most */
#define MODEL_TOKENS "training tokens (1e9)"

/* A model while its plots are written. */
struct model_plots {
  struct page *page;
  const struct trajectory *trajectory;
  const struct head_set *chosen; /* by the reader */
  struct plot_point *points;     /* room: [MODEL_SERIES][trajectory->count] */
  double threshold;              /* of its final induction heads */
};

/* The final induction heads one by one, where the strongest of them looks, then the chosen heads:
 * where each looks at the last revision, and over training. */
void write_heads(const struct model_plots *model);

/* The rows of the chosen heads, position by position. */
void write_rows(struct page *page, const struct report *report);

#endif
