/* Scores and patched runs of models of every family, made up: what must hold without a reference.
 * And errors, planted one at a time: each must fail the check that is named beside it. */
#include "circuits.h"
#include "taping.h"

#include "rows_c.h"

enum { LENGTH = 11, PAIRS = 3 };

/* Prompts that differ at every second position; answers are logits, or probabilities. */
static struct task made_task(size_t vocab, const char *metric)
{
  struct error error = {0};
  struct task task;
  check(
      task_start("made", json_pack("{s:s, s:s}", "task", "made", "metric", metric), &task, &error),
      &error);
  for (int32_t i = 0; i < PAIRS; i++) {
    int32_t clean[LENGTH], corrupted[LENGTH], answers[4] = {5 + i, 17, 29, 2 * i};
    for (int32_t t = 0; t < LENGTH; t++) {
      clean[t] = (t * t + 7 * i + 1) % (int32_t)vocab;
      corrupted[t] = t % 2 ? clean[t] : (clean[t] + 13 + i) % (int32_t)vocab;
    }
    const struct task_pair pair = {.length = LENGTH - (size_t)i % 2,
                                   .clean = clean,
                                   .corrupted = corrupted,
                                   .positive_count = 2,
                                   .negative_count = 2,
                                   .positive = answers,
                                   .negative = answers + 2};
    check(task_add("made", &task, &pair, &error), &error);
  }
  return task;
}

struct made_runs {
  struct parameters parameters;
  struct task task;
  struct threads *threads;
  struct circuit_runs *runs;
};

static void open_made(const char *config, const char *metric, const struct kernels *kernels,
                      void (*change)(struct parameters *p), struct made_runs *m)
{
  struct error error = {0};
  *m = (struct made_runs){0};
  make_up(config, &m->parameters);
  if (change)
    change(&m->parameters);
  m->task = made_task(m->parameters.model.config.vocab, metric);
  struct circuit_options options = circuit_options_of(ISA_AUTO, 2, CIRCUIT_MEMORY);
  m->threads = options.threads;
  options.kernels = kernels;
  check(circuit_runs_create(&m->parameters.model, &m->task, &options, &m->runs, &error), &error);
}

static void close_made(struct made_runs *m)
{
  circuit_runs_free(m->runs);
  threads_stop(m->threads);
  task_free(&m->task);
  parameters_free(&m->parameters);
}

static const struct kernels *best(void)
{
  const struct kernels *kernels;
  struct error error = {0};
  check(kernels_select(ISA_AUTO, &kernels, &error), &error);
  return kernels;
}

/* --- completeness, by midpoints --- */

/* |sum of the scores that leave the input - the metric's change|, relative to the largest of them.
 */
static double gap(struct made_runs *m, size_t steps)
{
  struct error error = {0};
  const struct attribution method = {ATTRIBUTION_MIDPOINTS, steps, 0};
  size_t edges = circuit_runs_graph(m->runs)->edges;
  float *scores = calloc(PAIRS * edges, sizeof *scores);
  double *mean = calloc(edges, sizeof *mean), largest = 0;
  assert_true(scores && mean);
  check(circuit_scores_run(m->runs, &method, NULL, NULL, scores, &error), &error);
  circuit_scores_mean(m->runs, &method, scores, NULL, mean);
  const struct completeness c = circuit_completeness(m->runs, &method, mean);
  for (size_t e = 0; e < edges; e++)
    largest = fmax(largest, fabs(mean[e]));
  free(scores);
  free(mean);
  return fabs(c.input_edges - c.change) / fmax(largest, fabs(c.change));
}

static bool has_graph(const char *config)
{
  return !strstr(config, "olmo2");
}

static void test_completeness(void **state)
{
  (void)state;
  for (size_t i = 0; i < CONFIGS; i++) {
    struct made_runs m;
    if (!has_graph(taping_configs[i]) || strstr(taping_configs[i], "olmoe"))
      continue;
    open_made(taping_configs[i], i % 2 ? "prob" : "logit", best(), NULL, &m);
    double off = gap(&m, support_emulated() ? 100 : 400);
    if (off > 2e-2)
      fail_msg("%s: off by %g", taping_configs[i], off);
    close_made(&m);
  }
}

/* --- all edges, and none, to the bit --- */

static void patch(struct made_runs *m, const unsigned char *kept, double *metric)
{
  struct error error = {0};
  check(circuit_patched_run(m->runs, kept, metric, &error), &error);
}

/* With one edge cut that carries the same in both runs, what is computed is computed in another
 * way, but it is the same. */
static void check_ends(struct made_runs *m, const char *config)
{
  const struct graph *graph = circuit_runs_graph(m->runs);
  unsigned char *kept = calloc(graph->edges, 1);
  double metric[PAIRS];
  assert_non_null(kept);
  patch(m, kept, metric);
  assert_memory_equal(metric, circuit_runs_corrupted(m->runs), sizeof metric);
  memset(kept, 1, graph->edges);
  patch(m, kept, metric);
  assert_memory_equal(metric, circuit_runs_clean(m->runs), sizeof metric);

  /* Everything that a head reads is cut: it is the corrupted run's. As good as its own edges. */
  size_t head = graph_head(graph, 0, 1);
  for (enum graph_kind kind = GRAPH_QUERY; kind <= GRAPH_VALUE; kind++) {
    size_t d = graph_reads(graph, kind, 0, 1);
    memset(kept + graph_first_edge(graph, d), 0, graph_sources_of(graph, d));
  }
  patch(m, kept, metric);
  double other[PAIRS];
  memset(kept, 1, graph->edges);
  for (size_t d = 0; d < graph->destinations; d++)
    if (graph_sources_of(graph, d) > head)
      kept[graph_first_edge(graph, d) + head] = 0;
  patch(m, kept, other);
  for (size_t i = 0; i < PAIRS; i++)
    if (fabs(metric[i] - other[i]) > 1e-4 || metric[i] == circuit_runs_clean(m->runs)[i])
      fail_msg("%s: %.9g by what a head reads, %.9g by what it adds", config, metric[i], other[i]);
  free(kept);
}

static void test_ends(void **state)
{
  (void)state;
  for (size_t i = 0; i < CONFIGS; i++) {
    struct made_runs m;
    if (!has_graph(taping_configs[i]))
      continue;
    open_made(taping_configs[i], "logit", best(), NULL, &m);
    check_ends(&m, taping_configs[i]);
    close_made(&m);
  }
}

/* --- grouped heads --- */

#define GROUPED(kv)                                                                                \
  "{\"model_type\": \"llama\", \"intermediate_size\": 72, \"num_key_value_heads\": " kv ", " SHAPE \
  "}"

static struct parameter *named(struct parameters *p, const char *name)
{
  for (size_t i = 0; i < p->count; i++)
    if (!strcmp(p->list[i].name, name))
      return &p->list[i];
  fail_msg("there is no %s", name);
  return NULL;
}

/* The weights of the grouped model, every key and value head once for each query head. */
static void spread(struct parameters *p)
{
  struct parameters grouped;
  make_up(GROUPED("2"), &grouped);
  for (size_t i = 0; i < p->count; i++) {
    struct parameter *to = &p->list[i], *from = named(&grouped, to->name);
    size_t head = 8 * to->columns; /* floats */
    if (to->elements == from->elements)
      memcpy(to->values, from->values, to->elements * sizeof(float));
    for (size_t h = 0; to->elements != from->elements && h < 4; h++)
      memcpy(to->values + h * head, from->values + h / 2 * head, head * sizeof(float));
  }
  parameters_free(&grouped);
}

static float *scores_of(struct made_runs *m)
{
  struct error error = {0};
  const struct attribution method = {ATTRIBUTION_FIRST0, 4, 0};
  float *scores = calloc(PAIRS * circuit_runs_graph(m->runs)->edges, sizeof *scores);
  assert_non_null(scores);
  check(circuit_scores_run(m->runs, &method, NULL, NULL, scores, &error), &error);
  return scores;
}

static void test_grouped(void **state)
{
  struct made_runs grouped, plain;
  double a[PAIRS], b[PAIRS];
  (void)state;
  open_made(GROUPED("2"), "prob", best(), NULL, &grouped);
  open_made(GROUPED("4"), "prob", best(), spread, &plain);
  size_t edges = circuit_runs_graph(plain.runs)->edges;
  float *left = scores_of(&grouped), *right = scores_of(&plain);
  assert_memory_equal(left, right, PAIRS * edges * sizeof *left);
  unsigned char *kept = calloc(edges, 1);
  assert_non_null(kept);
  for (size_t e = 0; e < edges; e++)
    kept[e] = e * 5 % 7 < 4;
  patch(&grouped, kept, a);
  patch(&plain, kept, b);
  assert_memory_equal(a, b, sizeof a);
  free(kept);
  free(left);
  free(right);
  close_made(&grouped);
  close_made(&plain);
}

/* --- planted errors --- */

/* dx = g r: the norm's mean and its root are forgotten. */
static void norm_forgotten(const float *x, const float *weight, const float *dy, float *dx,
                           float *gain, size_t n, float eps)
{
  float mean, r = moments_c(x, n, eps, &mean);
  (void)gain;
  for (size_t i = 0; i < n; i++)
    dx[i] = dy[i] * (weight ? weight[i] : 1) * r;
}

/* The largest error of the scores against the reference, by the bound. */
static double worst(struct circuit_case *c, const char *method, const char *column, float shift)
{
  struct fixture edges = fixture_read(circuit_path(c->name), "edges.csv");
  struct fixture bounds = fixture_read(circuit_path(c->name), "float32.csv");
  double *mean = circuit_scores(c, method), most = 0;
  for (size_t e = 0; e < edges.rows; e++)
    most = fmax(most, fabs(mean[e] + (double)shift - fixture_number(&edges, e, column)));
  most /= 10 * fixture_number(&bounds, 0, "ig5_first1");
  free(mean);
  fixture_free(&edges);
  fixture_free(&bounds);
  return most;
}

static void test_planted(void **state)
{
  struct circuit_case c;
  (void)state;
  circuit_open("nursery-gpt_neox-copy", &c);
  assert_true(worst(&c, "ig5_first1", "ig5_first1", 0) <= 1);
  assert_true(worst(&c, "ig5_first0", "ig5_first1", 0) > 1);        /* k from 0 */
  assert_true(worst(&c, "ig5_first1", "ig5_first1_batch8", 0) > 1); /* the other scale */
  circuit_stop(&c);

  struct error error = {0};
  struct kernels wrong = *best();
  wrong.layer_norm_backward = norm_forgotten;
  struct circuit_options options = circuit_options_of(ISA_AUTO, 2, CIRCUIT_MEMORY);
  c.threads = options.threads;
  options.kernels = &wrong;
  check(circuit_runs_create(&c.model, &c.task, &options, &c.runs, &error), &error);
  assert_true(worst(&c, "ig5_first1", "ig5_first1", 0) > 1);
  circuit_close(&c);
}

/* A bias of the output projection belongs to no source: with a large one the sum of sources moves
 * away from the residual stream by exactly that, and no source changes with it. */
static void bias_added(struct parameters *p)
{
  struct parameter *bias = named(p, "gpt_neox.layers.1.attention.dense.bias");
  for (size_t i = 0; i < bias->elements; i++)
    bias->values[i] += 3;
}

static void test_bias(void **state)
{
  struct made_runs plain, biased;
  struct error error = {0};
  (void)state;
  open_made(taping_configs[0], "logit", best(), NULL, &plain);
  open_made(taping_configs[0], "logit", best(), bias_added, &biased);
  const struct graph *graph = circuit_runs_graph(plain.runs);
  size_t floats = graph->sources * LENGTH * plain.parameters.model.config.hidden;
  float *a = calloc(floats, sizeof *a), *b = calloc(floats, sizeof *b);
  assert_true(a && b);
  check(circuit_sources_run(plain.runs, 0, false, a, &error), &error);
  check(circuit_sources_run(biased.runs, 0, false, b, &error), &error);
  assert_memory_equal(a, b, floats * sizeof *a); /* the last layer's: nothing comes after it */
  assert_true(circuit_runs_clean(plain.runs)[0] != circuit_runs_clean(biased.runs)[0]);
  free(a);
  free(b);
  close_made(&plain);
  close_made(&biased);
}

/* --- what is refused --- */

static void test_refused(void **state)
{
  struct error error = {0};
  struct parameters p;
  struct circuit_runs *runs;
  struct attribution method;
  (void)state;
  make_up(taping_configs[6], &p);
  struct task task = made_task(50, "logit");
  struct circuit_options options = circuit_options_of(ISA_AUTO, 1, CIRCUIT_MEMORY);
  assert_int_equal(circuit_runs_create(&p.model, &task, &options, &runs, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "olmo2");
  circuit_runs_free(runs);
  parameters_free(&p);
  make_up(taping_configs[0], &p);
  options.memory = 1000;
  error = (struct error){0};
  assert_int_equal(circuit_runs_create(&p.model, &task, &options, &runs, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "--memory");
  circuit_runs_free(runs);
  parameters_free(&p);
  task_free(&task);
  threads_stop(options.threads);
  static const char *const names[] = {"",
                                      "ig",
                                      "ig0_first1",
                                      "ig5",
                                      "ig5_",
                                      "ig5_first2",
                                      "eap5",
                                      "ig05_first1",
                                      "ig100001_first1",
                                      "ig5_first1_batch0",
                                      "ig5_first1_batch",
                                      "ig5_first1x",
                                      "EAP"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    error = (struct error){0};
    assert_int_equal(attribution_parse(names[i], &method, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, "no method of attribution");
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_completeness), cmocka_unit_test(test_ends),
      cmocka_unit_test(test_grouped),      cmocka_unit_test(test_planted),
      cmocka_unit_test(test_bias),         cmocka_unit_test(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
