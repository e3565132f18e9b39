/* attest ordinary: against plain sums over whole patterns, against the screen, and the same bits.
 */
#include "workshop.h"

#include "study/ordinary.h"

#include "checkpoint/checkpoint.h"
#include "pass/forward.h"
#include "probe/batch.h"

enum { N = 12, T = 64 };

static const struct protocol protocol = {N, T, 10, 500, 42, N, 50, -1};

/* The whole pattern of every layer, head and sequence. */
struct patterns {
  size_t heads;
  float (*rows)[T]; /* [layer][head][sequence][query] */
};

static void keep(void *context, const struct hook_value *v, const float *data)
{
  const struct patterns *p = context;
  size_t at = ((v->site.layer * p->heads + v->site.head) * N + v->sequence) * T + v->position;
  memcpy(p->rows[at], data, v->count * sizeof *data);
}

static void run_patterns(const struct model *model, const struct batch *batch,
                         const struct runtime *runtime, struct patterns *p)
{
  struct error error = {0};
  const struct hook hook = {.site = {SITE_PATTERN, SITE_ALL, SITE_ALL},
                            .positions = {.kind = POSITIONS_ALL},
                            .read = keep,
                            .context = p};
  const struct forward_options options = {.kernels = runtime->kernels,
                                          .threads = runtime->threads,
                                          .memory = runtime->memory,
                                          .hooks = {&hook, 1}};
  p->heads = model->config.heads;
  p->rows = calloc(model->config.layers * p->heads * N * T, sizeof *p->rows);
  assert_non_null(p->rows);
  if (forward_run(model, batch->tokens, N, T, &options, &error))
    fail_msg("%s", error.text);
}

static void assert_near(double found, double expected, const char *what, size_t head)
{
  if (!(fabs(found - expected) <= 1e-12 * fabs(expected)))
    fail_msg("%s of head %zu: %.17g instead of %.17g", what, head, found, expected);
}

static void check_head(const struct patterns *p, const struct batch *batch, const int32_t *baseline,
                       const struct ordinary_row *row, size_t head)
{
  double first = 0, apart = 0, induction = 0, valid = 0;
  for (size_t i = 0; i < N; i++) {
    float(*rows)[T] = p->rows + (head * N + i) * T;
    double sum = 0, count = 0;
    for (size_t q = T - 2; q > 0; q--)
      first += (double)rows[q][0] / (N * (T - 2));
    for (size_t k = 0; k < 50; k++)
      if (abs(baseline[k] - batch->ab[i]) > 1) {
        sum += (double)rows[T - 1][baseline[k]];
        count++;
      }
    apart += sum / count / N;
    if (batch->b_position[i] >= 0) {
      induction += (double)rows[T - 1][batch->ab[i] + 1];
      valid++;
    }
  }
  assert_near(row->first, first, "first", head);
  assert_near(row->baseline_apart, apart, "baseline_apart", head);
  assert_near(row->induction_apart, induction / valid / apart, "induction_apart", head);
}

static void figures_are_sums_over_patterns(void **state)
{
  const struct common_options options = {.threads = 2};
  struct runtime runtime = {0};
  struct checkpoint *checkpoint;
  struct model model;
  struct batch batch;
  struct patterns p;
  struct ordinary_row *rows;
  struct error error = {0};
  int32_t baseline[50];
  size_t count = 0;
  (void)state;
  if (runtime_start(&options, &runtime, &error) ||
      checkpoint_open(WORKSHOP_MODEL, &checkpoint, &error) ||
      model_load(checkpoint, &model, &error) || batch_create(&protocol, &batch, &error) ||
      batch_baseline_positions(T, 50, baseline, &error) ||
      ordinary_run(WORKSHOP_MODEL, &protocol, &runtime, &rows, &count, &error))
    fail_msg("%s", error.text);
  run_patterns(&model, &batch, &runtime, &p);
  assert_int_equal(count, model.config.layers * model.config.heads);
  for (size_t head = 0; head < count; head++) {
    assert_int_equal(rows[head].layer * (int)model.config.heads + rows[head].head, head);
    check_head(&p, &batch, baseline, &rows[head], head);
  }
  free(rows);
  free(p.rows);
  batch_free(&batch);
  model_free(&model);
  checkpoint_close(checkpoint);
  runtime_stop(&runtime);
}

static void same_bits_however_it_is_run(void **state)
{
  static const char *const ways[] = {"--threads 1 --isa scalar", "--threads 3 --memory 8M"};
  const char *path = workshop_path("way.csv"), *first = workshop_path("first.csv");
  (void)state;
  free(
      workshop_run(0, "ordinary " WORKSHOP_MODEL " " WORKSHOP_PROTOCOL " --quiet --out %s", first));
  for (size_t i = 0; i < 2; i++) {
    free(workshop_run(0, "ordinary " WORKSHOP_MODEL " " WORKSHOP_PROTOCOL " --quiet %s --out %s",
                      ways[i], path));
    workshop_same_files(first, path);
  }
}

static void wrong_requests_are_refused(void **state)
{
  (void)state;
  free(workshop_refuse(EXIT_INPUT, "MODEL_DIR is missing", "ordinary --quiet"));
  free(workshop_refuse(EXIT_INPUT, "token ids", "ordinary " WORKSHOP_MODEL " --quiet"));
  free(workshop_refuse(EXIT_INPUT, "no-model", "ordinary no-model --quiet"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(figures_are_sums_over_patterns),
      cmocka_unit_test(same_bits_however_it_is_run),
      cmocka_unit_test(wrong_requests_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
