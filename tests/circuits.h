/* What the tests of circuits share: models with reference results (circuits.README.md), opened with
 * their task. */
#ifndef ATTEST_TESTS_CIRCUITS_H
#define ATTEST_TESTS_CIRCUITS_H

#include "support.h"

#include "circuit/attribution.h"
#include "circuit/patched.h"
#include "fixture_csv.h"
#include "fixture_models.h"
#include "npy_read.h"

#include <math.h>
#include <stdio.h>

#define CIRCUITS "tests/fixtures/circuits.tar.zst:"
#define CIRCUIT_MEMORY ((uint64_t)1 << 30)

static const char *const circuit_cases[] = {
    "gpt_neox-parallel-f32",   "gpt_neox-smooth-f32",
    "olmo-smooth-f32",         "olmoe-f32",
    "olmoe-smooth-f32",        "nursery-gpt_neox-copy",
    "nursery-gpt_neox-starts", "nursery-olmo-copy",
    "nursery-olmo-starts",     "nursery-olmoe-copy",
};
#define CIRCUIT_CASES (sizeof circuit_cases / sizeof *circuit_cases)

struct circuit_case {
  const char *name;
  struct checkpoint *checkpoint;
  struct model model;
  struct task task;
  struct threads *threads;
  struct circuit_runs *runs;
};

static inline void circuit_check(int status, const struct error *error)
{
  if (status)
    fail_msg("%s", error->text);
}

/* "ARCHIVE:NAME" of a case. */
static inline const char *circuit_path(const char *name)
{
  static char path[256];
  snprintf(path, sizeof path, CIRCUITS "%s", name);
  return path;
}

static inline void circuit_task(const char *name, struct task *task)
{
  struct error error = {0};
  struct fileset *set;
  const struct fileset_file *file = NULL;
  circuit_check(fileset_open(circuit_path(name), &set, &error), &error);
  circuit_check(fileset_get(set, "task.jsonl", &file, &error), &error);
  circuit_check(task_parse(name, file->blob.data, file->blob.size, 0, task, &error), &error);
  fileset_close(set);
}

static inline struct npy circuit_npy(const char *name, const char *array)
{
  struct error error = {0};
  struct fileset *set;
  const struct fileset_file *file = NULL;
  circuit_check(fileset_open(circuit_path(name), &set, &error), &error);
  circuit_check(fileset_get(set, array, &file, &error), &error);
  struct npy npy = npy_of_bytes((const char *)file->blob.data, file->blob.size);
  fileset_close(set);
  return npy;
}

/* The model of a case, and its task, without runs yet. */
static inline void circuit_load(const char *name, struct circuit_case *c)
{
  struct error error = {0};
  char path[256];
  *c = (struct circuit_case){.name = name};
  if (strncmp(name, "nursery-", 8) == 0) {
    size_t family = strcspn(name + 8, "-");
    snprintf(path, sizeof path, "manifests/nursery.tar.zst:nursery-%.*s/step2500", (int)family,
             name + 8);
  } else {
    snprintf(path, sizeof path, CONFORMANCE "%s/model", name);
  }
  circuit_check(checkpoint_open(path, &c->checkpoint, &error), &error);
  circuit_check(model_load(c->checkpoint, &c->model, &error), &error);
  circuit_task(name, &c->task);
}

/* How circuits are run; threads_stop(options.threads). */
static inline struct circuit_options circuit_options_of(enum isa isa, int threads, uint64_t memory)
{
  struct error error = {0};
  struct circuit_options options = {.memory = memory};
  circuit_check(threads_start(threads, &options.threads, &error), &error);
  circuit_check(kernels_select(isa, &options.kernels, &error), &error);
  return options;
}

static inline void circuit_start(struct circuit_case *c, enum isa isa, int threads, uint64_t memory)
{
  struct error error = {0};
  const struct circuit_options options = circuit_options_of(isa, threads, memory);
  c->threads = options.threads;
  circuit_check(circuit_runs_create(&c->model, &c->task, &options, &c->runs, &error), &error);
}

static inline void circuit_stop(struct circuit_case *c)
{
  circuit_runs_free(c->runs);
  threads_stop(c->threads);
  c->runs = NULL;
  c->threads = NULL;
}

static inline void circuit_close(struct circuit_case *c)
{
  circuit_stop(c);
  task_free(&c->task);
  model_free(&c->model);
  checkpoint_close(c->checkpoint);
}

static inline void circuit_open(const char *name, struct circuit_case *c)
{
  circuit_load(name, c);
  circuit_start(c, ISA_AUTO, 2, CIRCUIT_MEMORY);
}

static inline size_t circuit_edges(const struct circuit_case *c)
{
  return circuit_runs_graph(c->runs)->edges;
}

/* Mean scores by a method's name, [edges], free(). */
static inline double *circuit_scores(struct circuit_case *c, const char *name)
{
  struct error error = {0};
  struct attribution method;
  size_t edges = circuit_edges(c), pairs = circuit_runs_pairs(c->runs);
  float *scores = calloc(pairs * edges, sizeof *scores);
  double *mean = calloc(edges, sizeof *mean);
  assert_true(scores && mean);
  circuit_check(attribution_parse(name, &method, &error), &error);
  circuit_check(circuit_scores_run(c->runs, &method, NULL, NULL, scores, &error), &error);
  circuit_scores_mean(c->runs, &method, scores, NULL, mean);
  free(scores);
  return mean;
}

#endif
