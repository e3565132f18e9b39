#include "base/digest.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/text.h"
#include "command/batch_options.h"
#include "command/command.h"
#include "command/intervals.h"
#include "command/sureness.h"
#include "command/terminal.h"
#include "probe/dump.h"
#include "study/cost.h"
#include "study/outputs.h"
#include "study/screening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DUMP_N 8 /* sequences */

struct screen_options {
  struct common_options common;
  struct batch_options batch;
  struct text_options text;
  struct batch examples; /* of the texts, if any */
  int64_t texts;
  uint64_t resamples;
  const char *out, *until_sure;
  struct screening screening;
  struct bootstrap bootstrap;
  struct sureness sureness;
  struct output outputs[4 + DUMP_FILES];
  char *dumped[DUMP_FILES], *intervals; /* owned */
};

/* The looks end a screen with the first sequences at hand, of which --dump must be a part. */
static int read_until_sure(struct screen_options *o, struct error *error)
{
  const char *text = o->until_sure;
  double *p = &o->screening.until_sure;
  if (!text)
    return 0;
  if (!text_to_double(text, strlen(text), p) || *p < 0.5 || *p > 0.999999)
    return error_set(error, EXIT_INPUT,
                     "--until-sure %s: must be a probability from 0.5 to 0.999999, such as 0.99",
                     text);
  if (o->screening.dump && o->screening.dump_n > SURE_FIRST_LOOK)
    return error_set(error, EXIT_INPUT,
                     "--until-sure may stop after %d sequences; use --dump-n %d at most, or leave "
                     "one of both out",
                     SURE_FIRST_LOOK, SURE_FIRST_LOOK);
  o->screening.sureness = &o->sureness;
  return 0;
}

static int parse(int argc, char **argv, struct screen_options *o, const char **path, bool *help,
                 struct error *error)
{
  const struct option_spec specs[] = {
      BATCH_OPTIONS(&o->batch, "sequences for the participation ratio; default 500"),
      TEXT_OPTIONS(&o->text),
      {"out", OPTION_STRING, &o->out, 0, 0, "FILE.csv", "write one row per head"},
      {"dump", OPTION_STRING, &o->screening.dump, 0, 0, "DIR",
       "write arrays of the first sequences as .npy"},
      {"dump-n", OPTION_NUMBER, &o->screening.dump_n, 1, BATCH_MAX_N, "N",
       "sequences that --dump writes; default 8"},
      {"bootstrap", OPTION_NUMBER, &o->resamples, 1, BOOTSTRAP_MOST, "B",
       "95 % intervals from B resamples of the sequences, also to FILE.bootstrap.csv; 200 is "
       "usual"},
      {"until-sure", OPTION_STRING, &o->until_sure, 0, 0, "P",
       "look after 100, 200, 400 ... sequences and stop when classes and memberships are settled "
       "with probability P, such as 0.99, or cannot be soon"},
      COMMON_OPTIONS(&o->common),
  };
  const struct option_list list = {
      "screen MODEL_DIR [OPTIONS]",
      "Runs the screen of arXiv 2606.02378 on a checkpoint (families: docs/FAMILIES.md):\n"
      "six selectivities, class and participation ratio of every attention head.\n"
      "MODEL_DIR holds config.json and safetensors; ARCHIVE:DIR reads inside a .tar, .tar.zst\n"
      "or .zip file. With --tokens it looks at the first token that occurs again in each text,\n"
      "where it occurs last.",
      specs, sizeof specs / sizeof *specs};
  size_t used;
  if (options_parse(argc, argv, &list, path, 1, &used, help, error) || *help)
    return error->code;
  if (used != 1)
    return error_set(error, EXIT_INPUT, "screen: MODEL_DIR is missing; see --help");
  if (o->screening.dump_n && !o->screening.dump)
    return error_set(error, EXIT_INPUT, "--dump-n: goes with --dump, which says where to write");
  if (!o->screening.dump_n)
    o->screening.dump_n = DUMP_N;
  o->screening.beyond_context = o->batch.beyond_context;
  o->screening.resamples = (size_t)o->resamples;
  o->screening.bootstrap = &o->bootstrap;
  return read_until_sure(o, error) ? error->code
                                   : batch_options_read(&o->batch, &o->screening.protocol, error);
}

static void print_summary(const char *path, const struct revision *revision, const char *hash)
{
  size_t heads = (size_t)revision->n_layers * (size_t)revision->n_heads;
  size_t counts[CLASS_COUNT + 1] = {0}, sinks = 0, induction = 0;
  for (size_t i = 0; i < heads; i++) {
    counts[revision->heads[i].class]++;
    sinks += revision->heads[i].selectivity[CLASS_FIRST_TOKEN] >= CLASS_THRESHOLD;
    induction += revision->heads[i].selectivity[CLASS_INDUCTION] >= CIRCUIT_THRESHOLD;
  }
  printf("%s: %s x %s\n", text_shown(path).text,
         text_counted((size_t)revision->n_layers, "layer").text,
         text_counted((size_t)revision->n_heads, "head").text);
  for (int i = 0; i <= CLASS_COUNT; i++)
    printf("  %-16s %4zu head%s by best class\n", head_class_name((enum head_class)i), counts[i],
           counts[i] == 1 ? "" : "s");
  printf("  first_token >= 30x: %s (%.1f %%); induction >= 50x: %s\n",
         text_counted(sinks, "head").text, 100.0 * (double)sinks / (double)heads,
         text_counted(induction, "head").text);
  printf("  trajectory hash (XXH3-128 of the CSV): %s\n", hash);
}

static int write_json(const char *to, const char *path, const struct screen_options *o,
                      const struct revision *revision, const char *hash, const char *isa,
                      struct error *error)
{
  struct table table = trajectory_table(revision);
  json_t *heads = table_json(&table);
  table_free(&table);
  struct protocol protocol = o->screening.protocol;
  if (o->until_sure)
    protocol.n = o->sureness.seen; /* the figures are those of a screen of this length */
  json_t *all =
      json_pack("{s:s, s:s, s:s, s:o, s:o}", "model", text_shown(path).text, "isa", isa, "xxh3_128",
                hash, "protocol", cost_protocol_json(&protocol), "heads", heads);
  if (o->text.path)
    json_put(all, "tokens", text_options_json(&o->text, &o->examples, o->texts));
  if (o->until_sure)
    json_put(all, "until_sure", sureness_json(&o->screening, revision));
  if (o->resamples)
    json_put(all, "bootstrap", intervals_json(revision, &o->bootstrap));
  int status =
      all ? json_write(to, all, error)
          : error_set(error, EXIT_RUN, "%s: out of memory or a path that is not UTF-8", to);
  json_decref(all);
  return status;
}

static int print(const char *path, const struct screen_options *o, const struct revision *revision,
                 const char *hash, struct error *error)
{
  struct text text = {0};
  print_summary(path, revision, hash);
  if (o->text.path)
    text_options_print(&o->text, &o->examples, o->texts);
  if (o->until_sure)
    sureness_text(&o->screening, revision, &text);
  if (o->resamples)
    intervals_text(revision, &o->bootstrap, &text);
  if (text.data)
    fputs(text.data, stdout);
  int status = text.failed ? error_set(error, EXIT_RUN, "screen: out of memory") : 0;
  text_free(&text);
  return status;
}

static int deliver(const char *path, const struct screen_options *o, const struct runtime *runtime,
                   const struct revision *revision, struct error *error)
{
  size_t length;
  char hash[33];
  char *csv = trajectory_format_csv(revision, &length, error);
  if (!csv)
    return error->code;
  digest_xxh3(csv, length, hash);
  int status = o->out ? file_write(o->out, csv, length, error) : 0;
  free(csv);
  if (!status && o->intervals)
    status = intervals_write(o->intervals, revision, &o->bootstrap, error);
  if (!status && o->common.json)
    status = write_json(o->common.json, path, o, revision, hash, runtime->kernels->name, error);
  if (!status && runtime->text && !(o->out && strcmp(o->out, "-") == 0))
    status = print(path, o, revision, hash, error);
  return status;
}

/* An interrupted screen leaves FILE.csv.partial and resumes from there. Arrays are not kept in it;
 * beside a pipe or a device there is no place for it. */
static int name_partial(struct screen_options *o, struct text *partial, struct error *error)
{
  struct stat info;
  if (!o->out || strcmp(o->out, "-") == 0 || o->screening.dump ||
      (stat(o->out, &info) == 0 && !S_ISREG(info.st_mode)))
    return 0;
  text_add(partial, "%s.partial", o->out);
  if (partial->failed)
    return error_set(error, EXIT_RUN, "%s: out of memory", o->out);
  o->screening.partial = partial->data;
  return 0;
}

/* All that will be written; the paths inside --dump to free_options. */
static int list_outputs(struct screen_options *o, struct error *error)
{
  struct output *output = o->outputs;
  if (o->screening.dump && file_make_directory(o->screening.dump, error))
    return error->code;
  if (o->resamples && o->out && strcmp(o->out, "-") != 0) {
    o->intervals = intervals_path(o->out, error);
    if (!o->intervals)
      return error->code;
  }
  *output++ = (struct output){.option = "--out", .path = o->out};
  *output++ = (struct output){.option = "the intervals of --out", .path = o->intervals};
  *output++ = (struct output){.option = "--json", .path = o->common.json};
  *output++ = (struct output){.option = "the chunks of --out", .path = o->screening.partial};
  for (size_t i = 0; o->screening.dump && i < DUMP_FILES; i++) {
    o->dumped[i] = file_join(o->screening.dump, dump_files[i], error);
    if (!o->dumped[i])
      return error->code;
    *output++ = (struct output){.option = "--dump", .path = o->dumped[i]};
  }
  o->screening.outputs = o->outputs;
  o->screening.output_count = (size_t)(output - o->outputs);
  return 0;
}

static void free_options(struct screen_options *o)
{
  for (size_t i = 0; i < DUMP_FILES; i++)
    free(o->dumped[i]);
  free(o->intervals);
  batch_free(&o->examples);
}

static int read_texts(struct screen_options *o, struct error *error)
{
  o->screening.given_path = o->text.path;
  o->screening.given = o->text.path ? &o->examples : NULL;
  if (text_options_alone(&o->text, &o->batch, error))
    return error->code;
  return text_options_read(&o->text, true, &o->screening.protocol, &o->examples, &o->texts, error);
}

int command_screen(int argc, char **argv, struct error *error)
{
  struct screen_options o = {.batch = BATCH_OPTIONS_DEFAULT};
  struct runtime runtime = {0};
  struct revision revision;
  struct text partial = {0};
  struct lock lock = {0};
  const char *path;
  bool help = false;
  if (parse(argc, argv, &o, &path, &help, error) || help)
    return error->code;
  /* Hours of work must not end at an output that cannot be written, or that would be lost. */
  if (name_partial(&o, &partial, error) || list_outputs(&o, error) ||
      outputs_check(o.outputs, o.screening.output_count, error) || read_texts(&o, error) ||
      (partial.data && lock_beside(o.out, &lock, error)) ||
      runtime_start(&o.common, &runtime, error)) {
    free_options(&o);
    lock_release(&lock);
    text_free(&partial);
    return error->code;
  }
  runtime.notices = terminal_notices(runtime.quiet);
  interrupt_install();
  int status = screening_run(path, &o.screening, &runtime, &revision, error);
  if (!status) {
    status = deliver(path, &o, &runtime, &revision, error);
    if (!status && o.screening.partial)
      unlink(o.screening.partial);
    trajectory_revision_free(&revision);
    bootstrap_free(&o.bootstrap);
    sureness_free(&o.sureness);
  }
  runtime_stop(&runtime);
  free_options(&o);
  lock_release(&lock);
  text_free(&partial);
  return status;
}
