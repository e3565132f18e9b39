/* What an ablation of a checkpoint showed, and how it is written: as a table, as CSV, as JSON. */
#ifndef ATTEST_STUDY_ABLATIONS_H
#define ATTEST_STUDY_ABLATIONS_H

#include "base/table.h"
#include "circuit/ablation_intervals.h"

/* All zero: nothing to free. Release with ablations_free. */
struct ablations {
  struct conditions conditions;
  struct ablation_figures *figures;  /* [conditions.count] */
  struct control_summary *summaries; /* [summary_count] */
  size_t summary_count;
  int64_t n;                            /* sequences */
  size_t resamples;                     /* of the bootstrap; 0 = none */
  struct ablation_intervals *intervals; /* [conditions.count]; NULL = none */
};

/* Takes the figures of a finished ablation, and its conditions over; intervals from so many
 * resamples, 0 = none. Errors: EXIT_RUN. */
int ablations_take(struct ablations *ablations, struct conditions *conditions,
                   const struct ablation *ablation, int64_t n, size_t resamples,
                   struct error *error);
void ablations_free(struct ablations *ablations);

/* Adds the rows of a revision to a table of these columns: revision, condition, control, stream,
 * seed, heads, out_of_range, n, top1, top5, cross_entropy, target_logit; cells are missing where
 * nothing could be drawn. table->failed without memory. */
#define ABLATIONS_COLUMNS 12
extern const struct table_column ablations_columns[ABLATIONS_COLUMNS];
void ablations_rows(const struct ablations *ablations, const char *revision, struct table *table);

/* Adds the intervals to a table of these columns: revision, condition, control, stream, seed,
 * figure (top1, top1_change, top5, cross_entropy, target_logit), value, low, high. */
#define ABLATIONS_INTERVAL_COLUMNS 9
extern const struct table_column ablations_interval_columns[ABLATIONS_INTERVAL_COLUMNS];
void ablations_interval_rows(const struct ablations *ablations, const char *revision,
                             struct table *table);

/* Adds figures, intervals and summaries as aligned text. */
void ablations_text(const struct ablations *ablations, struct text *text);

/* {"model", "revision", "n", "conditions": [...], "summaries": [...]}, with a bootstrap
 * "resamples", "seed" and "intervals", the rows above, too; NULL without memory. */
json_t *ablations_json(const struct ablations *ablations, const char *model, const char *revision);

#endif
