#include "base/interrupt.h"
#include "base/json.h"
#include "base/text.h"
#include "command/command.h"
#include "command/terminal.h"
#include "model/recipe.h"
#include "model/synthesis.h"
#include "pass/runtime.h"
#include "study/outputs.h"

#include <stdio.h>
#include <string.h>

struct synth_options {
  struct common_options common; /* of which threads, json and quiet matter here */
  const char *like, *out;
  uint64_t seed;
  bool pytorch, dry_run;
};

static int parse(int argc, char **argv, struct synth_options *o, bool *help, struct error *error)
{
  struct text summary = {0};
  text_add(&summary,
           "Writes a checkpoint of random weights, seeded and the same bytes "
           "on every machine, to\n"
           "try full-size runs without the real files.\n\n%s",
           recipe_help);
  if (summary.failed)
    return error_set(error, EXIT_RUN, "synth: out of memory");
  const struct option_spec specs[] = {
      {"like", OPTION_STRING, &o->like, 0, 0, "MODEL", "the shape, as above"},
      {"out", OPTION_STRING, &o->out, 0, 0, "DIR", "a new or an empty directory"},
      {"seed", OPTION_NUMBER, &o->seed, 0, INT64_MAX, "S", "seed of the weights; default 0"},
      {"pytorch", OPTION_FLAG, &o->pytorch, 0, 0, NULL,
       "write pytorch_model.bin, as torch.save does, instead of safetensors"},
      {"dry-run", OPTION_FLAG, &o->dry_run, 0, 0, NULL, "show what would be written, and stop"},
      COMMON_OPTIONS(&o->common),
  };
  const struct option_list list = {"synth --like MODEL --out DIR [OPTIONS]", summary.data, specs,
                                   sizeof specs / sizeof *specs};
  size_t used;
  int status = options_parse(argc, argv, &list, NULL, 0, &used, help, error);
  text_free(&summary);
  if (status || *help)
    return status;
  if (!o->like || (!o->out && !o->dry_run))
    return error_set(error, EXIT_INPUT,
                     "synth: --like and --out (or --dry-run) are needed; see "
                     "--help");
  return common_options_check(&o->common, error);
}

static void print_plan(const struct synth_options *o, const struct synthesis *s)
{
  char size[32];
  const struct model_config *c = &s->config;
  printf("%s: %s, %s x %s, %llu parameters in %s, %s\n", o->like, model_family_name(c->family),
         text_counted(c->layers, "layer").text, text_counted(c->heads, "head").text,
         (unsigned long long)s->inventory.parameters, dtype_name(s->dtype),
         text_counted(s->inventory.count, "tensor").text);
  for (size_t i = 0; i < s->layout.file_count; i++)
    printf("  %s: %llu bytes of tensors\n", s->layout.files[i].name,
           (unsigned long long)s->layout.files[i].bytes);
  printf("  %s in all%s%s\n", text_bytes(size, sizeof size, s->bytes), o->dry_run ? "" : ", to ",
         o->dry_run ? "" : text_shown(o->out).text);
  fflush(stdout); /* before the long work */
}

static int write_json(const struct synth_options *o, const struct synthesis *s, struct error *error)
{
  json_t *files = json_array();
  for (size_t i = 0; i < s->layout.file_count; i++) {
    const struct layout_file *file = &s->layout.files[i];
    json_add(files, json_pack("{s:s, s:I, s:I, s:I}", "name", file->name, "bytes",
                              (json_int_t)s->files[i].bytes, "tensor_bytes",
                              (json_int_t)file->bytes, "tensors", (json_int_t)file->count));
  }
  json_t *all =
      json_pack("{s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:o}", "like", o->like, "family",
                model_family_name(s->config.family), "seed", (json_int_t)s->seed, "dtype",
                dtype_name(s->dtype), "parameters", (json_int_t)s->inventory.parameters, "tensors",
                (json_int_t)s->inventory.count, "bytes", (json_int_t)s->bytes, "files", files);
  int status = json_write(o->common.json, all, error);
  json_decref(all);
  return status;
}

/* The JSON must not be one of the files, which it would replace. */
static int check_json(const struct synth_options *o, const struct synthesis *s, struct error *error)
{
  const struct output json = {.option = "--json", .path = o->common.json};
  if (!o->out)
    return 0;
  if (outputs_spare_inside(&json, 1, o->out, "config.json", error) ||
      outputs_spare_inside(&json, 1, o->out, s->layout.index_name, error))
    return error->code;
  for (size_t i = 0; i < s->layout.file_count; i++)
    if (outputs_spare_inside(&json, 1, o->out, s->layout.files[i].name, error))
      return error->code;
  return 0;
}

static int write_checkpoint(const struct synth_options *o, const struct synthesis *s,
                            struct error *error)
{
  const struct notices notices = terminal_notices(o->common.quiet);
  struct threads *threads;
  interrupt_install();
  if (threads_start((int)o->common.threads, &threads, error))
    return error->code;
  int status = synthesis_write(s, o->out, threads, o->common.quiet, &notices, error);
  threads_stop(threads);
  return status;
}

int command_synth(int argc, char **argv, struct error *error)
{
  struct synth_options o = {.common = {0}};
  struct synthesis s;
  bool help = false;
  if (parse(argc, argv, &o, &help, error) || help)
    return error->code;
  if (synthesis_plan(o.like, o.seed, o.pytorch, &s, error))
    return error->code;
  if (check_json(&o, &s, error)) {
    synthesis_free(&s);
    return error->code;
  }
  if (!o.common.quiet && !(o.common.json && strcmp(o.common.json, "-") == 0))
    print_plan(&o, &s);
  int status = o.dry_run ? 0 : write_checkpoint(&o, &s, error);
  if (!status && o.common.json)
    status = write_json(&o, &s, error);
  synthesis_free(&s);
  return status;
}
