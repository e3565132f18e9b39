/* A small pool of threads. Waiting threads sleep; nothing spins. */
#ifndef ATTEST_BASE_THREADS_H
#define ATTEST_BASE_THREADS_H

#include "base/error.h"

#include <pthread.h>
#include <stddef.h>

struct threads;

/* pthread_create with a stack that does not depend on the limits of the shell (ulimit -s). Returns
 * 0 or the reason as errno. */
int threads_begin(pthread_t *thread, void *(*run)(void *context), void *context);

/* `worker` is 0 .. count-1 and names the thread, for per-thread scratch. */
typedef void threads_task(void *context, size_t index, int worker);

/* Starts a pool of `count` threads (the caller's is one of them); 0 = one per usable core.
 * Owner: the caller, threads_stop. Errors: EXIT_RUN. */
int threads_start(int count, struct threads **pool, struct error *error);

/* Runs task(context, 0 .. tasks-1) and returns when all are done. Which thread runs which index is
 * not fixed, so a task must write only what belongs to its index or its worker. Not reentrant. */
void threads_run(struct threads *pool, size_t tasks, threads_task *task, void *context);

int threads_count(const struct threads *pool);
void threads_stop(struct threads *pool); /* NULL is allowed */

#endif
