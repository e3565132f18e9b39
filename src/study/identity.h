/* Which run of which checkpoint: what is kept of one must not go on with another. */
#ifndef ATTEST_STUDY_IDENTITY_H
#define ATTEST_STUDY_IDENTITY_H

#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "probe/protocol.h"

/* XXH3-128, 32 hex digits and a zero, of the program's version, the parameters of the run as a text
 * of the caller's, config.json, and of every tensor its name, type and elements. Errors: EXIT_RUN
 * (memory, also of `parameters`). */
int identity_of(const struct checkpoint *checkpoint, const struct text *parameters,
                char identity[33], struct error *error);

/* Adds a protocol to the parameters. */
void identity_add_protocol(struct text *parameters, const struct protocol *protocol);

#endif
