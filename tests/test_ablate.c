/* attest ablate from end to end: circuits and controls as published, the JSON, one hash for every
 * instruction set, thread count and memory budget (tests/fixtures/ablation_hashes.tsv: our own
 * bit-exact results), interruption, and what is refused. */
#define _GNU_SOURCE
#include "fixture_models.h"
#include "workshop.h"

#include "base/digest.h"
#include "base/progress.h"
#include "fixture_csv.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#define REFERENCE "tests/fixtures/ablations.tar.zst:reference"
#define NURSERY "manifests/nursery.tar.zst:"
#define TRAINED "--n 64 --seq-len 64 --vocab 1:97 --quiet"
#define SMALL "--n 4 --seq-len 64 --vocab 1:97"

/* --- published circuits and controls --- */

/* Heads of a JSON array, separated by blanks. */
static void assert_heads(const json_t *heads, const char *names)
{
  char text[4096] = "";
  size_t i;
  json_t *head;
  json_array_foreach(heads, i, head)
  {
    assert_true(strlen(text) + 12 < sizeof text);
    sprintf(text + strlen(text), "%s%s", i ? " " : "", json_string_value(head));
  }
  assert_string_equal(text, names);
}

static const char *string(const json_t *object, const char *key)
{
  return json_string_value(json_object_get(object, key));
}

/* The condition of this name and control, and of this seed unless it is negative. */
static const json_t *find(const json_t *all, const char *name, const char *control, int seed)
{
  size_t i;
  json_t *c;
  json_array_foreach(json_object_get(all, "conditions"), i, c)
  {
    const json_t *drawn = json_object_get(c, "seed");
    if (strcmp(string(c, "condition"), name) == 0 && strcmp(string(c, "control"), control) == 0 &&
        (seed < 0 ? json_is_null(drawn) : json_integer_value(drawn) == seed))
      return c;
  }
  fail_msg("there is no condition %s, %s, %d", name, control, seed);
  return NULL;
}

/* A random model with the heads of a published one; few of its bytes and sequences. */
static void make_grid(const char *directory, int heads)
{
  free(workshop_run(0,
                    "synth --like gpt_neox:layers=16,hidden=%d,heads=%d,vocab=128,context=64,ffn=8 "
                    "--out %s --quiet",
                    heads * 8, heads, directory));
}

static json_t *ablate_grid(const char *directory, const char *words)
{
  char *out = workshop_run(0, "ablate %s --n 1 --seq-len 64 --vocab 1:100 --quiet --json - %s",
                           directory, words);
  json_t *all = workshop_json_text(out);
  free(out);
  return all;
}

/* All rows of a model and experiment, of which `all` must have the sets. */
static size_t check_sets(const struct fixture *f, const char *model, const char *experiment,
                         const json_t *all)
{
  size_t checked = 0;
  for (size_t row = 0; row < f->rows; row++) {
    if (strcmp(fixture_text(f, row, "model"), model) != 0 ||
        strcmp(fixture_text(f, row, "experiment"), experiment) != 0)
      continue;
    const char *name = fixture_text(f, row, "condition");
    int seed = (int)fixture_number(f, row, "seed");
    assert_heads(json_object_get(find(all, name, "circuit", -1), "heads"),
                 fixture_text(f, row, "circuit"));
    assert_heads(json_object_get(find(all, name, "matched-random", seed), "heads"),
                 fixture_text(f, row, "control"));
    checked++;
  }
  return checked;
}

static void check_published(const struct fixture *f, const char *model, int heads)
{
  const char *directory = workshop_path(model);
  char words[512];
  make_grid(directory, heads);
  snprintf(words, sizeof words,
           "--circuit induction --threshold 2,10,30,50,100 --circuit-from golden/published/%s "
           "--controls matched-random --published-stream",
           model);
  json_t *all = ablate_grid(directory, words);
  assert_int_equal(check_sets(f, model, "threshold sweep", all), 5);
  assert_string_equal(string(find(all, "induction>=2", "matched-random", 123), "stream"),
                      "published");
  json_decref(all);
  snprintf(words, sizeof words,
           "--circuit previous_token --circuit-from golden/published/%s --controls matched-random "
           "--seeds 0,1,2,3,4,5,6,7,8,9,123",
           model);
  all = ablate_grid(directory, words);
  assert_int_equal(check_sets(f, model, "prev-token", all), 11);
  assert_string_equal(string(find(all, "previous_token>=100", "matched-random", 0), "stream"),
                      "fresh");
  json_decref(all);
}

static void check_ranked(const struct fixture *f, const char *model, int k, size_t rows)
{
  char words[512];
  snprintf(words, sizeof words,
           "--top-integral %d --trajectory golden/published/%s --controls matched-random "
           "--seeds 0,1,2,3,4,5,6,7,8,9,123",
           k, model);
  json_t *all = ablate_grid(workshop_path(model), words);
  struct fixture some = *f;
  some.rows = 0; /* the rows of the other K are another run's */
  for (size_t row = 0; row < f->rows; row++) {
    char name[32];
    snprintf(name, sizeof name, "integral top %d", k);
    if (strcmp(fixture_text(f, row, "model"), model) == 0 &&
        strcmp(fixture_text(f, row, "condition"), name) == 0) {
      int seed = (int)fixture_number(f, row, "seed");
      assert_heads(json_object_get(find(all, name, "circuit", -1), "heads"),
                   fixture_text(f, row, "circuit"));
      assert_heads(json_object_get(find(all, name, "matched-random", seed), "heads"),
                   fixture_text(f, row, "control"));
      some.rows++;
    }
  }
  assert_int_equal(some.rows, rows);
  json_decref(all);
}

static void test_published(void **state)
{
  struct fixture f = fixture_read(REFERENCE, "control_sets.csv");
  (void)state;
  if (support_emulated())
    skip();
  check_published(&f, "pythia-1b", 8);
  check_published(&f, "olmo-1b-0724", 16);
  check_ranked(&f, "pythia-1b", 45, 11);
  check_ranked(&f, "olmo-1b-0724", 6, 11);
  fixture_free(&f);
}

/* --- figures --- */

static void assert_figures(const json_t *got, const struct fixture *f, size_t row)
{
  double loss = json_number_value(json_object_get(got, "cross_entropy"));
  double logit = json_number_value(json_object_get(got, "target_logit"));
  assert_heads(json_object_get(got, "heads"), fixture_text(f, row, "heads"));
  assert_int_equal(json_integer_value(json_object_get(got, "top1")),
                   (int)fixture_number(f, row, "top1"));
  assert_int_equal(json_integer_value(json_object_get(got, "top5")),
                   (int)fixture_number(f, row, "top5"));
  assert_true(fabs(loss - fixture_number(f, row, "cross_entropy")) < 1e-4);
  assert_true(fabs(logit - fixture_number(f, row, "target_logit")) < 1e-4);
}

/* What the model's own screen chooses; where no control can be drawn there are no figures. */
static void check_model(const struct fixture *f, const char *model, const json_t *all)
{
  size_t checked = 0;
  for (size_t row = 0; row < f->rows; row++) {
    const char *name = fixture_text(f, row, "condition"), *seed = fixture_text(f, row, "seed");
    if (strcmp(fixture_text(f, row, "model"), model) != 0 ||
        (strcmp(name, "none") != 0 && strncmp(name, "induction", 9) != 0))
      continue;
    const json_t *got = find(all, name, fixture_text(f, row, "control"), *seed ? atoi(seed) : -1);
    bool baseline = strcmp(name, "none") == 0;
    if (!baseline && !*fixture_text(f, row, "heads")) {
      assert_true(json_is_null(json_object_get(got, "top1")));
      assert_true(json_is_null(json_object_get(got, "cross_entropy")));
      assert_int_equal(json_array_size(json_object_get(got, "heads")), 0);
    } else {
      assert_figures(got, f, row);
    }
    checked++;
  }
  assert_true(checked >= 7);
}

static const json_t *summary(const json_t *all, const char *condition, const char *control)
{
  size_t i;
  json_t *s;
  json_array_foreach(json_object_get(all, "summaries"), i,
                     s) if (strcmp(string(s, "condition"), condition) == 0 &&
                            strcmp(string(s, "control"), control) == 0) return s;
  fail_msg("there is no summary of %s, %s", condition, control);
  return NULL;
}

static double number(const json_t *object, const char *key)
{
  return json_number_value(json_object_get(object, key));
}

/* Mean, sd with n - 1 and p of some controls, computed here anew. */
static void check_summary(const json_t *all, const char *condition, const char *control)
{
  double values[16], sum = 0, squares = 0;
  size_t count = 0, extreme = 0, i;
  const json_t *s = summary(all, condition, control);
  double circuit = number(find(all, condition, "circuit", -1), "top1");
  double baseline = number(find(all, "none", "baseline", -1), "top1");
  json_t *c;
  json_array_foreach(json_object_get(all, "conditions"), i,
                     c) if (strcmp(string(c, "condition"), condition) == 0 &&
                            strcmp(string(c, "control"), control) == 0) values[count++] =
      number(c, "top1");
  assert_true(count > 2 && circuit < baseline);
  for (size_t k = 0; k < count; k++) {
    sum += values[k];
    extreme += values[k] <= circuit;
  }
  for (size_t k = 0; k < count; k++)
    squares += (values[k] - sum / (double)count) * (values[k] - sum / (double)count);
  assert_true(fabs(number(s, "mean") - sum / (double)count) < 1e-12);
  assert_true(fabs(number(s, "sd") - sqrt(squares / (double)(count - 1))) < 1e-12);
  assert_true(number(s, "p") == (double)(1 + extreme) / (double)(1 + count));
}

static void test_figures(void **state)
{
  struct fixture f = fixture_read(REFERENCE, "ablations.csv");
  static const char *const models[] = {"nursery-gpt_neox/step2500", "nursery-olmo/step2500"};
  (void)state;
  if (support_emulated())
    skip();
  for (size_t i = 0; i < 2; i++) {
    char *out = workshop_run(0,
                             "ablate " NURSERY "%s " TRAINED
                             " --circuit induction --threshold 10,2 --seeds 7,123,5 --controls "
                             "upper-bound,any-layer,matched-random --json -",
                             models[i]);
    json_t *all = workshop_json_text(out);
    assert_string_equal(string(all, "revision"), "step2500");
    assert_int_equal(json_integer_value(json_object_get(all, "n")), 64);
    check_model(&f, models[i], all);
    check_summary(all, "induction>=10", "any-layer");
    if (i == 0) { /* the circuit is a whole layer */
      const json_t *none = summary(all, "induction>=10", "matched-random");
      assert_true(json_is_null(json_object_get(none, "p")));
      assert_true(json_is_null(json_object_get(none, "mean")));
    }
    json_decref(all);
    free(out);
  }
  fixture_free(&f);
}

/* Heads that the model lacks change nothing, but count for the controls. */
static void test_as_published(void **state)
{
  char *out = workshop_run(
      0, "ablate " NURSERY "nursery-olmo/step2500 " SMALL
         " --heads L1H0,L1H7,L9H2 --as-published --controls matched-random,any-layer --json -");
  json_t *all = workshop_json_text(out);
  const json_t *circuit = find(all, "heads", "circuit", -1);
  (void)state;
  assert_heads(json_object_get(circuit, "heads"), "L1H0");
  assert_heads(json_object_get(circuit, "out_of_range"), "L1H7 L9H2");
  assert_int_equal(
      json_array_size(json_object_get(find(all, "heads", "matched-random", 123), "heads")), 2);
  assert_int_equal(json_array_size(json_object_get(find(all, "heads", "any-layer", 123), "heads")),
                   3);
  json_decref(all);
  free(out);
  out = workshop_run(0, "ablate " NURSERY "nursery-olmo/step2500 " SMALL
                        " --heads L9H2 --as-published --json -");
  all = workshop_json_text(out); /* nothing is ablated */
  assert_true(number(find(all, "heads", "circuit", -1), "cross_entropy") ==
              number(find(all, "none", "baseline", -1), "cross_entropy"));
  json_decref(all);
  free(out);
}

static void test_refused(void **state)
{
  static const struct {
    const char *words, *said;
  } bad[] = {
      {"", "say what is ablated by one of"},
      {"--heads L0H0 --top-integral 3", "say what is ablated by one of"},
      {"--heads L0H4", "L0H4: the model has no such head, but 4 layers of 4"},
      {"--heads L4H0", "L4H0: the model has no such head"},
      {"--heads L0H", "--heads: \"L0H\" is not a head"},
      {"--heads L0H0 --threshold 3", "--threshold: belongs to --circuit"},
      {"--heads L0H0 --published-stream", "--published-stream: belongs to --circuit"},
      {"--heads L0H0 --floor 3", "--floor: belongs to --top-integral"},
      {"--heads L0H0 --controls matched", "\"matched\" must be matched-random, any-layer"},
      {"--heads L0H0 --controls any-layer --seeds 1,1", "each once"},
      {"--heads L0H0 --controls any-layer --seeds 4294967296", "up to 4294967295"},
      {"--heads L0H0 --seeds 1", "--seeds: belong to --controls"},
      {"--circuit self", "must be induction or previous_token"},
      {"--circuit induction --threshold 0", "must be a number above 0"},
      {"--circuit induction --threshold 3,,4", "must be a number above 0"},
      {"--circuit induction --published-stream", "--published-stream: draws --controls"},
      {"--circuit induction --threshold 3 --published-stream --controls matched-random",
       "threshold 3: the published stream is drawn for"},
      {"--circuit-from golden/nursery-olmo:step9", "has no such revision"},
      {"--circuit-from golden/published/pythia-1b --threshold 30",
       "step0: has 4 layers of 4 heads, and the model whose figures choose heads (step143000) 16 "
       "of 8"},
      {"--top-integral 1 --trajectory golden/published/pythia-1b", "it is another one"},
      {"--top-integral 3", "needs a --trajectory"},
      {"--top-integral 17 --trajectory golden/nursery-olmo", "the trajectory has 16 heads"},
      {"--top-integral 3 --trajectory golden/nursery-olmo", "fewer heads have an integral above 0"},
      {"--top-integral 3 --trajectory golden/nursery-olmo --floor -1", "a number of tokens above"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    free(workshop_refuse(EXIT_INPUT, bad[i].said,
                         "ablate " NURSERY "nursery-olmo/step0 " TRAINED " %s", bad[i].words));
  free(workshop_refuse(EXIT_INPUT, "MODEL_DIR is missing", "ablate --heads L0H0"));
}

/* Figures of another model of the same shape cannot be told from the model's own, which is said. */
static void test_figures_on_trust(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  char *out = workshop_run(EXIT_HELD, "ablate " NURSERY "nursery-olmo/step0 --n 4 --seq-len 64 "
                                      "--vocab 1:97 --circuit induction --threshold 30 "
                                      "--circuit-from golden/nursery-gpt_neox");
  workshop_contains(out, "  chosen by the figures of golden/nursery-gpt_neox: nursery-gpt_neox, "
                         "which do not say of which checkpoint they are\n");
  free(out);
}

/* --- one hash --- */

static void pinned(const char *model, char hex[33])
{
  char line[256], name[64];
  FILE *file = fopen("tests/fixtures/ablation_hashes.tsv", "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "%63s %32s", name, hex) == 2 && strcmp(name, model) == 0) {
      fclose(file);
      return;
    }
  fail_msg("tests/fixtures/ablation_hashes.tsv has no line for %s", model);
}

static void check_hash(const char *model, const char *how)
{
  const char *out = workshop_path("hash.csv"), *words[64];
  char line[1024], want[33], got[33], *err;
  size_t size;
  snprintf(line, sizeof line,
           "ablate " CONFORMANCE "%s/model --n 16 --seq-len 64 --vocab 10:120 --quiet --heads "
           "L0H1,L1H0,L1H2 --controls matched-random,any-layer,upper-bound --seeds 0,1,2 --out %s "
           "%s",
           model, out, how);
  workshop_words(line, words);
  int code = support_run(words, NULL, &err);
  if (code && code != 3)
    fail_msg("%s: %s", how, err);
  free(err);
  if (code == 3)
    return; /* not on this CPU */
  char *csv = support_read(out, &size);
  digest_xxh3(csv, size, got);
  free(csv);
  pinned(model, want);
  if (strcmp(got, want) != 0)
    fail_msg("%s, %s: %s instead of %s", model, how, got, want);
}

static void test_one_hash(void **state)
{
  static const char *const hows[] = {"--isa scalar --threads 1", "--isa avx2 --threads 1",
                                     "--isa avx512 --threads 1", "--isa neon --threads 1",
                                     "--threads 2 --memory 4M",  "--threads 3 --memory 2500K"};
  (void)state;
  size_t first = support_emulated() ? 3 : support_sanitized() ? 4 : 0;
  size_t end = support_emulated() ? 4 : 6;
  for (size_t i = 0; i < CONFORMANCE_MODELS; i++)
    for (size_t k = first; k < end; k++)
      check_hash(conformance_models[i], hows[k]);
}

static pid_t start(const char *model, const char *out)
{
  char line[1024];
  const char *words[64];
  snprintf(line, sizeof line,
           "ablate %s --n 600 --seq-len 64 --vocab 10:500 --isa scalar --threads 1 --memory 8M "
           "--circuit induction --threshold 0.5 --controls any-layer --seeds 1,2,3 --out %s",
           model, out);
  workshop_words(line, words);
  return support_start(words, "/dev/null", support_path("said"));
}

static void assert_said(const char *words)
{
  size_t size;
  char *said = support_read(support_path("said"), &size);
  workshop_contains(said, words);
  free(said);
}

/* In the screen, in the ablation, wherever it is. */
static void test_interrupted(void **state)
{
  const char *whole = workshop_path("whole.csv"), *pieces = workshop_path("pieces.csv");
  const char *partial = workshop_path("pieces.csv.partial"),
             *screen = workshop_path("pieces.csv.screen.partial");
  static const char model[] = CONFORMANCE "olmoe-f32/model";
  int interrupted = 0, code = 3;
  (void)state;
  if (support_emulated())
    skip();
  double begun = progress_clock();
  assert_int_equal(support_wait(start(model, whole), NULL), 0);
  double part = (progress_clock() - begun) / 4; /* seconds: machines differ, and their load */
  struct timespec pause = {(time_t)part, (long)((part - floor(part)) * 1e9)};
  for (int round = 0; round < 40 && code != 0 && interrupted < 6; round++) {
    pid_t child = start(model, pieces);
    nanosleep(&pause, NULL);
    kill(child, round % 2 ? SIGTERM : SIGINT);
    code = support_wait(child, NULL);
    assert_true(code == 0 || code == 3 || code > 128); /* on a busy machine it came too early */
    if (code == 3 && (access(partial, F_OK) == 0 || access(screen, F_OK) == 0)) {
      assert_said("interrupted");
      interrupted++;
    }
    assert_int_equal(access(pieces, F_OK) == 0, code == 0); /* no output before the end */
  }
  assert_true(interrupted >= 2);
  if (code)
    assert_int_equal(support_wait(start(model, pieces), NULL), 0);
  assert_true(access(partial, F_OK) != 0 && access(screen, F_OK) != 0);
  workshop_same_files(whole, pieces);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_published),        cmocka_unit_test(test_figures),
      cmocka_unit_test(test_as_published),     cmocka_unit_test(test_refused),
      cmocka_unit_test(test_figures_on_trust), cmocka_unit_test(test_one_hash),
      cmocka_unit_test(test_interrupted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
