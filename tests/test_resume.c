/* Interrupted screens: what is saved, when it is believed, and that the bits come out the same. */
#define _GNU_SOURCE
#include "support.h"

#include "probe/observe.h"
#include "probe/protocol.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LAYERS 2
#define HEADS 3
#define HEAD_DIM 4

static const struct protocol protocol = {20, 64, 10, 100, 42, 12, 50, -1};
static const char identity[] = "0123456789abcdef0123456789abcdef";

/* What a made-up model would show of sequences [first, last). */
static void show(struct observations *observations, int64_t first, int64_t last)
{
  float row[64], output[HEAD_DIM];
  for (int64_t s = first; s < last; s++)
    for (int layer = 0; layer < LAYERS; layer++)
      for (int head = 0; head < HEADS; head++) {
        for (int i = 0; i < 64; i++)
          row[i] = (float)((s * 31 + layer * 7 + head * 3 + i * i) % 97) / 97.0f;
        for (int i = 0; i < HEAD_DIM; i++)
          output[i] = row[(i * 5 + head) % 64] - 0.5f;
        observations_add_pattern(observations, layer, s, head, row);
        observations_add_output(observations, layer, s, head, output);
      }
}

static struct observations *create(const struct batch *batch)
{
  struct observations *observations;
  struct error error = {0};
  assert_int_equal(
      observations_create(&protocol, batch, LAYERS, HEADS, HEAD_DIM, &observations, &error), 0);
  return observations;
}

static void finish(struct observations *observations, struct head_row *rows)
{
  struct threads *threads;
  struct error error = {0};
  assert_int_equal(threads_start(1, &threads, &error), 0);
  memset(rows, 0, LAYERS * HEADS * sizeof *rows);
  assert_int_equal(observations_finish(observations, threads, rows, &error), 0);
  threads_stop(threads);
  observations_free(observations);
}

static void test_saved_observations_go_on(void **state)
{
  struct head_row want[LAYERS * HEADS], got[LAYERS * HEADS];
  const char *path = support_path("partial");
  struct error error = {0};
  struct batch batch;
  int64_t done;
  (void)state;
  assert_int_equal(batch_create(&protocol, &batch, &error), 0);
  struct observations *whole = create(&batch), *first = create(&batch), *second = create(&batch);
  show(whole, 0, 20);
  finish(whole, want);
  show(first, 0, 7);
  assert_int_equal(observations_save(first, path, identity, 7, &error), 0);
  observations_free(first);
  assert_int_equal(observations_load(second, path, identity, &done, &error), 0);
  assert_int_equal(done, 7);
  show(second, 7, 20);
  finish(second, got);
  assert_memory_equal(got, want, sizeof want);
  batch_free(&batch);
}

static void assert_not_loaded(const struct batch *batch, const char *path, const char *name)
{
  struct observations *observations = create(batch);
  struct error error = {0};
  int64_t done = 99;
  assert_int_equal(observations_load(observations, path, name, &done, &error), 0);
  assert_int_equal(done, 0);
  observations_free(observations);
}

static void test_damaged_or_foreign_files_are_not_believed(void **state)
{
  const char *path = support_path("damaged");
  struct error error = {0};
  struct batch batch;
  size_t size;
  (void)state;
  assert_int_equal(batch_create(&protocol, &batch, &error), 0);
  assert_not_loaded(&batch, support_path("missing"), identity);
  struct observations *observations = create(&batch);
  show(observations, 0, 7);
  assert_int_equal(observations_save(observations, path, identity, 7, &error), 0);
  observations_free(observations);
  assert_not_loaded(&batch, path, "fedcba9876543210fedcba9876543210");
  char *saved = support_read(path, &size);
  for (size_t at = 0; at < size; at += size / 13) {
    saved[at] ^= 1;
    support_write(path, saved, size);
    assert_not_loaded(&batch, path, identity);
    saved[at] ^= 1;
  }
  support_write(path, saved, size - 1);
  assert_not_loaded(&batch, path, identity);
  support_write(path, saved, 0);
  assert_not_loaded(&batch, path, identity);
  free(saved);
  batch_free(&batch);
}

#define MODEL "tests/fixtures/conformance/olmoe-f32/model"
#define SMALL "7M" /* memory for chunks of few sequences */

static const char *sequences = "500", *until_sure;

/* A screen slow enough to be caught in the middle; what it says goes to a file. */
static pid_t start_of(const char *model, const char *memory, const char *out)
{
  const char *said = support_path("said");
  const char *words[] = {support_program(),
                         "screen",
                         model,
                         "--n",
                         sequences,
                         "--seq-len",
                         "64",
                         "--vocab",
                         "10:500",
                         "--isa",
                         "scalar",
                         "--threads",
                         "1",
                         "--memory",
                         memory,
                         out ? "--out" : NULL,
                         out,
                         out && until_sure ? "--until-sure" : NULL,
                         until_sure,
                         NULL};
  return support_start(words, "/dev/null", said);
}

static pid_t start(const char *out)
{
  return start_of(MODEL, SMALL, out);
}

static void assert_said(const char *words)
{
  size_t size;
  char *said = support_read(support_path("said"), &size);
  if (!strstr(said, words))
    fail_msg("\"%s\" is not in: %s", words, said);
  free(said);
}

static void same_file(const char *a, const char *b)
{
  size_t size, other;
  char *want = support_read(a, &size), *got = support_read(b, &other);
  assert_int_equal(size, other);
  assert_memory_equal(want, got, size);
  free(want);
  free(got);
}

static void test_interrupted_screen_goes_on_to_the_same_bits(void **state)
{
  const char *whole = support_path("whole.csv"), *pieces = support_path("pieces.csv");
  const char *partial = support_path("pieces.csv.partial");
  struct stat info;
  int interrupted = 0, code = 3;
  (void)state;
  if (support_emulated())
    skip();
  sequences = support_sanitized() ? "300" : "1500";
  assert_int_equal(support_wait(start(whole), NULL), 0);
  for (int round = 0; round < 3 && code == 3; round++) {
    pid_t child = start(pieces);
    nanosleep(&(struct timespec){.tv_nsec = 400000000}, NULL);
    kill(child, round == 1 ? SIGTERM : SIGINT);
    code = support_wait(child, NULL);
    interrupted += code == 3;
    assert_true(code == 0 || code == 3);
    assert_int_equal(stat(partial, &info) == 0, code == 3);
    assert_int_equal(stat(pieces, &info) == 0, code == 0); /* no output before the end */
  }
  assert_true(interrupted >= 1);
  if (code == 3)
    assert_int_equal(support_wait(start(pieces), NULL), 0);
  sequences = "500";
  assert_int_not_equal(stat(partial, &info), 0);
  same_file(whole, pieces);
}

/* Stops a screen in the middle: after 0.4 s, or in ever shorter times on faster machines. */
static void interrupt(const char *model, const char *out)
{
  for (long ms = 400; ms > 20; ms /= 2) {
    pid_t child = start_of(model, SMALL, out);
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
    kill(child, SIGINT);
    if (support_wait(child, NULL) == 3)
      return;
  }
  fail_msg("no screen could be interrupted");
}

static char *const_path(const char *name)
{
  char *path = strdup(support_path(name));
  assert_non_null(path);
  return path;
}

static void copy_model(const char *to)
{
  char command[1024];
  snprintf(command, sizeof command, "cp -r --no-preserve=mode %s %s", MODEL, to);
  assert_int_equal(system(command), 0);
}

/* One sign in the middle of the weights: names, sizes and first bytes are as before. */
static void change_model(const char *model)
{
  char path[600];
  size_t size;
  snprintf(path, sizeof path, "%s/model.safetensors", model);
  char *file = support_read(path, &size);
  file[size / 2 / 4 * 4 + 3] ^= (char)0x80;
  support_write(path, file, size);
  free(file);
}

static void test_another_checkpoint_does_not_go_on(void **state)
{
  char *model = const_path("model"), *out = const_path("x.csv"), *fresh = const_path("y.csv");
  (void)state;
  if (support_emulated())
    skip();
  copy_model(model);
  interrupt(model, out);
  change_model(model);
  assert_int_equal(support_wait(start_of(model, SMALL, out), NULL), 0);
  assert_said("x.csv.partial: belongs to another screen or is damaged; starting over");
  assert_int_equal(support_wait(start_of(model, SMALL, fresh), NULL), 0);
  same_file(fresh, out);
  free(model);
  free(out);
  free(fresh);
}

/* With memory for all sequences at once it resumes, too, and leaves nothing behind. */
static void test_goes_on_in_one_chunk(void **state)
{
  char *out = const_path("one.csv"), *whole = const_path("all.csv");
  struct stat info;
  (void)state;
  if (support_emulated())
    skip();
  interrupt(MODEL, out);
  assert_int_equal(support_wait(start_of(MODEL, "1G", out), NULL), 0);
  assert_said("resuming after ");
  assert_int_not_equal(stat(support_path("one.csv.partial"), &info), 0);
  assert_int_equal(support_wait(start_of(MODEL, "1G", whole), NULL), 0);
  same_file(whole, out);
  free(out);
  free(whole);
}

static void test_without_output_nothing_is_kept(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  interrupt(MODEL, NULL);
  assert_said("interrupted; nothing was kept");
}

/* An output that cannot be written after all must not cost the work. */
static void test_partial_outlives_a_failed_output(void **state)
{
  char *out = const_path("late.csv");
  struct stat info;
  (void)state;
  if (support_emulated())
    skip();
  sequences = support_sanitized()
                  ? "300"
                  : "1500"; /* most of them are left, so that the directory comes in time */
  interrupt(MODEL, out);
  pid_t child = start(out);
  nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
  assert_int_equal(mkdir(out, 0700), 0);
  assert_int_equal(support_wait(child, NULL), 2);
  assert_int_equal(stat(support_path("late.csv.partial"), &info), 0);
  assert_int_equal(rmdir(out), 0);
  assert_int_equal(support_wait(start(out), NULL), 0);
  assert_said("resuming after ");
  sequences = "500";
  free(out);
}

/* Looks are taken again over what was kept, be it of a screen that was to go to the end. */
static void test_screen_until_sure_goes_on_to_the_same_bits(void **state)
{
  char *whole = const_path("sure.csv"), *out = const_path("sure-pieces.csv");
  (void)state;
  if (support_emulated())
    skip();
  sequences = support_sanitized() ? "800" : "3000";
  until_sure = "0.99";
  assert_int_equal(support_wait(start(whole), NULL), 0);
  for (int first = 0; first < 2; first++) {
    until_sure = first ? NULL : "0.99";
    interrupt(MODEL, out);
    until_sure = "0.99";
    assert_int_equal(support_wait(start(out), NULL), 0);
    assert_said("resuming after ");
    same_file(whole, out);
  }
  until_sure = NULL;
  sequences = "500";
  free(whole);
  free(out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_saved_observations_go_on),
      cmocka_unit_test(test_damaged_or_foreign_files_are_not_believed),
      cmocka_unit_test(test_interrupted_screen_goes_on_to_the_same_bits),
      cmocka_unit_test(test_another_checkpoint_does_not_go_on),
      cmocka_unit_test(test_goes_on_in_one_chunk),
      cmocka_unit_test(test_without_output_nothing_is_kept),
      cmocka_unit_test(test_partial_outlives_a_failed_output),
      cmocka_unit_test(test_screen_until_sure_goes_on_to_the_same_bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
