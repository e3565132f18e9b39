#include "study/screening.h"

#include "base/file.h"
#include "base/file_use.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/notice.h"
#include "base/progress.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "pass/forward.h"
#include "probe/batch.h"
#include "probe/dump.h"
#include "probe/observe.h"
#include "study/cost.h"
#include "study/identity.h"
#include "study/piece.h"
#include "study/source.h"
#include "study/subject.h"
#include "study/window_notice.h"

#include <stdlib.h>
#include <string.h>

/* Passes shorter than this are not worth an estimate of time. */
#define LONG_GFLOP 500.0

/* Short chunks are not saved each. */
#define SAVE_SECONDS 20.0

#define RESUMABLE "interrupted; run the same command again to resume"

struct screen {
  const struct screening *screening;
  const struct runtime *runtime;
  struct checkpoint *checkpoint;
  struct model model;
  struct batch batch;
  struct observations *observations;
  struct dump dump;
  struct hook hooks[OBSERVATION_HOOKS + DUMP_HOOKS + 1];
  struct progress progress;
  char identity[33];   /* of this screen of this checkpoint, for `partial`; empty until needed */
  bool keeps;          /* chunks go to `partial` */
  bool refused;        /* by go_on */
  bool halted;         /* by the last chunk */
  size_t done;         /* sequences */
  size_t loaded;       /* of these, by an earlier run */
  size_t end;          /* of the pass at hand: the next look, or all */
  double saved;        /* when, on progress_clock */
  struct error saving; /* why a chunk could not be saved */
  struct error changed;
  struct forward_options options;
  struct forward_plan plan;
};

/* The sequences of this screen: all, or those of a part. */
static struct shard_range range_of(const struct screen *s)
{
  return s->screening->only ? s->screening->only->range
                            : (struct shard_range){0, s->screening->protocol.n};
}

static size_t last(const struct screen *s)
{
  return (size_t)range_of(s).to;
}

/* Sequences of the dump. */
static size_t dumped(const struct screen *s)
{
  int64_t n = s->screening->protocol.n, wanted = (int64_t)s->screening->dump_n;
  return (size_t)(n < wanted ? n : wanted);
}

/* To plan with at first, then to run with. */
static void set_hooks(struct screen *s)
{
  size_t count = OBSERVATION_HOOKS;
  observations_hooks(s->observations, s->hooks);
  if (s->screening->dump) {
    dump_hooks(&s->dump, dumped(s), s->hooks + count);
    count += DUMP_HOOKS;
  }
  if (s->screening->null)
    s->hooks[count++] = null_hook(s->screening->null);
  for (size_t i = 0; s->screening->given && i < count; i++)
    s->hooks[i].positions = batch_positions(s->screening->given);
  s->options.hooks = (struct hooks){s->hooks, count};
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
  struct shard_range range = range_of(s);
  progress_update(&s->progress,
                  (share * (double)s->end - (double)range.from) / (double)(range.to - range.from));
  (void)refused(s);
}

/* Of this screen of this checkpoint. */
static int identify(struct screen *s, struct error *error)
{
  struct text parameters = {0};
  int status = source_identify(s->screening, &parameters, error);
  if (!status)
    status = identity_of(s->checkpoint, &parameters, s->identity, error);
  text_free(&parameters);
  return status;
}

static int save(struct screen *s, size_t done)
{
  if (!*s->identity && identify(s, &s->saving))
    return s->saving.code;
  return observations_save(s->observations, s->screening->partial, s->identity, (int64_t)done,
                           &s->saving);
}

static bool goes_on(struct screen *s, size_t done)
{
  bool stop = interrupt_requested();
  s->done = done;
  if (s->screening->null)
    null_take(s->screening->null, s->runtime->threads, done);
  if (refused(s) || file_use_glance(&s->changed))
    return false;
  if (!s->keeps)
    return !stop;
  if (done == last(s) || (!stop && progress_clock() - s->saved < SAVE_SECONDS))
    return true;
  if (s->screening->may_save && !s->screening->may_save(s->screening->context, stop))
    return !stop;
  s->saved = progress_clock();
  return !save(s, done) && !stop;
}

static bool see_chunk(void *context, size_t done)
{
  struct screen *s = context;
  s->halted = !goes_on(s, done);
  return !s->halted;
}

/* A base model has no LM head to show logits of. */
static int look_at_names(const struct screen *s, const char *path, struct error *error)
{
  subject_say_naming(s->checkpoint, path, &s->runtime->notices);
  if (s->model.lm_head.weight || !s->screening->dump)
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: is stored without an LM head, and --dump writes logits; screen it without "
                   "--dump",
                   path);
}

/* Before anything that grows with the number of sequences is allocated. */
static int plan(struct screen *s, const char *path, struct error *error)
{
  const struct protocol *p = &s->screening->protocol;
  const struct model_config *c = &s->model.config;
  s->options = (struct forward_options){.progress = see_progress, .context = s};
  set_hooks(s);
  if (s->screening->dump)
    s->options.reserved = dump_bytes(c, dumped(s), (size_t)p->seq_len);
  if (s->screening->resamples)
    s->options.reserved +=
        bootstrap_bytes(p, c->layers * c->heads, (int)c->head_dim, s->screening->resamples,
                        threads_count(s->runtime->threads));
  if (s->screening->only) /* `seen` copies it */
    s->options.reserved +=
        piece_bytes(p, &s->screening->only->range, c->layers * c->heads, c->head_dim);
  if (s->screening->null)
    s->options.reserved += null_bytes(c->layers, c->heads, p->n, p->seq_len, s->screening->draws,
                                      forward_most_chunk((size_t)p->n, (size_t)p->seq_len));
  if (cost_plan(&s->model, p, s->runtime, &s->options, &s->plan, error))
    return error_prefix(error, "%s", path);
  return 0;
}

/* Sums of the nulls are kept along with the observations. */
static int prepare_null(struct screen *s, const char *path, struct error *error)
{
  struct null_selectivity *null = s->screening->null;
  const struct model_config *c = &s->model.config;
  if (!null)
    return 0;
  if (null_create(&s->batch, c->layers, c->heads, s->screening->draws, s->screening->null_seed,
                  s->plan.chunk, null, error))
    return error_prefix(error, "%s", path);
  observations_attach(s->observations, null->values,
                      c->layers * c->heads * null->draws * sizeof *null->values);
  return 0;
}

static int prepare(struct screen *s, const char *path, struct error *error)
{
  const struct protocol *p = &s->screening->protocol;
  const struct model_config *c = &s->model.config;
  if (checkpoint_open(path, &s->checkpoint, error) ||
      outputs_spare_read(s->screening->outputs, s->screening->output_count, error) ||
      model_load(s->checkpoint, &s->model, error) || look_at_names(s, path, error) ||
      source_check(s->screening, path, c->vocab, error) ||
      subject_check(&s->model, p, s->screening->beyond_context, path, error) ||
      plan(s, path, error) || window_notice(path, p, c, &s->runtime->notices, error) ||
      source_batch(s->screening, c->vocab, &s->batch, error) ||
      observations_create(p, &s->batch, (int)c->layers, (int)c->heads, (int)c->head_dim,
                          &s->observations, error) ||
      prepare_null(s, path, error))
    return error->code;
  set_hooks(s);
  return s->screening->dump ? dump_create(c, dumped(s), (size_t)p->seq_len, &s->dump, error) : 0;
}

/* Said before the start: what will be computed, in how much memory and disk and about how long. */
static int announce(const struct screen *s, const char *path, struct error *error)
{
  const struct model_config *c = &s->model.config;
  const struct protocol *p = &s->screening->protocol;
  const char *part = s->screening->part;
  char size[32], kept[32];
  double gflop;
  if (!s->runtime->notices.line || s->plan.gflop < LONG_GFLOP)
    return 0;
  if (forward_left_gflop(&s->model, s->batch.tokens, last(s), (size_t)p->seq_len, &s->options,
                         &s->plan, &gflop, error))
    return error->code;
  notices_add(
      &s->runtime->notices,
      "%s: %s%s%s, %s x %s, %.1f M parameters; %s x %s, %.0f "
      "GFLOP, %s %.0f s with %s on %s; %s of memory, %s at a time; %s on "
      "disk meanwhile",
      text_shown(path).text, part ? part : "", part ? ": " : "", model_family_name(c->family),
      text_counted(c->layers, "layer").text, text_counted(c->heads, "head").text,
      (double)model_parameters(&s->model) / 1e6,
      text_counted((size_t)last(s) - (size_t)s->options.start, "sequence").text,
      text_counted((size_t)p->seq_len, "token").text, gflop,
      s->screening->until_sure > 0 ? "at most about" : "about",
      cost_seconds(s->runtime, gflop, 2.0), s->runtime->kernels->name,
      text_counted((size_t)threads_count(s->runtime->threads), "thread").text,
      text_bytes(size, sizeof size, s->plan.bytes), text_counted(s->plan.chunk, "sequence").text,
      s->keeps ? text_bytes(kept, sizeof kept,
                            observations_bytes(p, (int)c->layers, (int)c->heads, (int)c->head_dim))
               : "nothing");
  return 0;
}

/* Resumes from what an earlier run left, if it is of this screen. */
static int load(struct screen *s, const char *path, struct error *error)
{
  const char *partial = s->screening->partial;
  const struct shard_range range = range_of(s);
  int64_t done;
  if (identify(s, error) || observations_load(s->observations, partial, s->identity, &done, error))
    return error->code;
  if (done <= range.from || done > range.to) /* of another part: all is computed anew */
    done = 0;
  else
    s->options.start = s->loaded = (size_t)done;
  if (s->screening->null)
    s->screening->null->taken = (size_t)done;
  if (done)
    notices_add(&s->runtime->notices, "%s: resuming after %lld of %lld sequences",
                text_shown(path).text, (long long)done, (long long)s->screening->protocol.n);
  else
    notices_add(&s->runtime->notices, "%s: belongs to another screen or is damaged; starting over",
                text_shown(partial).text);
  return 0;
}

/* Only what has several chunks or looks has something to stop or to save. */
static int resume(struct screen *s, const char *path, struct error *error)
{
  const struct shard_range range = range_of(s);
  bool pieces = s->plan.chunk < last(s) - (size_t)range.from || s->screening->until_sure > 0;
  s->options.start = (size_t)range.from;
  s->saved = progress_clock();
  s->options.chunk_done = pieces || s->screening->null ? see_chunk : NULL;
  s->keeps = pieces && s->screening->partial;
  if (s->screening->partial && file_exists(s->screening->partial))
    return load(s, path, error);
  return 0;
}

/* Goes on to sequence `end`; an earlier run may have been there. */
static int run_to(struct screen *s, size_t end, struct error *error)
{
  const struct protocol *p = &s->screening->protocol;
  s->end = end;
  if (s->options.start >= end)
    return 0;
  if (forward_run(&s->model, s->batch.tokens, end, (size_t)p->seq_len, &s->options, error))
    return error->code;
  if (s->halted && end < last(s)) /* right before a look */
    return error_set(error, EXIT_RUN, "%s: stopped after %zu of %lld sequences",
                     checkpoint_path(s->checkpoint), end, (long long)p->n);
  return 0;
}

/* Looks are taken anew over what an earlier run left, so that it ends where one run does. */
static int run_looks(struct screen *s, struct error *error)
{
  int64_t n = s->screening->protocol.n;
  struct sureness *to = s->screening->sureness;
  struct sure_test test = {n, 1 - s->screening->until_sure, observations_heads(s->observations)};
  *to = (struct sureness){.count = test.heads};
  to->heads = memory_zeroed(test.heads, sizeof *to->heads, "looks at the heads", error);
  if (!to->heads)
    return EXIT_RUN;
  do {
    to->seen = sure_next_look(n, to->seen);
    if (run_to(s, (size_t)to->seen, error))
      return error->code;
    if (s->options.start < (size_t)to->seen)
      s->options.start = (size_t)to->seen;
    observations_limit(s->observations, to->seen);
  } while (to->seen < n && !sure_look(&test, s->observations, s->runtime->threads, to->heads));
  for (size_t i = 0; to->seen == n && i < test.heads; i++)
    to->heads[i] = (struct sure_head){.settled = true};
  return 0;
}

void sureness_free(struct sureness *sureness)
{
  free(sureness->heads);
  *sureness = (struct sureness){.seen = 0};
}

static int run(struct screen *s, const char *path, struct error *error)
{
  const struct protocol *p = &s->screening->protocol;
  const size_t first = (size_t)range_of(s).from;
  subject_say_choice(s->checkpoint, path, &s->runtime->notices);
  if (resume(s, path, error) || announce(s, path, error))
    return error->code;
  if (interrupt_requested())
    return error_set(error, EXIT_RUN, "%s: interrupted before the first sequence", path);
  progress_start(&s->progress, path, 1.0, s->runtime->quiet);
  progress_go_on(&s->progress, (double)(s->options.start - first) / (double)(last(s) - first));
  int status = s->screening->until_sure > 0 ? run_looks(s, error) : run_to(s, last(s), error);
  progress_end(&s->progress);
  if (file_use_check(&s->changed)) { /* explains whatever else went wrong */
    *error = s->changed;
    return error->code;
  }
  if (s->refused)
    return error_set(error, EXIT_CHECK, "%s: stopped after %zu of %lld sequences", path, s->done,
                     (long long)p->n);
  if (status && s->saving.code)
    *error = s->saving;
  else if (status && interrupt_requested())
    error_prefix(error, s->keeps ? RESUMABLE : "interrupted; nothing was kept");
  return status;
}

/* More is to come, and this part, unless it was short, need not be done again. */
static int keep_whole(struct screen *s, struct error *error)
{
  const struct screening *screening = s->screening;
  const char *partial = screening->partial;
  size_t seen =
      screening->until_sure > 0 ? (size_t)screening->sureness->seen : (size_t)screening->protocol.n;
  if ((!screening->keeps_whole && !screening->resamples) || !partial || s->loaded >= seen ||
      (!file_exists(partial) && progress_clock() - s->saved < SAVE_SECONDS) ||
      (screening->may_save && !screening->may_save(screening->context, true)) || !save(s, seen))
    return 0;
  *error = s->saving;
  return error->code;
}

static int resample(const struct screen *s, const struct head_row *rows, struct error *error)
{
  struct progress progress;
  const char *partial = s->screening->partial;
  size_t resamples = s->screening->resamples;
  if (!resamples)
    return 0;
  progress_start(&progress, "resamples", (double)resamples, s->runtime->quiet);
  int status = bootstrap_run(s->observations, rows, resamples, s->runtime->threads, &progress,
                             s->screening->bootstrap, error);
  progress_end(&progress);
  if (status && interrupt_requested())
    error_prefix(error,
                 partial && file_exists(partial) ? RESUMABLE : "interrupted; nothing was kept");
  return status;
}

/* A part has no figures of its own, but belongs to one screen. */
static int show_part(struct screen *s, struct error *error)
{
  struct screen_part *part = s->screening->only;
  if (!*s->identity && identify(s, error))
    return error->code;
  memcpy(part->identity, s->identity, sizeof part->identity);
  return s->screening->seen(s->screening->context, s->observations, error);
}

static int collect(struct screen *s, struct revision *revision, struct error *error)
{
  const struct model_config *c = &s->model.config;
  *revision = (struct revision){.n_layers = (int)c->layers, .n_heads = (int)c->heads};
  if (s->screening->only)
    return show_part(s, error);
  revision->name = calloc(1, 1);
  revision->heads = calloc(c->layers * c->heads, sizeof *revision->heads);
  int status =
      revision->name && revision->heads
          ? observations_finish(s->observations, s->runtime->threads, revision->heads, error)
          : error_set(error, EXIT_RUN, "screen: out of memory");
  if (!status && s->screening->null)
    null_finish(s->screening->null, revision->heads);
  if (!status && s->screening->seen)
    status = s->screening->seen(s->screening->context, s->observations, error);
  if (!status && s->screening->dump)
    status = dump_write(&s->dump, s->screening->dump, error);
  if (!status)
    status = resample(s, revision->heads, error);
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
    status = keep_whole(&s, error);
  if (!status)
    status = collect(&s, revision, error);
  if (status && screening->sureness)
    sureness_free(screening->sureness);
  dump_free(&s.dump);
  observations_free(s.observations);
  source_free(screening, &s.batch);
  model_free(&s.model);
  checkpoint_close(s.checkpoint);
  return status;
}
