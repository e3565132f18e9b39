/* What the tests of whole runs share: three revisions of a nursery model on the disk or on a
 * server, the figures they must lead to, and runs that are stopped in the middle. */
#ifndef ATTEST_TESTS_STREAMING_H
#define ATTEST_TESTS_STREAMING_H

#include "fetching.h"

#include "base/progress.h"
#include "base/text.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARCHIVE "manifests/nursery.tar.zst"
#define REVISIONS 3
#define FOREVER 60.0                                  /* seconds: longer than anything here takes */
#define SLOWLY "--isa scalar --threads 1 --memory 4M" /* several chunks a screen */

extern char **environ;

static const char *const names[REVISIONS] = {"step0", "step60", "step127"};

static inline void unpin(json_t *revision)
{
  json_t *files = json_object_get(revision, "files");
  for (size_t k = 0; k < json_array_size(files); k++) {
    json_t *file = json_array_get(files, k);
    json_object_set_new(file, "bytes", json_null());
    json_object_set_new(file, "sha256", json_null());
    json_object_set_new(file, "xxh3_128", json_null());
  }
}

/* The manifest of three revisions of a nursery model on a hub, json_decref(). */
static inline json_t *manifest_of(int n, enum pins pins)
{
  json_t *manifest = workshop_json("manifests/nursery-olmo.json");
  json_t *revisions = json_object_get(manifest, "revisions");
  json_t *protocol = json_object_get(manifest, "protocol");
  while (json_array_size(revisions) > REVISIONS)
    json_array_remove(revisions, REVISIONS);
  for (size_t i = 0; i < REVISIONS && pins == UNPINNED; i++)
    unpin(json_array_get(revisions, i));
  json_object_set_new(manifest, "checkpoints", json_string("not/here"));
  json_object_set_new(manifest, "container", json_null());
  json_object_set_new(manifest, "golden", json_null());
  json_object_set_new(manifest, "repository", json_string("some-one/the-model"));
  json_object_set_new(protocol, "n", json_integer(n));
  json_object_set_new(protocol, "pr_n", json_integer(20));
  return manifest;
}

static inline const char *save(const char *name, json_t *manifest)
{
  const char *path = workshop_path(name);
  workshop_json_write(path, manifest);
  json_decref(manifest);
  return path;
}

/* One bit of a file on the server or on the disk. */
static inline void flip(const char *folder, const char *revision)
{
  char path[900];
  size_t size;
  snprintf(path, sizeof path, "%s/%s/model.safetensors", folder, revision);
  char *data = support_read(path, &size);
  data[size - 3] ^= 1;
  support_write(path, data, size);
  free(data);
}

/* The trajectory hashes in the JSON of a run, free(). */
static inline char *hashes(char *json)
{
  struct text text = {0};
  json_t *all = workshop_json_text(json), *revision;
  const json_t *first = json_array_get(json_object_get(all, "manifests"), 0);
  size_t i;
  json_array_foreach(json_object_get(first, "revisions"), i, revision)
      text_add(&text, "%s %s\n", json_string_value(json_object_get(revision, "revision")),
               json_string_value(json_object_get(revision, "xxh3_128")));
  json_decref(all);
  free(json);
  assert_int_equal(i, REVISIONS);
  return text.data;
}

/* What the same manifest gives of checkpoints on the disk. */
static inline char *expected(const char *manifest)
{
  const char *work = workshop_path("work-expected");
  workshop_shell("rm -rf %s", work);
  return hashes(workshop_run(EXIT_HELD,
                             "reproduce %s --checkpoints %s --work %s --allow-uncompared --json -",
                             manifest, workshop_path("checkpoints"), work));
}

static inline void nap(void)
{
  nanosleep(&(struct timespec){0, 1000000}, NULL);
}

/* Starts the program with the words of a line. */
static inline __attribute__((format(printf, 1, 2))) pid_t start(const char *format, ...)
{
  char line[2048];
  va_list arguments;
  const char *words[64];
  pid_t child;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  workshop_words(line, words);
  assert_int_equal(posix_spawn(&child, words[0], NULL, NULL, (char **)(uintptr_t)words, environ),
                   0);
  return child;
}

/* Waits until a path below the work folder exists, while the child lives. */
static inline void await(pid_t child, const char *work, const char *name)
{
  char path[900];
  double begin = progress_clock();
  snprintf(path, sizeof path, "%s/nursery-olmo/%s", work, name);
  while (!file_exists(path)) {
    int status;
    assert_true(progress_clock() - begin < FOREVER);
    if (waitpid(child, &status, WNOHANG) == child)
      fail_msg("ended before %s, status %d", name, status);
    nap();
  }
}

static inline void end(pid_t child, int how)
{
  int status;
  kill(child, how);
  assert_int_equal(waitpid(child, &status, 0), child);
  if (how == SIGKILL)
    assert_true(WIFSIGNALED(status));
  else
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_RUN);
}

/* Unpacks the three revisions to "checkpoints"; what hangs is killed. */
static inline void prepare(void)
{
  alarm(300);
  unsetenv("CI");
  for (size_t i = 0; i < REVISIONS; i++) {
    char prefix[64];
    snprintf(prefix, sizeof prefix, "nursery-olmo/%s/", names[i]);
    workshop_unpack(ARCHIVE, prefix, workshop_path("checkpoints"));
  }
}

#endif
