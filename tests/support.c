#define _GNU_SOURCE
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char directory[64];
static pid_t owner;

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
  (void)info;
  (void)kind;
  (void)walk;
  return remove(path);
}

static void remove_directory(void)
{
  if (getpid() == owner)
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *support_directory(void)
{
  if (!*directory) {
    strcpy(directory, "/tmp/attest-test-XXXXXX");
    if (!mkdtemp(directory))
      fail_msg("%s: %s", directory, strerror(errno));
    owner = getpid();
    atexit(remove_directory);
  }
  return directory;
}

const char *support_path(const char *name)
{
  static char paths[8][512];
  static int next;
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", support_directory(), name);
  return path;
}

void support_write(const char *path, const void *data, size_t size)
{
  FILE *f = fopen(path, "wb");
  if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
    fail_msg("%s: %s", path, strerror(errno));
}

char *support_read(const char *path, size_t *size)
{
  FILE *f = fopen(path, "rb");
  struct stat info;
  if (!f || fstat(fileno(f), &info) != 0)
    fail_msg("%s: %s", path, strerror(errno));
  char *data = malloc((size_t)info.st_size + 1);
  assert_non_null(data);
  *size = fread(data, 1, (size_t)info.st_size, f);
  data[*size] = 0;
  fclose(f);
  return data;
}

const char *support_program(void)
{
  const char *program = getenv("ATTEST");
  return program && *program ? program : "build/attest";
}

bool support_emulated(void)
{
  const char *launcher = getenv("ATTEST_RUN");
  return launcher && *launcher;
}

bool support_slow(void)
{
  return support_emulated() || support_sanitized();
}

pid_t support_start(const char *const *argv, const char *out_path, const char *err_path)
{
  const char *launcher = getenv("ATTEST_RUN");
  char *words[72], *copy = strdup(launcher ? launcher : "");
  size_t count = 0;
  for (char *word = strtok(copy, " "); word && count < 8; word = strtok(NULL, " "))
    words[count++] = word;
  for (; *argv && count < 71; argv++)
    words[count++] = (char *)(uintptr_t)*argv;
  words[count] = NULL;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, err_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t child;
  int failed = posix_spawnp(&child, words[0], &actions, NULL, words, environ);
  if (failed)
    fail_msg("%s: %s", words[0], strerror(failed));
  posix_spawn_file_actions_destroy(&actions);
  free(copy);
  return child;
}

int support_wait(pid_t child, struct rusage *usage)
{
  int status = 0;
  while (wait4(child, &status, 0, usage) < 0 && errno == EINTR)
    ;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int support_run(const char *const *argv, char **out, char **err)
{
  const char *out_path = support_path("stdout"), *err_path = support_path("stderr");
  size_t size;
  int code = support_wait(support_start(argv, out_path, err_path), NULL);
  if (out)
    *out = support_read(out_path, &size);
  if (err)
    *err = support_read(err_path, &size);
  return code;
}

void support_assert_error(const struct error *error, int code, const char *words)
{
  if (error->code != code || !strstr(error->text, words) || strchr(error->text, '\n'))
    fail_msg("expected code %d with \"%s\", got code %d: %s", code, words, error->code,
             error->text);
}
