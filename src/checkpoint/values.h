/* Which tensors revisions have in common, by their values: whatever they are called, whatever they
 * are stored as, whatever files they lie in, over all revisions of a manifest.
 *
 * Evidence is a tensor that training moves: of F64, F32, BF16 or F16 elements, rank 1 to 3 (biases
 * and norms, matrices, fused experts). Three kinds say nothing and are skipped, since different
 * revisions have them in common by right: tensors whose elements are all equal (zeros and ones of
 * an initialisation, scalars), those of rank 4 or more (attention masks), and the frequencies of
 * rotary embeddings (names that end with "inv_freq"). Tensors of other types are only counted.
 *
 * Two tensors are the same when they have as many elements and these, widened to fp32 in row-major
 * order, have the same XXH3-128; F64 elements are rounded to fp32. And where revisions are stored
 * in different types: a tensor is also that of another revision, at lower precision, when its F16
 * or BF16 elements are those of the other one rounded to nearest (ties to even).
 *
 * Only digests are kept, so that memory grows with the number of tensors and not with their size.
 */
#ifndef ATTEST_CHECKPOINT_VALUES_H
#define ATTEST_CHECKPOINT_VALUES_H

#include "base/error.h"
#include "checkpoint/checkpoint.h"

#include <stdbool.h>
#include <stddef.h>

/* What there was in one or several revisions. */
struct values_count {
  size_t revisions;
  size_t compared;   /* tensors that are evidence */
  size_t left_out;   /* tensors that say nothing */
  size_t other;      /* rank 1 to 3 and more than one element, but of a type that is not compared */
  size_t not_finite; /* evidence, but for elements that are not numbers: not compared */
  size_t unpaired;   /* of evidence: neighbours lack one of the same name and shape */
  size_t unpaired_neighbours; /* pairs of neighbouring revisions that have such */
};

/* Tensors that two revisions have in common; the strings belong to the values. */
struct values_shared {
  size_t before, after;     /* revisions as they were added, before < after */
  const char *left, *right; /* the names of the first such tensor in each */
  enum dtype left_dtype, right_dtype;
  bool rounded; /* one is the other at the lower precision of its type */
  size_t count; /* of all */
};

struct values; /* digests of revisions */

/* Owner: the caller, values_free. Errors: EXIT_RUN. */
int values_new(struct values **values, struct error *error);
void values_free(struct values *values); /* NULL is allowed */

/* Adds the tensors of a revision, which must come in ascending order: reads each once, and drops
 * what was read of mapped files. The tensors' contents are known to be needed no longer than the
 * call. `first`, 1024 bytes, becomes a line about the first tensor that is not finite, or "".
 * Errors: EXIT_RUN. */
int values_add(struct values *values, size_t revision, const struct checkpoint *checkpoint,
               char *first, struct error *error);

/* Whether other revisions hold tensors of narrower types than this one. If so, values_round reads
 * it again. */
bool values_needs_rounding(const struct values *values, size_t revision);
int values_round(struct values *values, size_t revision, const struct checkpoint *checkpoint,
                 struct error *error);

/* Hands over what revisions have in common, one call a pair of them; of more than two revisions
 * with the same tensor, neighbours alone. Errors: EXIT_RUN. */
int values_report(struct values *values,
                  void (*report)(void *context, const struct values_shared *shared), void *context,
                  struct error *error);

void values_counts(const struct values *values, struct values_count *count);

#endif
