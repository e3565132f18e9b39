/* Circuits of one checkpoint: checkpoint, tasks -> scores -> circuits. */
#ifndef ATTEST_STUDY_CIRCUITS_H
#define ATTEST_STUDY_CIRCUITS_H

#include "circuit/found.h"
#include "pass/runtime.h"
#include "study/outputs.h"

/* A task that is read, of which only the first pairs are used. */
struct circuits_task {
  const char *path; /* for messages */
  const struct task *task;
  size_t pairs; /* its first ones; 0 = all */
};

/* What one task's circuit was found with, while the runs still stand. */
struct circuits_seen {
  size_t task;
  struct circuit_runs *runs;
  const float *scores; /* [pairs][edges] */
  const size_t *order; /* [edges] */
  const struct found *found;
  const struct circuit_request *request; /* with where things are kept */
};

/* What is known before the work begins. */
struct circuits_begun {
  const struct graph *graph;
  const char *identity; /* identity_of model, first task and request, 32 hex digits */
};

struct circuits_study {
  const struct circuits_task *tasks; /* [task_count] */
  size_t task_count;
  struct circuit_request request; /* but for where things are kept, which follows from `kept` */
  const char
      *directory;   /* where finished pieces of long work are kept, and how their names begin; */
  const char *name; /* the caller removes them. NULL = nothing is kept */
  int (*begin)(void *context, const struct circuits_begun *begun,
               struct error *error); /* or NULL */
  bool (*go_on)(void *context);      /* asked now and then; NULL = to the end */
  int (*seen)(void *context, const struct circuits_seen *seen, struct error *error); /* or NULL */
  void *context;
  const struct output *outputs; /* must not be files of the checkpoint */
  size_t output_count;
};

/* Finds the circuits of the checkpoint at `path` (checkpoint_open) on each task:
 * found[task_count]. Tells of an estimate by the notices of `runtime` and shows progress unless
 * quiet. A run that was interrupted or killed resumes from what is kept, to the same bits. Owner of
 * `found`: the caller, found_free of each. Errors: EXIT_CHECK (go_on stopped it), EXIT_INPUT,
 * EXIT_RUN. */
int circuits_run(const char *path, const struct circuits_study *study,
                 const struct runtime *runtime, struct found *found, struct error *error);

/* GFLOP that scores, `circuits` patched runs and the components of a task take at least: matrix
 * products of the pass, twice as many for a gradient; of copy scores those with the LM head. */
double circuits_gflop(const struct model_config *config, const struct task *task,
                      const struct attribution *method, size_t circuits);

/* Patched runs that the searches are likely to take. */
#define CIRCUITS_RUNS_LIKELY 80

/* Bytes that scores of each pair and of their mean, choice and circuits take. */
uint64_t circuits_bytes(const struct graph *graph, size_t pairs);

#endif
