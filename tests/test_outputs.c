/* Outputs appear whole or not at all: full disks, size limits, places that cannot be written, and a
 * standard output that is closed or full. */
#define _GNU_SOURCE
#include "workshop.h"

#include <sys/resource.h>

#define SCREEN "screen " WORKSHOP_MODEL " " WORKSHOP_PROTOCOL

static void limit_file_size(rlim_t bytes)
{
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int lift_limit(void **state)
{
  (void)state;
  limit_file_size(RLIM_INFINITY);
  return 0;
}

/* A fresh directory in support_directory(). */
static const char *fresh_directory(const char *name)
{
  const char *path = workshop_path(name);
  workshop_shell("rm -rf %s && mkdir %s", path, path);
  return path;
}

static void assert_empty(const char *directory)
{
  workshop_shell("test -z \"$(ls -A %s)\"", directory);
}

/* A disk that is full after 512 bytes. */
static void test_disk_full(void **state)
{
  const char *directory = fresh_directory("full");
  (void)state;
  limit_file_size(512);
  free(workshop_refuse(EXIT_RUN, "/x.csv: cannot be written: File too large",
                       SCREEN " --out %s/x.csv", directory));
  assert_empty(directory);
  free(workshop_refuse(EXIT_RUN, "/x.json: cannot be written: File too large",
                       SCREEN " --json %s/x.json", directory));
  assert_empty(directory);
  free(workshop_refuse(EXIT_RUN, ".npy: cannot be written: File too large", SCREEN " --dump %s",
                       directory));
  assert_empty(directory);
  free(workshop_refuse(EXIT_RUN, "/x.json: cannot be written: File too large",
                       "claims golden/published --json %s/x.json", directory));
  free(workshop_refuse(EXIT_RUN, "/x.json: cannot be written: File too large",
                       "selftest --quiet --json %s/x.json", directory));
  free(workshop_refuse(EXIT_RUN, "/x.json: cannot be written: File too large",
                       "reproduce manifests/published.json --quiet --json %s/x.json", directory));
  assert_empty(directory);
  free(workshop_refuse(EXIT_RUN, "step0.csv: cannot be written: File too large",
                       "reproduce manifests/nursery-olmo.json --quiet --work %s", directory));
  workshop_shell("test \"$(find %s -type f -printf '%%f')\" = run.txt", directory);
}

static void test_older_output_stays(void **state)
{
  const char *directory = fresh_directory("older"), *csv = workshop_path("older/x.csv");
  size_t size;
  (void)state;
  support_write(csv, "older", 5);
  limit_file_size(512);
  free(workshop_refuse(EXIT_RUN, "File too large", SCREEN " --out %s", csv));
  free(workshop_refuse(EXIT_RUN, "File too large", SCREEN " --json %s", csv));
  limit_file_size(RLIM_INFINITY);
  free(workshop_refuse(EXIT_INPUT, "no such directory", "screen %s/none --out %s", directory, csv));
  char *text = support_read(csv, &size);
  assert_string_equal(text, "older");
  free(text);
  workshop_shell("test \"$(ls -A %s)\" = x.csv", directory);
  free(workshop_run(EXIT_HELD, SCREEN " --out %s", csv));
  text = support_read(csv, &size);
  assert_memory_equal(text, "layer,head,", 11);
  free(text);
}

static void test_full_device(void **state)
{
  static const char *const lines[] = {
      SCREEN " --out /dev/full",
      SCREEN " --json /dev/full",
      "claims golden/published --json /dev/full",
      "compare golden/nursery-olmo golden/nursery-olmo --json /dev/full",
      "verify manifests/published.json --quiet --json /dev/full",
      "selftest --quiet --json /dev/full",
      "reproduce manifests/published.json --quiet --json /dev/full",
  };
  (void)state;
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    free(workshop_refuse(EXIT_RUN, "/dev/full: cannot be written: the disk is full", "%s",
                         lines[i]));
}

/* Tests may run as root, whom permissions do not stop: paths below a file and below nothing. */
static void test_nowhere_to_write(void **state)
{
  static const char *const places[] = {"none", "file"};
  static const int codes[] = {EXIT_RUN, EXIT_INPUT};
  (void)state;
  support_write(workshop_path("file"), "x", 1);
  for (size_t i = 0; i < 2; i++) {
    const char *place = workshop_path(places[i]);
    free(workshop_refuse(codes[i], "/x.csv: cannot be written", SCREEN " --out %s/x.csv", place));
    free(
        workshop_refuse(codes[i], "/x.json: cannot be written", SCREEN " --json %s/x.json", place));
  }
  /* Not after the work is done: the model, which does not exist, is not looked at. */
  free(workshop_refuse(EXIT_RUN, "/x.csv: cannot be written", "screen no/model --out %s/x.csv",
                       workshop_path("none")));
}

/* A file where a folder is wanted, or in the path to one, and a folder where a file is: bad usage,
 * said before any work. */
static void test_wrong_kinds(void **state)
{
  static const struct {
    const char *line, *more; /* `more` after the name of a file of which there is one */
  } folders[] = {
      {SCREEN " --dump", NULL},
      {"circuit " WORKSHOP_MODEL " --task ", ".jsonl --out"},
      {"circuit manifests/circuits/nursery-olmo.json --quiet --work", NULL},
      {"circuit manifests/circuits/nursery-olmo.json --quiet --work ", ".w --out"},
      {"train manifests/recipes/from-nothing-olmo-seed0.json --out", NULL},
      {"reproduce manifests/nursery-olmo.json --quiet --work", NULL},
      {"reproduce manifests/nursery-olmo.json --quiet --shard 1/2 --work", NULL},
      {"reproduce manifests/published.json --quiet --work", NULL},
      {"reproduce manifests/formation/core.json --quiet --work ", ".w --plots"},
      {"fetch manifests/paper/olmo-1b-0724.json --quiet --base http://127.0.0.1:9 --to", NULL},
      {"synth --like olmo --quiet --out", NULL},
      {"manual --to", NULL},
  };
  static const char *const files[] = {
      SCREEN " --out",
      SCREEN " --json",
      "ablate " WORKSHOP_MODEL " --heads L0H0 --out",
      "calibrate " WORKSHOP_MODEL " --out",
      "ordinary " WORKSHOP_MODEL " --out",
      "task copy --out",
      "claims golden/nursery-olmo --json",
      "report golden/nursery-olmo --format html --out",
      "reproduce manifests/published.json --json",
      "reproduce manifests/published.json --report",
      "pin manifests/nursery-olmo.json --out",
      "bench --sweep",
  };
  char folder[512], file[600], deep[700], line[2000];
  (void)state;
  if (support_emulated())
    skip();
  snprintf(folder, sizeof folder, "%s", workshop_path("kinds"));
  snprintf(file, sizeof file, "%s/file", folder);
  snprintf(deep, sizeof deep, "%s/deep/er", file);
  workshop_shell("mkdir %s && echo text > %s && mkdir %s.w", folder, file, file);
  free(workshop_run(EXIT_HELD, "task copy --quiet --out %s.jsonl", file));
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
    for (int k = 0; k < 2; k++) {
      const char *more = folders[i].more;
      snprintf(line, sizeof line, "%s%s%s %s", folders[i].line, more ? file : "", more ? more : "",
               k ? deep : file);
      free(workshop_refuse(EXIT_INPUT, "/file: directory cannot be created: a file has this name",
                           "%s", line));
    }
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    snprintf(line, sizeof line, "%s %s", files[i], folder);
    free(workshop_refuse(EXIT_INPUT, "/kinds: cannot be written: is a folder; name a file", "%s",
                         line));
    snprintf(line, sizeof line, "%s %s", files[i], deep);
    free(workshop_refuse(EXIT_INPUT, "cannot be written: part of this path is a file, not a folder",
                         "%s", line));
  }
  workshop_shell("cd %s && test \"$(cat file)\" = text && rm file file.jsonl && rm -r file.w && "
                 "test -z \"$(ls -A)\"",
                 folder);
}

/* The exit code of a shell command in which $A stands for the program; its standard error, free(),
 * to *err. */
static int shell(const char *command, char **err)
{
  char line[2048];
  snprintf(line, sizeof line, "A=%s; %s", support_program(), command);
  return support_run((const char *[]){"/bin/sh", "-c", line, NULL}, NULL, err);
}

static void test_standard_output(void **state)
{
  static const char *const lines[] = {"--help",
                                      "--version",
                                      SCREEN,
                                      SCREEN " --out -",
                                      SCREEN " --json -",
                                      "claims golden/nursery-olmo",
                                      "compare golden/nursery-olmo golden/nursery-olmo",
                                      "verify manifests/published.json",
                                      "selftest --json -",
                                      "reproduce --help"};
  char command[512], *err;
  (void)state;
  if (support_emulated())
    skip();
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    for (int full = 0; full < 2; full++) {
      snprintf(command, sizeof command, "$A %s %s", lines[i], full ? ">/dev/full" : ">&-");
      int code = shell(command, &err);
      if (code != EXIT_RUN || !strstr(err, "standard output") || !strstr(err, "cannot be written"))
        fail_msg("%s: exit code %d: %s", command, code, err);
      assert_ptr_equal(strchr(err, '\n'), strrchr(err, '\n'));
      free(err);
    }
  /* A reader that goes away is a write error too, not a silent end. */
  assert_int_equal(shell("{ $A selftest; echo $? >&2; } | true", &err), 0);
  assert_true(strstr(err, "3\n") || strcmp(err, "0\n") == 0); /* 0: all was in the pipe already */
  free(err);
}

/* Other destinations than regular files are written to directly. */
static void test_devices_and_links(void **state)
{
  const char *plain = workshop_path("plain.csv"), *target = workshop_path("target.csv");
  char *err;
  (void)state;
  free(workshop_run(EXIT_HELD, SCREEN " --out %s", plain));
  free(workshop_run(EXIT_HELD, SCREEN " --out /dev/null --json /dev/null"));
  if (support_emulated())
    skip();
  char command[1024];
  snprintf(command, sizeof command, "$A " SCREEN " --quiet --out /dev/stdout | cat > %s", target);
  assert_int_equal(shell(command, &err), 0);
  free(err);
  workshop_same_files(plain, target);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_disk_full, lift_limit),
      cmocka_unit_test_teardown(test_older_output_stays, lift_limit),
      cmocka_unit_test(test_full_device),
      cmocka_unit_test(test_nowhere_to_write),
      cmocka_unit_test(test_wrong_kinds),
      cmocka_unit_test(test_standard_output),
      cmocka_unit_test(test_devices_and_links),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
