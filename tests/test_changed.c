/* Files that change while they are used: what was computed from them is not kept, and the file is
 * named. The program is stopped once it has mapped the file, so no test depends on its speed. */
#define _GNU_SOURCE
#include "workshop.h"

#include "base/file.h"
#include "base/file_use.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Takes seconds, in many pieces. */
#define SHAPE "olmo:layers=4,hidden=128,heads=4,vocab=1024,context=128"
#define PROTOCOL "--n 400 --seq-len 128 --vocab 1:1000 --pr-n 64"
#define SMALL "--threads 1 --memory 6M --quiet"

static const char *weights; /* of the model "here", made by fresh_model */

static void fresh_model(void)
{
  const char *here = workshop_path("here"), *other = workshop_path("other");
  if (access(other, F_OK) != 0) {
    free(workshop_run(EXIT_HELD, "synth --like " SHAPE " --quiet --out %s.first", here));
    free(workshop_run(EXIT_HELD, "synth --like " SHAPE " --quiet --seed 1 --out %s", other));
  }
  workshop_shell("rm -rf %s && cp -r %s.first %s", here, here, here);
  weights = workshop_path("here/model.safetensors");
}

/* Whether the process has mapped this file. */
static bool has_mapped(pid_t child, const char *path)
{
  char name[64], line[4096];
  bool found = false;
  snprintf(name, sizeof name, "/proc/%d/maps", (int)child);
  FILE *maps = fopen(name, "re");
  while (maps && !found && fgets(line, sizeof line, maps))
    found = strstr(line, path) != NULL;
  if (maps)
    fclose(maps);
  return found;
}

/* Starts the program, stops it when it has mapped `path`, calls `change`, and lets it continue.
 * Returns its exit code; its outputs are in the files "out" and "err". */
static int run_and_change(char *line, const char *path, void (*change)(void))
{
  const char *words[64];
  int status = 0;
  workshop_words(line, words);
  pid_t child = support_start(words, workshop_path("out"), workshop_path("err"));
  while (!has_mapped(child, path))
    if (waitpid(child, &status, WNOHANG) != 0)
      fail_msg("%s: ended before it could be stopped, status %d", line, status);
  assert_int_equal(kill(child, SIGSTOP), 0);
  assert_int_equal(waitpid(child, &status, WUNTRACED), child);
  if (!WIFSTOPPED(status))
    fail_msg("%s: ended before it could be stopped, status %d", line, status);
  change();
  assert_int_equal(kill(child, SIGCONT), 0);
  return support_wait(child, NULL);
}

/* The bytes of another model, under the same size, inode and time of the last write. */
static void rewrite(void)
{
  size_t size;
  struct stat before;
  char *data = support_read(workshop_path("other/model.safetensors"), &size);
  int fd = open(weights, O_WRONLY);
  assert_true(fd >= 0 && fstat(fd, &before) == 0 && (size_t)before.st_size == size);
  assert_int_equal(write(fd, data, size), size);
  assert_int_equal(futimens(fd, (struct timespec[]){before.st_atim, before.st_mtim}), 0);
  close(fd);
  free(data);
}

static void truncate_weights(void)
{
  assert_int_equal(truncate(weights, 5000), 0);
}

static void grow(void)
{
  int fd = open(weights, O_WRONLY | O_APPEND);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "more", 4), 4);
  close(fd);
}

static void exchange(void)
{
  workshop_shell("cp %s/other/model.safetensors %s.new && mv %s.new %s", support_directory(),
                 weights, weights, weights);
}

static void take_away(void)
{
  assert_int_equal(unlink(weights), 0);
}

static void edit_config(void)
{
  workshop_shell("sed -i.old s/10000.0/20000.0/ %s", workshop_path("here/config.json"));
}

/* One line that names the file and what happened to it. */
static void assert_told(const char *file, const char *what)
{
  size_t size;
  char *err = support_read(workshop_path("err"), &size);
  workshop_contains(err, "attest: ");
  workshop_contains(err, file);
  workshop_contains(err, ": changed while attest used it: ");
  workshop_contains(err, what);
  workshop_contains(err, "nothing was kept");
  assert_ptr_equal(strchr(err, '\n'), err + size - 1);
  free(err);
}

static const struct change {
  void (*make)(void);
  const char *file, *what;
} changes[] = {
    {rewrite, "here/model.safetensors", "its content, permissions or links"},
    {truncate_weights, "here/model.safetensors", "it "}, /* shrank, or has 5000 bytes */
    {grow, "here/model.safetensors", "bytes and has"},
    {exchange, "here/model.safetensors", "another file took its place"},
    {take_away, "here/model.safetensors", "no longer there"},
    {edit_config, "here/config.json", "another file took its place"},
};

static void test_screen(void **state)
{
  const char *out = workshop_path("kept");
  (void)state;
  if (support_emulated())
    skip();
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    char line[4096];
    fresh_model();
    workshop_shell("rm -rf %s && mkdir %s", out, out);
    snprintf(line, sizeof line, "screen %s " PROTOCOL " " SMALL " --out %s/x.csv --json %s/x.json",
             workshop_path("here"), out, out);
    int code = run_and_change(line, weights, changes[i].make);
    if (code != EXIT_INPUT)
      fail_msg("change %zu: exit code %d", i, code);
    assert_told(changes[i].file, changes[i].what);
    workshop_shell("test -z \"$(ls -A %s)\"", out);
  }
}

/* A manifest of the model "here", pinned. */
static const char *manifest(void)
{
  const char *path = workshop_path("changed.json");
  json_t *m = json_pack(
      "{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:n, s:{s:i, s:i, s:[i, i], s:i, s:i, s:i, s:n},"
      " s:[{s:s, s:i, s:f, s:s, s:[{s:s, s:n, s:n, s:n}, {s:s, s:n, s:n, s:n}]}]}",
      "format", 1, "model", "changed", "family", "olmo", "kind", "synthetic", "source",
      "random weights", "caveat", "none is known", "checkpoints", "here", "golden", "protocol", "n",
      400, "seq_len", 128, "vocab", 1, 1000, "seed", 42, "pr_n", 64, "baseline_n", 50, "bos",
      "revisions", "name", "step0", "step", 0, "tokens", 0.0, "directory", "", "files", "path",
      "config.json", "bytes", "sha256", "xxh3_128", "path", "model.safetensors", "bytes", "sha256",
      "xxh3_128");
  assert_non_null(m);
  workshop_json_write(path, m);
  json_decref(m);
  free(workshop_run(EXIT_HELD, "pin %s --quiet", path));
  return path;
}

/* Neither a finished revision nor a first run, and nobody is told that all is well. */
static void test_reproduce(void **state)
{
  const char *work = workshop_path("work"), *json = workshop_path("reproduced.json");
  (void)state;
  if (support_emulated())
    skip();
  fresh_model();
  const char *path = manifest();
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    char line[4096];
    size_t size;
    fresh_model();
    workshop_shell("rm -rf %s %s", work, json);
    snprintf(line, sizeof line, "reproduce %s --work %s --json %s --threads 1 --memory 6M", path,
             work, json);
    int code = run_and_change(line, weights, changes[i].make);
    if (code != EXIT_INPUT)
      fail_msg("change %zu: exit code %d", i, code);
    char *out = support_read(workshop_path("out"), &size), *err;
    assert_null(strstr(out, "CHECKS HELD"));
    assert_null(strstr(out, "trajectory hash"));
    free(out);
    err = support_read(workshop_path("err"), &size);
    workshop_contains(err, changes[i].file);
    workshop_contains(err, ": changed while attest used it: ");
    free(err);
    workshop_shell("test ! -e %s && test -z \"$(find %s -name '*.csv' -o -name '*.partial' "
                   "-o -name first)\"",
                   json, work);
  }
  fresh_model();
  char *out =
      workshop_run(EXIT_HELD, "reproduce %s --work %s --threads 1 --allow-uncompared", path, work);
  workshop_contains(out, "NO CHECK FAILED");
  free(out);
}

/* A file that is put back as it was between two reads, its inode and times included, cannot be told
 * from one that stayed; one that is not, is, by the next reader. */
static void test_between_two_reads(void **state)
{
  struct error error = {0};
  struct blob blob;
  const char *path = support_path("twice");
  (void)state;
  support_write(path, "first", 5);
  file_use_start();
  assert_int_equal(file_read(path, 100, &blob, &error), 0);
  blob_free(&blob);
  assert_int_equal(file_use_check(&error), 0);
  support_write(path, "later!", 6);
  assert_int_equal(file_use_check(&error), 0); /* whoever has read it is done with it */
  assert_int_equal(file_map(path, &blob, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "twice: changed while attest used it: it had 5 bytes");
  error = (struct error){0};
  assert_int_equal(file_use_check(&error), EXIT_INPUT);
  error = (struct error){0};
  assert_int_equal(file_write(support_path("kept-nowhere"), "x", 1, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "twice: changed");
  assert_false(file_exists(support_path("kept-nowhere")));
  file_use_stop();
}

/* A file that was read must still be there when it is read again. */
static void test_gone(void **state)
{
  struct error error = {0};
  struct blob blob;
  const char *path = support_path("gone");
  (void)state;
  support_write(path, "gone", 4);
  file_use_start();
  assert_int_equal(file_map(support_path("never-there"), &blob, &error), EXIT_INPUT);
  error = (struct error){0};
  assert_int_equal(file_use_check(&error), 0);
  assert_int_equal(file_read(path, 100, &blob, &error), 0);
  blob_free(&blob);
  unlink(path);
  assert_int_equal(file_read(path, 100, &blob, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "gone: changed while attest used it: it is no longer");
  assert_int_equal(file_use_check(&error), EXIT_INPUT);
  file_use_stop();
}

/* The last look is taken when a mapped file is let go. */
static void test_after_the_last_read(void **state)
{
  struct error error = {0};
  struct blob blob;
  const char *path = support_path("mapped");
  (void)state;
  support_write(path, "mapped", 6);
  file_use_start();
  assert_int_equal(file_map(path, &blob, &error), 0);
  assert_int_equal(file_use_glance(&error), 0);
  support_write(path, "mapped and changed", 18);
  blob_free(&blob);
  support_write(path, "mapped", 6);
  assert_int_equal(file_use_glance(&error), EXIT_INPUT);
  file_use_stop();
  assert_int_equal(file_use_glance(&error), 0);
}

/* What attest writes itself may be read, written and read again; not what is mapped. */
static void test_own_files(void **state)
{
  struct error error = {0};
  struct blob blob;
  const char *path = support_path("own");
  (void)state;
  file_use_start();
  assert_int_equal(file_write(path, "1", 1, &error), 0);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(file_read(path, 100, &blob, &error), 0);
    blob_free(&blob);
    assert_int_equal(file_write(path, "22", 2, &error), 0);
  }
  assert_int_equal(file_map(path, &blob, &error), 0);
  assert_int_equal(file_write(path, "333", 3, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "own: is ");
  assert_memory_equal(blob.data, "22", 2);
  blob_free(&blob);
  error = (struct error){0};
  /* Somebody else wrote between reading and writing: their work is not to be lost. */
  support_write(path, "4444", 4);
  assert_int_equal(file_write(path, "1", 1, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "own: changed");
  file_use_stop();
}

/* Writing through a mapping again and again moves no time stamp: only the bytes tell, and they are
 * looked at as long as the file is young. */
static void test_young_file_is_hashed(void **state)
{
  struct error error = {0};
  struct blob blob;
  const char *path = support_path("young");
  int code = 0;
  (void)state;
  for (int i = 0; i < 500 && code == 0; i++) {
    unlink(path);
    support_write(path, "0123456789", 10);
    int fd = open(path, O_RDWR);
    char *shared = mmap(NULL, 10, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(fd >= 0 && shared != MAP_FAILED);
    shared[0] = 'a';
    file_use_start();
    assert_int_equal(file_map(path, &blob, &error), 0);
    assert_int_equal(file_use_check(&error), 0);
    shared[5] = 'b';
    code = file_use_check(&error); /* 0 if this process was away for too long */
    blob_free(&blob);
    file_use_stop();
    munmap(shared, 10);
    close(fd);
  }
  support_assert_error(&error, EXIT_INPUT, "its bytes have changed");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_between_two_reads),
      cmocka_unit_test(test_after_the_last_read),
      cmocka_unit_test(test_own_files),
      cmocka_unit_test(test_gone),
      cmocka_unit_test(test_young_file_is_hashed),
      cmocka_unit_test(test_screen),
      cmocka_unit_test(test_reproduce),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
