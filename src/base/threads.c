#define _GNU_SOURCE
#include "base/threads.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct threads {
  int count;
  pthread_t *handles; /* count - 1 helpers */
  int started;
  pthread_mutex_t lock;
  pthread_cond_t work, done;
  unsigned long round; /* counts threads_run calls; helpers wait for it to change */
  int busy;
  bool stop;
  threads_task *task;
  void *context;
  size_t tasks;
  atomic_size_t next;
};

#define STACK_BYTES ((size_t)8 << 20) /* mapped, and taken as far as it is used */

struct helper {
  struct threads *pool;
  int worker;
};

static void drain(struct threads *pool, int worker)
{
  for (;;) {
    size_t index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
    if (index >= pool->tasks)
      return;
    pool->task(pool->context, index, worker);
  }
}

static void *helper_main(void *argument)
{
  struct helper helper = *(struct helper *)argument;
  struct threads *pool = helper.pool;
  free(argument);
  unsigned long seen = 0;
  pthread_mutex_lock(&pool->lock);
  for (;;) {
    while (pool->round == seen && !pool->stop)
      pthread_cond_wait(&pool->work, &pool->lock);
    if (pool->stop)
      break;
    seen = pool->round;
    pthread_mutex_unlock(&pool->lock);
    drain(pool, helper.worker);
    pthread_mutex_lock(&pool->lock);
    if (--pool->busy == 0)
      pthread_cond_signal(&pool->done);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

int threads_begin(pthread_t *thread, void *(*run)(void *context), void *context)
{
  pthread_attr_t attributes;
  int reason = pthread_attr_init(&attributes);
  if (reason)
    return reason;
  reason = pthread_attr_setstacksize(&attributes, STACK_BYTES);
  if (!reason)
    reason = pthread_create(thread, &attributes, run, context);
  pthread_attr_destroy(&attributes);
  return reason;
}

/* Cores this process may run on; taskset and containers often allow fewer than are online. */
static int usable_cores(void)
{
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
    return CPU_COUNT(&set);
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int)online : 1;
}

int threads_start(int count, struct threads **out, struct error *error)
{
  if (count <= 0)
    count = usable_cores();
  struct threads *pool = calloc(1, sizeof *pool);
  pthread_t *handles = calloc((size_t)count, sizeof *handles);
  if (!pool || !handles) {
    free(pool);
    free(handles);
    return error_set(error, EXIT_RUN, "threads: out of memory");
  }
  pool->count = count;
  pool->handles = handles;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->work, NULL);
  pthread_cond_init(&pool->done, NULL);
  for (int i = 1; i < count; i++) {
    struct helper *helper = malloc(sizeof *helper);
    if (helper)
      *helper = (struct helper){pool, i};
    if (!helper || threads_begin(&pool->handles[i - 1], helper_main, helper) != 0) {
      free(helper);
      threads_stop(pool);
      return error_set(error, EXIT_RUN,
                       "threads: could not start %d: out of memory or processes; use a smaller "
                       "--threads",
                       count);
    }
    pool->started++;
  }
  *out = pool;
  return 0;
}

void threads_run(struct threads *pool, size_t tasks, threads_task *task, void *context)
{
  pool->task = task;
  pool->context = context;
  pool->tasks = tasks;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  if (pool->started == 0 || tasks < 2) {
    drain(pool, 0);
    return;
  }
  pthread_mutex_lock(&pool->lock);
  pool->busy = pool->started;
  pool->round++;
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->lock);
  drain(pool, 0);
  pthread_mutex_lock(&pool->lock);
  while (pool->busy)
    pthread_cond_wait(&pool->done, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
}

int threads_count(const struct threads *pool)
{
  return pool->count;
}

void threads_stop(struct threads *pool)
{
  if (!pool)
    return;
  pthread_mutex_lock(&pool->lock);
  pool->stop = true;
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i < pool->started; i++)
    pthread_join(pool->handles[i], NULL);
  pthread_cond_destroy(&pool->work);
  pthread_cond_destroy(&pool->done);
  pthread_mutex_destroy(&pool->lock);
  free(pool->handles);
  free(pool);
}
