/* Hooks: the names of sites, what each of them is, that reading changes no bit, and writing. */
#include "passing.h"

#include "probe/batch.h"
#include "probe/observe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    "embedding",
    "layers.0.attention.3.key",
    "layers.12.attention.0.value",
    "layers.3.attention.5.query",
    "layers.3.attention.5.scores",
    "layers.3.attention.5.pattern",
    "layers.3.attention.5.output",
    "layers.3.attention.output",
    "layers.*.mlp.output",
    "layers.2147483647.residual",
    "final_norm",
    "logits",
    "layers.*.attention.*.output",
    "layers.*.attention.7.pattern",
};

static void test_names(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct site site;
    struct error error = {0};
    char name[SITE_NAME_SIZE];
    assert_int_equal(site_parse(names[i], &site, &error), 0);
    assert_string_equal(site_format(&site, name), names[i]);
  }
  struct site site;
  struct error error = {0};
  assert_int_equal(site_parse("layers.3.attention.5.output", &site, &error), 0);
  assert_int_equal(site.kind, SITE_HEAD_OUTPUT);
  assert_true(site.layer == 3 && site.head == 5);
  assert_int_equal(site_parse("layers.*.residual", &site, &error), 0);
  assert_true(site.kind == SITE_RESIDUAL && site.layer == SITE_ALL && site.head == 0);
}

static void test_hostile_names(void **state)
{
  static const char *const hostile[] = {
      "",
      " ",
      "embedding ",
      " embedding",
      "Embedding",
      "embedding.0",
      "logits.",
      "layers",
      "layers.",
      "layers..residual",
      "layers.-1.residual",
      "layers.+1.residual",
      "layers.03.residual",
      "layers.3",
      "layers.3.",
      "layers.3.residual.",
      "layers.3.residual.5",
      "layers.3.attention",
      "layers.3.attention.5",
      "layers.3.attention.5.",
      "layers.3.attention..output",
      "layers.3.attention.5.outputs",
      "layers.3.attention.output.5",
      "layers.3.attention.**.output",
      "layers.1e1.residual",
      "layers.0x1.residual",
      "layers.2147483648.residual",
      "layers.18446744073709551615.residual",
      "layers.99999999999999999999999999.residual",
      "layers.%zu.residual",
      "layers.3.mlp.0.output",
      "layers.#.residual",
      "layers.3.attention.5.out\nput",
      "\xff\xfe",
  };
  char endless[5000];
  struct site site;
  (void)state;
  for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
    struct error error = {0};
    assert_int_equal(site_parse(hostile[i], &site, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, "not a site; there are embedding, layers.L.");
  }
  memset(endless, '9', sizeof endless - 1);
  endless[sizeof endless - 1] = 0;
  memcpy(endless, "layers.", 7);
  struct error error = {0};
  assert_int_equal(site_parse(endless, &site, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "or * for all");
}

static void ignore(void *context, const struct hook_value *value, const float *data)
{
  (void)context;
  (void)value;
  (void)data;
}

/* What planning a pass says of a hook. */
static struct error refused(const struct passing *p, const struct hook *hook)
{
  struct error error = {0};
  struct forward_plan plan;
  struct forward_options options = {.threads = p->threads, .hooks = {hook, 1}, .memory = p->memory};
  assert_int_equal(forward_plan(&p->model, 2, PASSING_T, &options, &plan, &error), EXIT_INPUT);
  return error;
}

static void test_sites_that_the_model_lacks(void **state)
{
  static const size_t beyond[] = {3, PASSING_T}, twice[] = {4, 4}, good[] = {0, PASSING_T - 1};
  struct passing p;
  (void)state;
  passing_open_grouped(&p); /* 3 layers, 4 heads, 2 of keys and values */
  struct hook hook = {.site = {SITE_RESIDUAL, 3, 0}, .read = ignore};
  struct error error = refused(&p, &hook);
  support_assert_error(&error, EXIT_INPUT, "layers.3.residual: the model has 3 layers, 0 to 2");
  hook.site = (struct site){SITE_QUERY, SITE_ALL, 4};
  error = refused(&p, &hook);
  support_assert_error(&error, EXIT_INPUT,
                       "layers.*.attention.4.query: the model has 4 heads, 0 to 3");
  hook.site = (struct site){SITE_VALUE, 0, 2};
  error = refused(&p, &hook);
  support_assert_error(&error, EXIT_INPUT, "the model has 2 key-value heads, 0 to 1");
  hook.site = (struct site){SITE_LOGITS, 0, 0};
  hook.positions = (struct positions){POSITIONS_LIST, beyond, 2};
  error = refused(&p, &hook);
  support_assert_error(&error, EXIT_INPUT, "logits: position 44: positions must ascend and");
  hook.positions.list = twice;
  error = refused(&p, &hook);
  support_assert_error(&error, EXIT_INPUT, "logits: position 4: positions must ascend");
  hook.positions.list = good;
  passing_run(&p, &hook, 1, 1);
  passing_close(&p);
}

/* A screen's rows; the batch's own tokens do not matter here. */
struct screened {
  struct batch batch;
  struct observations *observations;
  struct hook hooks[OBSERVATION_HOOKS];
  struct head_row *rows;
};

static void screen_start(const struct passing *p, struct screened *s)
{
  const struct protocol protocol = {PASSING_N, PASSING_T, 1, 60, 42, PASSING_N, 10, -1};
  const struct model_config *c = &p->model.config;
  struct error error = {0};
  if (batch_create(&protocol, &s->batch, &error) ||
      observations_create(&protocol, &s->batch, (int)c->layers, (int)c->heads, (int)c->head_dim,
                          &s->observations, &error))
    fail_msg("%s", error.text);
  observations_hooks(s->observations, s->hooks);
}

static struct head_row *screen_finish(const struct passing *p, struct screened *s)
{
  struct error error = {0};
  struct head_row *rows = calloc(p->model.config.layers * p->model.config.heads, sizeof *rows);
  assert_non_null(rows);
  if (observations_finish(s->observations, p->threads, rows, &error))
    fail_msg("%s", error.text);
  observations_free(s->observations);
  batch_free(&s->batch);
  return rows;
}

/* The rows of a screen that reads one more site everywhere, behind or in front of it. */
static struct head_row *screen_beside(const struct passing *p, const struct hook *more, bool front)
{
  struct screened s;
  struct hook hooks[OBSERVATION_HOOKS + 1];
  size_t at = front ? 1 : 0;
  screen_start(p, &s);
  memcpy(hooks + at, s.hooks, sizeof s.hooks);
  hooks[front ? 0 : OBSERVATION_HOOKS] = *more;
  passing_run(p, hooks, OBSERVATION_HOOKS + 1, PASSING_N);
  return screen_finish(p, &s);
}

/* Memory for one sequence at a time, without tables. */
static uint64_t least_memory(const struct passing *p, const struct hook *hooks, size_t count)
{
  struct error error = {0};
  struct forward_options options = {.threads = p->threads, .hooks = {hooks, count}};
  struct forward_plan plan;
  for (options.memory = 65536;; options.memory += 16384) {
    error.code = 0;
    if (!forward_plan(&p->model, PASSING_N, PASSING_T, &options, &plan, &error))
      return options.memory;
  }
}

static void check_reading(struct passing *p, enum site_kind kind, const struct head_row *plain)
{
  size_t bytes = p->model.config.layers * p->model.config.heads * sizeof *plain;
  struct capture all, again;
  struct hook hook = capture_start(&all, &p->model.config, kind, PASSING_N);
  struct head_row *rows = screen_beside(p, &hook, true);
  assert_memory_equal(rows, plain, bytes);
  free(rows);
  for (size_t i = 0; i < all.layers * all.heads * PASSING_N * PASSING_T; i++)
    assert_int_equal(all.seen[i], (all.width + 1023) / 1024); /* strips of logits */
  /* In chunks of one sequence and alone: the same values. */
  hook = capture_start(&again, &p->model.config, kind, PASSING_N);
  uint64_t memory = p->memory;
  p->memory = least_memory(p, &hook, 1);
  passing_run(p, &hook, 1, PASSING_N);
  p->memory = memory;
  capture_assert_equal(&all, &again);
  capture_free(&all);
  capture_free(&again);
}

static void test_reading_changes_no_bit(void **state)
{
  (void)state;
  for (size_t i = 0; i <= passing_count(); i++) {
    struct passing p;
    struct screened s;
    passing_open_any(i, false, &p);
    screen_start(&p, &s);
    passing_run(&p, s.hooks, OBSERVATION_HOOKS, PASSING_N);
    struct head_row *plain = screen_finish(&p, &s);
    for (int kind = SITE_EMBEDDING; kind <= SITE_LOGITS; kind++)
      check_reading(&p, (enum site_kind)kind, plain);
    free(plain);
    passing_close(&p);
  }
}

#define KINDS (SITE_LOGITS + 1)

/* All sites of a pass. */
static void capture_everything(const struct passing *p, struct capture all[KINDS])
{
  struct hook hooks[KINDS];
  for (int kind = 0; kind < KINDS; kind++)
    hooks[kind] = capture_start(&all[kind], &p->model.config, (enum site_kind)kind, PASSING_N);
  passing_run(p, hooks, KINDS, PASSING_N);
}

static void free_everything(struct capture all[KINDS])
{
  for (int kind = 0; kind < KINDS; kind++)
    capture_free(&all[kind]);
}

/* One head, sequence and query: scores from queries and keys, weights from scores, output from
 * weights and values. */
static void check_head(const struct capture all[KINDS], const struct model_config *c, size_t layer,
                       size_t head, size_t s, size_t i)
{
  size_t shared = head / (c->heads / c->kv_heads);
  const float *scores = capture_at(&all[SITE_SCORES], layer, head, s, i);
  const float *pattern = capture_at(&all[SITE_PATTERN], layer, head, s, i);
  const float *query = capture_at(&all[SITE_QUERY], layer, head, s, i);
  float softmax[PASSING_T];
  memcpy(softmax, scores, sizeof softmax);
  kernels_scalar.softmax(softmax, i + 1, 1.0f);
  assert_memory_equal(softmax, pattern, sizeof softmax); /* zeros past the query in both */
  for (size_t j = 0; j <= i; j++) {
    const float *key = capture_at(&all[SITE_KEY], layer, shared, s, j);
    double dot = 0, size = 0;
    for (size_t k = 0; k < c->head_dim; k++) {
      dot += (double)query[k] * (double)key[k];
      size += fabs((double)query[k] * (double)key[k]);
    }
    assert_true(fabs(dot / sqrt((double)c->head_dim) - (double)scores[j]) <= 1e-5 * size);
  }
  for (size_t k = 0; k < c->head_dim; k++) {
    double sum = 0, size = 0;
    for (size_t j = 0; j <= i; j++) {
      double term =
          (double)pattern[j] * (double)capture_at(&all[SITE_VALUE], layer, shared, s, j)[k];
      sum += term;
      size += fabs(term);
    }
    float output = capture_at(&all[SITE_HEAD_OUTPUT], layer, head, s, i)[k];
    assert_true(fabs(sum - (double)output) <= 1e-5 * size);
  }
}

/* The residual stream moves on by attention and MLP, to the bit. */
static void check_stream(const struct capture all[KINDS], const struct model_config *c,
                         size_t layer, size_t s, size_t i)
{
  float stream[256];
  const float *before = layer ? capture_at(&all[SITE_RESIDUAL], layer - 1, 0, s, i)
                              : capture_at(&all[SITE_EMBEDDING], 0, 0, s, i);
  const float *attention = capture_at(&all[SITE_ATTENTION_OUTPUT], layer, 0, s, i);
  const float *mlp = capture_at(&all[SITE_MLP_OUTPUT], layer, 0, s, i);
  assert_true(c->hidden <= 256);
  memcpy(stream, before, c->hidden * sizeof *stream);
  if (c->parallel_residual) {
    kernels_scalar.add3(mlp, attention, stream, c->hidden);
  } else {
    kernels_scalar.add(attention, stream, c->hidden);
    kernels_scalar.add(mlp, stream, c->hidden);
  }
  assert_memory_equal(stream, capture_at(&all[SITE_RESIDUAL], layer, 0, s, i),
                      c->hidden * sizeof *stream);
}

/* Output projection and LM head of some elements, in double. */
static void check_product(const float *x, size_t k, const struct linear *linear, const float *y,
                          size_t n)
{
  struct error error = {0};
  float row[256], bias = 0;
  for (size_t j = 0; j < n; j += 13) {
    double sum = 0, size = 1e-3;
    assert_true(k <= 256);
    assert_int_equal(model_widen(linear->weight, j * k, k, row, &error), 0);
    assert_int_equal(linear->bias ? model_widen(linear->bias, j, 1, &bias, &error) : 0, 0);
    for (size_t i = 0; i < k; i++) {
      sum += (double)row[i] * (double)x[i];
      size += fabs((double)row[i] * (double)x[i]);
    }
    assert_true(fabs(sum + (double)bias - (double)y[j]) <= 1e-5 * size);
  }
}

static void check_projection(const struct capture all[KINDS], const struct model *model,
                             size_t layer, size_t s, size_t i)
{
  const struct model_config *c = &model->config;
  float heads[256];
  for (size_t head = 0; head < c->heads; head++)
    memcpy(heads + head * c->head_dim, capture_at(&all[SITE_HEAD_OUTPUT], layer, head, s, i),
           c->head_dim * sizeof *heads);
  check_product(heads, c->hidden, &model->layers[layer].output,
                capture_at(&all[SITE_ATTENTION_OUTPUT], layer, 0, s, i), c->hidden);
}

static void test_what_sites_are(void **state)
{
  (void)state;
  for (size_t m = 0; m <= passing_count(); m++) {
    struct passing p;
    struct capture all[KINDS];
    passing_open_any(m, false, &p);
    const struct model_config *c = &p.model.config;
    capture_everything(&p, all);
    for (size_t s = 0; s < PASSING_N; s += 5)
      for (size_t i = 0; i < PASSING_T; i++) {
        for (size_t layer = 0; layer < c->layers; layer++) {
          for (size_t head = 0; head < c->heads; head++)
            check_head(all, c, layer, head, s, i);
          check_stream(all, c, layer, s, i);
          check_projection(all, &p.model, layer, s, i);
        }
        check_product(capture_at(&all[SITE_FINAL_NORM], 0, 0, s, i), c->hidden, &p.model.lm_head,
                      capture_at(&all[SITE_LOGITS], 0, 0, s, i), c->vocab);
      }
    free_everything(all);
    passing_close(&p);
  }
}

/* Positions and sequences that were not asked for are not shown; the others are the same. */
static void test_positions_and_sequences(void **state)
{
  static const size_t list[] = {0, 7, 8, PASSING_T - 2};
  (void)state;
  for (size_t m = 0; m <= passing_count(); m++)
    for (int kind = 0; kind < KINDS; kind++)
      for (int which = POSITIONS_LAST; which <= POSITIONS_LIST; which++) {
        struct passing p;
        struct capture all, part;
        passing_open_any(m, false, &p);
        struct hook hook = capture_start(&all, &p.model.config, (enum site_kind)kind, PASSING_N);
        passing_run(&p, &hook, 1, PASSING_N);
        hook = capture_start(&part, &p.model.config, (enum site_kind)kind, PASSING_N);
        hook.positions = (struct positions){(enum positions_kind)which, list, 4};
        hook.first = 3;
        hook.end = 5;
        passing_run(&p, &hook, 1, PASSING_N);
        for (size_t s = 0; s < PASSING_N; s++)
          for (size_t i = 0; i < PASSING_T; i++) {
            bool listed = i == 0 || i == 7 || i == 8 || i == PASSING_T - 2;
            bool wanted =
                (s == 3 || s == 4) && (which == POSITIONS_LAST ? i == PASSING_T - 1 : listed);
            size_t layer = all.layers - 1, head = all.heads - 1;
            assert_int_equal(capture_seen(&part, layer, head, s, i),
                             wanted ? capture_seen(&all, layer, head, s, i) : 0);
            if (wanted)
              assert_memory_equal(capture_at(&part, layer, head, s, i),
                                  capture_at(&all, layer, head, s, i), all.width * sizeof(float));
          }
        capture_free(&all);
        capture_free(&part);
        passing_close(&p);
      }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_hostile_names),
      cmocka_unit_test(test_sites_that_the_model_lacks),
      cmocka_unit_test(test_reading_changes_no_bit),
      cmocka_unit_test(test_what_sites_are),
      cmocka_unit_test(test_positions_and_sequences),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
