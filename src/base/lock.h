/* Locks between processes: one at a time works in a folder, or on a file. */
#ifndef ATTEST_BASE_LOCK_H
#define ATTEST_BASE_LOCK_H

#include "base/error.h"

struct lock {
  char *path; /* of the lock file; NULL = not held */
  int fd;
};

/* Creates the file `path`, which says who holds it since when, and locks it; what a killed process
 * left is taken over, for the kernel released it. `subject` is what is locked, for messages; the
 * owner calls lock_release. Where the file system has no locks, nothing is locked. Errors: EXIT_RUN
 * (held by another, naming it; cannot be created), EXIT_INPUT (a file that is not a lock is there).
 */
int lock_take(const char *path, const char *subject, struct lock *lock, struct error *error);

/* The same with "FILE.lock" for an output FILE. */
int lock_beside(const char *file, struct lock *lock, struct error *error);

/* Removes the file and lets go; nothing to do for one that is all zero. */
void lock_release(struct lock *lock);

#endif
