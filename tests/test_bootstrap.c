/* The bootstrap over sequences: against an independent implementation in float64, against its
 * definition written out, and the same bits and files however it is run. */
#include "support.h"

#include "base/quantile.h"
#include "fixture_csv.h"
#include "probe/bootstrap.h"
#include "probe/participation.h"
#include "spectrum.h"
#include "workshop.h"

#include <unistd.h>

#define REFERENCE "tests/fixtures/bootstrap.tar.zst:reference"
#define FIGURES_A_HEAD 8 /* rows of the file: six selectivities, pr, class_kept */

static struct error error;

struct reference {
  const char *model, *path, *batch;
  double bound, pr_bound;
};

/* Bounds: ten times what a float32 run of an independent implementation is off by (meta.json); of
 * the nursery as in test_nursery.c. */
static const struct reference references[] = {
    {"olmo-f32", "tests/fixtures/conformance/olmo-f32/model", "--n 64 --vocab 10:500", 5.8e-5,
     2.0e-5},
    {"olmo-tied-bf16", "tests/fixtures/conformance/olmo-tied-bf16/model", "--n 64 --vocab 10:40",
     3.9e-4, 3.6e-5},
    {"nursery-olmo/step2500", "manifests/nursery.tar.zst:nursery-olmo/step2500",
     "--n 200 --vocab 1:97", 1.6e-5, 1.6e-5}};

/* The row of a head's figure, or of the model's when layer is "". */
static size_t find_row(const struct fixture *f, const char *model, const char *layer,
                       const char *head, const char *figure)
{
  for (size_t r = 0; r < f->rows; r++)
    if ((!model || strcmp(fixture_text(f, r, "model"), model) == 0) &&
        strcmp(fixture_text(f, r, "figure"), figure) == 0 &&
        (!layer || (strcmp(fixture_text(f, r, "layer"), layer) == 0 &&
                    strcmp(fixture_text(f, r, "head"), head) == 0)))
      return r;
  fail_msg("%s has no row of layer %s head %s", figure, layer, head);
  return 0;
}

static struct interval interval_of(const struct fixture *f, size_t row)
{
  return (struct interval){fixture_number(f, row, "value"), fixture_number(f, row, "low"),
                           fixture_number(f, row, "high")};
}

static double difference(struct interval a, struct interval b)
{
  return fmax(fabs(a.value - b.value), fmax(fabs(a.low - b.low), fabs(a.high - b.high)));
}

/* Relative, but below one millionth of the baseline only absolutely: that is exp's tail. */
static double relative(struct interval a, struct interval b)
{
  return fmax(
      fabs(a.value - b.value) / fmax(b.value, 1e-6),
      fmax(fabs(a.low - b.low) / fmax(b.low, 1e-6), fabs(a.high - b.high) / fmax(b.high, 1e-6)));
}

static void compare_heads(const struct reference *r, const struct fixture *want,
                          const struct fixture *got)
{
  double worst = 0, worst_pr = 0;
  size_t compared = 0;
  for (size_t row = 0; row < want->rows; row++) {
    const char *figure = fixture_text(want, row, "figure");
    if (strcmp(fixture_text(want, row, "model"), r->model) != 0)
      continue;
    size_t at = find_row(got, NULL, fixture_text(want, row, "layer"),
                         fixture_text(want, row, "head"), figure);
    struct interval w = interval_of(want, row), g = interval_of(got, at);
    if (strcmp(figure, "pr") == 0) {
      struct interval reflected = {w.value, 2 * w.value - w.high, 2 * w.value - w.low};
      worst_pr = fmax(worst_pr, difference(g, reflected));
    } else {
      worst = fmax(worst, relative(g, w));
    }
    compared++;
  }
  print_message("  %-22s %zu figures: selectivity %.2e (bound %.2e), PR %.2e (bound %.2e)\n",
                r->model, compared, worst, r->bound, worst_pr, r->pr_bound);
  assert_int_equal(compared + got->rows / FIGURES_A_HEAD + MODEL_FIGURES, got->rows);
  assert_true(worst <= r->bound);
  assert_true(worst_pr <= r->pr_bound);
}

static void compare_model(const struct reference *r, const struct fixture *want,
                          const struct fixture *got, const json_t *json)
{
  static const char *const figures[] = {"share_first_token_ge_30", "heads_induction_ge_10",
                                        "heads_induction_ge_30"};
  for (size_t i = 0; i < 3; i++) {
    size_t row = find_row(want, r->model, NULL, NULL, figures[i]);
    struct interval w = interval_of(want, row);
    struct interval g = interval_of(got, find_row(got, NULL, "", "", figures[i]));
    assert_true(difference(w, g) == 0);
    assert_string_equal(fixture_text(want, row, "indices_sha256"),
                        json_string_value(json_object_get(json, "indices_sha256")));
  }
}

/* A file of the test's own folder, as a fixture. */
static struct fixture read_written(const char *name)
{
  return fixture_read(support_directory(), name);
}

static void test_reference_figures(void **state)
{
  (void)state;
  struct fixture heads = fixture_read(REFERENCE, "bootstrap.csv");
  struct fixture summary = fixture_read(REFERENCE, "bootstrap_summary.csv");
  for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
    const struct reference *r = &references[i];
    if (support_emulated() && i == 2)
      continue;
    free(workshop_run(EXIT_HELD, "screen %s %s --seq-len 64 --bootstrap 200 --out %s --json %s",
                      r->path, r->batch, support_path("r.csv"), support_path("r.json")));
    struct fixture got = read_written("r.bootstrap.csv");
    json_t *json = workshop_json(support_path("r.json"));
    const json_t *bootstrap = json_object_get(json, "bootstrap");
    assert_int_equal(json_integer_value(json_object_get(bootstrap, "resamples")), 200);
    assert_int_equal(json_array_size(json_object_get(bootstrap, "figures")), got.rows);
    compare_heads(r, &heads, &got);
    compare_model(r, &summary, &got, bootstrap);
    json_decref(json);
    fixture_free(&got);
  }
  fixture_free(&heads);
  fixture_free(&summary);
}

/* By hand, and where NumPy changes from one end to the other. */
static void test_quantiles(void **state)
{
  (void)state;
  double values[] = {3, 1, 4, 1, 5};
  quantile_sort(values, 5);
  assert_true(values[0] == 1 && values[1] == 1 && values[2] == 3 && values[4] == 5);
  assert_true(quantile_sorted(values, 5, 0) == 1 && quantile_sorted(values, 5, 1) == 5);
  assert_true(quantile_sorted(values, 5, 0.5) == 3);
  assert_true(quantile_sorted(values, 5, 0.4375) == 2.5);
  assert_true(quantile_sorted(values, 5, 0.3125) == 1.5);
  assert_true(quantile_sorted(values, 1, 0.975) == 1);
  /* numpy.percentile([0.1, 0.7], [30, 50, 97.5]) */
  const double two[] = {0.1, 0.7};
  assert_true(quantile_sorted(two, 2, 0.3) == 0.28);
  assert_true(quantile_sorted(two, 2, 0.5) == 0.39999999999999997);
  assert_true(quantile_sorted(two, 2, 0.975) == 0.68499999999999994);
}

#define ROWS 60
#define COLS 12

/* Columns of falling size; the last ones repeat the first when `rank` is smaller. */
static void make_matrix(float *m, int rows, int cols, int rank, struct random *random)
{
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++)
      m[i * cols + j] = j < rank
                            ? ((float)(random_u32(random) >> 8) * 0x1p-24f - 0.4f) / (float)(1 + j)
                            : m[i * cols + j - rank];
}

/* The matrix with its rows repeated, through the singular values of all of it. */
static void test_repeated_rows(void **state)
{
  (void)state;
  static const int shapes[][3] = {
      {ROWS, COLS, COLS}, {ROWS, COLS, 5}, {5, COLS, COLS}, {9, 1, 1}, {1, COLS, COLS}};
  static float m[ROWS * COLS], repeated[ROWS * COLS];
  static double scratch[(2 * ROWS + COLS + 2) * COLS];
  struct random random;
  random_seed(&random, 7);
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    const int rows = shapes[s][0], cols = shapes[s][1];
    uint32_t counts[ROWS] = {0};
    double want, got;
    make_matrix(m, rows, cols, shapes[s][2], &random);
    for (int i = 0; i < rows; i++)
      counts[random_integer(&random, 0, rows)]++;
    for (int i = 0, at = 0; i < rows; i++)
      for (uint32_t k = 0; k < counts[i]; k++, at++)
        memcpy(repeated + at * cols, m + i * cols, (size_t)cols * sizeof *m);
    assert_true(participation_scratch(rows, cols) <= sizeof scratch / sizeof *scratch);
    assert_int_equal(participation_ratio(repeated, rows, cols, &want, &error), 0);
    assert_int_equal(participation_repeated(m, rows, cols, counts, scratch, &got, &error), 0);
    assert_true(fabs(got / want - 1) <= 1e-12);
  }
  uint32_t none[ROWS] = {0};
  double pr;
  assert_int_equal(participation_repeated(m, ROWS, COLS, none, scratch, &pr, &error), 0);
  assert_true(pr == 1);
}

/* Our own result: it pins the bits for every compiler and instruction set. */
static void test_repeated_rows_bits(void **state)
{
  (void)state;
  static float m[ROWS * COLS];
  static double scratch[(2 * ROWS + COLS + 2) * COLS];
  uint32_t counts[ROWS];
  uint64_t bits;
  double pr;
  struct random random;
  random_seed(&random, 12345);
  make_matrix(m, ROWS, COLS, 10, &random);
  for (int i = 0; i < ROWS; i++)
    counts[i] = random_interval(&random, 3);
  assert_int_equal(participation_repeated(m, ROWS, COLS, counts, scratch, &pr, &error), 0);
  memcpy(&bits, &pr, sizeof bits);
  assert_int_equal(bits, UINT64_C(0x400266a4b0578618));
}

#define LAYERS 2
#define HEADS 3
#define ALL_HEADS (LAYERS * HEADS)
#define DIM 5
#define RESAMPLES 40

/* 55 of 64 sequences are valid, PR over 20. */
static const struct protocol protocol = {64, 64, 10, 40, 42, 20, 50, -1};

/* A made-up model: head h looks at its class's position now and then. */
static struct observations *observe(const struct batch *batch)
{
  struct observations *o;
  struct random random;
  float row[64], output[DIM];
  random_seed(&random, 3);
  assert_int_equal(observations_create(&protocol, batch, LAYERS, HEADS, DIM, &o, &error), 0);
  for (int64_t s = 0; s < protocol.n; s++)
    for (int h = 0; h < ALL_HEADS; h++) {
      for (int t = 0; t < 64; t++)
        row[t] = (float)(random_u32(&random) >> 8) * 0x1p-30f;
      if (random_interval(&random, 3) == 0)
        row[h == 0 ? (batch->b_position[s] < 0 ? 0 : batch->b_position[s]) : h < 3 ? 62 : 0] = 0.9f;
      for (int d = 0; d < DIM; d++)
        output[d] = row[d * 7 + h] - 0.01f;
      observations_add_pattern(o, h / HEADS, s, h % HEADS, row);
      observations_add_output(o, h / HEADS, s, h % HEADS, output);
    }
  return o;
}

/* All draws of a stream: drawn[b][i]. */
static void draw(uint32_t seed, int64_t n, int64_t *drawn)
{
  struct random random;
  random_seed(&random, seed);
  for (int64_t i = 0; i < RESAMPLES * n; i++)
    drawn[i] = random_integer(&random, 0, n);
}

static struct interval ends(double value, double *values)
{
  qsort(values, RESAMPLES, sizeof *values, spectrum_descending);
  double at = 0.025 * (RESAMPLES - 1), t = at - floor(at);
  int low = (int)floor(at);
  const double *end = values + RESAMPLES - 1;
  return (struct interval){value, end[-low] * (1 - t) + end[-low - 1] * t,
                           values[low] * (1 - t) + values[low + 1] * t};
}

/* The selectivities of head h from the sequences drawn, one after the other. */
static void plain_row(const struct observations *o, int h, const int64_t *drawn,
                      double selectivity[CLASS_COUNT])
{
  const struct observed of = observations_of(o, (size_t)h);
  double sums[OBSERVED_FIGURES] = {0}, valid = 0;
  for (int64_t i = 0; i < protocol.n; i++) {
    bool is_valid = of.b_position[drawn[i]] >= 0;
    valid += is_valid;
    for (int k = 0; k < OBSERVED_FIGURES; k++)
      if (is_valid || (k != CLASS_INDUCTION && k != CLASS_DUPLICATE_TOKEN))
        sums[k] += of.figures[drawn[i]][k];
  }
  double baseline = sums[OBSERVED_BASELINE] / (double)protocol.n;
  for (int k = 0; k < CLASS_COUNT; k++) {
    double n = k == CLASS_INDUCTION || k == CLASS_DUPLICATE_TOKEN ? valid : (double)protocol.n;
    selectivity[k] = sums[k] / n / baseline;
  }
}

static void assert_interval(struct interval got, struct interval want)
{
  if (!(difference(got, want) <= 1e-11 * fmax(fabs(want.value), fabs(want.high))))
    fail_msg("%.17g [%.17g, %.17g] where %.17g [%.17g, %.17g] was to come out", got.value, got.low,
             got.high, want.value, want.low, want.high);
}

static void check_head(const struct observations *o, const struct bootstrap *b,
                       const struct head_row *row, int h, const int64_t *drawn)
{
  static double values[CLASS_COUNT][RESAMPLES];
  double kept = 0;
  for (int k = 0; k < RESAMPLES; k++) {
    double selectivity[CLASS_COUNT];
    plain_row(o, h, drawn + k * protocol.n, selectivity);
    kept += head_class_best(selectivity) == row->class;
    for (int c = 0; c < CLASS_COUNT; c++)
      values[c][k] = selectivity[c];
  }
  for (int c = 0; c < CLASS_COUNT; c++)
    assert_interval(b->head[h].selectivity[c], ends(row->selectivity[c], values[c]));
  assert_true(fabs(b->head[h].class_kept - kept / RESAMPLES) < 1e-12);
}

static void check_pr(const struct observations *o, const struct bootstrap *b,
                     const struct head_row *row, int h, const int64_t *drawn)
{
  const struct observed of = observations_of(o, (size_t)h);
  double values[RESAMPLES], squares[DIM];
  float m[20 * DIM];
  assert_int_equal(of.pr_rows, 20);
  for (int k = 0; k < RESAMPLES; k++) {
    for (int i = 0; i < 20; i++)
      memcpy(m + i * DIM, of.outputs + drawn[k * 20 + i] * DIM, DIM * sizeof *m);
    spectrum_of_gram(m, 20, DIM, squares);
    values[k] = spectrum_pr(squares, DIM);
  }
  struct interval p = ends(row->pr, values);
  struct interval reflected = {p.value, 2 * p.value - p.high, 2 * p.value - p.low};
  if (!(difference(b->head[h].pr, reflected) <= 1e-9))
    fail_msg("head %d: PR %.17g [%.17g, %.17g]", h, p.value, p.low, p.high);
}

/* Everything from its definition, drawn sequence by drawn sequence. */
static void test_definition(void **state)
{
  (void)state;
  static int64_t drawn[RESAMPLES * 64], pr_drawn[RESAMPLES * 20];
  struct batch batch;
  struct head_row rows[ALL_HEADS];
  struct bootstrap b;
  struct threads *pool;
  double best[RESAMPLES], some_kept = 0;
  assert_int_equal(batch_create(&protocol, &batch, &error), 0);
  struct observations *o = observe(&batch);
  assert_int_equal(threads_start(2, &pool, &error), 0);
  assert_int_equal(observations_finish(o, pool, rows, &error), 0);
  assert_int_equal(bootstrap_run(o, rows, RESAMPLES, pool, NULL, &b, &error), 0);
  draw(BOOTSTRAP_SEED, 64, drawn);
  draw(BOOTSTRAP_PR_SEED, 20, pr_drawn);
  for (int h = 0; h < ALL_HEADS; h++) {
    check_head(o, &b, &rows[h], h, drawn);
    check_pr(o, &b, &rows[h], h, pr_drawn);
    some_kept += b.head[h].class_kept > 0 && b.head[h].class_kept < 1;
  }
  assert_true(some_kept > 0);
  for (int k = 0; k < RESAMPLES; k++) {
    best[k] = 0;
    for (int h = 0; h < ALL_HEADS; h++) {
      double selectivity[CLASS_COUNT];
      plain_row(o, h, drawn + k * 64, selectivity);
      best[k] += (head_class_best(selectivity) == CLASS_FIRST_TOKEN) / (double)ALL_HEADS;
    }
  }
  double share = 0;
  for (int h = 0; h < ALL_HEADS; h++)
    share += (rows[h].class == CLASS_FIRST_TOKEN) / (double)ALL_HEADS;
  assert_interval(b.model[MODEL_SHARE_FIRST_TOKEN_BEST], ends(share, best));
  bootstrap_free(&b);
  observations_free(o);
  batch_free(&batch);
  threads_stop(pool);
}

static void test_means(void **state)
{
  (void)state;
  static const double hits[] = {1, 0, 0, 1, 1, 0, 1}, twice[] = {2, 0, 0, 2, 2, 0, 2},
                      same[] = {3, 3, 3, 3, 3, 3, 3};
  const double *const series[] = {hits, twice, same};
  struct interval got[3];
  int64_t drawn[RESAMPLES * 7];
  double values[RESAMPLES] = {0};
  draw(BOOTSTRAP_SEED, 7, drawn);
  for (int i = 0; i < RESAMPLES * 7; i++)
    values[i / 7] += hits[drawn[i]] / 7;
  assert_int_equal(bootstrap_means(series, 3, 7, RESAMPLES, got, &error), 0);
  assert_interval(got[0], ends(4.0 / 7, values));
  assert_true(got[0].low < got[0].value && got[0].value < got[0].high);
  assert_true(got[1].low == 2 * got[0].low && got[1].high == 2 * got[0].high);
  assert_true(got[2].value == 3 && got[2].low == 3 && got[2].high == 3);
}

#define MODEL WORKSHOP_MODEL " " WORKSHOP_PROTOCOL

static void test_same_bytes_on_every_isa_and_thread_count(void **state)
{
  (void)state;
  static const char *const ways[] = {"--threads 1", "--threads 3", "--isa scalar",
                                     "--memory 6M --threads 2"};
  free(workshop_run(EXIT_HELD, "screen " MODEL " --bootstrap 30 --out %s",
                    support_path("first.csv")));
  free(workshop_run(EXIT_HELD, "screen " MODEL " --out %s", support_path("without.csv")));
  workshop_same_files(support_path("first.csv"), support_path("without.csv"));
  assert_int_equal(access(support_path("without.bootstrap.csv"), F_OK), -1);
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    free(workshop_run(EXIT_HELD, "screen " MODEL " --bootstrap 30 --out %s %s",
                      support_path("again.csv"), ways[i]));
    workshop_same_files(support_path("first.bootstrap.csv"), support_path("again.bootstrap.csv"));
    workshop_same_files(support_path("first.csv"), support_path("again.csv"));
  }
}

static void test_refusals(void **state)
{
  (void)state;
  const char *csv = support_path("x.csv");
  free(workshop_refuse(EXIT_INPUT, "from 1 to 10000", "screen " MODEL " --bootstrap 0"));
  free(workshop_refuse(EXIT_INPUT, "from 1 to 10000", "screen " MODEL " --bootstrap 10001"));
  free(workshop_refuse(EXIT_INPUT, "the intervals of --out",
                       "screen " MODEL " --bootstrap 3 --out %s --json %s", csv,
                       support_path("x.bootstrap.csv")));
  assert_int_equal(access(csv, F_OK), -1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reference_figures),
      cmocka_unit_test(test_quantiles),
      cmocka_unit_test(test_repeated_rows),
      cmocka_unit_test(test_repeated_rows_bits),
      cmocka_unit_test(test_definition),
      cmocka_unit_test(test_means),
      cmocka_unit_test(test_same_bytes_on_every_isa_and_thread_count),
      cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
