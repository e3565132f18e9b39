/* What the screen says of one attention head (protocol: docs/PROTOCOL.md, after arXiv 2606.02378).
 */
#ifndef ATTEST_PROBE_HEAD_H
#define ATTEST_PROBE_HEAD_H

/* Classes in the order of the protocol's table; ties of the best class go to the earlier. */
enum head_class {
  CLASS_INDUCTION,
  CLASS_PREVIOUS_TOKEN,
  CLASS_DUPLICATE_TOKEN,
  CLASS_FIRST_TOKEN,
  CLASS_SELF,
  CLASS_LOCAL,
  CLASS_COUNT,
  CLASS_UNCLASSIFIED = CLASS_COUNT
};

#define CIRCUIT_THRESHOLD 50.0 /* induction selectivity of a head of the induction circuit */
#define CLASS_THRESHOLD 30.0   /* a best class below this selectivity is unclassified */

/* "induction", "previous_token", ..., "unclassified". */
const char *head_class_name(enum head_class class);

/* The class with the largest selectivity, CLASS_UNCLASSIFIED when that is below the threshold. */
enum head_class head_class_best(const double selectivity[CLASS_COUNT]);

struct head_row {
  int layer, head;                 /* from 0 */
  enum head_class class;           /* head_class_best of the selectivities */
  double selectivity[CLASS_COUNT]; /* mean attention / max(baseline, 1e-8); >= 0 */
  double baseline;                 /* mean attention weight; NAN = not available */
  double pr;                       /* participation ratio; NAN = not available */
};

#endif
