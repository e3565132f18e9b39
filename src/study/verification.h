/* The verification of one revision's files beside its screen: hashing takes seconds, the screen
 * the better part of an hour. */
#ifndef ATTEST_STUDY_VERIFICATION_H
#define ATTEST_STUDY_VERIFICATION_H

#include "manifest/manifest_verify.h"

#include <stdbool.h>

struct verification;

enum verification_state {
  VERIFICATION_RUNS,
  VERIFICATION_HELD,  /* the files are what the manifest says */
  VERIFICATION_FAILED /* they are not, or that could not be found out */
};

/* Starts a thread of its own. The check is copied; what it points to must outlive the verification.
 * Its `finding` and `note` are called by the functions below, in the thread that calls them. Owner:
 * the caller, verification_finish once. Errors: EXIT_RUN. */
int verification_start(const struct manifest_check *check, struct verification **verification,
                       struct error *error);

/* How far it is, at once or, with `wait`, once it is done. Hands over the findings and notes as
 * soon as there is no more to come. */
enum verification_state verification_look(struct verification *verification, bool wait);

/* Waits for it, hands over what was not yet, and frees it. Owner of the result: the caller,
 * manifest_result_free, also on failure. Errors: EXIT_RUN, as manifest_verify. */
int verification_finish(struct verification *verification, struct manifest_result *result,
                        struct error *error);

#endif
