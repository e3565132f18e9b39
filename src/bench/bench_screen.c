/* The whole screen on models of the published shapes. */
#define _GNU_SOURCE
#include "base/json.h"
#include "base/progress.h"
#include "bench/bench.h"
#include "bench/bench_measure.h"
#include "bench/bench_shapes.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEQUENCES 16
#define QUICK_SEQUENCES 8
#define QUICK_LAYERS 2    /* one whole layer and the last, which is attention alone */
#define QUICK_SECONDS 2.5 /* a screen, in wall time */
#define SEQ_LEN 256
#define PASS_SHARE 0.9 /* of the peak, about */
#define REVISIONS 10.0
#define SCREENED 2000.0 /* sequences a revision */

/* Of one screen. */
struct outcome {
  size_t layers, sequences;
  double seconds, gflop; /* measured */
  double full_gflop;     /* of one sequence by all layers */
  double peak;           /* GFLOP/s, median of the bursts in between */
  double rss_mb;
};

/* Of one shape; crosses a pipe. */
struct outcomes {
  struct error error;
  struct outcome of[2]; /* by setting */
};

/* Takes samples of the peak while the screen pauses between its batches. */
struct watch {
  const struct kernels *kernels;
  struct threads *threads;
  struct samples peak;
  double paused;
  struct progress progress;
};

static void see_progress(void *context, double share)
{
  struct watch *w = context;
  double start = bench_clock(w->threads);
  if (w->peak.count < BENCH_SAMPLES)
    samples_add(&w->peak, peak_sample(w->kernels, w->threads));
  progress_update(&w->progress, share);
  w->paused += bench_clock(w->threads) - start;
}

static size_t most_sequences(const struct bench *b)
{
  return b->options.sequences ? b->options.sequences : SEQUENCES;
}

/* How much of the screen is run: in a hurry two layers of a few sequences. */
static void choose_amount(const struct bench *b, struct trial *t, double speed)
{
  t->layers = t->synthetic->model.config.layers;
  t->sequences = most_sequences(b);
  if (!b->options.quick)
    return;
  t->layers = QUICK_LAYERS;
  double fit = 0.75 * speed * QUICK_SECONDS / trial_gflop(t, t->layers);
  t->sequences = fit > QUICK_SEQUENCES ? QUICK_SEQUENCES : fit > 1 ? (size_t)fit : 1;
}

static int run(const struct bench *b, const struct shape *shape, size_t setting,
               const struct synthetic *synthetic, struct outcome *out, struct error *error)
{
  struct watch watch = {.kernels = b->best};
  if (threads_start(b->threads[setting], &watch.threads, error))
    return error->code;
  struct trial trial = {.synthetic = synthetic,
                        .seq_len = SEQ_LEN,
                        .paused = &watch.paused,
                        .options = {.kernels = b->best,
                                    .threads = watch.threads,
                                    .memory = b->memory,
                                    .progress = see_progress,
                                    .context = &watch}};
  progress_start(&watch.progress, shape->name, 1.0, b->options.common.quiet);
  size_t layers = synthetic->model.config.layers;
  choose_amount(b, &trial, b->speed[setting]);
  if (!trial_run(&trial, error))
    out->full_gflop =
        trial.layers < layers ? trial_gflop(&trial, layers) : trial.gflop / (double)trial.sequences;
  progress_end(&watch.progress);
  threads_stop(watch.threads);
  out->layers = trial.layers;
  out->sequences = trial.sequences;
  out->seconds = trial.seconds;
  out->gflop = trial.gflop;
  out->peak = samples_spread(&watch.peak).median;
  return error->code;
}

/* The first touch of fresh memory is slow, on virtual machines above all, and long screens do not
 * feel it: a short one goes first, uncounted. */
static int warm_up(const struct bench *b, const struct synthetic *synthetic, struct error *error)
{
  struct trial trial = {.synthetic = synthetic,
                        .layers = QUICK_LAYERS,
                        .sequences = 1,
                        .seq_len = SEQ_LEN,
                        .options = {.kernels = b->best, .memory = b->memory}};
  if (threads_start(b->threads[b->settings - 1], &trial.options.threads, error))
    return error->code;
  int status = trial_run(&trial, error);
  threads_stop(trial.options.threads);
  return status;
}

static void child(const struct bench *b, const struct shape *shape, int pipe_end)
{
  struct outcomes out = {0};
  struct synthetic synthetic;
  struct rusage usage;
  if (!synthetic_open(shape, b->options.shrink, &synthetic, &out.error))
    warm_up(b, &synthetic, &out.error);
  for (size_t setting = 0; setting < b->settings && !out.error.code; setting++) {
    run(b, shape, setting, &synthetic, &out.of[setting], &out.error);
    getrusage(RUSAGE_SELF, &usage);
    out.of[setting].rss_mb = (double)usage.ru_maxrss / 1024.0;
  }
  synthetic_close(&synthetic);
  ssize_t written = write(pipe_end, &out, sizeof out); /* less than a pipe takes at once */
  _exit(written == (ssize_t)sizeof out ? 0 : 1);
}

/* In a process of its own, because the memory high-water mark of a process never falls. No thread
 * runs in this one meanwhile. */
static int run_apart(const struct bench *b, const struct shape *shape, struct outcomes *out,
                     struct error *error)
{
  int ends[2], status = 0;
  fflush(stdout);
  if (pipe(ends) != 0)
    return error_set(error, EXIT_RUN, "bench: no pipe; close some files or raise ulimit -n");
  pid_t id = fork();
  if (id == 0) {
    close(ends[0]);
    child(b, shape, ends[1]);
  }
  close(ends[1]);
  ssize_t got = id > 0 ? read(ends[0], out, sizeof *out) : 0;
  close(ends[0]);
  if (id < 0)
    return error_set(error, EXIT_RUN, "bench: no process for %s; raise ulimit -u", shape->name);
  waitpid(id, &status, 0);
  if (got != (ssize_t)sizeof *out)
    return error_set(error, EXIT_RUN,
                     "bench: the screen of %s ended with signal %d; it may need more memory",
                     shape->name, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  if (out->error.code)
    *error = out->error;
  return error->code;
}

static double report(const struct bench *b, const struct shape *shape, size_t setting,
                     const struct outcome *o)
{
  bool part = o->layers < shape->layers;
  /* The time of the missing layers is that of the others a floating-point operation. */
  double seconds = o->seconds / o->gflop * o->full_gflop;
  double fraction = o->gflop / o->seconds / o->peak;
  if (b->text)
    printf("  %-17s %-8s %7d %10.3f %12.1f %9.1f %7.1f %% %9.0f   %zu x %zu%s\n", shape->name,
           b->best->name, b->threads[setting], seconds, o->full_gflop, o->gflop / o->seconds,
           100 * fraction, o->rss_mb, o->sequences, o->layers, part ? ", extrapolated" : "");
  json_add(b->screen,
           json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:I, s:I, s:b, s:f}", "shape",
                     shape->name, "isa", b->best->name, "threads", b->threads[setting],
                     "seconds_per_sequence", seconds, "gflop_per_sequence", o->full_gflop,
                     "fraction_of_peak", fraction, "peak_rss_mb", o->rss_mb, "sequences",
                     (json_int_t)o->sequences, "layers", (json_int_t)o->layers, "extrapolated",
                     part, "peak_gflops", o->peak));
  return seconds;
}

double bench_screen_seconds(const struct bench *b)
{
  struct error error = {0};
  struct model_config config;
  double seconds = 0;
  for (size_t i = 0; i < SHAPES + FURTHER_SHAPES; i++)
    if (!shape_config(i < SHAPES ? &shapes_published[i] : &shapes_further[i - SHAPES],
                      b->options.shrink, &config, &error))
      for (size_t setting = 0; setting < b->settings; setting++)
        seconds +=
            screen_gflop(&config, most_sequences(b), SEQ_LEN) / (PASS_SHARE * b->speed[setting]);
  return seconds;
}

int bench_screen(struct bench *b, struct error *error)
{
  double hours = 0;
  if (b->text)
    printf("\nScreen: random weights in the published shapes, T = %d, the peak sampled between "
           "batches\n  %-17s %-8s %7s %10s %12s %9s %9s %9s   %s\n",
           SEQ_LEN, "shape", "isa", "threads", "s/sequence", "GFLOP/seq.", "GFLOP/s", "of peak",
           "RSS MiB", "sequences x layers");
  b->hours = json_object();
  for (size_t i = 0; i < SHAPES; i++) {
    struct outcomes out;
    double seconds = 0;
    if (run_apart(b, &shapes_published[i], &out, error))
      return error->code;
    for (size_t setting = 0; setting < b->settings; setting++)
      seconds = report(b, &shapes_published[i], setting, &out.of[setting]);
    double here = REVISIONS * SCREENED * seconds / 3600.0; /* with all threads, the last setting */
    json_put(b->hours, shapes_published[i].name, json_real(here));
    hours += here;
  }
  for (size_t i = 0; i < FURTHER_SHAPES && !b->options.quick; i++) {
    struct outcomes out;
    if (run_apart(b, &shapes_further[i], &out, error))
      return error->code;
    for (size_t setting = 0; setting < b->settings; setting++)
      (void)report(b, &shapes_further[i], setting, &out.of[setting]);
  }
  json_put(b->hours, "total", json_real(hours));
  if (b->text)
    printf("  all 30 revisions, %.0f sequences each, on this machine (threads: %d): %.1f hours%s\n",
           SCREENED, b->threads[b->settings - 1], hours,
           b->options.shrink > 1 ? " (of the shrunk shapes)" : "");
  if (b->text && b->options.quick)
    printf(
        "  (a few sequences pay for packing all weights: a run without --quick comes out lower)\n");
  return 0;
}
