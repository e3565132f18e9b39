/* Two programs at one place: the second says who is there, and what a killed one left is no
 * obstacle. */
#define _GNU_SOURCE
#include "workplace.h"

#include "base/file.h"
#include "base/lock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

/* Takes seconds. */
#define SYNTHETIC "olmo:layers=4,hidden=128,heads=4,vocab=1024,context=128"
#define LONG_SCREEN "--n 2000 --seq-len 128 --vocab 1:1000 --threads 1 --memory 16M --quiet"

static const char *model(void)
{
  const char *path = workshop_path("model");
  if (access(path, F_OK) != 0)
    free(workshop_run(EXIT_HELD, "synth --like " SYNTHETIC " --quiet --out %s", path));
  return path;
}

/* Starts the program and stops it as soon as `lock` is there with a line in it. */
static __attribute__((format(printf, 2, 3))) pid_t start_and_stop(const char *lock,
                                                                  const char *format, ...)
{
  char line[2048];
  const char *words[64];
  struct stat info;
  int status = 0;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  workshop_words(line, words);
  pid_t child = support_start(words, workshop_path("out"), workshop_path("err"));
  while (stat(lock, &info) != 0 || info.st_size == 0)
    if (waitpid(child, &status, WNOHANG) != 0)
      fail_msg("%s: ended before it could be stopped, status %d", line, status);
  assert_int_equal(kill(child, SIGSTOP), 0);
  assert_int_equal(waitpid(child, &status, WUNTRACED), child);
  assert_true(WIFSTOPPED(status));
  return child;
}

static void kill_at_once(pid_t child)
{
  assert_int_equal(kill(child, SIGKILL), 0);
  assert_int_equal(support_wait(child, NULL), 128 + SIGKILL);
}

/* Exit code 3, with process and time of the holder. */
static __attribute__((format(printf, 2, 3))) void refuse(pid_t holder, const char *format, ...)
{
  char line[2048], words[64];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  snprintf(words, sizeof words, "in use by process %d since 20", (int)holder);
  char *out, *err;
  assert_int_equal(workshop_start(line, &out, &err), EXIT_RUN);
  workshop_contains(err, words);
  workshop_contains(err, " UTC (");
  assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
  free(out);
  free(err);
}

static void test_reproduce(void **state)
{
  const char *work = workshop_path("work");
  char lock[600];
  (void)state;
  if (support_emulated())
    skip();
  snprintf(lock, sizeof lock, "%s/attest.lock", work);
  const char *place = quick_workplace("quick");
  char manifest[600];
  snprintf(manifest, sizeof manifest, "%s/manifests/nursery-olmo.json", place);
  pid_t first = start_and_stop(lock, "reproduce %s --work %s --quiet", manifest, work);
  refuse(first, "reproduce %s --work %s --quiet", manifest, work);
  refuse(first, "reproduce %s --work %s/../work/. --quiet", manifest, work);
  refuse(first, "reproduce manifests/nursery-gpt_neox.json --work %s --quiet", work);
  kill(first, SIGCONT);
  assert_int_equal(support_wait(first, NULL), EXIT_HELD); /* undisturbed */
  first = start_and_stop(lock, "reproduce %s --work %s --quiet", manifest, work);
  kill_at_once(first);
  free(workshop_run(EXIT_HELD, "reproduce %s --work %s --quiet", manifest, work));
  workshop_shell("test ! -e %s", lock);
}

static void test_screen(void **state)
{
  const char *out = workshop_path("x.csv"), *lock = workshop_path("x.csv.lock");
  (void)state;
  if (support_emulated())
    skip();
  pid_t first = start_and_stop(lock, "screen %s " LONG_SCREEN " --out %s", model(), out);
  refuse(first, "screen %s " LONG_SCREEN " --out %s", model(), out);
  free(workshop_run(EXIT_HELD, "screen %s " WORKSHOP_PROTOCOL " --quiet --out %s.other", model(),
                    out));
  kill_at_once(first);
  assert_true(file_exists(lock));
  free(workshop_run(EXIT_HELD, "screen %s " WORKSHOP_PROTOCOL " --quiet --out %s", model(), out));
  assert_false(file_exists(lock));
}

static void test_synth_and_pin(void **state)
{
  const char *to = workshop_path("synth");
  char lock[600];
  struct lock held;
  struct error error = {0};
  (void)state;
  snprintf(lock, sizeof lock, "%s/.attest.lock", to);
  assert_int_equal(file_make_directory(to, &error), 0);
  assert_int_equal(lock_take(lock, to, &held, &error), 0);
  refuse(getpid(), "synth --like " SYNTHETIC " --quiet --out %s", to);
  lock_release(&held);
  /* What a killed one left is cleared away; it leaves only what it has to. */
  workshop_shell("touch %s %s/.attest.tmp.4194305.0", lock, to);
  free(workshop_run(EXIT_HELD, "synth --like " SYNTHETIC " --quiet --out %s", to));
  workshop_shell("test \"$(ls -A %s | tr '\\n' ' ')\" = 'config.json model.safetensors '", to);
  const char *manifest = workshop_path("m.json"), *beside = workshop_path("m.json.lock");
  workshop_shell("cp manifests/published.json %s", manifest);
  assert_int_equal(lock_take(beside, manifest, &held, &error), 0);
  refuse(getpid(), "pin %s --quiet", manifest);
  refuse(getpid(), "pin manifests/published.json --quiet --out %s", manifest);
  lock_release(&held);
  assert_false(file_exists(beside));
}

/* A file that only happens to have the name is left alone. */
static void test_not_a_lock(void **state)
{
  struct lock held = {0};
  struct error error = {0};
  const char *path = support_path("notes.lock");
  size_t size;
  (void)state;
  support_write(path, "my notes\n", 9);
  assert_int_equal(lock_take(path, "notes", &held, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT,
                       "notes.lock: is needed as a lock, but attest did not make it");
  char *text = support_read(path, &size);
  assert_string_equal(text, "my notes\n");
  free(text);
  unlink(path);
  assert_int_equal(symlink("elsewhere", path), 0);
  assert_int_equal(lock_take(path, "notes", &held, &error), EXIT_RUN);
  assert_false(file_exists(support_path("elsewhere")));
  lock_release(&held); /* of what is not held */
}

/* A lock file that was replaced belongs to somebody else now. */
static void test_release(void **state)
{
  struct lock held;
  struct error error = {0};
  const char *path = support_path("replaced.lock");
  (void)state;
  assert_int_equal(lock_take(path, "it", &held, &error), 0);
  unlink(path);
  support_write(path, "other", 5);
  lock_release(&held);
  assert_true(file_exists(path));
  assert_int_equal(lock_take(support_path("none/x.lock"), "it", &held, &error), EXIT_RUN);
}

/* Only what nobody holds and whose process is gone, and nothing that merely looks like it. */
static void test_stale_temporaries(void **state)
{
  static const char *const stay[] = {
      "kept/.attest.tmp.1.0",       "kept/.attest.tmp.4194305.locked",
      "kept/.attest.tmp.4194305.2", "kept/.attest.tmp.4194305.07",
      "kept/.attest.tmp.",          "kept/attest.tmp.4194305.3"};
  const char *folder = workshop_path("kept");
  struct error error = {0};
  (void)state;
  assert_int_equal(mkdir(folder, 0700), 0);
  for (size_t i = 0; i < sizeof stay / sizeof *stay; i++)
    support_write(support_path(stay[i]), "x", 1);
  workshop_shell("cd %s && touch .attest.tmp.4194305.0 .attest.tmp.4194305.1 && "
                 "touch -d '1 hour ago' .attest.tmp.%d.77 && "
                 "mkdir .attest.tmp.4194305.4 && ln -s x .attest.tmp.4194305.5",
                 folder, (int)getpid());
  int locked = open(support_path(stay[2]), O_RDONLY);
  assert_int_equal(flock(locked, LOCK_EX | LOCK_NB), 0);
  assert_int_equal(file_write(workshop_path("kept/x"), "x", 1, &error), 0);
  close(locked);
  for (size_t i = 0; i < sizeof stay / sizeof *stay; i++)
    if (!file_exists(support_path(stay[i])))
      fail_msg("%s is gone", stay[i]);
  workshop_shell("cd %s && test ! -e .attest.tmp.4194305.0 && test ! -e .attest.tmp.4194305.1 && "
                 "test ! -e .attest.tmp.%d.77 && test -d .attest.tmp.4194305.4 && "
                 "test -L .attest.tmp.4194305.5",
                 folder, (int)getpid());
}

/* Two files on their way at once do not clear each other away. */
static void test_own_temporaries_stay(void **state)
{
  struct error error = {0};
  struct file_writer one, two;
  (void)state;
  assert_int_equal(file_writer_open(support_path("one"), &one, &error), 0);
  assert_int_equal(file_writer_finish(&one, &error), 0);
  assert_int_equal(mkdir(support_path("elsewhere-first"), 0700), 0);
  assert_int_equal(file_write(support_path("elsewhere-first/x"), "x", 1, &error), 0);
  assert_int_equal(file_writer_open(support_path("two"), &two, &error), 0);
  assert_int_equal(file_writer_publish(&one, &error), 0);
  file_writer_close(&one);
  file_writer_close(&two);
  assert_true(file_exists(support_path("one")) && !file_exists(support_path("two")));
}

/* A pipe that nobody reads: SIGTERM ends the wait. The model is let go before anything is written.
 */
static void test_pipe_without_reader(void **state)
{
  char line[2048], maps[64], text[4096];
  const char *words[64], *pipe = workshop_path("pipe");
  size_t size;
  int status = 0;
  (void)state;
  if (support_emulated())
    skip();
  assert_int_equal(mkfifo(pipe, 0600), 0);
  snprintf(line, sizeof line, "screen %s " WORKSHOP_PROTOCOL " --quiet --out %s", model(), pipe);
  workshop_words(line, words);
  pid_t child = support_start(words, workshop_path("out"), workshop_path("err"));
  snprintf(maps, sizeof maps, "/proc/%d/maps", (int)child);
  for (bool mapped = false, seen = false; !seen || mapped;) {
    FILE *f = fopen(maps, "re");
    for (mapped = false; f && fgets(text, sizeof text, f);)
      mapped |= strstr(text, "model.safetensors") != NULL;
    if (f)
      fclose(f);
    seen |= mapped;
    assert_int_equal(waitpid(child, &status, WNOHANG), 0);
  }
  assert_int_equal(kill(child, SIGTERM), 0);
  assert_int_equal(support_wait(child, NULL), EXIT_RUN);
  char *err = support_read(workshop_path("err"), &size);
  workshop_contains(err, "/pipe: cannot be written: interrupted while nobody read it\n");
  free(err);
}

/* The same through a reader who comes late. */
static void test_pipe_with_reader(void **state)
{
  char line[2048];
  const char *words[64], *pipe = workshop_path("read-pipe"), *csv = workshop_path("read.csv");
  (void)state;
  assert_int_equal(mkfifo(pipe, 0600), 0);
  free(workshop_run(EXIT_HELD, "screen %s " WORKSHOP_PROTOCOL " --quiet --out %s", model(), csv));
  snprintf(line, sizeof line, "screen %s " WORKSHOP_PROTOCOL " --quiet --out %s", model(), pipe);
  workshop_words(line, words);
  pid_t child = support_start(words, workshop_path("out"), workshop_path("err"));
  workshop_shell("cat %s >%s.read", pipe, csv);
  assert_int_equal(support_wait(child, NULL), EXIT_HELD);
  workshop_shell("cmp %s %s.read", csv, csv);
}

/* Whatever stack the shell grants. */
static void test_small_stack(void **state)
{
  struct rlimit before, small;
  (void)state;
  if (support_emulated())
    skip();
  assert_int_equal(getrlimit(RLIMIT_STACK, &before), 0);
  small = before;
  small.rlim_cur = 128 << 10;
  const char *path = model();
  assert_int_equal(setrlimit(RLIMIT_STACK, &small), 0);
  char *out = workshop_run(EXIT_HELD, "screen %s " WORKSHOP_PROTOCOL " --quiet --out -", path);
  free(workshop_run(EXIT_HELD, "selftest --quiet"));
  free(workshop_run(EXIT_HELD, "verify manifests/nursery-olmo.json --quiet"));
  free(workshop_run(EXIT_HELD, "inspect %s --quiet", path));
  assert_int_equal(setrlimit(RLIMIT_STACK, &before), 0);
  char *same = workshop_run(EXIT_HELD, "screen %s " WORKSHOP_PROTOCOL " --quiet --out -", path);
  assert_string_equal(out, same);
  free(out);
  free(same);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reproduce),
      cmocka_unit_test(test_screen),
      cmocka_unit_test(test_synth_and_pin),
      cmocka_unit_test(test_not_a_lock),
      cmocka_unit_test(test_release),
      cmocka_unit_test(test_stale_temporaries),
      cmocka_unit_test(test_own_temporaries_stay),
      cmocka_unit_test(test_pipe_without_reader),
      cmocka_unit_test(test_pipe_with_reader),
      cmocka_unit_test(test_small_stack),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
