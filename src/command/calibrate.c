#include "base/file_write.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/text.h"
#include "command/batch_options.h"
#include "command/command.h"
#include "command/terminal.h"
#include "study/calibration.h"
#include "study/cost.h"
#include "trajectory/integral.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUTPUTS 4

struct calibrate_options {
  struct common_options common;
  struct batch_options batch;
  uint64_t draws, null_seed;
  const char *out;
  struct calibration calibration;
  struct output outputs[OUTPUTS];
  struct text partial, partial_random;
};

static int parse(int argc, char **argv, struct calibrate_options *o, const char **path, bool *help,
                 struct error *error)
{
  const struct option_spec specs[] = {
      BATCH_OPTIONS(&o->batch, "sequences of the participation ratios, both; default 2000"),
      {"draws", OPTION_NUMBER, &o->draws, 1, NULL_MOST_DRAWS, "N",
       "null draws of the selectivity; default 500"},
      {"null-seed", OPTION_NUMBER, &o->null_seed, 0, UINT32_MAX, "S",
       "seed of their positions and of the random ids; default 2026"},
      {"out", OPTION_STRING, &o->out, 0, 0, "FILE.csv", "write one row per head"},
      COMMON_OPTIONS(&o->common),
  };
  const struct option_list list = {
      "calibrate MODEL_DIR [OPTIONS]",
      "Shows how large the figures of a screen are by chance: the induction selectivity at\n"
      "random positions, and the participation ratio on random token ids. Batch and MODEL_DIR\n"
      "are those of attest screen.",
      specs, sizeof specs / sizeof *specs};
  size_t used;
  if (options_parse(argc, argv, &list, path, 1, &used, help, error) || *help)
    return error->code;
  if (used != 1)
    return error_set(error, EXIT_INPUT, "calibrate: MODEL_DIR is missing; see --help");
  o->calibration.beyond_context = o->batch.beyond_context;
  o->calibration.draws = (size_t)o->draws;
  o->calibration.seed = (uint32_t)o->null_seed;
  return batch_options_read(&o->batch, &o->calibration.protocol, error);
}

/* An interrupted run leaves its chunks beside FILE.csv; a pipe or a device has no place for them.
 */
static int list_outputs(struct calibrate_options *o, struct error *error)
{
  struct stat info;
  if (o->out && strcmp(o->out, "-") != 0 && (stat(o->out, &info) != 0 || S_ISREG(info.st_mode))) {
    text_add(&o->partial, "%s.partial", o->out);
    text_add(&o->partial_random, "%s.random.partial", o->out);
    if (o->partial.failed || o->partial_random.failed)
      return error_set(error, EXIT_RUN, "%s: out of memory", o->out);
    o->calibration.partial = o->partial.data;
    o->calibration.partial_random = o->partial_random.data;
  }
  const struct output outputs[OUTPUTS] = {
      {.option = "--out", .path = o->out},
      {.option = "--json", .path = o->common.json},
      {.option = "the chunks of --out", .path = o->partial.data},
      {.option = "the chunks of --out", .path = o->partial_random.data}};
  memcpy(o->outputs, outputs, sizeof outputs);
  o->calibration.outputs = o->outputs;
  o->calibration.output_count = OUTPUTS;
  return outputs_check(o->outputs, OUTPUTS, error);
}

static void print_counts(const char *what, const struct pr_counts *counts)
{
  printf("    heads %s: above the null's maximum %zu, p99 %zu, p95 %zu, their own %zu\n", what,
         counts->max, counts->p99, counts->p95, counts->own);
}

static void print_summary(const char *path, const struct calibrated *c, const struct protocol *p)
{
  size_t heads = (size_t)c->revision.n_layers * (size_t)c->revision.n_heads;
  long long rows = (long long)(p->pr_n < p->n ? p->pr_n : p->n);
  printf("%s: %s x %s\n", text_shown(path).text,
         text_counted((size_t)c->revision.n_layers, "layer").text,
         text_counted((size_t)c->revision.n_heads, "head").text);
  printf("  induction selectivity by chance, %s over %s:\n"
         "    median %.4g, p95 %.4g, p99 %.4g, maximum %.4g\n",
         text_counted(c->null.draws, "draw").text,
         text_counted(c->null.valid, "valid sequence").text, c->all.median, c->all.p95, c->all.p99,
         c->all.max);
  printf("    the screen: median %.4g, maximum %.4g; heads above p99 %zu", c->real_median,
         c->real_max, c->above_p99);
  for (int t = 0; t < 5; t++)
    printf(", >= %gx %zu", calibration_thresholds[t], c->at_least[t]);
  printf("\n  participation ratio on %s of random ids:\n"
         "    minimum %.4g, median %.4g, mean %.4g, p95 %.4g, p99 %.4g, maximum %.4g\n",
         text_counted((size_t)rows, "sequence").text, c->pr_min, c->pr_median, c->pr_mean,
         c->pr_p95, c->pr_p99, c->pr_max);
  char what[64];
  snprintf(what, sizeof what, "over as many sequences (%lld)", rows);
  print_counts(what, &c->same);
  if (rows > CALIBRATION_PUBLISHED_ROWS)
    print_counts("over 500 sequences, as published (not enough: it grows with their number)",
                 &c->published);
  printf("    the published rule of 18 %% takes %zu\n", integral_k18(heads));
}

static int write_json(const char *path, const struct calibrate_options *o,
                      const struct calibrated *c, struct error *error)
{
  struct table table = calibrated_table(c);
  json_t *heads = table_json(&table);
  table_free(&table);
  json_t *all = json_pack("{s:s, s:o, s:I, s:o, s:o}", "model", text_shown(path).text, "protocol",
                          cost_protocol_json(&o->calibration.protocol), "null_seed",
                          (json_int_t)o->null_seed, "null", calibrated_json(c), "heads", heads);
  int status = all ? json_write(o->common.json, all, error)
                   : error_set(error, EXIT_RUN, "%s: out of memory", o->common.json);
  json_decref(all);
  return status;
}

static int write_table(const char *to, const struct calibrated *c, struct error *error)
{
  struct table table = calibrated_table(c);
  int status = file_write_table(to, &table, error);
  table_free(&table);
  return status;
}

static int deliver(const char *path, const struct calibrate_options *o,
                   const struct runtime *runtime, const struct calibrated *c, struct error *error)
{
  if (o->out && write_table(o->out, c, error))
    return error->code;
  if (o->common.json && write_json(path, o, c, error))
    return error->code;
  if (runtime->text && !(o->out && strcmp(o->out, "-") == 0))
    print_summary(path, c, &o->calibration.protocol);
  return 0;
}

static int run(const char *path, struct calibrate_options *o, struct error *error)
{
  struct runtime runtime = {0};
  struct calibrated calibrated;
  if (runtime_start(&o->common, &runtime, error))
    return error->code;
  runtime.notices = terminal_notices(runtime.quiet);
  interrupt_install();
  int status = calibration_run(path, &o->calibration, &runtime, &calibrated, error);
  if (!status) {
    status = deliver(path, o, &runtime, &calibrated, error);
    if (!status && o->partial.data) {
      unlink(o->partial.data);
      unlink(o->partial_random.data);
    }
    calibrated_free(&calibrated);
  }
  runtime_stop(&runtime);
  return status;
}

int command_calibrate(int argc, char **argv, struct error *error)
{
  struct calibrate_options o = {
      .batch = BATCH_OPTIONS_DEFAULT, .draws = NULL_DRAWS, .null_seed = NULL_SEED};
  struct lock lock = {0};
  const char *path;
  bool help = false;
  o.batch.pr_n = o.batch.n;
  if (parse(argc, argv, &o, &path, &help, error) || help)
    return error->code;
  /* Hours of work must not end at an output that cannot be written, or that would be lost. */
  int status = list_outputs(&o, error);
  if (!status && o.partial.data)
    status = lock_beside(o.out, &lock, error);
  if (!status)
    status = run(path, &o, error);
  lock_release(&lock);
  text_free(&o.partial);
  text_free(&o.partial_random);
  return status;
}
