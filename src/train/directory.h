/* The directory of a run (training, or the circuit of a model): one run at a time, of one recipe or
 * one set of settings, its canonical text. */
#ifndef ATTEST_TRAIN_DIRECTORY_H
#define ATTEST_TRAIN_DIRECTORY_H

#include "base/lock.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define RUN_LOCK_FILE "attest.lock"
#define RUN_IDENTITY_FILE "identity.json"

/* Makes the directory and its parents, locks it and removes what a killed run left half-written.
 * The owner calls lock_release. Errors: EXIT_RUN, those of lock_take. */
int run_directory_take(const char *out, struct lock *lock, struct error *error);

/* Whether it belongs to the run that `canonical` stands for: has its identity.json, or is new or
 * empty (*fresh), and then gets one, if `disk_bytes` are free. Errors: EXIT_INPUT (another run's, a
 * link, something else in it), EXIT_RUN. */
int run_directory_claim(const char *out, const struct text *canonical, uint64_t disk_bytes,
                        bool *fresh, struct error *error);

/* After a run that could not even begin, nothing of it stays in a directory that was fresh; with a
 * file of it there, such as a first checkpoint, its identity stays, too, and it can go on. */
void run_directory_withdraw(const char *out, bool fresh);

#endif
