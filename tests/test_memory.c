/* What long work takes, and what is said of it: the peak of a screen stays within --memory whatever
 * the shape, estimates count all of it, and what is interrupted leaves nothing behind. */
#define _GNU_SOURCE
#include "workshop.h"

#include "base/progress.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* Starts the program with the words of a line; what it says goes to a file. */
static pid_t start(const char *line, const char *err)
{
  const char *words[64];
  char *copy = strdup(line);
  assert_non_null(copy);
  workshop_words(copy, words);
  pid_t child = support_start(words, "/dev/null", err);
  free(copy);
  return child;
}

/* One part of these models is far larger than the memory that their screens may use. */
static const struct {
  const char *like, *options;
  long limit_mib, most_mib; /* --memory, and the part */
} large[] = {
    {"olmo:layers=2,hidden=1024,heads=8,ffn=64,vocab=60000,tied=1",
     "--n 96 --seq-len 128 --vocab 10:60000", 120, 234},
    {"gpt_neox:layers=2,hidden=1024,heads=8,ffn=64,vocab=60000,dtype=f32",
     "--n 96 --seq-len 128 --vocab 10:60000", 150, 234},
    {"olmo:layers=2,hidden=1024,heads=8,ffn=40000,vocab=1000,dtype=f32",
     "--n 1 --pr-n 1 --seq-len 64 --vocab 10:1000", 560, 312},
};

/* The issue allows 300 MB beyond --memory; a binary, its libraries and pages that wait to be
 * dropped take far less. */
#define BEYOND_MIB 60

static void test_peak_stays_within_memory(void **state)
{
  (void)state;
  if (support_slow())
    skip(); /* the peak is then that of the emulator or of the shadow memory */
  for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
    const char *model = workshop_path("large");
    char line[1024];
    struct rusage usage;
    workshop_shell("rm -rf %s", model);
    free(workshop_run(EXIT_HELD, "synth --like %s --out %s --quiet", large[i].like, model));
    assert_true(large[i].most_mib > 2 * BEYOND_MIB);
    snprintf(line, sizeof line, "screen %s %s --memory %ldM --threads 2 --out %s --quiet", model,
             large[i].options, large[i].limit_mib, workshop_path("heads.csv"));
    assert_int_equal(support_wait(start(line, workshop_path("log")), &usage), 0);
    long peak = usage.ru_maxrss / 1024;
    print_message("  %s: peak %ld MiB of %ld\n", large[i].like, peak, large[i].limit_mib);
    if (peak > large[i].limit_mib + BEYOND_MIB)
      fail_msg("%s: peak of %ld MiB with --memory %ldM", large[i].like, peak, large[i].limit_mib);
  }
  workshop_shell("rm -rf %s", workshop_path("large"));
}

/* What a refusal says that the screen needs at least, in bytes. */
static double least(const char *options)
{
  char *line = workshop_refuse(EXIT_INPUT, "needs at least ",
                               "screen " WORKSHOP_MODEL
                               " --vocab 10:500 --beyond-context --seq-len 4096 --memory 8K %s",
                               options);
  double number = atof(strstr(line, "needs at least ") + strlen("needs at least "));
  double unit = strstr(line, "GiB at") ? 1073741824 : strstr(line, "MiB at") ? 1048576 : 1;
  assert_true(unit > 1);
  free(line);
  return number * unit;
}

static void test_dump_is_counted(void **state)
{
  char dump[600];
  (void)state;
  snprintf(dump, sizeof dump, "--n 8 --dump %s", workshop_path("dump"));
  /* Eight attention rows of every head, or twenty. */
  assert_true(least(dump) > least("--n 8") + 0.9 * 8 * 3 * 4 * 4096 * 4);
  snprintf(dump, sizeof dump, "--n 20 --dump-n 20 --dump %s", workshop_path("dump"));
  assert_true(least(dump) > least("--n 20") + 0.9 * 20 * 3 * 4 * 4096 * 4);
}

/* A model whose embedding of one token is not finite once it is normalized. */
static void spoil(const char *model, int token)
{
  char path[600];
  size_t size, header;
  snprintf(path, sizeof path, "%s/model.safetensors", model);
  char *file = support_read(path, &size);
  memcpy(&header, file, 8);
  char *text = strndup(file + 8, header);
  json_t *all = workshop_json_text(text);
  json_t *offsets =
      json_object_get(json_object_get(all, "model.embed_tokens.weight"), "data_offsets");
  size_t at = 8 + header + (size_t)json_integer_value(json_array_get(offsets, 0));
  for (int i = 0; i < 256; i++) {
    float value = 3e38f;
    memcpy(file + at + ((size_t)token * 256 + (size_t)i) * sizeof value, &value, sizeof value);
  }
  support_write(path, file, size);
  json_decref(all);
  free(text);
  free(file);
}

/* With memory enough layer 0 is looked up by token id, and must name the same place. */
static void test_damage_is_named_alike(void **state)
{
  const char *model = workshop_path("spoilt");
  (void)state;
  free(workshop_run(EXIT_HELD, "synth --like olmo:layers=2,vocab=400 --out %s --quiet", model));
  spoil(model, 211);
  const char *line = "screen %s --n 40 --seq-len 64 --vocab 10:400 --quiet --memory %s";
  char *looked_up = workshop_refuse(EXIT_INPUT, "is not finite", line, model, "200M");
  char *plain = workshop_refuse(EXIT_INPUT, "is not finite", line, model, "10500K");
  assert_string_equal(looked_up, plain);
  free(looked_up);
  free(plain);
}

static void test_interrupted_synth_leaves_nothing(void **state)
{
  const char *model = workshop_path("unfinished"), *log = workshop_path("log");
  char line[1024];
  size_t size;
  (void)state;
  if (support_emulated())
    skip(); /* the signal would end the emulator */
  snprintf(line, sizeof line,
           "synth --like olmo:layers=8,hidden=2048,heads=8 --threads 1 --out %s --quiet", model);
  pid_t child = start(line, log);
  for (int i = 0; i < 500 && access(model, F_OK) != 0; i++)
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
  kill(child, SIGINT);
  assert_int_equal(support_wait(child, NULL), EXIT_RUN);
  char *said = support_read(log, &size);
  workshop_contains(said, "interrupted; nothing was kept");
  free(said);
  assert_int_not_equal(access(model, F_OK), 0);
}

/* Work that was done before the start says nothing about the speed. */
static void test_time_left_after_going_on(void **state)
{
  const char *log = workshop_path("log");
  struct progress progress;
  size_t size;
  (void)state;
  int saved = dup(2), file = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  fflush(stderr);
  dup2(file, 2);
  progress_start(&progress, "work", 100, false);
  progress_go_on(&progress, 80);
  progress.start -= 30; /* seconds for ten of a hundred */
  progress.last -= 30;
  progress_update(&progress, 90);
  progress_end(&progress);
  fflush(stderr);
  dup2(saved, 2);
  close(saved);
  close(file);
  char *said = support_read(log, &size);
  workshop_contains(said, "work: 90 % after 30 s, about 30 s left");
  free(said);
}

/* Said before minutes of reading; a file of a wrong size is then not read. */
static void test_forecast_of_digests(void **state)
{
  char line[1024], *out, *err;
  (void)state;
  workshop_shell("cp manifests/nursery-olmo.json %s && truncate -s 5G %s/nursery.tar.zst",
                 support_directory(), support_directory());
  snprintf(line, sizeof line, "verify %s", workshop_path("nursery-olmo.json"));
  assert_int_equal(workshop_start(line, &out, &err), EXIT_CHECK);
  workshop_contains(err, "nursery-olmo.json: 5.0 GiB to read and hash, about ");
  workshop_contains(out, "nursery.tar.zst: 5368709120 bytes, expected ");
  free(out);
  free(err);
  strcat(line, " --quiet");
  assert_int_equal(workshop_start(line, &out, &err), EXIT_CHECK);
  assert_null(strstr(err, "to read and hash"));
  free(out);
  free(err);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_peak_stays_within_memory),
      cmocka_unit_test(test_dump_is_counted),
      cmocka_unit_test(test_damage_is_named_alike),
      cmocka_unit_test(test_interrupted_synth_leaves_nothing),
      cmocka_unit_test(test_time_left_after_going_on),
      cmocka_unit_test(test_forecast_of_digests),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
