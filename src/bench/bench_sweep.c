/* How the time of a screen grows with layers, sequences and tokens, on small models. */
#include "bench/bench_sweep.h"
#include "base/json.h"

#include "base/file_write.h"
#include "base/text.h"
#include "bench/bench.h"
#include "bench/bench_measure.h"
#include "bench/bench_shapes.h"

#include <stdio.h>

#define ROUNDS 3
#define MOST_POINTS (SHAPES * 16)

static const struct {
  enum sweep_axis axis;
  size_t layers, seq_len, sequences;
} grid[] = {
    {SWEEP_LAYERS, 2, 256, 8},     {SWEEP_LAYERS, 4, 256, 8},    {SWEEP_LAYERS, 8, 256, 8},
    {SWEEP_LAYERS, 12, 256, 8},    {SWEEP_LAYERS, 16, 256, 8},   {SWEEP_SEQUENCES, 4, 256, 2},
    {SWEEP_SEQUENCES, 4, 256, 4},  {SWEEP_SEQUENCES, 4, 256, 8}, {SWEEP_SEQUENCES, 4, 256, 16},
    {SWEEP_SEQUENCES, 4, 256, 32}, {SWEEP_SEQ_LEN, 4, 64, 4},    {SWEEP_SEQ_LEN, 4, 128, 4},
    {SWEEP_SEQ_LEN, 4, 256, 4},    {SWEEP_SEQ_LEN, 4, 512, 4},   {SWEEP_SEQ_LEN, 4, 1024, 4},
    {SWEEP_SEQ_LEN, 4, 2048, 4},
};
#define GRID (sizeof grid / sizeof *grid)
_Static_assert(SHAPES *GRID <= MOST_POINTS, "room for all points");

struct sweep {
  struct bench *bench;
  struct threads *threads; /* one: CPU time is steady on a busy machine */
  struct sweep_point points[MOST_POINTS];
  size_t count;
};

static int measure_shape(struct sweep *s, size_t shape, struct error *error)
{
  const struct bench *b = s->bench;
  struct samples samples[GRID] = {0};
  struct synthetic synthetic;
  struct trial trial = {
      .synthetic = &synthetic,
      .options = {.kernels = b->best, .threads = s->threads, .memory = b->memory}};
  int status = synthetic_open(&shapes_small[shape], b->options.shrink, &synthetic, error);
  for (int round = 0; round < (b->options.quick ? 1 : ROUNDS); round++)
    for (size_t i = 0; i < GRID && !status; i++) {
      trial.layers = grid[i].layers;
      trial.seq_len = grid[i].seq_len;
      trial.sequences = grid[i].sequences;
      status = trial_run(&trial, error);
      samples_add(&samples[i], trial.seconds);
      s->points[s->count + i] =
          (struct sweep_point){grid[i].axis,      shape,
                               grid[i].layers,    grid[i].seq_len,
                               grid[i].sequences, samples_spread(&samples[i]).median,
                               trial.gflop};
    }
  s->count += GRID;
  synthetic_close(&synthetic);
  return status;
}

static void report(const struct sweep *s)
{
  struct bench *b = s->bench;
  if (b->text)
    printf("\nSweep: CPU seconds of one thread, %s\n  %-15s %7s %8s %10s %9s %9s %8s\n",
           b->best->name, "shape", "layers", "seq_len", "sequences", "seconds", "GFLOP", "GFLOP/s");
  for (size_t i = 0; i < s->count; i++) {
    const struct sweep_point *p = &s->points[i];
    const char *shape = shapes_small[p->shape].name;
    if (b->text)
      printf("  %-15s %7zu %8zu %10zu %9.4f %9.3f %8.1f\n", shape, p->layers, p->seq_len,
             p->sequences, p->seconds, p->gflop, p->gflop / p->seconds);
    json_add(b->points,
             json_pack("{s:s, s:I, s:I, s:I, s:f, s:f}", "shape", shape, "layers",
                       (json_int_t)p->layers, "seq_len", (json_int_t)p->seq_len, "sequences",
                       (json_int_t)p->sequences, "seconds", p->seconds, "gflop", p->gflop));
  }
}

static int write_csv(const struct sweep *s, struct error *error)
{
  struct text text = {0};
  text_add(&text, "shape,layers,seq_len,sequences,seconds,gflop\n");
  for (size_t i = 0; i < s->count; i++) {
    const struct sweep_point *p = &s->points[i];
    text_add(&text, "%s,%zu,%zu,%zu,%.6f,%.6f\n", shapes_small[p->shape].name, p->layers,
             p->seq_len, p->sequences, p->seconds, p->gflop);
  }
  int status = file_write_text(s->bench->options.sweep, &text, error);
  text_free(&text);
  return status;
}

int bench_sweep(struct bench *b, struct error *error)
{
  struct sweep s = {.bench = b};
  if (threads_start(1, &s.threads, error))
    return error->code;
  int status = 0;
  for (size_t shape = 0; shape < SHAPES && !status; shape++)
    status = measure_shape(&s, shape, error);
  threads_stop(s.threads);
  if (status)
    return status;
  report(&s);
  status = write_csv(&s, error);
  if (!status && b->options.plot)
    status = sweep_plot(s.points, s.count, b->options.plot, error);
  return status;
}
