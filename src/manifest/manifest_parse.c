#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "manifest/manifest_formation.h"
#include "manifest/manifest_parts.h"
#include "manifest/manifest_protocol.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_REVISIONS 10000
#define MAX_FILES 10000
#define MAX_KEY 200    /* a revision's name becomes a file name with endings added */
#define WHERE 1024     /* "file: revision ...: file ..." in messages */
#define MAX_TOKENS 1e9 /* in units of 1e9 */

static int copy_string(const char *where, const char *text, char **copy, struct error *error)
{
  *copy = strdup(text);
  return *copy ? 0 : error_set(error, EXIT_RUN, "%s: out of memory", where);
}

static int get_plain(const json_t *object, const char *where, const char *key, char **copy,
                     struct error *error)
{
  const char *text;
  if (json_get_string(object, where, key, &text, error))
    return error->code;
  if (!file_plain_name(text) || strlen(text) > MAX_KEY)
    return error_set(error, EXIT_INPUT,
                     "%s: \"%s\" is \"%.100s\", must be a plain name of 1 to %d bytes", where, key,
                     text, MAX_KEY);
  return copy_string(where, text, copy, error);
}

/* A name of a model or a revision. */
static int get_label(const json_t *object, const char *where, const char *key, char **copy,
                     struct error *error)
{
  const char *text;
  if (json_get_label(object, where, key, &text, error))
    return error->code;
  return copy_string(where, text, copy, error);
}

static int get_directory(const json_t *object, const char *where, char **copy, struct error *error)
{
  char *directory = NULL;
  if (manifest_get_line(object, where, "directory", &directory, error))
    return error->code;
  for (const char *p = directory; *directory;) {
    char part[MANIFEST_MAX_TEXT + 1];
    size_t length = strcspn(p, "/");
    memcpy(part, p, length);
    part[length] = 0;
    if (!file_plain_name(part)) {
      free(directory);
      return error_set(error, EXIT_INPUT, "%s: \"directory\" must be plain names joined by '/'",
                       where);
    }
    if (!p[length])
      break;
    p += length + 1;
  }
  *copy = directory;
  return 0;
}

static int get_hex(const json_t *object, const char *where, const char *key, size_t digits,
                   char *out, struct error *error)
{
  const char *text;
  if (json_get_string(object, where, key, &text, error))
    return error->code;
  if (strlen(text) != digits || strspn(text, "0123456789abcdef") != digits)
    return error_set(error, EXIT_INPUT, "%s: \"%s\" must be %zu lower-case hex digits", where, key,
                     digits);
  memcpy(out, text, digits + 1);
  return 0;
}

/* Null = unpinned; the keys themselves must be there, so that none is forgotten. */
static int get_pin(const json_t *object, const char *where, struct pinned_file *file,
                   struct error *error)
{
  int64_t bytes = 0;
  file->has_bytes = !json_is_null(json_object_get(object, "bytes"));
  if (file->has_bytes && json_get_integer(object, where, "bytes", 0, INT64_MAX, &bytes, error))
    return error->code;
  file->bytes = (uint64_t)bytes;
  if (!json_is_null(json_object_get(object, "sha256")) &&
      get_hex(object, where, "sha256", 64, file->digest.sha256, error))
    return error->code;
  if (!json_is_null(json_object_get(object, "xxh3_128")) &&
      get_hex(object, where, "xxh3_128", 32, file->digest.xxh3_128, error))
    return error->code;
  return 0;
}

static int parse_container(const json_t *root, struct manifest *manifest, struct error *error)
{
  static const char *const known[] = {"bytes", "sha256", "xxh3_128", NULL};
  json_t *object;
  char where[WHERE];
  if (json_is_absent(root, "container"))
    return 0;
  snprintf(where, sizeof where, "%.800s: container", manifest->path);
  if (json_get_object(root, manifest->path, "container", &object, error) ||
      json_check_keys(object, where, known, error) ||
      get_pin(object, where, &manifest->container, error))
    return error->code;
  manifest->has_container = true;
  return copy_string(where, manifest->checkpoints, &manifest->container.path, error);
}

static int get_band(const json_t *object, const char *where, const char *key, bool positive,
                    double *value, struct error *error)
{
  if (json_get_number(object, where, key, 0, 1, value, error))
    return error->code;
  if (positive && *value == 0)
    return error_set(error, EXIT_INPUT, "%s: \"%s\" must be above 0", where, key);
  return 0;
}

static int parse_published(const json_t *root, struct manifest *manifest, struct error *error)
{
  static const char *const known[] = {"directory",
                                      "class_agreement",
                                      "selectivity_error",
                                      "selectivity_share",
                                      "pr_error",
                                      "pr_share",
                                      "claims",
                                      NULL};
  struct published_bands *bands = &manifest->published;
  json_t *object;
  char where[WHERE];
  if (json_is_absent(root, "published"))
    return 0;
  snprintf(where, sizeof where, "%.800s: published", manifest->path);
  if (json_get_object(root, manifest->path, "published", &object, error) ||
      json_check_keys(object, where, known, error) ||
      get_band(object, where, "class_agreement", false, &bands->class_agreement, error) ||
      get_band(object, where, "selectivity_error", true, &bands->selectivity_error, error) ||
      get_band(object, where, "selectivity_share", false, &bands->selectivity_share, error) ||
      get_band(object, where, "pr_error", true, &bands->pr_error, error) ||
      get_band(object, where, "pr_share", false, &bands->pr_share, error) ||
      json_get_boolean(object, where, "claims", &bands->claims, error))
    return error->code;
  return manifest_get_path(object, where, "directory", manifest, &bands->directory, error);
}

static int by_text(const void *a, const void *b)
{
  const char *const *left = a, *const *right = b;
  return strcmp(*left, *right);
}

/* Sorts the names and refuses a duplicate. */
static int check_unique(const char *where, const char *what, const char **names, size_t count,
                        struct error *error)
{
  qsort(names, count, sizeof *names, by_text);
  for (size_t i = 1; i < count; i++)
    if (strcmp(names[i - 1], names[i]) == 0)
      return error_set(error, EXIT_INPUT, "%s: %s \"%s\" is listed twice", where, what, names[i]);
  return 0;
}

static int get_list(const json_t *object, const char *where, const char *key, size_t most,
                    json_t **list, struct error *error)
{
  if (json_get_array(object, where, key, list, error))
    return error->code;
  size_t count = json_array_size(*list);
  if (count < 1 || count > most)
    return error_set(error, EXIT_INPUT, "%s: \"%s\" has %zu entries, must have 1 to %zu", where,
                     key, count, most);
  return 0;
}

static int parse_file(const json_t *object, const char *where, struct pinned_file *file,
                      struct error *error)
{
  static const char *const known[] = {"path", "bytes", "sha256", "xxh3_128", NULL};
  if (!json_is_object(object))
    return error_set(error, EXIT_INPUT, "%s: must be an object", where);
  if (json_check_keys(object, where, known, error) ||
      get_plain(object, where, "path", &file->path, error))
    return error->code;
  return get_pin(object, where, file, error);
}

static int parse_files(const json_t *object, const char *where, struct manifest_revision *revision,
                       struct error *error)
{
  json_t *list;
  if (get_list(object, where, "files", MAX_FILES, &list, error))
    return error->code;
  size_t count = json_array_size(list);
  revision->files = memory_zeroed(count, sizeof *revision->files, where, error);
  if (!revision->files)
    return error->code;
  revision->file_count = count;
  for (size_t i = 0; i < count; i++) {
    char inner[WHERE];
    snprintf(inner, sizeof inner, "%.980s: files[%zu]", where, i);
    if (parse_file(json_array_get(list, i), inner, &revision->files[i], error))
      return error->code;
  }
  const char **names = memory_alloc(count, sizeof *names, where, error);
  if (!names)
    return error->code;
  for (size_t i = 0; i < count; i++)
    names[i] = revision->files[i].path;
  int status = check_unique(where, "file", names, count, error);
  free(names);
  return status;
}

static int parse_revision(const json_t *object, const char *where,
                          struct manifest_revision *revision, struct error *error)
{
  static const char *const known[] = {"name", "step", "tokens", "directory", "files", NULL};
  int64_t step;
  if (!json_is_object(object))
    return error_set(error, EXIT_INPUT, "%s: must be an object", where);
  if (json_check_keys(object, where, known, error) ||
      get_label(object, where, "name", &revision->name, error) ||
      json_get_integer(object, where, "step", 0, INT64_MAX, &step, error) ||
      json_get_number(object, where, "tokens", 0, MAX_TOKENS, &revision->tokens, error) ||
      get_directory(object, where, &revision->directory, error))
    return error->code;
  revision->step = (uint64_t)step;
  return parse_files(object, where, revision, error);
}

static int check_order(const struct manifest *manifest, struct error *error)
{
  for (size_t i = 1; i < manifest->revision_count; i++) {
    const struct manifest_revision *before = &manifest->revisions[i - 1], *here = before + 1;
    if (here->step <= before->step || here->tokens < before->tokens)
      return error_set(error, EXIT_INPUT,
                       "%s: revision \"%s\" (step %" PRIu64 ", %g tokens) must come after \"%s\" "
                       "(step %" PRIu64 ", %g tokens)",
                       manifest->path, here->name, here->step, here->tokens, before->name,
                       before->step, before->tokens);
  }
  return 0;
}

static int parse_revisions(const json_t *root, struct manifest *manifest, struct error *error)
{
  json_t *list;
  if (get_list(root, manifest->path, "revisions", MAX_REVISIONS, &list, error))
    return error->code;
  size_t count = json_array_size(list);
  manifest->revisions = memory_zeroed(count, sizeof *manifest->revisions, manifest->path, error);
  if (!manifest->revisions)
    return error->code;
  manifest->revision_count = count;
  for (size_t i = 0; i < count; i++) {
    char where[WHERE];
    snprintf(where, sizeof where, "%.700s: revisions[%zu]", manifest->path, i);
    if (parse_revision(json_array_get(list, i), where, &manifest->revisions[i], error))
      return error->code;
  }
  const char **names = memory_alloc(count, sizeof *names, manifest->path, error);
  if (!names)
    return error->code;
  for (size_t i = 0; i < count; i++)
    names[i] = manifest->revisions[i].name;
  int status = check_unique(manifest->path, "revision", names, count, error);
  free(names);
  return status ? status : check_order(manifest, error);
}

/* OWNER/NAME, of the characters that a hub allows: they go into an address. */
static int get_repository(const json_t *root, struct manifest *manifest, struct error *error)
{
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
  const char *text;
  if (json_is_absent(root, "repository"))
    return 0;
  if (json_get_string(root, manifest->path, "repository", &text, error))
    return error->code;
  size_t owner = strspn(text, letters);
  size_t name = text[owner] == '/' ? strspn(text + owner + 1, letters) : 0;
  if (owner < 1 || name < 1 || text[owner + 1 + name] || strlen(text) > MAX_KEY || *text == '.' ||
      text[owner + 1] == '.')
    return error_set(error, EXIT_INPUT,
                     "%s: \"repository\" must be OWNER/NAME of letters, digits, '-', '_' and '.'",
                     manifest->path);
  return copy_string(manifest->path, text, &manifest->repository, error);
}

/* The keys that depend on the kind: tables have neither a family nor a protocol. */
static int parse_kind(const json_t *root, struct manifest *manifest, struct error *error)
{
  static const char *const kinds[] = {"published", "trained", "real", "synthetic", NULL};
  size_t kind = 0;
  if (get_label(root, manifest->path, "kind", &manifest->kind, error))
    return error->code;
  while (kinds[kind] && strcmp(manifest->kind, kinds[kind]) != 0)
    kind++;
  if (!kinds[kind])
    return error_set(error, EXIT_INPUT,
                     "%s: \"kind\" is \"%s\", must be published, trained, real or synthetic",
                     manifest->path, manifest->kind);
  if (!json_is_absent(root, "formation")) {
    manifest->content = MANIFEST_FORMATION;
    return 0;
  }
  bool circuits = !json_is_absent(root, "circuits");
  manifest->content = kind == 0  ? MANIFEST_TABLES
                      : circuits ? MANIFEST_CIRCUITS
                                 : MANIFEST_CHECKPOINTS;
  if (kind && get_label(root, manifest->path, "family", &manifest->family, error))
    return error->code;
  if (manifest->content == MANIFEST_CIRCUITS)
    return manifest_parse_circuits(root, manifest, error);
  if (manifest->content == MANIFEST_CHECKPOINTS)
    return manifest_parse_protocol(root, manifest, error);
  if (!json_is_absent(root, "family") || !json_is_absent(root, "protocol"))
    return error_set(error, EXIT_INPUT,
                     "%s: a manifest of kind published has no \"family\" and no \"protocol\"",
                     manifest->path);
  if (circuits)
    return error_set(error, EXIT_INPUT, "%s: a manifest of kind published has no \"circuits\"",
                     manifest->path);
  return 0;
}

/* Training runs have nothing to read but items of a file. */
static int parse_formation(const json_t *root, struct manifest *manifest, struct error *error)
{
  if (manifest_parse_formation(root, manifest, error))
    return error->code;
  if (manifest->formation.items == FEW_FILE &&
      manifest_get_path(json_object_get(root, "formation"), manifest->path, "file", manifest,
                        &manifest->formation.file, error))
    return error->code;
  return copy_string(manifest->path, "", &manifest->checkpoints, error);
}

/* What a manifest of files has. */
static int parse_files_of(const json_t *root, struct manifest *manifest, struct error *error)
{
  const char *path = manifest->path;
  if (manifest_get_path(root, path, "checkpoints", manifest, &manifest->checkpoints, error) ||
      parse_container(root, manifest, error) || get_repository(root, manifest, error) ||
      (!json_is_absent(root, "tensors") &&
       manifest_get_path(root, path, "tensors", manifest, &manifest->tensors, error)) ||
      parse_published(root, manifest, error) || manifest_parse_ablation(root, manifest, error))
    return error->code;
  return parse_revisions(root, manifest, error);
}

/* Recipes stand beside manifests, and are JSON, too. */
static int refuse_recipe(const json_t *root, const char *path, struct error *error)
{
  const char *kind = json_string_value(json_object_get(root, "kind"));
  if (json_is_absent(root, "optimizer") && !(kind && strcmp(kind, "few_shot") == 0))
    return 0;
  return error_set(error, EXIT_INPUT,
                   "%s: is a recipe of a training run, not a manifest; run it with attest train",
                   path);
}

static int parse_root(const json_t *root, struct manifest *manifest, struct error *error)
{
  static const char *const known[] = {
      "format",      "model",     "family",     "kind",      "source",   "caveat",
      "checkpoints", "container", "repository", "tensors",   "protocol", "golden",
      "published",   "ablation",  "revisions",  "formation", "circuits", NULL};
  const char *path = manifest->path;
  int64_t format;
  if (refuse_recipe(root, path, error) ||
      json_get_integer(root, path, "format", 1, 1, &format, error) ||
      json_check_keys(root, path, known, error) ||
      get_label(root, path, "model", &manifest->model, error) ||
      parse_kind(root, manifest, error) ||
      manifest_get_line(root, path, "source", &manifest->source, error) ||
      manifest_get_line(root, path, "caveat", &manifest->caveat, error))
    return error->code;
  if (!*manifest->source)
    return error_set(error, EXIT_INPUT, "%s: \"source\" must say where the data come from", path);
  if (!json_is_absent(root, "golden") &&
      manifest_get_path(root, path, "golden", manifest, &manifest->golden, error))
    return error->code;
  return manifest->content == MANIFEST_FORMATION ? parse_formation(root, manifest, error)
                                                 : parse_files_of(root, manifest, error);
}

int manifest_parse(const char *path, const void *data, size_t size, struct manifest *manifest,
                   struct error *error)
{
  struct manifest made = {0};
  json_t *root = NULL;
  if (copy_string(path, path, &made.path, error))
    return error->code;
  digest_xxh3(data, size, made.digest);
  if (json_parse_object(path, data, size, &root, error) || parse_root(root, &made, error)) {
    json_decref(root);
    manifest_free(&made);
    return error->code;
  }
  json_decref(root);
  *manifest = made;
  return 0;
}
