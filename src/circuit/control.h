/* Circuits of heads, and the sets of other heads that an ablation of one is compared with: drawn
 * as in the public repository of arXiv 2606.02378 (docs/PROTOCOL.md, "Ablation"). */
#ifndef ATTEST_CIRCUIT_CONTROL_H
#define ATTEST_CIRCUIT_CONTROL_H

#include "base/random.h"
#include "circuit/head_set.h"
#include "probe/head.h"

enum control {
  CONTROL_BASELINE, /* nothing is ablated */
  CONTROL_CIRCUIT,
  CONTROL_MATCHED_RANDOM,
  CONTROL_ANY_LAYER,
  CONTROL_UPPER_BOUND,
  CONTROLS
};

/* "baseline", "circuit", "matched-random", "any-layer", "upper-bound". */
const char *control_name(enum control control);

/* Whether it is drawn, and so has a seed. */
bool control_is_random(enum control control);

/* Heads that belong together because of their figures in a screen. */
struct circuit_rule {
  const struct head_row *rows; /* [count]; borrowed */
  size_t count;
  enum head_class class;
  bool best; /* only those of which it is the best class, too */
};

/* The heads, ascending as in the rows, whose selectivity for the class is at least `threshold`.
 * Owner: the caller, head_set_free, also of the sets below. Errors: EXIT_RUN, as of all below. */
int circuit_choose(const struct circuit_rule *rule, double threshold, struct head_set *circuit,
                   struct error *error);

/* What a circuit by threshold is called for. */
struct threshold_circuit {
  enum head_class class;
  double threshold;
};

/* A model's heads. */
struct head_grid {
  size_t layers, heads;
};

/* Heads of the circuit's layers: for each layer, in the circuit's order,
 * choice(eligible, min(picked, eligible), replace=False) of the stream, sorted; eligible are, in
 * ascending order, the layer's heads that are not of the circuit. A layer without any gives none
 * and draws nothing. Heads that the model lacks count as picked. */
int control_matched_random(const struct head_set *circuit, const struct head_grid *grid,
                           struct random *stream, struct head_set *control, struct error *error);

/* As many heads of the model as the circuit has:
 * choice(heads outside the circuit, size of the circuit, replace=False) of the stream, sorted.
 * Empty, and nothing drawn, where there are not as many. */
int control_any_layer(const struct head_set *circuit, const struct head_grid *grid,
                      struct random *stream, struct head_set *control, struct error *error);

/* All heads of the circuit's layers, ascending. */
int control_upper_bound(const struct head_set *circuit, const struct head_grid *grid,
                        struct head_set *control, struct error *error);

/* The thresholds whose published controls come from one stream, one after the other. */
#define CONTROL_STREAM_THRESHOLDS 5
extern const double control_stream_thresholds[CONTROL_STREAM_THRESHOLDS];

/* Its index there. Errors: EXIT_INPUT for another one. */
int control_stream_index(double threshold, size_t *index, struct error *error);

/* The matched-random control of the threshold of that index, as published: the stream of `seed` has
 * drawn those of the thresholds before. */
int control_published(const struct circuit_rule *rule, const struct head_grid *grid, size_t index,
                      uint32_t seed, struct head_set *control, struct error *error);

#endif
