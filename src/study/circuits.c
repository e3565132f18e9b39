#include "study/circuits.h"

#include "base/file_use.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "study/cost.h"
#include "study/identity.h"
#include "study/subject.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Less is worth neither an estimate of time nor pieces on disk. */
#define LONG_GFLOP 500.0

struct work {
  const struct circuits_study *study;
  const struct runtime *runtime;
  const char *path;
  struct checkpoint *checkpoint;
  struct model model;
  struct graph graph;
  bool keeps;
  struct pattern_scores *patterns; /* [layers * heads], once for all tasks; owned. NULL = not yet */
  size_t at;                       /* the task at hand */
  struct task task;                /* its first pairs; shares them with the one that was given */
  struct progress progress;
  double share; /* of the call at hand, and of all of them */
  size_t calls; /* begun before */
  char identity[33];
};

/* Shares its pairs. */
static struct task first_pairs(const struct circuits_task *given)
{
  struct task task = *given->task;
  if (given->pairs && given->pairs < task.count)
    task.count = given->pairs;
  return task;
}

/* --- what it takes --- */

double circuits_gflop(const struct model_config *c, const struct task *task,
                      const struct attribution *method, size_t circuits)
{
  double width = (double)c->heads * (double)c->head_dim, hidden = (double)c->hidden;
  double mlp =
      (double)(c->gated_mlp ? 3 : 2) * (double)c->ffn * (double)(c->experts ? c->top_k : 1);
  double layer = hidden * (2 * width + 2 * (double)c->kv_heads * (double)c->head_dim + mlp);
  double tokens = 0;
  for (size_t i = 0; i < task->count; i++)
    tokens += (double)task->pairs[i].length;
  double passes = 2 + 3 * (double)method->steps + (double)circuits;
  double head = (double)task->count * hidden * (double)c->vocab;
  double copies =
      (double)(component_cases(task) * c->layers * c->heads) * hidden * (width + (double)c->vocab);
  tokens += (tokens + 4 * (double)component_half(c)) / passes; /* of components */
  return 2e-9 * (passes * (tokens * (double)c->layers * layer + head) + copies);
}

uint64_t circuits_bytes(const struct graph *g, size_t pairs)
{
  uint64_t edge = pairs * sizeof(float) + 3 * sizeof(double) + 2 * sizeof(size_t) + FOUND_WAYS + 2;
  return g->edges * edge;
}

static double gflop_of(const struct work *w, const struct task *task)
{
  return circuits_gflop(&w->model.config, task, &w->study->request.method, CIRCUITS_RUNS_LIKELY);
}

/* --- progress --- */

/* Calls in order: both runs, scores, one circuit after the other. */
static double weight(const struct work *w, size_t call)
{
  return call == 0 ? 2 : call == 1 ? 3 * (double)w->study->request.method.steps : 1;
}

static void see_progress(void *context, double share)
{
  struct work *w = context;
  double done = 0, total = 0;
  if (share < w->share)
    w->calls++;
  w->share = share;
  for (size_t i = 0; i < CIRCUITS_RUNS_LIKELY + 2; i++)
    total += weight(w, i);
  for (size_t i = 0; i < w->calls; i++)
    done += weight(w, i);
  done = (done + share * weight(w, w->calls)) / total;
  progress_update(&w->progress, (double)w->at + (done < .99 ? done : .99));
}

/* --- the checkpoint --- */

static int open_model(struct work *w, struct error *error)
{
  const struct circuits_study *s = w->study;
  if (checkpoint_open(w->path, &w->checkpoint, error) ||
      outputs_spare_read(s->outputs, s->output_count, error) ||
      model_load(w->checkpoint, &w->model, error))
    return error->code;
  subject_say_naming(w->checkpoint, w->path, &w->runtime->notices);
  subject_say_choice(w->checkpoint, w->path, &w->runtime->notices);
  if (!w->model.lm_head.weight)
    return error_set(error, EXIT_INPUT,
                     "%s: is stored without an LM head; a task is measured by logits", w->path);
  if (graph_create(&w->model.config, &w->graph, error))
    return error_prefix(error, "%s", w->path);
  for (size_t t = 0; t < s->task_count; t++) {
    const struct circuits_task *at = &s->tasks[t];
    if (task_check_vocab(at->path, at->task, (int64_t)w->model.config.vocab, error) ||
        task_check_context(at->path, at->task, w->model.config.context, error))
      return error->code;
  }
  return 0;
}

static void announce(struct work *w)
{
  const struct circuits_study *s = w->study;
  double gflop = 0;
  size_t pairs = 0;
  char size[32];
  for (size_t t = 0; t < s->task_count; t++) {
    const struct task task = first_pairs(&s->tasks[t]);
    gflop += gflop_of(w, &task);
    pairs = task.count > pairs ? task.count : pairs;
  }
  w->keeps = s->directory && gflop > LONG_GFLOP;
  if (!w->runtime->notices.line || gflop < LONG_GFLOP)
    return;
  notices_add(&w->runtime->notices,
              "%s: %s, %s x %s, %s; %s, up to %s each, about "
              "%.0f GFLOP, %.0f s or more with %s on %s; %s of memory for scores, beside "
              "the model; finished pairs are %s",
              text_shown(w->path).text, model_family_name(w->model.config.family),
              text_counted(w->graph.layers, "layer").text,
              text_counted(w->graph.heads, "head").text, text_counted(w->graph.edges, "edge").text,
              text_counted(s->task_count, "task").text, text_counted(pairs, "pair").text, gflop,
              cost_seconds(w->runtime, gflop, 2.0), w->runtime->kernels->name,
              text_counted((size_t)threads_count(w->runtime->threads), "thread").text,
              text_bytes(size, sizeof size, circuits_bytes(&w->graph, pairs)),
              w->keeps ? "kept on disk" : "not kept");
}

/* --- a task --- */

static int identify(struct work *w, struct error *error)
{
  const struct circuit_request *r = &w->study->request;
  struct text parameters = {0};
  char method[ATTRIBUTION_NAME_SIZE];
  text_add(&parameters, "circuits %s %zu %s %s %.17g %zu %zu %d", w->task.sha256, w->task.count,
           attribution_name(&r->method, method), choice_rule_name(r->rule), r->threshold, r->bound,
           r->n, r->scan);
  int status = identity_of(w->checkpoint, &parameters, w->identity, error);
  text_free(&parameters);
  return status;
}

/* The caller's say, before anything is announced or written. */
static int begin(struct work *w, struct error *error)
{
  const struct circuits_study *s = w->study;
  if (!s->begin)
    return 0;
  w->task = first_pairs(&s->tasks[0]);
  const struct circuits_begun begun = {&w->graph, w->identity};
  return identify(w, error) ? error->code : s->begin(s->context, &begun, error);
}

/* "NAME.TASK.ENDING" in the directory of what is kept; NULL and EXIT_RUN. */
static char *piece(const struct work *w, const char *ending, struct error *error)
{
  struct text name = {0};
  text_add(&name, "%s.%zu.%s", w->study->name, w->at, ending);
  char *path = name.failed ? NULL : file_join(w->study->directory, name.data, error);
  if (!path)
    error_set(error, EXIT_RUN, "%s: out of memory", w->study->name);
  text_free(&name);
  return path;
}

/* A task that an earlier run has finished: the identity, what was found. */
static int resume(const struct work *w, const char *path, struct found *found, bool *whole,
                  struct error *error)
{
  struct blob blob;
  struct error ignored = {0};
  size_t at = 32;
  *whole = false;
  if (!file_exists(path))
    return 0;
  if (file_map(path, &blob, error))
    return error->code;
  if (blob.size > at && memcmp(blob.data, w->identity, at) == 0)
    *whole = !found_read(path, &blob, &at, found, &ignored);
  if (*whole && found->graph.edges != w->graph.edges) {
    found_free(found);
    *whole = false;
  }
  blob_free(&blob);
  return 0;
}

static int keep(const struct work *w, const char *path, const struct found *found,
                struct error *error)
{
  struct file_writer writer = {0};
  if (!file_writer_open(path, &writer, error) &&
      !file_writer_add(&writer, w->identity, 32, error) && !found_write(found, &writer, error) &&
      !file_writer_finish(&writer, error))
    file_writer_publish(&writer, error);
  file_writer_close(&writer);
  return error->code;
}

/* --- components --- */

#define PATTERN_SEED 42

static size_t heads_of(const struct work *w)
{
  return w->model.config.layers * w->model.config.heads;
}

/* What each head adds directly, while the runs stand. */
static int take_direct(const struct work *w, struct circuit_runs *runs, struct found *found,
                       struct error *error)
{
  const struct graph *g = &found->graph;
  found->components = memory_zeroed(heads_of(w), sizeof *found->components, "components", error);
  double *effects = memory_alloc(g->sources, sizeof *effects, "components", error);
  if (found->components && effects && !component_direct_mean(runs, effects, error))
    for (size_t h = 0; h < heads_of(w); h++)
      found->components[h].direct = effects[graph_head(g, h / g->heads, h % g->heads)];
  found->component_count = found->components ? heads_of(w) : 0;
  free(effects);
  return error->code;
}

/* NAN where the context is too short for them. */
static int make_patterns(struct work *w, const struct circuit_options *options, struct error *error)
{
  size_t heads = heads_of(w);
  if (w->patterns)
    return 0;
  w->patterns = memory_alloc(heads, sizeof *w->patterns, "components", error);
  for (size_t h = 0; w->patterns && h < heads; h++)
    w->patterns[h] = (struct pattern_scores){NAN, NAN, NAN};
  if (w->patterns && component_half(&w->model.config) >= 3)
    (void)component_patterns(&w->model, options, PATTERN_SEED, w->patterns, error);
  return error->code;
}

/* Heads that act on the queries of name movers in the circuit that was found. */
static int take_inhibition(const struct work *w, const struct circuit_options *options,
                           struct found *found, struct error *error)
{
  size_t heads = heads_of(w);
  bool *movers = memory_alloc(heads, sizeof *movers, "components", error);
  struct inhibition_scores *scores = memory_alloc(heads, sizeof *scores, "components", error);
  const struct inhibition asked = {&found->graph, found->by[FOUND_BY_RATIO].kept, movers};
  for (size_t h = 0; movers && h < heads; h++)
    movers[h] = mover_is(&found->components[h].mover);
  if (movers && scores &&
      !component_inhibition(&w->model, &w->task, options, &asked, scores, error))
    for (size_t h = 0; h < heads; h++)
      found->components[h].inhibition = scores[h];
  free(movers);
  free(scores);
  return error->code;
}

/* What takes the model alone, when the runs are gone and their memory is free. */
static int take_components(struct work *w, struct circuit_options options, struct found *found,
                           struct error *error)
{
  struct mover_scores *movers = memory_alloc(heads_of(w), sizeof *movers, "components", error);
  options.progress = NULL;
  if (movers && !make_patterns(w, &options, error) &&
      !component_movers(&w->model, &w->task, &options, movers, error))
    for (size_t h = 0; h < heads_of(w); h++) {
      found->components[h].patterns = w->patterns[h];
      found->components[h].mover = movers[h];
    }
  free(movers);
  return error->code ? error->code : take_inhibition(w, &options, found, error);
}

/* --- a circuit --- */

/* Both runs of every pair, scores, and the search. */
static int find_with(struct work *w, struct circuit_runs *runs,
                     const struct circuit_request *request, struct found *found,
                     struct error *error)
{
  const struct circuits_study *s = w->study;
  size_t edges = w->graph.edges;
  float *scores = memory_alloc(w->task.count * edges, sizeof *scores, "scores", error);
  size_t *order = memory_alloc(edges, sizeof *order, "scores", error);
  if (scores && order && !found_run(runs, request, scores, order, found, error)) {
    const struct circuits_seen seen = {w->at, runs, scores, order, found, request};
    if (take_direct(w, runs, found, error) || (s->seen && s->seen(s->context, &seen, error)))
      found_free(found);
  }
  free(scores);
  free(order);
  return error->code;
}

static int find(struct work *w, const char *sizes, struct found *found, struct error *error)
{
  const struct circuits_study *s = w->study;
  uint64_t own = circuits_bytes(&w->graph, w->task.count) + cost_resident_bytes(w->checkpoint);
  struct circuit_runs *runs = NULL;
  struct circuit_request request = s->request;
  const struct circuit_options options = {
      .kernels = w->runtime->kernels,
      .threads = w->runtime->threads,
      .memory = w->runtime->memory > own ? w->runtime->memory - own : 0,
      .progress = see_progress,
      .context = w};
  if (w->keeps) {
    request.scores_directory = s->directory;
    request.sizes_file = sizes;
    request.identity = w->identity;
  }
  w->share = 0;
  w->calls = 0;
  int status = circuit_memory_check(&w->model.config, &w->graph, w->task.longest, own,
                                    w->runtime->memory, error);
  if (!status)
    status = circuit_runs_create(&w->model, &w->task, &options, &runs, error);
  if (!status)
    status = find_with(w, runs, &request, found, error);
  circuit_runs_free(runs);
  if (!status && take_components(w, options, found, error))
    found_free(found);
  return error->code;
}

static int take_task(struct work *w, struct found *found, struct error *error)
{
  bool whole = false;
  char *sizes = NULL, *done = NULL;
  w->task = first_pairs(&w->study->tasks[w->at]);
  if (!w->keeps)
    return find(w, NULL, found, error);
  if (!identify(w, error) && (sizes = piece(w, "sizes", error)) &&
      (done = piece(w, "found", error)) &&
      (w->study->seen || !resume(w, done, found, &whole, error)) && !whole &&
      !find(w, sizes, found, error) && keep(w, done, found, error))
    found_free(found);
  free(sizes);
  free(done);
  return error->code;
}

static bool refused(const struct work *w)
{
  return w->study->go_on && !w->study->go_on(w->study->context);
}

static int find_all(struct work *w, struct found *found, struct error *error)
{
  struct error changed;
  progress_start(&w->progress, w->path, (double)w->study->task_count, w->runtime->quiet);
  for (w->at = 0; w->at < w->study->task_count; w->at++) {
    if (refused(w))
      error_set(error, EXIT_CHECK, "%s: stopped after %zu of %s", w->path, w->at,
                text_counted(w->study->task_count, "task").text);
    else
      (void)interrupt_check(error);
    if (error->code || take_task(w, &found[w->at], error))
      break;
    progress_update(&w->progress, (double)w->at + 1);
  }
  progress_end(&w->progress);
  if (file_use_check(&changed)) /* explains whatever else went wrong */
    *error = changed;
  for (size_t t = 0; error->code && t < w->study->task_count; t++)
    found_free(&found[t]);
  return error->code;
}

int circuits_run(const char *path, const struct circuits_study *study,
                 const struct runtime *runtime, struct found *found, struct error *error)
{
  struct work w = {.study = study, .runtime = runtime, .path = path};
  memset(found, 0, study->task_count * sizeof *found);
  if (!open_model(&w, error) && !begin(&w, error)) {
    announce(&w);
    find_all(&w, found, error);
    if (interrupt_is_reason(error) && !w.keeps)
      error_set(error, EXIT_RUN, "interrupted; nothing was kept, as the work is short");
  }
  free(w.patterns);
  model_free(&w.model);
  checkpoint_close(w.checkpoint);
  return error->code;
}
