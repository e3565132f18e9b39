/* What the end-to-end tests share: running the program and building copies of models, archives and
 * manifests in support_directory(). */
#ifndef ATTEST_TESTS_WORKSHOP_H
#define ATTEST_TESTS_WORKSHOP_H

#include "support.h"

#include "base/file.h"
#include "trajectory/trajectory.h"

#include <archive.h>
#include <archive_entry.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORKSHOP_MODEL "tests/fixtures/conformance/olmo-f32/model"
#define WORKSHOP_PROTOCOL "--n 64 --seq-len 64 --vocab 10:500 --pr-n 64"

/* "<support_directory()>/name"; the string stays valid, unlike that of support_path. Not inline:
 * gcc would take all of `paths` for one string, and warn. */
static __attribute__((noinline, unused)) const char *workshop_path(const char *name)
{
  static char paths[48][512];
  char path[512];
  size_t i = 0;
  snprintf(path, sizeof path, "%s/%s", support_directory(), name);
  while (i < 48 && *paths[i] && strcmp(paths[i], path) != 0)
    i++;
  assert_true(i < 48);
  strcpy(paths[i], path);
  return paths[i];
}

/* Splits `line`, which is changed, at its blanks into words[0 .. 63] and puts the program in front.
 */
static inline void workshop_words(char *line, const char *words[64])
{
  size_t count = 1;
  words[0] = support_program();
  for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
    assert_true(count < 63);
    words[count++] = word;
  }
  words[count] = NULL;
}

static inline int workshop_start(const char *line, char **out, char **err)
{
  const char *words[64];
  char *copy = strdup(line);
  assert_non_null(copy);
  workshop_words(copy, words);
  int code = support_run(words, out, err);
  free(copy);
  return code;
}

/* Runs the program with the words of a line, which must lead to this exit code without an error on
 * standard error (progress may show on a slow machine); returns standard output, free(). */
static inline __attribute__((format(printf, 2, 3))) char *workshop_run(int code, const char *format,
                                                                       ...)
{
  char line[4096], *out, *err;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  int got = workshop_start(line, &out, &err);
  if (got != code || strstr(err, "attest: "))
    fail_msg("attest %s: exit code %d instead of %d: %s%s", line, got, code, err, out);
  free(err);
  return out;
}

/* The same for a run that must end with an error: one line on standard error with `words` in it,
 * and nothing on standard output. Returns the line, free(). */
static inline __attribute__((format(printf, 3, 4))) char *
workshop_refuse(int code, const char *words, const char *format, ...)
{
  char line[4096], *out, *err;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  int got = workshop_start(line, &out, &err);
  const char *end = strchr(err, '\n');
  if (got != code || *out || strncmp(err, "attest: ", 8) != 0 || !end || end[1] ||
      !strstr(err, words))
    fail_msg("attest %s: exit code %d instead of %d, \"%s\" expected: %s%s", line, got, code, words,
             err, out);
  free(out);
  return err;
}

static inline void workshop_contains(const char *text, const char *words)
{
  if (!strstr(text, words))
    fail_msg("\"%s\" is not in: %s", words, text);
}

/* Runs a shell command that must succeed: copies and removals. Copies can be written to, also those
 * of a read-only checkout. */
static inline __attribute__((format(printf, 1, 2))) void workshop_shell(const char *format, ...)
{
  char line[4096] = "cp() { command cp --no-preserve=mode \"$@\"; }; ";
  size_t start = strlen(line);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line + start, sizeof line - start, format, arguments);
  va_end(arguments);
  if (system(line) != 0)
    fail_msg("%s: failed", line);
}

/* Copies a library for LD_PRELOAD from beside the test program to workshop_path(name), whose name
 * has no blanks. */
static inline void workshop_preload(const char *name)
{
  char self[400];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  assert_true(length > 0);
  self[length] = 0;
  *strrchr(self, '/') = 0;
  workshop_shell("cp '%s/%s' %s", self, name, workshop_path(name));
}

/* json_decref() */
static inline json_t *workshop_json(const char *path)
{
  json_error_t reason;
  json_t *value = json_load_file(path, 0, &reason);
  if (!value)
    fail_msg("%s: line %d: %s", path, reason.line, reason.text);
  return value;
}

static inline json_t *workshop_json_text(const char *text)
{
  json_error_t reason;
  json_t *value = json_loads(text, 0, &reason);
  if (!value)
    fail_msg("line %d: %s: %s", reason.line, reason.text, text);
  return value;
}

static inline void workshop_json_write(const char *path, const json_t *value)
{
  assert_int_equal(json_dump_file(value, path, JSON_INDENT(1) | JSON_REAL_PRECISION(17)), 0);
}

static inline void workshop_same_files(const char *a, const char *b)
{
  size_t size_a, size_b;
  char *data_a = support_read(a, &size_a), *data_b = support_read(b, &size_b);
  if (size_a != size_b || memcmp(data_a, data_b, size_a) != 0)
    fail_msg("%s and %s differ", a, b);
  free(data_a);
  free(data_b);
}

/* The JSON of a run without where it ran, when, and which files were read again for it: what must
 * be the same, however many machines there were. free() */
static inline char *workshop_result(const char *path)
{
  json_t *run = workshop_json(path), *manifest;
  size_t i;
  json_object_del(run, "isa");
  json_object_del(run, "run");
  json_array_foreach(json_object_get(run, "manifests"), i, manifest)
      json_object_del(manifest, "notes");
  char *text = json_dumps(run, JSON_SORT_KEYS);
  json_decref(run);
  return text;
}

static inline void workshop_same_results(const char *a, const char *b)
{
  char *one = workshop_result(a), *other = workshop_result(b);
  assert_string_equal(one, other);
  free(one);
  free(other);
}

/* Moves one figure of a head in a revision's CSV by one ULP. */
static inline void workshop_nudge(const char *path, int row, enum head_class class)
{
  struct revision revision;
  struct error error = {0};
  if (trajectory_read_csv(path, &revision, &error))
    fail_msg("%s", error.text);
  double *figure = &revision.heads[row].selectivity[class];
  *figure = nextafter(*figure, INFINITY);
  if (trajectory_write_csv(path, &revision, &error))
    fail_msg("%s", error.text);
  trajectory_revision_free(&revision);
}

/* Unpacks the regular files of an archive whose names start with `prefix` below a directory. */
static inline void workshop_unpack(const char *archive_path, const char *prefix,
                                   const char *directory)
{
  struct archive *archive = archive_read_new();
  struct archive_entry *entry;
  archive_read_support_filter_all(archive);
  archive_read_support_format_all(archive);
  assert_int_equal(archive_read_open_filename(archive, archive_path, 1 << 20), ARCHIVE_OK);
  while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
    const char *name = archive_entry_pathname(entry), *slash = strrchr(name, '/');
    if (archive_entry_filetype(entry) != AE_IFREG || strncmp(name, prefix, strlen(prefix)) != 0)
      continue;
    char path[600], folder[600];
    struct error error = {0};
    size_t size = (size_t)archive_entry_size(entry);
    char *data = malloc(size + 1);
    assert_non_null(data);
    assert_int_equal(archive_read_data(archive, data, size), size);
    snprintf(folder, sizeof folder, "%s/%.*s", directory, slash ? (int)(slash - name) : 0, name);
    assert_int_equal(file_make_directory(folder, &error), 0);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    support_write(path, data, size);
    free(data);
  }
  archive_read_free(archive);
}

#endif
