/* The whole program on small models, against float64 results of an independent implementation.
 * `root` is "FOLDER/" or "ARCHIVE:" that holds MODEL/model and MODEL/expected (format:
 * tests/fixtures/conformance/README.md). */
#ifndef ATTEST_TESTS_REFERENCE_H
#define ATTEST_TESTS_REFERENCE_H

#include <stdbool.h>

/* Screens the model on the batch of its meta.json: classes equal; selectivities, participation
 * ratios and, with `arrays`, attention, head outputs, residual stream and logits within ten times
 * the error that the unmodified float32 modeling code showed there. */
void reference_check(const char *root, const char *model, const char *expected, bool arrays);

/* Compares the hashes of a screen of `directory` with those that tests/fixtures/hashes.tsv has for
 * the model; without `memory` those of the arrays, too. */
void reference_hash(const char *root, const char *model, const char *directory, const char *isa,
                    const char *threads, const char *memory);

/* The same for every instruction set, and for several thread counts and memory budgets,
 * `least` among them. */
void reference_one_hash(const char *root, const char *model, const char *least);

#endif
