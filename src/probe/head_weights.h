/* What the weights of a head alone say of it: the spectrum of its slice of the output projection,
 * columns [head * head_dim, (head + 1) * head_dim) (docs/PROTOCOL.md, "Weights"). */
#ifndef ATTEST_PROBE_HEAD_WEIGHTS_H
#define ATTEST_PROBE_HEAD_WEIGHTS_H

#include "base/error.h"
#include "base/threads.h"
#include "model/model.h"

/* Of the singular values s, largest first, sums one by one from +0. */
struct head_weights {
  double stable_rank; /* sum s^2 / s1^2 */
  double weight_pr;   /* participation_of_squares of s^2 */
  double sigma1;      /* s1 */
  double gap;         /* (s1 - s2) / s1; 1 for a head of one dimension */
};

/* Their names, in this order, as JSON and correlations call them. */
#define HEAD_WEIGHT_FIGURES 4
extern const char *const head_weight_names[HEAD_WEIGHT_FIGURES];
double head_weight_figure(const struct head_weights *weights, int figure);

/* Bytes that head_weights_measure takes on so many threads; UINT64_MAX when that overflows. */
uint64_t head_weights_bytes(const struct model_config *config, int threads);

/* Measures all heads to weights[layers * heads], spread over the threads; stable_rank and gap of a
 * slice of zeros are NAN. `done`, if not NULL, is told how many heads are measured, layer by layer.
 * Errors: EXIT_INPUT (a weight that is not finite), EXIT_RUN. */
int head_weights_measure(const struct model *model, struct threads *threads,
                         void (*done)(void *context, size_t heads), void *context,
                         struct head_weights *weights, struct error *error);

#endif
