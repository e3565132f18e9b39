/* Verification beside the screen: what is computed from files that turn out wrong counts for
 * nothing, neither in this run nor, kept for resuming, in a later one. */
#define _GNU_SOURCE
#include "streaming.h"

#include <unistd.h>

#define LINE "reproduce %s --checkpoints %s --work %s --allow-uncompared "

static const char *manifest, *copy;
static char *want; /* the right figures */

/* Fresh checkpoints and a fresh work folder. */
static const char *begin(const char *name)
{
  workshop_shell("rm -rf %s && cp -r %s %s", copy, workshop_path("checkpoints"), copy);
  return workshop_path(name);
}

static void flip_weights(const char *revision)
{
  char folder[600];
  snprintf(folder, sizeof folder, "%s/nursery-olmo", copy);
  flip(folder, revision);
}

static void assert_nothing_of(const char *work, const char *revision)
{
  workshop_shell("test -z \"$(find %s -name '%s*')\"", work, revision);
}

/* The right files give the right figures, and nothing wrong was resumed. */
static void complete(const char *work, bool resumed)
{
  char *json = workshop_run(EXIT_HELD, LINE "--json -", manifest, copy, work);
  json_t *all = workshop_json_text(json);
  const json_t *first = json_array_get(json_object_get(all, "manifests"), 0);
  const json_t *second = json_array_get(json_object_get(first, "revisions"), 1);
  assert_true(json_is_boolean(json_object_get(second, "resumed")));
  assert_true(json_is_true(json_object_get(second, "resumed")) == resumed);
  json_decref(all);
  char *got = hashes(json);
  assert_string_equal(got, want);
  free(got);
}

static void test_flipped_weight(void **state)
{
  (void)state;
  const char *work = begin("work-flip");
  flip_weights("step60");
  for (int run = 0; run < 2; run++) {
    char *text = workshop_run(EXIT_CHECK, LINE "--memory 4M", manifest, copy, work);
    workshop_contains(text, "FAILED: ");
    workshop_contains(text, "step60/model.safetensors: sha256 ");
    workshop_contains(text, "\n  step60       skipped after ");
    workshop_contains(text, run ? "\n  step127      resumed " : "\n  step127      screened");
    workshop_contains(text, "1 of 3 revisions have no figures: no claims are evaluated");
    workshop_contains(text, "not kept as a first run");
    workshop_contains(text, "FAILED: 1 manifest, 1 failed check");
    assert_true(!strstr(text, "step60       screened") && !strstr(text, "Figures as stated"));
    /* What is right is not screened again, in this run and the next. */
    workshop_contains(text, run ? "\n  step0        resumed " : "\n  step0        screened");
    free(text);
    workshop_shell("test ! -e %s/nursery-olmo/first && test -e %s/nursery-olmo/current/step0.csv",
                   work, work);
  }
  assert_nothing_of(work, "step60");
  flip_weights("step60"); /* back */
  complete(work, false);
}

/* The figure in "<revision> <words><seconds> s" of a run's text. */
static double seconds_of(const char *text, const char *words)
{
  const char *at = strstr(text, words);
  if (!at)
    fail_msg("\"%s\" is not in: %s", words, text);
  return strtod(at + strlen(words), NULL);
}

/* A screen of wrong files stops at its next chunk, of a dozen. */
static void test_stops_early(void **state)
{
  (void)state;
  const char *work = begin("work-early"), *path = save("longer.json", manifest_of(1000, PINNED));
  flip_weights("step60");
  char *text = workshop_run(EXIT_CHECK, LINE SLOWLY, path, copy, work);
  double all = seconds_of(text, "  step0        screened in ");
  double part = seconds_of(text, "  step60       skipped after ");
  if (part > all / 3)
    fail_msg("skipped only after %.1f s; a whole screen took %.1f s", part, all);
  assert_true(strstr(text, "step60/model.safetensors: sha256 ") < strstr(text, "skipped after"));
  free(text);
  text = workshop_run(EXIT_CHECK, LINE SLOWLY " --json -", path, copy, work);
  json_t *all_json = workshop_json_text(text);
  const json_t *first = json_array_get(json_object_get(all_json, "manifests"), 0);
  const json_t *left_out = json_object_get(first, "left_out");
  assert_int_equal(json_array_size(left_out), 1);
  assert_string_equal(json_string_value(json_array_get(left_out, 0)), "step60");
  assert_int_equal(json_array_size(json_object_get(first, "revisions")), 2);
  json_decref(all_json);
  free(text);
}

/* What is wrong is said while the first chunk, which takes seconds, is computed. */
static void test_said_at_once(void **state)
{
  (void)state;
  const char *work = begin("work-once"), *path = save("longer.json", manifest_of(1000, PINNED));
  const char *said = workshop_path("said.txt");
  flip_weights("step0");
  fflush(stdout);
  int kept = dup(STDOUT_FILENO);
  assert_non_null(freopen(said, "w", stdout));
  pid_t child = start(LINE "--isa scalar --threads 1", path, copy, work);
  assert_true(dup2(kept, STDOUT_FILENO) >= 0 && close(kept) == 0);
  double begun = progress_clock();
  for (bool found = false; !found && progress_clock() - begun < FOREVER; nap()) {
    size_t size;
    char *text = support_read(said, &size);
    found = strstr(text, "FAILED: ") && strstr(text, "sha256 ");
    assert_true(!found || !strstr(text, "skipped"));
    assert_null(strstr(text, "screened"));
    free(text);
  }
  assert_true(progress_clock() - begun < FOREVER);
  end(child, SIGKILL);
}

/* Killed after the revision that is wrong: what was right is resumed, what was wrong is not. */
static void test_killed_after_a_flipped_weight(void **state)
{
  (void)state;
  const char *work = begin("work-after");
  flip_weights("step0");
  pid_t child = start(LINE "--quiet " SLOWLY, manifest, copy, work);
  await(child, work, "current/step60.csv");
  end(child, SIGKILL);
  assert_nothing_of(work, "step0.csv");
  flip_weights("step0"); /* back */
  complete(work, true);
}

/* Killed or interrupted between chunks of the wrong weights: no chunk is kept. The flipped bit is
 * past what identifies a partial, so that one would be believed. */
static void test_stopped_at_a_flipped_weight(void **state)
{
  static const int how[] = {SIGKILL, SIGINT};
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    const char *work = begin(i ? "work-int" : "work-kill");
    flip_weights("step60");
    pid_t child = start(LINE "--quiet " SLOWLY, manifest, copy, work);
    await(child, work, "current/step0.csv");
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    end(child, how[i]);
    assert_nothing_of(work, "step60");
    flip_weights("step60"); /* back */
    complete(work, false);
  }
}

/* Chunks of right files, then the file changes: they are gone on from, but fail the check. */
static void test_flipped_after_an_interrupt(void **state)
{
  (void)state;
  const char *work = begin("work-then");
  pid_t child = start(LINE "--quiet " SLOWLY, manifest, copy, work);
  await(child, work, "current/step0.csv");
  nanosleep(&(struct timespec){0, 50000000}, NULL);
  end(child, SIGINT);
  workshop_shell("test -s %s/nursery-olmo/current/step60.partial", work);
  flip_weights("step60");
  free(workshop_run(EXIT_CHECK, LINE, manifest, copy, work));
  flip_weights("step60"); /* back */
  complete(work, false);
}

static int teardown(void **state)
{
  (void)state;
  free(want);
  return 0;
}

static int setup(void **state)
{
  (void)state;
  prepare();
  copy = workshop_path("copy");
  manifest = save("long.json", manifest_of(150, PINNED));
  want = expected(manifest);
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_flipped_weight),
      cmocka_unit_test(test_stops_early),
      cmocka_unit_test(test_said_at_once),
      cmocka_unit_test(test_killed_after_a_flipped_weight),
      cmocka_unit_test(test_stopped_at_a_flipped_weight),
      cmocka_unit_test(test_flipped_after_an_interrupt),
  };
  if (support_emulated())
    return 0; /* the child is the emulator, and a screen takes it minutes */
  return cmocka_run_group_tests(tests, setup, teardown);
}
