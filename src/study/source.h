/* The sequences that a screen runs: the protocol's, random ids, or given ones. */
#ifndef ATTEST_STUDY_SOURCE_H
#define ATTEST_STUDY_SOURCE_H

#include "base/text.h"
#include "probe/batch.h"
#include "study/screening.h"

/* Whether the model at `path`, of a vocabulary of so many ids, knows all that are given. Errors:
 * EXIT_INPUT. */
int source_check(const struct screening *screening, const char *path, size_t vocab,
                 struct error *error);

/* Makes the batch, or lends the given one. Owner: the caller, source_free. Errors: those of
 * batch_create. */
int source_batch(const struct screening *screening, size_t vocab, struct batch *batch,
                 struct error *error);
void source_free(const struct screening *screening, struct batch *batch);

/* Adds protocol, sequences and nulls to the parameters of an identity. Errors: EXIT_RUN. */
int source_identify(const struct screening *screening, struct text *parameters,
                    struct error *error);

#endif
