#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/text.h"
#include "command/command.h"
#include "command/terminal.h"
#include "manifest/manifest_rebase.h"
#include "manifest/manifest_verify.h"
#include "pass/runtime.h"
#include "study/forecast.h"
#include "study/outputs.h"
#include "study/verified.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_MANIFEST ((size_t)16 << 20)

struct pin_options {
  struct common_options common;
  const char *checkpoints, *out, *revision;
  bool replace;
  struct output outputs[2];
};

/* A manifest on its way to its pins. */
struct pinning {
  const struct pin_options *options;
  struct manifest manifest;
  json_t *root; /* the same as read: everything but the pins stays as it is */
  const struct manifest_revision *only;
  json_t *findings;
  bool text;
};

static int parse(int argc, char **argv, struct pin_options *o, const char **path, bool *help,
                 struct error *error)
{
  const struct option_spec specs[] = {
      {"checkpoints", OPTION_STRING, &o->checkpoints, 0, 0, "DIR",
       "directory of the checkpoints, if not where the manifest says"},
      {"out", OPTION_STRING, &o->out, 0, 0, "FILE",
       "write the pinned manifest there, its paths rewritten for that folder; default: in place; "
       "-: standard output, paths as they are"},
      {"revision", OPTION_STRING, &o->revision, 0, 0, "NAME", "pin only this revision"},
      {"replace", OPTION_FLAG, &o->replace, 0, 0, NULL,
       "replace pins that contradict the files; without it they are failures"},
      COMMON_OPTIONS(&o->common),
  };
  const struct option_list list = {
      "pin MANIFEST [OPTIONS]",
      "Fills in size, SHA-256 and XXH3-128 of every file that a manifest names, from the files on\n"
      "disk. Nothing is written unless every file is there, agrees with the pins that there are,\n"
      "is not a git-lfs pointer, has the tensors of the inventory, and no two revisions have "
      "tensors "
      "in\n"
      "common.",
      specs, sizeof specs / sizeof *specs};
  size_t used;
  if (options_parse(argc, argv, &list, path, 1, &used, help, error) || *help)
    return error->code;
  if (used != 1)
    return error_set(error, EXIT_INPUT, "pin: MANIFEST is missing; see --help");
  if (!o->out)
    o->out = *path;
  o->outputs[0] = (struct output){.option = "--out", .path = o->out, .in_place = true};
  o->outputs[1] = (struct output){.option = "--json", .path = o->common.json};
  return common_options_check(&o->common, error) ? error->code
                                                 : outputs_check(o->outputs, 2, error);
}

static int load(const char *path, struct pinning *p, struct error *error)
{
  struct blob blob;
  if (file_read(path, MAX_MANIFEST, &blob, error))
    return error->code;
  int status = manifest_parse(path, blob.data, blob.size, &p->manifest, error);
  if (!status)
    status = json_parse_object(path, blob.data, blob.size, &p->root, error);
  blob_free(&blob);
  return status;
}

static void forget(struct pinned_file *file)
{
  file->has_bytes = false;
  file->digest = (struct digest){0};
}

/* With --replace, pins of what is looked at count for nothing. */
static void forget_pins(struct pinning *p)
{
  forget(&p->manifest.container);
  for (size_t i = 0; i < p->manifest.revision_count; i++)
    for (size_t j = 0; j < p->manifest.revisions[i].file_count; j++)
      if (!p->only || p->only == &p->manifest.revisions[i])
        forget(&p->manifest.revisions[i].files[j]);
}

static void say_finding(void *context, const char *line)
{
  struct pinning *p = context;
  if (p->text)
    printf("  FAILED: %s\n", line);
  if (p->options->common.quiet)
    fprintf(stderr, "attest: %s\n", line);
  json_add(p->findings, json_string(line));
}

static void fill(json_t *object, const struct pinned_file *found)
{
  if (!found->has_bytes)
    return;
  json_put(object, "bytes", json_integer((json_int_t)found->bytes));
  json_put(object, "sha256", json_string(found->digest.sha256));
  json_put(object, "xxh3_128", json_string(found->digest.xxh3_128));
}

/* Standard output (by any name) and devices are in no folder: what goes there is for the manifest's
 * own. */
static bool has_folder(const char *out)
{
  struct stat info, standard;
  if (strcmp(out, "-") == 0)
    return false;
  if (stat(out, &info) != 0)
    return true;
  bool same = fstat(STDOUT_FILENO, &standard) == 0 && standard.st_dev == info.st_dev &&
              standard.st_ino == info.st_ino;
  return S_ISREG(info.st_mode) && !same;
}

static int write_pins(const struct pinning *p, const struct manifest_result *result, size_t *pinned,
                      struct error *error)
{
  fill(json_object_get(p->root, "container"), &result->container);
  for (size_t i = 0; i < p->manifest.revision_count; i++) {
    const json_t *revision = json_array_get(json_object_get(p->root, "revisions"), i);
    for (size_t j = 0; j < p->manifest.revisions[i].file_count; j++) {
      const struct pinned_file *found = &result->found[i][j];
      fill(json_array_get(json_object_get(revision, "files"), j), found);
      *pinned += found->has_bytes;
    }
  }
  if (has_folder(p->options->out) &&
      manifest_rebase(p->root, p->manifest.path, p->options->out, error))
    return error->code;
  return json_write(p->options->out, p->root, error);
}

static void say_result(const struct manifest_check *check, const struct manifest_result *result,
                       size_t pinned, const char *out)
{
  struct text tensors = {0};
  verified_add_tensors(&tensors, check, result);
  if (result->findings)
    printf("  %s: nothing is pinned", text_counted(result->findings, "failure").text);
  else
    printf("  %s pinned in %s", text_counted(pinned, "file").text, out);
  printf("%s\n", tensors.data ? tensors.data : "");
  text_free(&tensors);
}

static int pin(struct pinning *p, size_t *findings, struct error *error)
{
  struct manifest_result result;
  size_t pinned = 0;
  if (p->options->replace)
    forget_pins(p);
  const struct manifest_check check = {.manifest = &p->manifest,
                                       .checkpoints = p->options->checkpoints,
                                       .only = p->only,
                                       .allow_unpinned = true,
                                       .quiet = p->options->common.quiet,
                                       .finding = say_finding,
                                       .context = p};
  const struct notices notices = terminal_notices(p->options->common.quiet);
  forecast_digests(&p->manifest, p->options->checkpoints, p->only, &notices);
  int status = manifest_verify(&check, &result, error);
  *findings = result.findings;
  if (!status && !result.findings)
    status = write_pins(p, &result, &pinned, error);
  if (!status && p->text)
    say_result(&check, &result, pinned, p->options->out);
  manifest_result_free(&result);
  if (status || !p->options->common.json)
    return status;
  json_t *object =
      json_pack("{s:s, s:s?, s:I, s:I, s:O}", "manifest", text_shown(p->manifest.path).text,
                "written", *findings ? NULL : text_shown(p->options->out).text, "pinned",
                (json_int_t)pinned, "failures", (json_int_t)*findings, "findings", p->findings);
  status = json_write(p->options->common.json, object, error);
  json_decref(object);
  return status;
}

int command_pin(int argc, char **argv, struct error *error)
{
  struct pin_options o = {0};
  struct pinning p = {.options = &o, .findings = json_array()};
  const char *path;
  size_t findings = 0;
  struct lock lock = {0};
  bool help = false;
  int status = parse(argc, argv, &o, &path, &help, error);
  if (help) {
    json_decref(p.findings);
    return status;
  }
  p.text = !o.common.quiet && (!o.out || strcmp(o.out, "-") != 0) &&
           !(o.common.json && strcmp(o.common.json, "-") == 0);
  if (!status && has_folder(o.out)) /* two at once would lose each other's pins */
    status = lock_beside(o.out, &lock, error);
  if (!status)
    status = load(path, &p, error);
  if (!status)
    status = outputs_spare_manifest(o.outputs, 2, &p.manifest, o.checkpoints, error);
  if (!status)
    status = manifest_find(&p.manifest, o.revision, &p.only, error);
  if (!status)
    status = pin(&p, &findings, error);
  json_decref(p.findings);
  json_decref(p.root);
  manifest_free(&p.manifest);
  lock_release(&lock);
  return status ? status : findings ? EXIT_CHECK : EXIT_HELD;
}
