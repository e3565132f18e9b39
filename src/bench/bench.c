#include "bench/bench.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/text.h"
#include "base/version.h"
#include "command/command.h"
#include "study/outputs.h"

#include <stdio.h>
#include <string.h>

#define OTHER_SECONDS 60.0 /* about: attention, row kernels, digests, training */

/* In the order in which they are measured, after the peak. */
static const struct {
  const char *name;
  int (*run)(struct bench *b, struct error *error);
} parts[] = {
    {"screen", bench_screen},     {"gemm", bench_gemm},       {"attention", bench_attention},
    {"rows", bench_rows},         {"digest", bench_digest},   {"train", bench_train},
    {"few_shot", bench_few_shot}, {"circuit", bench_circuit},
};
#define PARTS (sizeof parts / sizeof *parts)

static int check_only(const char *name, struct error *error)
{
  for (size_t i = 0; i < PARTS; i++)
    if (strcmp(name, parts[i].name) == 0)
      return 0;
  if (strcmp(name, "peak") == 0) /* measured in any case */
    return 0;
  return error_set(error, EXIT_INPUT,
                   "--only %s: must be peak, screen, gemm, attention, rows, digest, train, "
                   "few_shot or circuit",
                   name);
}

static int parse(int argc, char **argv, struct bench *b, bool *help, struct error *error)
{
  const struct option_spec specs[] = {
      {"quick", OPTION_FLAG, &b->options.quick, 0, 0, NULL, "a short run: within 45 seconds"},
      {"only", OPTION_STRING, &b->options.only, 0, 0,
       "peak|screen|gemm|attention|rows|digest|train|few_shot|circuit",
       "only the peak, or after it only this part"},
      {"sweep", OPTION_STRING, &b->options.sweep, 0, 0, "FILE.csv",
       "instead of the rest: time against layers, tokens and sequences of small models"},
      {"plot", OPTION_STRING, &b->options.plot, 0, 0, "FILE.svg", "draw the sweep"},
      {"openblas", OPTION_STRING, &b->options.openblas, 0, 0, "FILE",
       "library to compare with; default: libopenblas.so.0 if installed"},
      {"sequences", OPTION_NUMBER, &b->options.sequences, 1, 2000, "N",
       "sequences of each screen; default: 16"},
      {"shrink", OPTION_NUMBER, &b->options.shrink, 1, 16, "N",
       "divide all sizes by N: to try the bench on a slow machine"},
      COMMON_OPTIONS(&b->options.common),
  };
  const struct option_list list = {
      "bench [OPTIONS]",
      "Measures the peak of this CPU, the screen on models of the published shapes (random\n"
      "weights), matrix products against the peak and OpenBLAS, attention, row kernels, the\n"
      "digests of files, steps of training, and scores of edges.\n"
      "Single-thread figures are CPU time; what is compared takes turns; figures are medians "
      "with\ntheir spread.",
      specs, sizeof specs / sizeof *specs};
  size_t used;
  if (options_parse(argc, argv, &list, NULL, 0, &used, help, error) || *help)
    return error->code;
  if (b->options.only && check_only(b->options.only, error))
    return error->code;
  if (b->options.only && b->options.sweep)
    return error_set(error, EXIT_INPUT, "bench: --sweep replaces all parts: drop --only");
  if (b->options.sequences && (b->options.quick || b->options.sweep))
    return error_set(error, EXIT_INPUT,
                     "bench: --quick and --sweep choose their own sequences: drop --sequences");
  if (b->options.plot && !b->options.sweep)
    return error_set(error, EXIT_INPUT, "bench: --plot draws a sweep: give --sweep FILE.csv, too");
  const struct output outputs[] = {{"--sweep", b->options.sweep, false},
                                   {"--plot", b->options.plot, false},
                                   {"--json", b->options.common.json, false}};
  if (outputs_check(outputs, 3, error))
    return error->code;
  return b->options.openblas ? outputs_spare(outputs, 3, b->options.openblas, error) : 0;
}

/* What the options and the CPU say. No thread is left running: the screens are processes. */
static int prepare(struct bench *b, struct error *error)
{
  struct runtime runtime;
  if (runtime_start(&b->options.common, &runtime, error))
    return error->code;
  int all = threads_count(runtime.threads);
  runtime_stop(&runtime);
  b->text = runtime.text && !(b->options.sweep && strcmp(b->options.sweep, "-") == 0) &&
            !(b->options.plot && strcmp(b->options.plot, "-") == 0);
  b->start = progress_clock();
  b->memory = runtime.memory;
  b->best = runtime.kernels;
  b->threads[b->settings++] = 1;
  if (all > 1)
    b->threads[b->settings++] = all;
  b->isa_count = b->options.common.isa ? 1 : kernels_available(b->isas);
  if (b->options.common.isa)
    b->isas[0] = b->best;
  if (!b->options.sweep &&
      blas_load(b->options.openblas, b->best->isa, b->blas, &b->blas_count, error))
    return error->code;
  b->peak = json_array();
  b->screen = json_array();
  b->gemm = json_array();
  b->attention = json_array();
  b->rows = json_array();
  b->digest = json_array();
  b->train = json_array();
  b->few_shot = json_array();
  b->circuit = json_array();
  b->points = json_array();
  return 0;
}

static bool wants(const struct bench *b, const char *part)
{
  return !b->options.only || strcmp(b->options.only, part) == 0;
}

/* Said before minutes of work. */
static void announce(const struct bench *b)
{
  double seconds = b->options.only ? 0 : OTHER_SECONDS;
  char size[32];
  if (wants(b, "screen"))
    seconds += bench_screen_seconds(b);
  if (wants(b, "gemm"))
    seconds += bench_gemm_seconds(b);
  if (seconds > 60 && !b->options.quick && !b->options.common.quiet)
    fprintf(stderr, "bench: about %.0f minutes, in at most %s of memory; nothing on disk\n",
            seconds / 60, text_bytes(size, sizeof size, b->memory));
}

static int measure(struct bench *b, struct error *error)
{
  if (bench_peak(b, error))
    return error->code;
  if (b->options.sweep)
    return bench_sweep(b, error);
  announce(b);
  for (size_t i = 0; i < PARTS; i++)
    if (wants(b, parts[i].name) && parts[i].run(b, error))
      return error->code;
  return 0;
}

static int write_json(const struct bench *b, struct error *error)
{
  json_t *openblas = b->blas_count ? json_pack("{s:o}", "cores", json_array()) : json_null();
  for (size_t i = 0; i < b->blas_count; i++)
    json_add(json_object_get(openblas, "cores"), json_string(b->blas[i].core));
  json_t *all = json_pack(
      "{s:s, s:b, s:I, s:O, s:O, s:O, s:O, s:O, s:O, s:O, s:O, s:O, s:O, s:o, s:O?}", "version",
      ATTEST_VERSION, "quick", b->options.quick, "shrink", (json_int_t)b->options.shrink, "peak",
      b->peak, "gemm", b->gemm, "screen", b->screen, "attention", b->attention, "rows", b->rows,
      "digest", b->digest, "train", b->train, "few_shot", b->few_shot, "circuit", b->circuit,
      "sweep", b->points, "openblas", openblas, "predicted_hours", b->hours);
  int status = json_write(b->options.common.json, all, error);
  json_decref(all);
  return status;
}

int command_bench(int argc, char **argv, struct error *error)
{
  struct bench b = {.options.shrink = 1};
  bool help = false;
  if (parse(argc, argv, &b, &help, error) || help)
    return error->code;
  int status = prepare(&b, error);
  if (!status)
    status = measure(&b, error);
  if (!status && b.options.common.json)
    status = write_json(&b, error);
  json_decref(b.peak);
  json_decref(b.screen);
  json_decref(b.gemm);
  json_decref(b.attention);
  json_decref(b.rows);
  json_decref(b.digest);
  json_decref(b.train);
  json_decref(b.few_shot);
  json_decref(b.circuit);
  json_decref(b.points);
  json_decref(b.hours);
  return status;
}
