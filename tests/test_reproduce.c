/* `attest reproduce` from the outside: the project's own manifests, goldens that are tampered with
 * or renewed, and runs that are killed and resumed. */
#define _GNU_SOURCE
#include "workplace.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define REVISIONS 10

static int setup(void **state)
{
  (void)state;
  unsetenv("CI"); /* what depends on it sets it */
  return 0;
}

/* The XXH3-128 of every revision in the text of a run, in order: 32 digits each. */
static void hashes(const char *text, char digits[REVISIONS][33])
{
  static const char mark[] = "trajectory hash ";
  size_t count = 0;
  for (const char *at = strstr(text, mark); at; at = strstr(at, mark)) {
    assert_true(count < REVISIONS);
    at += strlen(mark);
    snprintf(digits[count++], 33, "%s", at);
  }
  assert_int_equal(count, REVISIONS);
}

/* Several in one run; all of them are what `make reproduce` runs, as CI does. */
static void test_published_tables(void **state)
{
  (void)state;
  const char *json = workshop_path("all.json"), *work = workshop_path("work-all");
  char *text = workshop_run(EXIT_HELD,
                            "reproduce manifests/published.json manifests/published-circuits.json "
                            "manifests/published-formation.json --work %s --json %s",
                            work, json);
  workshop_contains(text, "ALL CHECKS HELD: 3 manifests, 0 failed checks");
  workshop_contains(text, "30 published tables of 3 models loaded");
  free(text);
  json_t *all = workshop_json(json);
  assert_int_equal(json_integer_value(json_object_get(all, "failures")), 0);
  assert_int_equal(json_array_size(json_object_get(all, "manifests")), 3);
  assert_true(json_array_size(json_object_get(all, "claims")) > 200);
  json_decref(all);
  workshop_shell("test -z \"$(find %s -type f -not -name run.json -not -path '*/run/*')\"", work);
}

static void test_tampered_golden(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  const char *place = quick_workplace("tampered");
  char path[600];
  snprintf(path, sizeof path, "%s/golden/" MODEL "/step562.csv", place);
  workshop_nudge(path, 9, CLASS_INDUCTION);
  char *text = workshop_run(EXIT_CHECK, "reproduce %s/manifests/" MODEL ".json --work %s/work",
                            place, place);
  workshop_contains(text, "FAILED: revision step562, layer 2, head 1, induction: ");
  workshop_contains(text, " against ");
  workshop_contains(text, ", 1 ULP\n");
  free(text);
  snprintf(path, sizeof path, "%s/golden/published/verdicts.tsv", place);
  workshop_shell("sed -i '2s/reproduced/guessed/' %s", path);
  text = workshop_run(EXIT_CHECK, "reproduce %s/manifests/published.json --json - --work %s/work",
                      place, place);
  json_t *all = workshop_json_text(text);
  json_t *first = json_array_get(json_object_get(all, "manifests"), 0);
  const char *line = json_string_value(json_array_get(json_object_get(first, "failures"), 0));
  workshop_contains(line, "verdicts.tsv: line 2: golden");
  json_decref(all);
  free(text);
}

/* One changed byte in the archive: its pin fails, whatever else comes out. */
static void test_tampered_archive(void **state)
{
  const char *place = workplace("archive");
  char path[600], *out, *err, line[1400];
  size_t size;
  (void)state;
  snprintf(path, sizeof path, "%s/manifests/nursery.tar.zst", place);
  char *data = support_read(path, &size);
  data[size / 2] ^= 1;
  workshop_shell("rm %s", path);
  support_write(path, data, size);
  free(data);
  snprintf(line, sizeof line, "reproduce %s/manifests/" MODEL ".json --work %s/work", place, place);
  int code = workshop_start(line, &out, &err);
  if (code != EXIT_CHECK && code != EXIT_INPUT)
    fail_msg("exit code %d: %s%s", code, err, out);
  workshop_contains(out, "nursery.tar.zst: sha256 ");
  assert_true(!*err == (code == EXIT_CHECK));
  free(out);
  free(err);
  snprintf(line, sizeof line, "verify %s/manifests/" MODEL ".json", place);
  code = workshop_start(line, &out, &err);
  assert_true(code == EXIT_CHECK || code == EXIT_INPUT);
  free(out);
  free(err);
}

static size_t finished(const char *work)
{
  char line[700];
  size_t count = 0;
  snprintf(line, sizeof line, "ls %s/" MODEL "/current 2>/dev/null | grep -c '^step.*csv$'", work);
  FILE *list = popen(line, "r");
  assert_non_null(list);
  assert_int_equal(fscanf(list, "%zu", &count), 1);
  pclose(list);
  return count;
}

/* Starts a slow run and kills it when two revisions are done. */
static void run_and_kill(const char *manifest, const char *work, const char *options)
{
  char line[1400];
  const char *words[64];
  pid_t child;
  int status;
  posix_spawn_file_actions_t quiet;
  snprintf(line, sizeof line, "reproduce %s --work %s --isa scalar --threads 1 %s", manifest, work,
           options);
  workshop_words(line, words);
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
  assert_int_equal(
      posix_spawnp(&child, words[0], &quiet, NULL, (char *const *)(uintptr_t)words, environ), 0);
  posix_spawn_file_actions_destroy(&quiet);
  while (finished(work) < 2 && waitpid(child, &status, WNOHANG) == 0)
    usleep(10000);
  kill(child, SIGKILL);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
}

static size_t occurrences(const char *text, const char *words)
{
  size_t count = 0;
  for (const char *at = strstr(text, words); at; at = strstr(at + 1, words))
    count++;
  return count;
}

static void test_killed_and_resumed(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  const char *work = workshop_path("killed/work");
  const char *manifest = workshop_path("killed/manifests/" MODEL ".json");
  char resumed_hashes[REVISIONS][33], plain_hashes[REVISIONS][33];
  quick_workplace("killed");
  run_and_kill(manifest, work, "");
  size_t done = finished(work);
  assert_true(done >= 2 && done < REVISIONS);
  char *resumed = workshop_run(EXIT_HELD, "reproduce %s --work %s", manifest, work);
  assert_int_equal(occurrences(resumed, " resumed  in "), done);
  assert_int_equal(occurrences(resumed, " screened in "), REVISIONS - done);
  workshop_contains(resumed, "equal to the golden trajectory");
  char *plain = workshop_run(EXIT_HELD, "reproduce %s --work %s.plain", manifest, work);
  assert_int_equal(occurrences(plain, " resumed  in "), 0);
  hashes(resumed, resumed_hashes);
  hashes(plain, plain_hashes);
  assert_memory_equal(resumed_hashes, plain_hashes, sizeof plain_hashes);
  free(resumed);
  free(plain);
  /* What another manifest left is not taken over. */
  run_and_kill(manifest, work, "");
  workshop_shell("echo >> %s", manifest);
  plain = workshop_run(EXIT_HELD, "reproduce %s --work %s", manifest, work);
  assert_int_equal(occurrences(plain, " resumed  in "), 0);
  free(plain);
}

/* The claims in the report of a run that needed none or some of its revisions anew. */
static json_t *claims_of_run(const char *manifest, const char *work, const char *name)
{
  const char *report = workshop_path(name);
  free(workshop_run(EXIT_HELD, "reproduce %s --work %s --bootstrap 20 --json %s", manifest, work,
                    report));
  json_t *all = workshop_json(report), *claims = json_incref(json_object_get(all, "claims"));
  json_decref(all);
  return claims;
}

/* Resamples are kept with their revisions. */
static void test_killed_and_resumed_with_intervals(void **state)
{
  (void)state;
  if (support_slow())
    skip();
  const char *work = workshop_path("intervals/work");
  const char *manifest = workshop_path("intervals/manifests/" MODEL ".json");
  quick_workplace("intervals");
  run_and_kill(manifest, work, "--bootstrap 20");
  size_t done = finished(work);
  assert_true(done >= 2 && done < REVISIONS);
  json_t *resumed = claims_of_run(manifest, work, "resumed.json");
  workshop_shell("rm -r %s", work);
  json_t *plain = claims_of_run(manifest, work, "plain.json");
  assert_true(json_array_size(plain) > 0 && json_equal(resumed, plain));
  json_decref(resumed);
  json_decref(plain);
}

/* A finished revision that was changed on disk does not pass. */
static void test_tampered_work(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  quick_workplace("changed");
  const char *work = workshop_path("changed/work");
  const char *manifest = workshop_path("changed/manifests/" MODEL ".json");
  char path[600];
  run_and_kill(manifest, work, "");
  snprintf(path, sizeof path, "%s/" MODEL "/current/step60.csv", work);
  workshop_shell("cp -r %s %s.kept", work, work);
  workshop_nudge(path, 3, CLASS_SELF);
  char *text = workshop_run(EXIT_CHECK, "reproduce %s --work %s", manifest, work);
  workshop_contains(text, "FAILED: revision step60, layer 0, head 3, self: ");
  free(text);
  workshop_shell("rm -rf %s && mv %s.kept %s && truncate -s 700 %s", work, work, work, path);
  free(workshop_refuse(EXIT_INPUT, "step60.csv: line ", "reproduce %s --work %s --quiet", manifest,
                       work));
}

static void test_golden_update(void **state)
{
  (void)state;
  const char *place = workplace("update");
  workshop_shell("cp -r %s %s.before", place, place);
  setenv("CI", "1", 1);
  free(workshop_refuse(EXIT_INPUT, "refused because CI is set",
                       "reproduce %s/manifests/" MODEL ".json --update-golden --work %s/work",
                       place, place));
  unsetenv("CI");
  workshop_shell("diff -r %s %s.before", place, place);
  if (support_slow()) /* a whole study */
    skip();
  workshop_shell("rm -r %s/golden/" MODEL " && rm %s/golden/published/verdicts.tsv", place, place);
  char *text = workshop_run(EXIT_HELD,
                            "reproduce %s/manifests/" MODEL ".json %s/manifests/published.json "
                            "--update-golden --work %s/work",
                            place, place, place);
  workshop_contains(text, "golden written");
  free(text);
  workshop_shell("diff -r %s/golden golden", place);
}

/* Golden files are never made from checkpoints that are not the pinned ones. */
static void test_no_golden_from_other_files(void **state)
{
  (void)state;
  const char *place = workplace("unpinned"), *path = workshop_path("unpinned/manifests/m.json");
  json_t *manifest = workshop_json("manifests/" MODEL ".json");
  json_t *revisions = json_object_get(manifest, "revisions");
  while (json_array_size(revisions) > 1)
    json_array_remove(revisions, 1);
  json_t *files = json_object_get(json_array_get(revisions, 0), "files");
  json_t *file = json_array_get(files, 1);
  json_object_set_new(file, "bytes", json_integer(1));
  workshop_json_write(path, manifest);
  json_decref(manifest);
  char line[1200], *out, *err;
  snprintf(line, sizeof line, "reproduce %s --update-golden --quiet --work %s/work", path, place);
  assert_int_equal(workshop_start(line, &out, &err), EXIT_INPUT);
  assert_string_equal(out, "");
  workshop_contains(err, "expected 1; fetch the file again\n"); /* the failed check */
  workshop_contains(err, "golden files not written");
  free(out);
  free(err);
  workshop_shell("diff -r %s/golden golden", place);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_published_tables),
      cmocka_unit_test(test_tampered_golden),
      cmocka_unit_test(test_tampered_archive),
      cmocka_unit_test(test_killed_and_resumed),
      cmocka_unit_test(test_killed_and_resumed_with_intervals),
      cmocka_unit_test(test_tampered_work),
      cmocka_unit_test(test_golden_update),
      cmocka_unit_test(test_no_golden_from_other_files),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}
