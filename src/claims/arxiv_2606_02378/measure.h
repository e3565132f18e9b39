/* What follows from a trajectory: counts, first revisions, recall, nearest heads. */
#ifndef ATTEST_CLAIMS_ARXIV_2606_02378_MEASURE_H
#define ATTEST_CLAIMS_ARXIV_2606_02378_MEASURE_H

#include "trajectory/trajectory.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define BOS_THRESHOLD CLASS_THRESHOLD
#define CIRCUIT_HEADS 3 /* this many induction heads are an onset */

size_t measure_heads(const struct revision *revision);

/* BOS head: first_token selectivity >= 30 whatever the best class ("screen"), or best class
 * first_token ("best-class"). */
bool measure_is_bos(const struct head_row *head, bool best_class);

/* BOS heads in the first `layers` layers. */
size_t measure_bos(const struct revision *revision, bool best_class, int layers);

/* First revision at which BOS heads are >= percent of all heads; trajectory->count: never. */
size_t measure_bos_onset(const struct trajectory *trajectory, bool best_class, size_t percent);

/* Heads of induction selectivity >= threshold. */
size_t measure_induction(const struct revision *revision, double threshold);

/* First revision with CIRCUIT_HEADS such heads; trajectory->count: never. */
size_t measure_induction_onset(const struct trajectory *trajectory, double threshold);

/* Heads of the final set (induction >= final_set at the last revision), and those of them that the
 * screen (induction >= screen) finds at a revision. */
struct recall {
  size_t found, total;
};
struct recall measure_recall(const struct trajectory *trajectory, size_t revision, double screen,
                             double final_set);

/* The head whose selectivity of `class` is nearest to the threshold, among the first `layers`
 * layers of revisions first .. last; ties go to the earlier. */
struct nearest {
  size_t revision;
  const struct head_row *head;
  double value, distance; /* |value - threshold| / threshold */
};
struct nearest measure_nearest(const struct trajectory *trajectory, size_t first, size_t last,
                               int layers, enum head_class class, double threshold);
/* {"revision", "layer", "head", "selectivity", "value", "threshold", "relative_distance"} */
json_t *evidence_nearest(const struct trajectory *trajectory, const struct nearest *nearest,
                         enum head_class class, double threshold);

#endif
