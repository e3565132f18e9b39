#include "study/ablating.h"

#include "base/file.h"
#include "base/file_use.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "study/cost.h"
#include "study/identity.h"
#include "study/screening.h"
#include "study/source.h"
#include "study/subject.h"

/* Less is not worth an estimate of time; as for a screen. */
#define LONG_GFLOP 500.0

/* Short chunks are not saved each. */
#define SAVE_SECONDS 20.0

struct work {
  const struct ablating *ablating;
  const struct runtime *runtime;
  const char *path;
  struct checkpoint *checkpoint;
  struct model model;
  struct batch batch;
  struct revision own; /* the model's screen, if it is needed */
  struct conditions conditions;
  struct ablation *ablation;
  struct progress progress;
  char identity[33]; /* of this run on this checkpoint; empty until needed */
  bool keeps;        /* chunks go to `partial` */
  bool refused;      /* by go_on */
  double saved;      /* when, on progress_clock */
  struct error saving, changed;
  struct forward_options options;
  struct ablation_plan plan;
};

static bool refused(struct work *w)
{
  const struct ablating *a = w->ablating;
  w->refused = w->refused || (a->go_on && !a->go_on(a->context));
  return w->refused;
}

static void see_progress(void *context, double share)
{
  struct work *w = context;
  progress_update(&w->progress, share);
  (void)refused(w);
}

static const struct protocol *passes(const struct ablating *a)
{
  return a->given ? &a->given_protocol : &a->protocol;
}

/* What the passes run over, as a screen would. */
static struct screening source_of(const struct ablating *a)
{
  return (struct screening){.protocol = *passes(a), .given = a->given, .given_path = a->given_path};
}

/* The conditions, in their order, are part of it. */
static int identify(struct work *w, struct error *error)
{
  const struct screening source = source_of(w->ablating);
  struct text parameters = {0};
  if (source_identify(&source, &parameters, error)) {
    text_free(&parameters);
    return error->code;
  }
  text_add(&parameters, " ablations");
  for (size_t i = 0; i < w->conditions.count; i++) {
    text_add(&parameters, ";");
    head_set_print(&w->conditions.list[i].heads, ' ', &parameters);
  }
  int status = identity_of(w->checkpoint, &parameters, w->identity, error);
  text_free(&parameters);
  return status;
}

static int save(struct work *w)
{
  if (!*w->identity && identify(w, &w->saving))
    return w->saving.code;
  w->saved = progress_clock();
  return ablation_save(w->ablation, w->ablating->partial, w->identity, &w->saving);
}

static bool see_chunk(void *context, size_t done)
{
  struct work *w = context;
  const struct ablating *a = w->ablating;
  bool stop = interrupt_requested();
  (void)done;
  if (refused(w) || file_use_glance(&w->changed))
    return false;
  if (!w->keeps)
    return !stop;
  if (ablation_done(w->ablation) == (size_t)passes(a)->n ||
      (!stop && progress_clock() - w->saved < SAVE_SECONDS))
    return true;
  if (a->may_save && !a->may_save(a->context, stop))
    return !stop;
  return !save(w) && !stop;
}

/* The model's own screen, from whose figures circuits are chosen. */
static int screen(struct work *w, struct error *error)
{
  const struct ablating *a = w->ablating;
  const struct screening screening = {.protocol = a->protocol,
                                      .beyond_context = a->beyond_context,
                                      .partial = a->partial_screen,
                                      .may_save = a->may_save,
                                      .go_on = a->go_on,
                                      .context = a->context,
                                      .outputs = a->outputs,
                                      .output_count = a->output_count,
                                      .part = "the screen that chooses circuits",
                                      .keeps_whole = true};
  return selection_screens(a->selection)
             ? screening_run(w->path, &screening, w->runtime, &w->own, error)
             : 0;
}

static int open_model(struct work *w, struct error *error)
{
  const struct ablating *a = w->ablating;
  bool screened = selection_screens(a->selection); /* that was asked and said there */
  if (checkpoint_open(w->path, &w->checkpoint, error) ||
      (!screened && outputs_spare_read(a->outputs, a->output_count, error)) ||
      model_load(w->checkpoint, &w->model, error))
    return error->code;
  if (!screened) {
    subject_say_naming(w->checkpoint, w->path, &w->runtime->notices);
    subject_say_choice(w->checkpoint, w->path, &w->runtime->notices);
  }
  if (!w->model.lm_head.weight)
    return error_set(error, EXIT_INPUT,
                     "%s: is stored without an LM head; what is ablated is judged by logits",
                     w->path);
  const struct screening source = source_of(a);
  if (source_check(&source, w->path, w->model.config.vocab, error))
    return error->code;
  return subject_check(&w->model, passes(a), a->beyond_context, w->path, error);
}

/* What the tokens and, for each condition, their figures take is not left for the pass. */
static void set_options(struct work *w)
{
  const struct protocol *p = passes(w->ablating);
  w->options =
      (struct forward_options){.kernels = w->runtime->kernels,
                               .threads = w->runtime->threads,
                               .memory = w->runtime->memory,
                               .reserved = (uint64_t)p->n * (uint64_t)p->seq_len * sizeof(int32_t) +
                                           ablation_bytes(w->conditions.count, (size_t)p->n) +
                                           cost_resident_bytes(w->checkpoint),
                               .progress = see_progress,
                               .context = w};
}

static int prepare(struct work *w, struct error *error)
{
  const struct ablating *a = w->ablating;
  if (open_model(w, error))
    return error->code;
  const struct head_grid grid = {w->model.config.layers, w->model.config.heads};
  if (selection_conditions(a->selection, &grid, &w->own, &w->conditions, error))
    return error_prefix(error, "%s", w->path);
  const struct screening source = source_of(a);
  if (source_batch(&source, w->model.config.vocab, &w->batch, error) ||
      ablation_create(&w->conditions, &w->batch, &w->ablation, error))
    return error->code;
  set_options(w);
  if (ablation_plan(w->ablation, &w->model, &w->options, &w->plan, error))
    return error_prefix(error, "%s", w->path);
  return 0;
}

/* Resumes from what an earlier run left, if it is of this one. */
static int resume(struct work *w, struct error *error)
{
  const char *partial = w->ablating->partial;
  bool found;
  w->keeps = partial && (w->plan.passes > 1 || w->plan.chunk < (size_t)w->batch.n);
  w->options.chunk_done = see_chunk;
  w->saved = progress_clock();
  if (!partial || !file_exists(partial))
    return 0;
  if (identify(w, error) || ablation_load(w->ablation, partial, w->identity, &found, error))
    return error->code;
  notices_add(&w->runtime->notices,
              found ? "%s: resuming" : "%s: belongs to another run or is damaged; starting over",
              text_shown(partial).text);
  /* What is left now */
  return ablation_plan(w->ablation, &w->model, &w->options, &w->plan, error);
}

static void announce(const struct work *w)
{
  const struct model_config *c = &w->model.config;
  const struct protocol *p = passes(w->ablating);
  char size[32], kept[32];
  if (!w->runtime->notices.line || w->plan.gflop < LONG_GFLOP)
    return;
  notices_add(
      &w->runtime->notices,
      "%s: %s, %s x %s; %s over %s x %s, "
      "%.0f GFLOP, about %.0f s with %s on %s; %s of memory, %s at a "
      "time in %s; %s on disk meanwhile",
      text_shown(w->path).text, model_family_name(c->family), text_counted(c->layers, "layer").text,
      text_counted(c->heads, "head").text, text_counted(w->conditions.count, "condition").text,
      text_counted((size_t)p->n, "sequence").text, text_counted((size_t)p->seq_len, "token").text,
      w->plan.gflop, cost_seconds(w->runtime, w->plan.gflop, 2.0), w->runtime->kernels->name,
      text_counted((size_t)threads_count(w->runtime->threads), "thread").text,
      text_bytes(size, sizeof size, w->plan.bytes), text_counted(w->plan.chunk, "sequence").text,
      text_counted_in(w->plan.passes, "pass", "passes").text,
      w->keeps ? text_bytes(kept, sizeof kept, ablation_bytes(w->conditions.count, (size_t)p->n))
               : "nothing");
}

static int run(struct work *w, struct error *error)
{
  if (resume(w, error))
    return error->code;
  announce(w);
  if (interrupt_requested())
    return error_set(error, EXIT_RUN, "%s: interrupted before the first sequence", w->path);
  progress_start(&w->progress, w->path, 1.0, w->runtime->quiet);
  int status = ablation_run(w->ablation, &w->model, &w->options, &w->plan, error);
  progress_end(&w->progress);
  if (file_use_check(&w->changed)) { /* explains whatever else went wrong */
    *error = w->changed;
    return error->code;
  }
  if (w->refused)
    return error_set(error, EXIT_CHECK, "%s: stopped after %zu of %lld sequences", w->path,
                     ablation_done(w->ablation), (long long)w->batch.n);
  if (status && w->saving.code)
    *error = w->saving;
  else if (status && interrupt_requested())
    error_prefix(error, w->keeps ? "interrupted; run the same command again to resume"
                                 : "interrupted; nothing was kept");
  return error->code;
}

int ablating_run(const char *path, const struct ablating *ablating, const struct runtime *runtime,
                 struct ablations *ablations, struct error *error)
{
  struct work w = {.ablating = ablating, .runtime = runtime, .path = path};
  if (!screen(&w, error) && !prepare(&w, error) && !run(&w, error))
    ablations_take(ablations, &w.conditions, w.ablation, w.batch.n, ablating->resamples, error);
  ablation_free(w.ablation);
  conditions_free(&w.conditions);
  if (w.own.heads)
    trajectory_revision_free(&w.own);
  source_free(&(struct screening){.given = ablating->given}, &w.batch);
  model_free(&w.model);
  checkpoint_close(w.checkpoint);
  return error->code;
}
