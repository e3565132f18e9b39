#include "base/file.h"
#include "base/file_use.h"
#include "base/json.h"
#include "base/text.h"
#include "command/command.h"
#include "command/inspection.h"
#include "command/terminal.h"
#include "few_shot/training.h"
#include "files/archive_list.h"
#include "files/archive_walk.h"
#include "study/forecast.h"

#include <stdio.h>

struct inspect_options {
  struct common_options common;
  bool tensors, no_hash;
};

static int parse(int argc, char **argv, struct inspect_options *o, const char **path, bool *help,
                 struct error *error)
{
  struct text summary = {0};
  text_add(&summary,
           "Shows what is in a checkpoint: shape, files with their digests, tensors, and what a\n"
           "screen of it would cost. PATH is a model directory, or an archive, whose model\n"
           "directories are listed. Exit code 2 when it is damaged or its tensors are not those\n"
           "of its config.json.\n");
  archive_walk_help(&summary);
  if (summary.failed)
    return error_set(error, EXIT_RUN, "inspect: out of memory");
  const struct option_spec specs[] = {
      {"tensors", OPTION_FLAG, &o->tensors, 0, 0, NULL, "print every tensor"},
      {"no-hash", OPTION_FLAG, &o->no_hash, 0, 0, NULL, "skip the digests of the files"},
      COMMON_OPTIONS(&o->common),
  };
  const struct option_list list = {"inspect PATH [OPTIONS]", summary.data, specs,
                                   sizeof specs / sizeof *specs};
  size_t used;
  int status = options_parse(argc, argv, &list, path, 1, &used, help, error);
  text_free(&summary);
  if (status || *help)
    return status;
  if (used != 1)
    return error_set(error, EXIT_INPUT, "inspect: PATH is missing; see --help");
  return 0;
}

static int write_json(const char *to, json_t *all, struct error *error)
{
  int status =
      all ? json_write(to, all, error)
          : error_set(error, EXIT_RUN, "%s: out of memory or a path that is not UTF-8", to);
  json_decref(all);
  return status;
}

static json_t *archive_json(const char *path, const struct blob *blob, const struct digest *digest,
                            const struct archive_list *list)
{
  json_t *models = json_array();
  for (size_t i = 0; i < list->count; i++)
    json_add(models,
             json_pack("{s:s, s:I, s:I}", "directory", text_shown(list->models[i].directory).text,
                       "files", (json_int_t)list->models[i].files, "bytes",
                       (json_int_t)list->models[i].bytes));
  return json_pack("{s:s, s:I, s:s?, s:s?, s:o}", "archive", text_shown(path).text, "bytes",
                   (json_int_t)blob->size, "sha256", digest ? digest->sha256 : NULL, "xxh3_128",
                   digest ? digest->xxh3_128 : NULL, "models", models);
}

static void print_archive(const char *path, const struct blob *blob, const struct digest *digest,
                          const struct archive_list *list)
{
  char name[1100], directory[1100];
  text_escape(name, sizeof name, path);
  printf("%s: %zu bytes, %zu model director%s\n", name, blob->size, list->count,
         list->count == 1 ? "y" : "ies");
  if (digest)
    printf("  sha256 %s\n  xxh3_128 %s\n", digest->sha256, digest->xxh3_128);
  for (size_t i = 0; i < list->count; i++) {
    text_escape(directory, sizeof directory, list->models[i].directory);
    printf("  %s:%s: %s, %llu bytes\n", name, directory,
           text_counted(list->models[i].files, "file").text,
           (unsigned long long)list->models[i].bytes);
  }
}

static int hash_archive(const char *path, const struct blob *blob, const struct runtime *runtime,
                        struct digest *digest, struct error *error)
{
  struct progress progress;
  forecast_bytes(path, blob->size, &runtime->notices);
  progress_start(&progress, path, (double)blob->size, runtime->quiet);
  int status = digest_blob(blob, &progress, 0, digest, error);
  progress_end(&progress);
  return status ? status : file_use_check(error);
}

static int inspect_archive(const char *path, const struct inspect_options *o,
                           const struct runtime *runtime, struct error *error)
{
  struct blob blob;
  struct archive_list list = {0};
  struct digest digest, *known = o->no_hash ? NULL : &digest;
  const struct output json = {.option = "--json", .path = o->common.json};
  if (outputs_spare(&json, 1, path, error) || file_map(path, &blob, error))
    return error->code;
  int status = archive_list_models(path, blob.data, blob.size, &list, error);
  if (!status && known)
    status = hash_archive(path, &blob, runtime, known, error);
  if (!status && o->common.json)
    status = write_json(o->common.json, archive_json(path, &blob, known, &list), error);
  if (!status && runtime->text)
    print_archive(path, &blob, known, &list);
  archive_list_free(&list);
  blob_free(&blob);
  return status;
}

static int inspect_model(const char *path, const struct inspect_options *o,
                         const struct runtime *runtime, struct error *error)
{
  struct inspection in;
  const struct output json = {.option = "--json", .path = o->common.json};
  if (inspection_gather(path, !o->no_hash, &json, runtime, &in, error))
    return error->code;
  int status =
      o->common.json ? write_json(o->common.json, inspection_json(&in, runtime), error) : 0;
  if (!status && runtime->text)
    inspection_print(&in, runtime, o->tensors);
  if (!status && !inspection_consistent(&in)) {
    *error = in.obstacle;
    status = EXIT_INPUT;
  }
  inspection_free(&in);
  return status;
}

/* A file must be an archive; what it is mistaken for is said. */
static int inspect_path(const char *path, const struct inspect_options *o,
                        const struct runtime *runtime, struct error *error)
{
  if (few_training_is_folder(path))
    return error_set(error, EXIT_INPUT,
                     "%s: is a run of a few-shot recipe, not a model directory; attest show says "
                     "when it learned, attest train RECIPE.json --out %s --examine what its heads "
                     "do",
                     path, path);
  if (!file_exists(path) || file_is_directory(path))
    return inspect_model(path, o, runtime, error);
  if (text_ends_with(path, ".json"))
    return error_set(error, EXIT_INPUT,
                     "%s: is not a checkpoint; check a manifest with attest verify, and name a "
                     "model by its directory",
                     path);
  if (text_ends_with(path, ".safetensors") || text_ends_with(path, ".bin"))
    return error_set(error, EXIT_INPUT,
                     "%s: is one file of a model; give its directory, where config.json is", path);
  return inspect_archive(path, o, runtime, error);
}

int command_inspect(int argc, char **argv, struct error *error)
{
  struct inspect_options o = {.tensors = false};
  struct runtime runtime;
  const char *path;
  bool help = false;
  if (parse(argc, argv, &o, &path, &help, error) || help)
    return error->code;
  if (runtime_start(&o.common, &runtime, error))
    return error->code;
  runtime.notices = terminal_notices(runtime.quiet);
  int status = inspect_path(path, &o, &runtime, error);
  runtime_stop(&runtime);
  return status;
}
