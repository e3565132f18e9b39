/* Files: what is read, how outputs appear whole or not at all, and what a user's path may be. */
#define _GNU_SOURCE
#include "support.h"

#include "base/file.h"
#include "base/file_use.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void assert_content(const char *path, const char *expected)
{
  size_t size;
  char *text = support_read(path, &size);
  assert_int_equal(size, strlen(expected));
  assert_string_equal(text, expected);
  free(text);
}

static void write_ok(const char *path, const char *text)
{
  struct error error = {0};
  if (file_write(path, text, strlen(text), &error))
    fail_msg("%s", error.text);
}

/* A fresh directory; support_path gives its own. */
static const char *fresh(const char *name)
{
  const char *path = support_path(name);
  assert_int_equal(mkdir(path, 0700), 0);
  return path;
}

static size_t entries(const char *directory)
{
  DIR *d = opendir(directory);
  size_t count = 0;
  assert_non_null(d);
  while (readdir(d))
    count++;
  closedir(d);
  return count - 2;
}

/* The exit code of body(argument) in a child, or 128 + signal. */
static int in_child(int (*body)(const char *), const char *argument)
{
  int status;
  fflush(NULL);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0)
    _exit(body(argument));
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void test_read_and_map(void **state)
{
  struct error error = {0};
  struct blob blob;
  const char *path = support_path("in"), *empty = support_path("empty");
  (void)state;
  support_write(path, "hello", 5);
  support_write(empty, "", 0);
  assert_int_equal(file_map(path, &blob, &error), 0);
  assert_true(blob.size == 5 && memcmp(blob.data, "hello", 5) == 0);
  blob_free(&blob);
  blob_free(&blob); /* a second time is harmless */
  assert_int_equal(file_read(path, 5, &blob, &error), 0);
  assert_true(blob.size == 5 && memcmp(blob.data, "hello", 5) == 0);
  blob_free(&blob);
  assert_int_equal(file_map(empty, &blob, &error), 0);
  assert_true(blob.size == 0 && blob.data);
  blob_free(&blob);
  assert_int_equal(file_read(empty, 0, &blob, &error), 0);
  assert_true(blob.size == 0 && blob.data);
  blob_free(&blob);
  assert_int_equal(file_read(path, 4, &blob, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "5 bytes, more than the 4 allowed");
}

static void test_read_refusals(void **state)
{
  struct error error = {0};
  struct blob blob;
  char long_name[400];
  (void)state;
  const char *fifo = support_path("fifo-in"), *loop = support_path("loop-in");
  assert_int_equal(mkfifo(fifo, 0600), 0);
  assert_int_equal(symlink(loop, loop), 0);
  memset(long_name, 'n', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = 0;
  const char *const paths[] = {
      "", support_path("absent"), support_directory(), fifo, loop, "/dev/null", long_name};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    assert_int_equal(file_map(paths[i], &blob, &error), EXIT_INPUT); /* a pipe must not hang */
    support_assert_error(&error, EXIT_INPUT, paths[i]);
    assert_int_equal(file_read(paths[i], 100, &blob, &error), EXIT_INPUT);
  }
}

static void test_write_replaces(void **state)
{
  struct stat info;
  (void)state;
  char *folder = strdup(fresh("replace"));
  const char *path = support_path("replace/out");
  write_ok(path, "one");
  assert_content(path, "one");
  assert_int_equal(chmod(path, 0640), 0);
  write_ok(path, "second");
  assert_content(path, "second");
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0640);
  write_ok(path, "");
  assert_content(path, "");
  assert_int_equal(entries(folder), 1);
  /* A name as long as file systems allow leaves no room for an ending. */
  char name[300] = "replace/";
  memset(name + 8, 'n', 255);
  write_ok(support_path(name), "long");
  assert_content(support_path(name), "long");
  free(folder);
}

static int write_too_much(const char *path)
{
  struct error error = {0};
  struct rlimit limit = {1000, 1000};
  static char data[5000];
  signal(SIGXFSZ, SIG_IGN); /* as main does */
  setrlimit(RLIMIT_FSIZE, &limit);
  int code = file_write(path, data, sizeof data, &error);
  return strstr(error.text, path) && strstr(error.text, "cannot be written") ? code : 99;
}

static void test_failed_write_leaves_the_older_file(void **state)
{
  (void)state;
  char *folder = strdup(fresh("limit"));
  const char *path = support_path("limit/out");
  assert_int_equal(in_child(write_too_much, path), EXIT_RUN);
  assert_int_equal(entries(folder), 0);
  write_ok(path, "older");
  assert_int_equal(in_child(write_too_much, path), EXIT_RUN);
  assert_content(path, "older");
  assert_int_equal(entries(folder), 1);
  free(folder);
}

static void test_write_refusals(void **state)
{
  struct error error = {0};
  (void)state;
  const char *folder = fresh("refusals"), *loop = support_path("loop-out");
  assert_int_equal(symlink(loop, loop), 0);
  char long_name[400] = "";
  memset(long_name, 'n', sizeof long_name - 1);
  const struct {
    const char *path;
    int code;
    const char *reason;
  } cases[] = {{"", EXIT_RUN, ""},
               {folder, EXIT_INPUT, ": is a folder; name a file"},
               {support_path("absent/out"), EXIT_RUN, ""},
               {support_path("new/"), EXIT_RUN, ""},
               {loop, EXIT_RUN, ""},
               {long_name, EXIT_RUN, ""},
               {"/dev/null/x", EXIT_INPUT, ": part of this path is a file, not a folder"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char words[100];
    snprintf(words, sizeof words, "cannot be written%s", cases[i].reason);
    assert_int_equal(file_check_writable(cases[i].path, &error), cases[i].code);
    support_assert_error(&error, cases[i].code, words);
    assert_int_equal(file_write(cases[i].path, "x", 1, &error), cases[i].code);
    support_assert_error(&error, cases[i].code, words);
  }
  assert_int_equal(file_write("/dev/full", "x", 1, &error), EXIT_RUN);
  support_assert_error(&error, EXIT_RUN, "/dev/full");
  const char *const good[] = {"-", "/dev/null", support_path("refusals/new")};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    assert_int_equal(file_check_writable(good[i], &error), 0);
  assert_int_equal(file_check_writable("new-in-the-root", &error),
                   access(".", W_OK) == 0 ? 0 : EXIT_RUN); /* the checkout may be read-only */
}

/* A link stays a link: whoever made it wants the file where it leads. */
static void test_write_through_links(void **state)
{
  struct error error = {0};
  struct stat info;
  (void)state;
  fresh("links");
  fresh("links/far");
  const char *target = support_path("links/far/target"), *link = support_path("links/link");
  const char *second = support_path("links/second");
  assert_int_equal(symlink("far/target", link), 0); /* relative to the link's folder; dangling */
  assert_int_equal(symlink(link, second), 0);
  assert_int_equal(file_check_writable(second, &error), 0);
  write_ok(second, "new");
  assert_content(target, "new");
  write_ok(link, "newer");
  assert_content(target, "newer");
  assert_true(lstat(link, &info) == 0 && S_ISLNK(info.st_mode));
  assert_true(lstat(second, &info) == 0 && S_ISLNK(info.st_mode));
  assert_int_equal(entries(support_path("links/far")), 1);
  assert_int_equal(unlink(link), 0);
  assert_int_equal(symlink("absent/target", link), 0);
  assert_int_equal(file_check_writable(link, &error), EXIT_RUN);
  assert_int_equal(file_write(link, "x", 1, &error), EXIT_RUN);
}

static int read_fifo(const char *path)
{
  char text[16] = "";
  int fd = open(path, O_RDONLY);
  for (size_t used = 0; used < 5;) {
    ssize_t got = read(fd, text + used, 5 - used);
    if (got <= 0)
      return 1;
    used += (size_t)got;
  }
  return strcmp(text, "piped");
}

static int write_fifo(const char *path)
{
  struct error error;
  return file_write(path, "piped", 5, &error);
}

static void test_write_to_a_pipe_and_a_device(void **state)
{
  struct stat info;
  int status;
  (void)state;
  const char *fifo = support_path("fifo-out");
  assert_int_equal(mkfifo(fifo, 0600), 0);
  pid_t reader = fork();
  if (reader == 0)
    _exit(read_fifo(fifo));
  assert_int_equal(in_child(write_fifo, fifo), 0);
  assert_int_equal(waitpid(reader, &status, 0), reader);
  assert_int_equal(status, 0);
  assert_true(lstat(fifo, &info) == 0 && S_ISFIFO(info.st_mode));
  write_ok("/dev/null", "gone");
  assert_true(stat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode));
}

/* Standard output sent to a file, under both of its names, with printed text around. */
static int write_standard_output(const char *path)
{
  struct error error;
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (dup2(fd, STDOUT_FILENO) < 0)
    return 99;
  printf("before ");
  if (file_write("-", "one ", 4, &error) || file_write("/dev/stdout", "two ", 4, &error) ||
      file_write(path, "three ", 6, &error))
    return 98;
  printf("after");
  return fflush(stdout);
}

static void test_write_to_standard_output(void **state)
{
  struct stat before, after;
  (void)state;
  const char *path = support_path("stdout-file");
  assert_int_equal(lstat("/dev/stdout", &before), 0);
  assert_int_equal(in_child(write_standard_output, path), 0);
  assert_content(path, "before one two three after");
  assert_int_equal(lstat("/dev/stdout", &after), 0);
  assert_true(before.st_ino == after.st_ino && before.st_mode == after.st_mode);
}

static int write_many(const char *path)
{
  struct error error;
  static char data[20000];
  memset(data, 'a' + getpid() % 26, sizeof data);
  for (int i = 0; i < 30; i++)
    if (file_write(path, data, sizeof data, &error))
      return 1;
  return 0;
}

static void test_parallel_writers(void **state)
{
  int status;
  size_t size;
  (void)state;
  char *folder = strdup(fresh("parallel"));
  const char *path = support_path("parallel/out");
  for (int i = 0; i < 4; i++)
    if (fork() == 0)
      _exit(write_many(path));
  for (int i = 0; i < 4; i++) {
    assert_true(wait(&status) > 0);
    assert_int_equal(status, 0);
  }
  char *data = support_read(path, &size);
  assert_int_equal(size, 20000);
  for (size_t i = 1; i < size; i++)
    assert_int_equal(data[i], data[0]);
  free(data);
  assert_int_equal(entries(folder), 1);
  /* What a killed writer with our process number left behind does no harm. */
  char left[64];
  snprintf(left, sizeof left, "parallel/.attest.tmp.%ld.0", (long)getpid());
  support_write(support_path(left), "old", 3);
  write_ok(path, "fresh");
  assert_content(path, "fresh");
  assert_content(support_path(left), "old");
  free(folder);
}

static void test_directories(void **state)
{
  struct error error = {0};
  (void)state;
  const char *deep = support_path("a/b//c/"), *top = support_path("a");
  assert_int_equal(file_make_directory(deep, &error), 0);
  assert_int_equal(file_make_directory(deep, &error), 0); /* again is fine */
  assert_int_equal(file_make_directory("/", &error), 0);
  assert_true(file_is_directory(deep) && file_exists(top));
  assert_int_equal(file_make_directory("", &error), EXIT_RUN);
  support_assert_error(&error, EXIT_RUN, "an empty name");
  support_write(support_path("a/file"), "x", 1);
  assert_int_equal(file_make_directory(support_path("a/file/d"), &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "/a/file: directory cannot be created: a file has this");
  assert_int_equal(file_make_directory(support_path("a/file"), &error), EXIT_INPUT);
  assert_int_equal(file_make_directory("/proc/version/d/e", &error), EXIT_INPUT);
  static const char *const wrong[] = {"a/file", "a/file/", "a/file//d/e/", "a/dangling/d"};
  assert_int_equal(symlink("nowhere", support_path("a/dangling")), 0);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_int_equal(file_check_directory(support_path(wrong[i]), &error), EXIT_INPUT);
  assert_int_equal(unlink(support_path("a/dangling")), 0);
  static const char *const right[] = {"a", "a/", "a/b/new", "new//of/it/", "a/b/c"};
  for (size_t i = 0; i < sizeof right / sizeof *right; i++)
    assert_int_equal(file_check_directory(support_path(right[i]), &error), 0);
  assert_int_equal(file_check_directory("", &error), EXIT_RUN);
  assert_int_equal(file_check_directory("new-one", &error), access(".", W_OK) == 0 ? 0 : EXIT_RUN);
  assert_int_equal(file_remove_directory(support_path("a"), &error), EXIT_RUN); /* b is in it */
  assert_int_equal(file_remove_directory(support_path("absent"), &error), 0);
  support_write(support_path("a/b/c/one"), "x", 1);
  support_write(support_path("a/b/c/.two"), "x", 1);
  assert_int_equal(symlink(support_path("a/b/c"), support_path("a/link")), 0);
  assert_int_equal(file_remove_directory(support_path("a/link"), &error), EXIT_RUN);
  assert_true(file_exists(support_path("a/b/c/one")));
  assert_int_equal(file_remove_directory(support_path("a/b/c"), &error), 0);
  assert_false(file_exists(support_path("a/b/c")));
}

static void test_names(void **state)
{
  static const char *const good[] = {"a", "a.b", "...", "-x", "a b", "\xC3\xA9", "a:b"};
  static const char *const bad[] = {"",     ".",    "..",   "a/b",      "/",   "a\\b",
                                    "a\nb", "\x7F", "\x1B", "\xC2\x9B", "\xFF"};
  struct error error;
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    assert_true(file_plain_name(good[i]));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(file_plain_name(bad[i]));
  char name[257] = "";
  memset(name, 'n', 255);
  assert_true(file_plain_name(name));
  name[255] = 'n';
  assert_false(file_plain_name(name));
  static const char *const joins[][3] = {
      {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"/", "b", "/b"}};
  for (size_t i = 0; i < sizeof joins / sizeof *joins; i++) {
    char *joined = file_join(joins[i][0], joins[i][1], &error);
    assert_string_equal(joined, joins[i][2]);
    free(joined);
  }
}

static int touch_shrunken_map(const char *path)
{
  struct error error;
  struct blob blob;
  int fd = open(support_path("bus-message"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  file_use_start();
  if (dup2(fd, STDERR_FILENO) < 0 || file_map(path, &blob, &error) || truncate(path, 0) != 0)
    return 99;
  return ((const volatile uint8_t *)blob.data)[100];
}

static void test_shrinking_file(void **state)
{
  static const char data[8192] = "x";
  size_t size;
  (void)state;
  const char *path = support_path("bus"), *message = support_path("bus-message");
  support_write(path, data, sizeof data);
  assert_int_equal(in_child(touch_shrunken_map, path), EXIT_INPUT);
  char *text = support_read(message, &size);
  assert_non_null(strstr(text, "/bus: changed while attest used it: it shrank"));
  assert_ptr_equal(strchr(text, '\n'), text + size - 1); /* one line */
  free(text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_read_and_map),
      cmocka_unit_test(test_read_refusals),
      cmocka_unit_test(test_write_replaces),
      cmocka_unit_test(test_failed_write_leaves_the_older_file),
      cmocka_unit_test(test_write_refusals),
      cmocka_unit_test(test_write_through_links),
      cmocka_unit_test(test_write_to_a_pipe_and_a_device),
      cmocka_unit_test(test_write_to_standard_output),
      cmocka_unit_test(test_parallel_writers),
      cmocka_unit_test(test_directories),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_shrinking_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
