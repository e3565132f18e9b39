#include "study/verification.h"

#include "base/memory.h"
#include "base/threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct lines {
  char **lines;
  size_t count;
};

struct verification {
  struct manifest_check check;
  manifest_report *finding, *note; /* of the caller */
  void *context;
  struct manifest_result result;
  struct error error;
  struct lines findings, notes;
  bool short_of_memory;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool done; /* guarded by the lock; all above belongs to the thread before */
};

static void keep(struct verification *v, struct lines *lines, const char *line)
{
  char **more = realloc(lines->lines, (lines->count + 1) * sizeof *more);
  if (more)
    lines->lines = more;
  char *copy = more ? strdup(line) : NULL;
  if (copy)
    lines->lines[lines->count++] = copy;
  else
    v->short_of_memory = true;
}

static void keep_finding(void *context, const char *line)
{
  struct verification *v = context;
  keep(v, &v->findings, line);
}

static void keep_note(void *context, const char *line)
{
  struct verification *v = context;
  keep(v, &v->notes, line);
}

static void *work(void *context)
{
  struct verification *v = context;
  manifest_verify(&v->check, &v->result, &v->error);
  pthread_mutex_lock(&v->lock);
  v->done = true;
  pthread_cond_broadcast(&v->changed);
  pthread_mutex_unlock(&v->lock);
  return NULL;
}

int verification_start(const struct manifest_check *check, struct verification **verification,
                       struct error *error)
{
  struct verification *v = memory_zeroed(1, sizeof *v, "verification", error);
  if (!v)
    return error->code;
  v->check = *check;
  v->finding = check->finding;
  v->note = check->note;
  v->context = check->context;
  v->check.quiet = true; /* the screen's progress is shown */
  v->check.finding = keep_finding;
  v->check.note = keep_note;
  v->check.context = v;
  pthread_mutex_init(&v->lock, NULL);
  pthread_cond_init(&v->changed, NULL);
  int reason = threads_begin(&v->thread, work, v);
  if (reason) {
    free(v);
    return error_set(error, EXIT_RUN, "verification: cannot start a thread: %s",
                     reason == EAGAIN ? "out of memory or processes" : error_reason(reason));
  }
  *verification = v;
  return 0;
}

static void hand_over(struct lines *lines, manifest_report *report, void *context)
{
  for (size_t i = 0; i < lines->count; i++) {
    report(context, lines->lines[i]);
    free(lines->lines[i]);
  }
  free(lines->lines);
  *lines = (struct lines){0};
}

enum verification_state verification_look(struct verification *v, bool wait)
{
  pthread_mutex_lock(&v->lock);
  while (wait && !v->done)
    pthread_cond_wait(&v->changed, &v->lock);
  bool done = v->done;
  pthread_mutex_unlock(&v->lock);
  if (!done)
    return VERIFICATION_RUNS;
  hand_over(&v->findings, v->finding, v->context);
  hand_over(&v->notes, v->note, v->context);
  return v->error.code || v->result.findings || v->short_of_memory ? VERIFICATION_FAILED
                                                                   : VERIFICATION_HELD;
}

int verification_finish(struct verification *v, struct manifest_result *result, struct error *error)
{
  verification_look(v, true);
  pthread_join(v->thread, NULL);
  *result = v->result;
  int status = v->error.code;
  if (status)
    *error = v->error;
  else if (v->short_of_memory)
    status = error_set(error, EXIT_RUN, "verification: out of memory");
  pthread_mutex_destroy(&v->lock);
  pthread_cond_destroy(&v->changed);
  free(v);
  return status;
}
