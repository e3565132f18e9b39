/* Intervals of the figures of an ablation, from the definition of the bootstrap. */
#include "support.h"

#include "base/random.h"
#include "circuit/ablation_intervals.h"
#include "circuit/ablation_state.h"
#include "workshop.h"

#include <math.h>

#define N 40
#define RESAMPLES 60
#define VOCAB 8

static struct error error;

/* Sequence i under a condition: its target is first, second or last of eight tokens. */
static void fill(struct target *target, int rank, float boost)
{
  float logits[VOCAB];
  for (int t = 0; t < VOCAB; t++)
    logits[t] = (float)(VOCAB - t) + (t == rank ? boost : 0);
  target_start(target, rank);
  target_add(target, 0, VOCAB, logits);
}

/* The sums of values over every resample, ascending. */
static void sums(const double *values, double *to)
{
  struct random random;
  random_seed(&random, 2027);
  for (int b = 0; b < RESAMPLES; b++) {
    to[b] = 0;
    for (int i = 0; i < N; i++)
      to[b] += values[random_integer(&random, 0, N)];
  }
  for (int b = 1; b < RESAMPLES; b++) /* insertion sort */
    for (int k = b; k > 0 && to[k] < to[k - 1]; k--) {
      double other = to[k];
      to[k] = to[k - 1];
      to[k - 1] = other;
    }
}

static void assert_interval(struct interval got, const double *values, double scale)
{
  double all[RESAMPLES], value = 0, at = 0.025 * (RESAMPLES - 1), t = at - floor(at);
  int low = (int)floor(at), high = RESAMPLES - 1 - low;
  for (int i = 0; i < N; i++)
    value += values[i];
  sums(values, all);
  assert_true(fabs(got.value - value * scale) < 1e-9);
  assert_true(fabs(got.low - ((1 - t) * all[low] + t * all[low + 1]) * scale) < 1e-9);
  assert_true(fabs(got.high - ((1 - t) * all[high] + t * all[high - 1]) * scale) < 1e-9);
}

static void test_counts_changes_and_means(void **state)
{
  (void)state;
  struct condition list[3] = {{.control = CONTROL_BASELINE},
                              {.control = CONTROL_CIRCUIT},
                              {.control = CONTROL_MATCHED_RANDOM}};
  const struct conditions conditions = {.list = list, .count = 3};
  const struct batch batch = {.n = N};
  struct ablated sets[2] = {{.done = N}, {.done = N}};
  size_t set_of[3] = {0, 1, SIZE_MAX};
  static struct target targets[2 * N];
  const struct ablation ablation = {&conditions, &batch, sets, set_of, targets, 2};
  struct ablation_intervals got[3];
  double top1[N], top5[N], change[N], logit[N], cross[N];
  for (int i = 0; i < N; i++) {
    int before = i % 3 ? 0 : 7, after = i % 4 ? 7 : i % 8 ? 1 : 0;
    fill(&targets[i], before, 0);
    fill(&targets[N + i], after, (float)i * 0.01f);
    top1[i] = after == 0;
    top5[i] = after < 5;
    change[i] = top1[i] - (before == 0);
    logit[i] = (double)targets[N + i].logit;
    cross[i] = target_cross_entropy(&targets[N + i]);
  }
  assert_int_equal(ablation_intervals(&ablation, RESAMPLES, got, &error), 0);
  assert_interval(got[1].top1, top1, 1);
  assert_interval(got[1].top5, top5, 1);
  assert_interval(got[1].top1_change, change, 1);
  assert_interval(got[1].target_logit, logit, 1.0 / N);
  assert_interval(got[1].cross_entropy, cross, 1.0 / N);
  assert_true(got[1].top1_change.low < got[1].top1_change.high && got[1].top1_change.high < 0);
  assert_true(got[1].top1.value == floor(got[1].top1.value)); /* a count, exactly */
  assert_true(got[0].top1_change.low == 0 && got[0].top1_change.high == 0);
  assert_true(isnan(got[2].top1.value) && isnan(got[2].cross_entropy.high));
}

#define ABLATE                                                                                     \
  "ablate " WORKSHOP_MODEL " --n 40 --seq-len 64 --vocab 10:500 --heads L1H3,L0H1 "                \
  "--controls any-layer "

/* Beside the figures, whose files stay as they are, whatever it runs on. */
static void test_files(void **state)
{
  (void)state;
  static const char *const ways[] = {"--threads 1", "--threads 3 --isa scalar"};
  const char *plain = workshop_path("plain.csv"), *csv = workshop_path("a.csv");
  const char *again = workshop_path("b.csv"), *report = workshop_path("a.json");
  free(workshop_run(EXIT_HELD, ABLATE "--out %s", plain));
  free(workshop_run(EXIT_HELD, ABLATE "--out %s --bootstrap 50 --json %s", csv, report));
  workshop_same_files(plain, csv);
  json_t *json = workshop_json(report), *rows = json_object_get(json, "intervals");
  assert_int_equal(json_array_size(rows), 3 * 5);
  assert_int_equal(json_integer_value(json_object_get(json, "resamples")), 50);
  const json_t *baseline = json_array_get(json_object_get(json, "conditions"), 0);
  assert_true(json_number_value(json_object_get(json_array_get(rows, 0), "value")) ==
              json_number_value(json_object_get(baseline, "top1")));
  assert_true(json_number_value(json_object_get(json_array_get(rows, 3), "value")) ==
              json_number_value(json_object_get(baseline, "cross_entropy")));
  json_decref(json);
  for (size_t i = 0; i < 2; i++) {
    free(workshop_run(EXIT_HELD, ABLATE "--out %s --bootstrap 50 %s", again, ways[i]));
    workshop_same_files(workshop_path("a.bootstrap.csv"), workshop_path("b.bootstrap.csv"));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts_changes_and_means),
                                     cmocka_unit_test(test_files)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
