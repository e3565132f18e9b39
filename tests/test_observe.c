/* Observations and the rows of the screen made of them. */
#include "support.h"

#include "base/json.h"
#include "base/random.h"
#include "npy_read.h"
#include "probe/observe.h"
#include "spectrum.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFORMANCE "tests/fixtures/conformance/"
#define SAVED 8 /* sequences in the fixtures' arrays */

static struct error error;

/* Attention rows and head outputs of n sequences, [n][n_layers][n_heads][seq_len or head_dim]. */
struct run {
  struct protocol protocol;
  struct batch batch;
  int n_layers, n_heads, head_dim;
  float *attention, *output;
};

static size_t heads_of(const struct run *run)
{
  return (size_t)run->n_layers * (size_t)run->n_heads;
}

static void run_allocate(struct run *run)
{
  size_t rows = (size_t)run->protocol.n * heads_of(run);
  assert_int_equal(batch_create(&run->protocol, &run->batch, &error), 0);
  run->attention = malloc(rows * (size_t)run->protocol.seq_len * sizeof(float));
  run->output = malloc(rows * (size_t)run->head_dim * sizeof(float));
  assert_true(run->attention && run->output);
}

static void run_free(struct run *run)
{
  batch_free(&run->batch);
  free(run->attention);
  free(run->output);
}

static const float *attention_of(const struct run *run, int64_t sequence, size_t index)
{
  return run->attention +
         ((size_t)sequence * heads_of(run) + index) * (size_t)run->protocol.seq_len;
}

static const float *output_of(const struct run *run, int64_t sequence, size_t index)
{
  return run->output + ((size_t)sequence * heads_of(run) + index) * (size_t)run->head_dim;
}

/* Pseudo-random softmax-like rows; heads differ in where they look. */
static void run_make(struct run *run, const struct protocol *protocol)
{
  *run = (struct run){.protocol = *protocol, .n_layers = 3, .n_heads = 4, .head_dim = 6};
  run_allocate(run);
  struct random random;
  random_seed(&random, 99);
  size_t T = (size_t)protocol->seq_len, rows = (size_t)protocol->n * heads_of(run);
  for (size_t r = 0; r < rows; r++) {
    for (size_t t = 0; t < T; t++)
      run->attention[r * T + t] = (float)(random_u32(&random) >> 8) * 0x1p-34f;
    run->attention[r * T + (r * 7) % T] = 0.7f;
    for (int d = 0; d < run->head_dim; d++)
      run->output[r * (size_t)run->head_dim + (size_t)d] =
          (float)(random_u32(&random) >> 8) * 0x1p-24f / (float)(d + 1);
  }
}

static void to_float(const char *folder, const char *name, size_t count, float *out)
{
  char path[256];
  snprintf(path, sizeof path, CONFORMANCE "%s/expected/%s", folder, name);
  struct npy npy = npy_read(path);
  assert_int_equal(npy.count, count);
  for (size_t i = 0; i < count; i++)
    out[i] = (float)npy.data[i];
  free(npy.data);
}

/* The first eight sequences of a conformance model, rounded to float. */
static void run_load(struct run *run, const char *folder)
{
  char path[256];
  json_t *meta;
  snprintf(path, sizeof path, CONFORMANCE "%s/expected/meta.json", folder);
  assert_int_equal(json_read_object(path, 1 << 20, &meta, &error), 0);
  const json_t *batch = json_object_get(meta, "batch");
  snprintf(path, sizeof path, CONFORMANCE "%s/expected/headout_last.npy", folder);
  struct npy shape = npy_read(path);
  *run = (struct run){.protocol = PROTOCOL_PUBLISHED,
                      .n_layers = (int)shape.shape[1],
                      .n_heads = (int)shape.shape[2],
                      .head_dim = (int)shape.shape[3]};
  run->protocol.n = SAVED;
  run->protocol.seq_len = json_integer_value(json_object_get(batch, "T"));
  run->protocol.vocab_lo = json_integer_value(json_object_get(batch, "lo"));
  run->protocol.vocab_hi = json_integer_value(json_object_get(batch, "hi"));
  run->protocol.seed = json_integer_value(json_object_get(batch, "seed"));
  run_allocate(run);
  size_t rows = SAVED * heads_of(run);
  to_float(folder, "attn_last.npy", rows * (size_t)run->protocol.seq_len, run->attention);
  to_float(folder, "headout_last.npy", rows * (size_t)run->head_dim, run->output);
  free(shape.data);
  json_decref(meta);
}

static struct observations *create(const struct run *run)
{
  struct observations *o;
  assert_int_equal(observations_create(&run->protocol, &run->batch, run->n_layers, run->n_heads,
                                       run->head_dim, &o, &error),
                   0);
  return o;
}

static void add(struct observations *o, const struct run *run, int64_t sequence, size_t index)
{
  int layer = (int)(index / (size_t)run->n_heads), head = (int)(index % (size_t)run->n_heads);
  observations_add_pattern(o, layer, sequence, head, attention_of(run, sequence, index));
  observations_add_output(o, layer, sequence, head, output_of(run, sequence, index));
}

static int finish(const struct observations *o, int threads, struct head_row *rows)
{
  struct threads *pool;
  assert_int_equal(threads_start(threads, &pool, &error), 0);
  int code = observations_finish(o, pool, rows, &error);
  threads_stop(pool);
  return code;
}

/* All rows, added sequence by sequence. */
static struct head_row *rows_of(const struct run *run)
{
  struct head_row *rows = calloc(heads_of(run), sizeof *rows);
  struct observations *o = create(run);
  assert_non_null(rows);
  for (int64_t i = 0; i < run->protocol.n; i++)
    for (size_t h = 0; h < heads_of(run); h++)
      add(o, run, i, h);
  assert_int_equal(finish(o, 1, rows), 0);
  observations_free(o);
  return rows;
}

/* The six means and the baseline of one head, straight from the protocol's text. */
static void plain_means(const struct run *run, size_t index, double means[7])
{
  int64_t T = run->protocol.seq_len, valid = 0;
  int32_t positions[50];
  assert_int_equal(batch_baseline_positions(T, 50, positions, &error), 0);
  memset(means, 0, 7 * sizeof *means);
  for (int64_t i = 0; i < run->protocol.n; i++) {
    const float *w = attention_of(run, i, index);
    if (run->batch.b_position[i] >= 0) {
      valid++;
      means[0] += (double)w[run->batch.b_position[i]];
      means[2] += (double)w[run->batch.ab[i]];
    }
    means[1] += (double)w[T - 2];
    means[3] += (double)w[0];
    means[4] += (double)w[T - 1];
    means[5] += ((double)w[T - 3] + (double)w[T - 4] + (double)w[T - 5] + (double)w[T - 6]) / 4;
    for (int k = 0; k < 50; k++)
      means[6] += (double)w[positions[k]] / 50;
  }
  for (int k = 0; k < 7; k++)
    means[k] /= (double)(k == 0 || k == 2 ? valid : run->protocol.n);
}

static void assert_close(double got, double expected, double relative)
{
  if (!(fabs(got - expected) <= relative * fabs(expected)))
    fail_msg("%.17g is not within %g of %.17g", got, relative, expected);
}

static void assert_rows(const struct run *run, const struct head_row *rows)
{
  int n = (int)run->protocol.n, count = n < run->head_dim ? n : run->head_dim;
  float *m = malloc((size_t)n * (size_t)run->head_dim * sizeof *m);
  double *squares = malloc((size_t)count * sizeof *squares);
  assert_true(m && squares);
  for (size_t h = 0; h < heads_of(run); h++) {
    double means[7];
    plain_means(run, h, means);
    assert_int_equal(rows[h].layer, (int)h / run->n_heads);
    assert_int_equal(rows[h].head, (int)h % run->n_heads);
    assert_close(rows[h].baseline, means[6], 1e-13);
    for (int k = 0; k < CLASS_COUNT; k++)
      assert_close(rows[h].selectivity[k], means[k] / fmax(means[6], 1e-8), 1e-12);
    assert_int_equal(rows[h].class, head_class_best(rows[h].selectivity));
    for (int i = 0; i < n; i++)
      memcpy(m + i * run->head_dim, output_of(run, i, h), (size_t)run->head_dim * sizeof *m);
    spectrum_of_gram(m, n, run->head_dim, squares);
    assert_close(rows[h].pr, spectrum_pr(squares, count), 1e-10);
  }
  free(m);
  free(squares);
}

static void conformance_models(void **state)
{
  (void)state;
  static const char *const folders[] = {"gpt_neox-parallel-f32", "olmo-clip-f32", "olmo-tied-bf16",
                                        "olmo-smooth-f32", "olmoe-f32"};
  for (size_t k = 0; k < sizeof folders / sizeof *folders; k++) {
    struct run run;
    run_load(&run, folders[k]);
    struct head_row *rows = rows_of(&run);
    assert_rows(&run, rows);
    free(rows);
    run_free(&run);
  }
}

/* 64 sequences with ids in [10, 40), of which 55 are valid. */
static const struct protocol some_invalid = {64, 64, 10, 40, 42, 500, 50, -1};

static void invalid_sequences(void **state)
{
  (void)state;
  struct run run;
  int invalid = 0;
  run_make(&run, &some_invalid);
  for (int i = 0; i < 64; i++)
    invalid += run.batch.b_position[i] < 0;
  assert_int_equal(invalid, 9);
  struct head_row *rows = rows_of(&run);
  assert_rows(&run, rows);
  free(rows);
  for (int i = 0; i < 64; i++)
    run.batch.b_position[i] = -1;
  rows = rows_of(&run);
  for (size_t h = 0; h < heads_of(&run); h++) {
    assert_true(rows[h].selectivity[CLASS_INDUCTION] == 0);
    assert_true(rows[h].selectivity[CLASS_DUPLICATE_TOKEN] == 0);
    assert_true(rows[h].selectivity[CLASS_SELF] > 0);
  }
  free(rows);
  run_free(&run);
}

struct adding {
  struct observations *observations;
  const struct run *run;
};

static void add_task(void *context, size_t index, int worker)
{
  (void)worker;
  const struct adding *adding = context;
  size_t heads = heads_of(adding->run);
  add(adding->observations, adding->run, (int64_t)(index / heads), index % heads);
}

/* Any order of adding and any number of threads give the same bits. */
static void order_and_threads(void **state)
{
  (void)state;
  struct run run;
  run_make(&run, &some_invalid);
  struct head_row *expected = rows_of(&run);
  size_t heads = heads_of(&run), total = 64 * heads;
  struct head_row *rows = calloc(heads, sizeof *rows);
  assert_non_null(rows);
  for (int threads = 1; threads <= 5; threads++) {
    struct observations *o = create(&run);
    struct adding adding = {o, &run};
    for (size_t i = 0; threads % 2 && i < total; i++) /* 5 and 768 have no common divisor */
      add_task(&adding, (total - 1 - i) * 5 % total, 0);
    struct threads *pool;
    assert_int_equal(threads_start(threads, &pool, &error), 0);
    if (threads % 2 == 0)
      threads_run(pool, total, add_task, &adding);
    assert_int_equal(observations_finish(o, pool, rows, &error), 0);
    threads_stop(pool);
    assert_memory_equal(rows, expected, heads * sizeof *rows);
    observations_free(o);
  }
  free(rows);
  free(expected);
  run_free(&run);
}

/* Only the first pr_n sequences enter the participation ratio. */
static void pr_rows(void **state)
{
  (void)state;
  struct protocol protocol = some_invalid;
  struct run run;
  double squares[6];
  float m[5 * 6];
  protocol.pr_n = 5;
  run_make(&run, &protocol);
  struct head_row *rows = rows_of(&run);
  for (size_t h = 0; h < heads_of(&run); h++) {
    for (int i = 0; i < 5; i++)
      memcpy(m + i * 6, output_of(&run, i, h), 6 * sizeof *m);
    spectrum_of_gram(m, 5, 6, squares);
    assert_close(rows[h].pr, spectrum_pr(squares, 5), 1e-10);
  }
  assert_int_equal(observations_bytes(&protocol, 3, 4, 6) - observations_bytes(&protocol, 3, 4, 5),
                   12 * 5 * sizeof(float));
  free(rows);
  run_free(&run);
}

static void classes(void **state)
{
  (void)state;
  double tie[] = {29, 40, 39, 40, 40, 1}, all[] = {50, 50, 50, 50, 50, 50};
  double edge[] = {0, 0, 0, 0, 0, 30}, under[] = {29.999, 29.999, 0, 0, 0, 0};
  assert_int_equal(head_class_best(tie), CLASS_PREVIOUS_TOKEN);
  assert_int_equal(head_class_best(all), CLASS_INDUCTION);
  assert_int_equal(head_class_best(edge), CLASS_LOCAL);
  assert_int_equal(head_class_best(under), CLASS_UNCLASSIFIED);
  assert_string_equal(head_class_name(CLASS_FIRST_TOKEN), "first_token");
  assert_string_equal(head_class_name(CLASS_UNCLASSIFIED), "unclassified");
}

static void missing_and_not_finite(void **state)
{
  (void)state;
  struct run run;
  struct head_row rows[12];
  run_make(&run, &some_invalid);
  struct observations *o = create(&run);
  for (int64_t i = 0; i < 64; i++)
    for (size_t h = 0; h < 12; h++)
      if (i != 3 || h != 6)
        add(o, &run, i, h);
  assert_int_equal(finish(o, 2, rows), EXIT_RUN);
  support_assert_error(&error, EXIT_RUN, "layer 1 head 2: the attention of sequence 3 is missing");
  ((float *)(uintptr_t)attention_of(&run, 3, 6))[63] = INFINITY;
  add(o, &run, 3, 6);
  assert_int_equal(finish(o, 2, rows), EXIT_RUN);
  support_assert_error(&error, EXIT_RUN, "layer 1 head 2: the attention of sequence 3");
  ((float *)(uintptr_t)attention_of(&run, 3, 6))[63] = 0;
  ((float *)(uintptr_t)output_of(&run, 3, 6))[5] = NAN;
  add(o, &run, 3, 6);
  assert_int_equal(finish(o, 2, rows), EXIT_RUN);
  support_assert_error(&error, EXIT_RUN, "layer 1 head 2: head outputs: singular values: ");
  observations_free(o);
  run_free(&run);
}

static void create_refusals(void **state)
{
  (void)state;
  static const int shapes[][3] = {{0, 4, 4}, {4, 0, 4}, {4, 4, 0}, {-1, 4, 4}};
  struct batch batch = {.n = 8, .seq_len = 64};
  struct protocol protocol = {8, 64, 10, 40, 42, 500, 50, -1};
  struct observations *o;
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(observations_create(&protocol, &batch, shapes[i][0], shapes[i][1],
                                         shapes[i][2], &o, &error),
                     EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, "is empty");
    assert_null(o);
  }
  assert_int_equal(observations_bytes(&protocol, INT_MAX, INT_MAX, INT_MAX), UINT64_MAX);
  assert_int_equal(observations_create(&protocol, &batch, INT_MAX, INT_MAX, 1, &o, &error),
                   EXIT_RUN);
  support_assert_error(&error, EXIT_RUN, "more than can be addressed");
  assert_int_equal(observations_create(&protocol, &batch, 1 << 28, 1 << 27, 1, &o, &error),
                   EXIT_RUN); /* fits 64 bits, but no memory */
  support_assert_error(&error, EXIT_RUN, "observations of the heads: ");
  protocol.baseline_n = 58;
  assert_int_equal(observations_create(&protocol, &batch, 2, 2, 4, &o, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "at most 57");
  observations_free(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conformance_models),
      cmocka_unit_test(invalid_sequences),
      cmocka_unit_test(order_and_threads),
      cmocka_unit_test(pr_rows),
      cmocka_unit_test(classes),
      cmocka_unit_test(create_refusals),
      cmocka_unit_test(missing_and_not_finite),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
