#include "command/screening.h"

#include "base/interrupt.h"
#include "base/progress.h"
#include "base/text.h"
#include "base/version.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/digest.h"
#include "command/cost.h"
#include "command/dump.h"
#include "model/forward.h"
#include "probe/batch.h"
#include "probe/observe.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Passes shorter than this are not worth an estimate of time. */
#define LONG_GFLOP 500.0

/* Short chunks are not saved each. */
#define SAVE_SECONDS 20.0

struct screen {
  const struct screening *screening;
  const struct runtime *runtime;
  struct checkpoint *checkpoint;
  struct model model;
  struct batch batch;
  struct observations *observations;
  struct dump dump;
  struct progress progress;
  char identity[33];   /* of this screen of this checkpoint, for `partial` */
  bool keeps;          /* chunks go to `partial` */
  bool refused;        /* by go_on */
  size_t done;         /* sequences */
  double saved;        /* when, on progress_clock */
  struct error saving; /* why a chunk could not be saved */
  struct forward_options options;
  struct forward_plan plan;
};

static void see_head(void *context, size_t layer, size_t sequence, size_t head,
                     const float *attention_row, const float *head_output)
{
  struct screen *s = context;
  observations_add(s->observations, (int)layer, (int64_t)sequence, (int)head, attention_row,
                   head_output);
  if (s->screening->dump)
    dump_head(&s->dump, layer, sequence, head, attention_row, head_output);
}

static void see_residual(void *context, size_t index, size_t sequence, const float *row)
{
  struct screen *s = context;
  dump_residual(&s->dump, index, sequence, row);
}

static void see_logits(void *context, size_t sequence, size_t first, size_t count,
                       const float *part)
{
  struct screen *s = context;
  dump_logits(&s->dump, sequence, first, count, part);
}

static bool refused(struct screen *s)
{
  const struct screening *screening = s->screening;
  s->refused = s->refused || (screening->go_on && !screening->go_on(screening->context));
  return s->refused;
}

/* Here nothing can be stopped, but what go_on has to say is said at once. */
static void see_progress(void *context, double share)
{
  struct screen *s = context;
  progress_update(&s->progress, share);
  (void)refused(s);
}

static bool see_chunk(void *context, size_t done)
{
  struct screen *s = context;
  bool stop = interrupt_requested();
  s->done = done;
  if (refused(s))
    return false;
  if (!s->keeps)
    return !stop;
  if (done == (size_t)s->screening->protocol.n ||
      (!stop && progress_clock() - s->saved < SAVE_SECONDS))
    return true;
  if (s->screening->may_save && !s->screening->may_save(s->screening->context, stop))
    return !stop;
  s->saved = progress_clock();
  return !observations_save(s->observations, s->screening->partial, s->identity, (int64_t)done,
                            &s->saving) &&
         !stop;
}

static int check_protocol(const struct screen *s, const char *path, struct error *error)
{
  const struct protocol *p = &s->screening->protocol;
  const struct model_config *c = &s->model.config;
  if ((uint64_t)p->seq_len > c->context && !s->screening->beyond_context)
    return error_set(error, EXIT_INPUT,
                     "%s: --seq-len %lld is longer than the model's context of %zu; false sinks "
                     "appear there; use a shorter one or --beyond-context",
                     path, (long long)p->seq_len, c->context);
  if ((uint64_t)p->vocab_hi > c->vocab || p->bos >= (int64_t)c->vocab)
    return error_set(error, EXIT_INPUT,
                     "%s: --vocab %lld:%lld or --bos reaches past the model's vocabulary of %zu",
                     path, (long long)p->vocab_lo, (long long)p->vocab_hi, c->vocab);
  return 0;
}

/* Before anything that grows with the number of sequences is allocated. */
static int plan(struct screen *s, const char *path, struct error *error)
{
  s->options = (struct forward_options){.progress = see_progress, .context = s};
  if (cost_plan(&s->model, &s->screening->protocol, s->runtime, &s->options, &s->plan, error))
    return error_prefix(error, "%s", path);
  return 0;
}

static int prepare(struct screen *s, const char *path, struct error *error)
{
  const struct protocol *p = &s->screening->protocol;
  const struct model_config *c = &s->model.config;
  if (checkpoint_open(path, &s->checkpoint, error) || model_load(s->checkpoint, &s->model, error) ||
      check_protocol(s, path, error) || plan(s, path, error) || batch_create(p, &s->batch, error) ||
      observations_create(p, &s->batch, (int)c->layers, (int)c->heads, (int)c->head_dim,
                          &s->observations, error))
    return error->code;
  return s->screening->dump ? dump_create(c, (size_t)p->n, (size_t)p->seq_len, &s->dump, error) : 0;
}

/* Said before the start: what will be computed, in how much memory and about how long. */
static void announce(const struct screen *s, const char *path)
{
  const struct model_config *c = &s->model.config;
  char size[32];
  if (s->runtime->quiet || s->plan.gflop < LONG_GFLOP)
    return;
  fprintf(stderr,
          "%s: %s, %zu layers x %zu heads, %.1f M parameters; %lld sequences x %lld tokens, %.0f "
          "GFLOP, about %.0f s with %s on %d threads; %s of memory, %zu sequences at a time\n",
          path, model_family_name(c->family), c->layers, c->heads,
          (double)model_parameters(&s->model) / 1e6, (long long)s->screening->protocol.n,
          (long long)s->screening->protocol.seq_len, s->plan.gflop,
          cost_seconds(s->runtime, s->plan.gflop), s->runtime->kernels->name,
          threads_count(s->runtime->threads), text_bytes(size, sizeof size, s->plan.bytes),
          s->plan.chunk);
}

/* Parameters, and of every tensor its name, size and first bytes: enough to tell checkpoints
 * apart without reading them twice. */
static int identify(struct screen *s, struct error *error)
{
  const struct protocol *p = &s->screening->protocol;
  size_t size;
  char hex[33];
  struct text text = {0};
  const char *config = checkpoint_config(s->checkpoint, &size);
  digest_xxh3(config, size, hex);
  text_add(&text, "%s %s %lld %lld %lld %lld %lld %lld %lld %lld\n", ATTEST_VERSION, hex,
           (long long)p->n, (long long)p->seq_len, (long long)p->vocab_lo, (long long)p->vocab_hi,
           (long long)p->seed, (long long)p->pr_n, (long long)p->baseline_n, (long long)p->bos);
  for (size_t i = 0; i < checkpoint_count(s->checkpoint); i++) {
    const struct tensor *tensor = checkpoint_at(s->checkpoint, i);
    digest_xxh3(tensor->data, tensor->bytes < 4096 ? (size_t)tensor->bytes : 4096, hex);
    text_add(&text, "%s %llu %s\n", tensor->name, (unsigned long long)tensor->bytes, hex);
  }
  if (!text.failed)
    digest_xxh3(text.data, text.length, s->identity);
  int status = text.failed ? error_set(error, EXIT_RUN, "screen: out of memory") : 0;
  text_free(&text);
  return status;
}

/* Only a pass of several chunks has something to stop or to save. */
static int resume(struct screen *s, const char *path, struct error *error)
{
  int64_t done;
  if (s->plan.chunk >= (size_t)s->screening->protocol.n)
    return 0;
  s->options.chunk_done = see_chunk;
  if (!s->screening->partial)
    return 0;
  s->keeps = true;
  if (identify(s, error) ||
      observations_load(s->observations, s->screening->partial, s->identity, &done, error))
    return error->code;
  s->options.start = (size_t)done;
  s->saved = progress_clock();
  if (done && !s->runtime->quiet)
    fprintf(stderr, "%s: going on after %lld of %lld sequences\n", path, (long long)done,
            (long long)s->screening->protocol.n);
  return 0;
}

static int run(struct screen *s, const char *path, struct error *error)
{
  const struct protocol *p = &s->screening->protocol;
  struct forward_observer observer = {.context = s,
                                      .head = see_head,
                                      .full_sequences = s->screening->dump ? s->dump.n : 0,
                                      .residual = see_residual,
                                      .logits = see_logits};
  if (resume(s, path, error))
    return error->code;
  announce(s, path);
  progress_start(&s->progress, path, 1.0, s->runtime->quiet);
  int status = forward_run(&s->model, s->batch.tokens, (size_t)p->n, (size_t)p->seq_len,
                           &s->options, &observer, error);
  progress_end(&s->progress);
  if (s->refused)
    return error_set(error, EXIT_CHECK, "%s: stopped after %zu of %lld sequences", path, s->done,
                     (long long)p->n);
  if (status && s->saving.code)
    *error = s->saving;
  else if (status && interrupt_requested())
    error_prefix(error, "interrupted; run the same command again to go on");
  return status;
}

static int collect(const struct screen *s, struct revision *revision, struct error *error)
{
  const struct model_config *c = &s->model.config;
  *revision = (struct revision){.n_layers = (int)c->layers, .n_heads = (int)c->heads};
  revision->name = calloc(1, 1);
  revision->heads = calloc(c->layers * c->heads, sizeof *revision->heads);
  int status =
      revision->name && revision->heads
          ? observations_finish(s->observations, s->runtime->threads, revision->heads, error)
          : error_set(error, EXIT_RUN, "screen: out of memory");
  if (!status && s->screening->dump)
    status = dump_write(&s->dump, s->screening->dump, error);
  if (status)
    trajectory_revision_free(revision);
  return status;
}

int screening_run(const char *path, const struct screening *screening,
                  const struct runtime *runtime, struct revision *revision, struct error *error)
{
  struct screen s = {.screening = screening, .runtime = runtime};
  int status = prepare(&s, path, error);
  if (!status)
    status = run(&s, path, error);
  if (!status)
    status = collect(&s, revision, error);
  if (!status && s.keeps)
    unlink(screening->partial);
  dump_free(&s.dump);
  observations_free(s.observations);
  batch_free(&s.batch);
  model_free(&s.model);
  checkpoint_close(s.checkpoint);
  return status;
}
