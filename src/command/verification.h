/* The verification of one revision's files beside its screen: hashing takes seconds, the screen
 * the better part of an hour. */
#ifndef ATTEST_COMMAND_VERIFICATION_H
#define ATTEST_COMMAND_VERIFICATION_H

#include "checkpoint/manifest_verify.h"

#include <stdbool.h>

struct verification;

/* Starts a thread of its own. The check (its `finding`, `note` and `context` are not used) is
 * copied; what it points to must outlive the verification. Owner: the caller, verification_finish
 * once. Errors: EXIT_RUN. */
int verification_start(const struct manifest_check *check, struct verification **verification,
                       struct error *error);

/* Whether the files are known to be what the manifest says. Before it is done: false at once, or
 * after it with `wait`. */
bool verification_held(struct verification *verification, bool wait);

/* Waits for it, hands over the findings and frees it. Errors: EXIT_RUN, as manifest_verify. */
int verification_finish(struct verification *verification, manifest_report *finding,
                        manifest_report *note, void *context, size_t *findings, size_t *unpinned,
                        struct error *error);

#endif
