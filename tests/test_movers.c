/* Scores of name movers: cases, attention and copy scores against a computation in double that is
 * written here from the definition alone, for every way in which values lie in weights. */
#include "made_case.h"

#include "circuit/components.h"
#include "pass/forward.h"

/* Beside those of indirect object identification: no answer at all, the answer twice, and a later
 * place of another negative id. */
static const char pairs[] = MADE_PAIRS
    "{\"clean\":[3,4,5,6],\"corrupted\":[3,4,5,7],\"positive\":[9],\"negative\":[10]}\n"
    "{\"clean\":[9,4,9,6],\"corrupted\":[3,4,5,7],\"positive\":[9],\"negative\":[10]}\n"
    "{\"clean\":[10,4,5,17],\"corrupted\":[3,4,5,7],\"positive\":[9],\"negative\":[17,10]}\n";

enum { PAIRS = 6, MOST_HEADS = 16, MOST_LENGTH = 40, WIDEST = 64, MOST_VOCAB = 98 };

/* What one pass over one prompt shows. */
struct sight {
  size_t heads, hidden, length;
  double pattern[MOST_HEADS][MOST_LENGTH]; /* of the last position */
  double stream[MOST_LENGTH][WIDEST];
};

static void show_pattern(void *context, const struct hook_value *value, const float *data)
{
  struct sight *s = context;
  for (size_t p = 0; p <= value->position; p++)
    s->pattern[value->site.layer * s->heads + value->site.head][p] = (double)data[p];
}

static void show_stream(void *context, const struct hook_value *value, const float *data)
{
  struct sight *s = context;
  for (size_t i = 0; i < s->hidden; i++)
    s->stream[value->position][i] = (double)data[i];
}

static void show(const struct model *model, const struct circuit_options *options,
                 const struct task_pair *pair, struct sight *s)
{
  struct error error = {0};
  const size_t last = pair->length - 1;
  const struct hook hooks[] = {{.site = {SITE_PATTERN, SITE_ALL, SITE_ALL},
                                .positions = {.kind = POSITIONS_LIST, .list = &last, .count = 1},
                                .read = show_pattern,
                                .context = s},
                               {.site = {SITE_RESIDUAL, 0, 0}, .read = show_stream, .context = s}};
  const struct forward_options forward = {.kernels = options->kernels,
                                          .threads = options->threads,
                                          .hooks = {hooks, 2},
                                          .memory = CIRCUIT_MEMORY};
  assert_true(pair->length <= MOST_LENGTH);
  *s = (struct sight){.heads = model->config.heads, .hidden = model->config.hidden};
  circuit_check(forward_run(model, pair->clean, 1, pair->length, &forward, &error), &error);
}

static const float *values_of(const struct parameters *p, const struct tensor *tensor)
{
  const struct parameter *one = parameters_of(p, tensor);
  return one ? one->values : NULL;
}

/* Element (out, in) of a matrix of a layer. */
static double element(const struct model_config *c, const float *w, size_t out, size_t in,
                      size_t outs, size_t ins)
{
  return (double)(c->input_major ? w[in * outs + out] : w[out * ins + in]);
}

/* Element i of the value that a head makes of a stream without norms. */
static double value_of(const struct parameters *p, size_t layer, size_t head, size_t i,
                       const double *stream)
{
  const struct model_config *c = &p->model.config;
  const struct layer *l = &p->model.layers[layer];
  bool apart = c->qkv_layout == QKV_APART;
  const struct linear *linear = apart ? &l->value : &l->query;
  const float *w = values_of(p, linear->weight), *b = values_of(p, linear->bias);
  size_t group = head / (c->heads / c->kv_heads), row = group * c->head_dim + i;
  size_t rows = apart ? c->kv_heads * c->head_dim : 3 * c->hidden;
  if (c->qkv_layout == QKV_PER_HEAD)
    row = (3 * head + 2) * c->head_dim + i;
  else if (c->qkv_layout == QKV_BLOCKS)
    row += 2 * c->hidden;
  double sum = b ? (double)b[row] : 0;
  for (size_t k = 0; k < c->hidden; k++)
    sum += element(c, w, row, k, rows, c->hidden) * stream[k];
  return sum;
}

static void logits_of(const struct parameters *p, size_t layer, size_t head, const double *stream,
                      double logits[MOST_VOCAB])
{
  const struct model_config *c = &p->model.config;
  const float *o = values_of(p, p->model.layers[layer].output.weight);
  const float *u = values_of(p, p->model.lm_head.weight);
  double added[WIDEST] = {0};
  for (size_t i = 0; i < c->head_dim; i++) {
    double value = value_of(p, layer, head, i, stream);
    for (size_t k = 0; k < c->hidden; k++)
      added[k] +=
          element(c, o, k, head * c->head_dim + i, c->hidden, c->heads * c->head_dim) * value;
  }
  for (size_t v = 0; v < c->vocab; v++) {
    logits[v] = 0;
    for (size_t k = 0; k < c->hidden; k++)
      logits[v] += (double)u[v * c->hidden + k] * added[k];
  }
}

/* Fewest and most hits that rounding leaves open. */
struct hits {
  size_t least, most;
};

static void add_hit(const struct model_config *c, const double *logits, size_t token, double sign,
                    const float *bias, struct hits *hits)
{
  size_t above = 0, near = 0;
  double own = sign * logits[token] + (bias ? (double)bias[token] : 0);
  for (size_t v = 0; v < c->vocab; v++) {
    double other = sign * logits[v] + (bias ? (double)bias[v] : 0);
    double slack = 1e-4 * (fabs(own) + fabs(other)) + 1e-6;
    above += v != token && other > own + slack;
    near += v != token && fabs(other - own) <= slack;
  }
  hits->least += above + near < 5;
  hits->most += above < 5;
}

/* All that is wanted of one head. */
struct wanted {
  size_t cases, with[3];
  double to[3]; /* positive, first negative, later negatives */
  struct hits copied, against;
};

static void add_pair(const struct parameters *p, const struct task_pair *pair,
                     const struct sight *s, size_t head, struct wanted *w)
{
  const struct model_config *c = &p->model.config;
  double to[3] = {0}, logits[MOST_VOCAB];
  size_t counts[3] = {0};
  for (size_t at = 0; at < pair->length; at++) {
    bool positive = false, negative = false;
    for (size_t i = 0; i < pair->positive_count; i++)
      positive = positive || pair->positive[i] == pair->clean[at];
    for (size_t i = 0; i < pair->negative_count; i++)
      negative = negative || pair->negative[i] == pair->clean[at];
    if (!positive && !negative)
      continue;
    size_t kind = positive ? 0 : counts[1] ? 2 : 1;
    counts[kind]++;
    to[kind] += s->pattern[head][at];
    w->cases++;
    logits_of(p, head / c->heads, head % c->heads, s->stream[at], logits);
    const float *bias = values_of(p, p->model.lm_head.bias);
    add_hit(c, logits, (size_t)pair->clean[at], 1, bias, &w->copied);
    add_hit(c, logits, (size_t)pair->clean[at], -1, bias, &w->against);
  }
  for (int kind = 0; kind < 3; kind++) {
    w->with[kind] += counts[kind] > 0;
    w->to[kind] += to[kind];
  }
}

static void assert_mean(double got, double sum, size_t count)
{
  if (!count)
    assert_true(isnan(got));
  else if (!(fabs(got - sum / (double)count) < 1e-6))
    fail_msg("%g in place of %g", got, sum / (double)count);
}

/* Returns how many hits rounding leaves open. */
static size_t assert_head(const struct mover_scores *got, const struct wanted *w)
{
  assert_int_equal(got->cases, w->cases);
  assert_mean(got->to_positive, w->to[0], w->with[0]);
  assert_mean(got->to_negative, w->to[1], w->with[1]);
  assert_mean(got->to_later, w->to[2], w->with[2]);
  if (got->copied < w->copied.least || got->copied > w->copied.most ||
      got->against < w->against.least || got->against > w->against.most)
    fail_msg("copied %zu, not %zu to %zu; against %zu, not %zu to %zu", got->copied,
             w->copied.least, w->copied.most, got->against, w->against.least, w->against.most);
  return w->copied.most - w->copied.least + w->against.most - w->against.least;
}

/* All heads of a model; its hits, copied and against, are added. */
static void assert_model(const struct parameters *p, const struct task *task, size_t hits[2])
{
  struct error error = {0};
  const struct circuit_options options = circuit_options_of(ISA_AUTO, 2, CIRCUIT_MEMORY);
  struct mover_scores scores[MOST_HEADS];
  struct wanted wanted[MOST_HEADS] = {{0}};
  size_t heads = p->model.config.layers * p->model.config.heads, open = 0;
  circuit_check(component_movers(&p->model, task, &options, scores, &error), &error);
  for (size_t i = 0; i < task->count; i++) {
    static struct sight shown;
    show(&p->model, &options, &task->pairs[i], &shown);
    for (size_t h = 0; h < heads; h++)
      add_pair(p, &task->pairs[i], &shown, h, &wanted[h]);
  }
  for (size_t h = 0; h < heads; h++) {
    open += assert_head(&scores[h], &wanted[h]);
    hits[0] += scores[h].copied;
    hits[1] += scores[h].against;
  }
  assert_true(open <= 2);
  threads_stop(options.threads);
}

/* Of phi, the LM head has a bias. */
static const char biased[] = "{\"model_type\": \"phi\", \"intermediate_size\": 72, "
                             "\"partial_rotary_factor\": 0.5, " SHAPE "}";

static void test_made_up(void **state)
{
  (void)state;
  struct error error = {0};
  struct task task;
  size_t hits[2] = {0, 0};
  circuit_check(task_parse("pairs", pairs, strlen(pairs), 0, &task, &error), &error);
  for (size_t i = 0; i <= CONFIGS; i++) {
    struct parameters p;
    const char *config = i < CONFIGS ? taping_configs[i] : biased;
    if (strstr(config, "olmo2")) /* no graph, so no components */
      continue;
    make_up(config, &p);
    struct parameter *bias = parameters_of(&p, p.model.lm_head.bias);
    assert_true(i < CONFIGS || bias);
    for (size_t v = 0; bias && v < bias->elements; v++)
      bias->values[v] = .3f * (float)(v * v % 7) - 1;
    assert_model(&p, &task, hits);
    parameters_free(&p);
  }
  assert_true(hits[0] > 0 && hits[1] > 0);
  task_free(&task);
}

/* The first cases: one answer and two places of the other name, a later one of another id. */
static void test_cases(void **state)
{
  (void)state;
  struct error error = {0};
  struct made_case c;
  struct mover_scores scores[8];
  made_case_open(taping_configs[0], pairs, 1, &c);
  circuit_check(component_movers(&c.parameters.model, &c.task, &c.options, scores, &error), &error);
  assert_int_equal(scores[0].cases, 3 * 3 + 0 + 2 + 2);
  assert_int_equal(component_cases(&c.task), scores[0].cases);
  c.task.count = 3;
  circuit_check(component_movers(&c.parameters.model, &c.task, &c.options, scores, &error), &error);
  assert_int_equal(scores[0].cases, 9); /* 3 N */
  c.task.pairs += 3;
  c.task.count = 1;
  circuit_check(component_movers(&c.parameters.model, &c.task, &c.options, scores, &error), &error);
  assert_true(!scores[0].cases && isnan(mover_copy_score(&scores[0])) && !mover_is(&scores[0]));
  c.task.pairs -= 3;
  c.task.count = PAIRS;
  made_case_close(&c);
}

/* A head whose weights carry every token to itself copies; the same with the other sign. */
static void test_copying_head(void **state)
{
  (void)state;
  struct error error = {0};
  struct made_case c;
  struct mover_scores scores[8];
  made_case_open(
      "{\"model_type\": \"olmo\", \"intermediate_size\": 72, \"tie_word_embeddings\": true, "
      "\"num_hidden_layers\": 2, \"num_attention_heads\": 1, \"hidden_size\": 64, "
      "\"vocab_size\": 50, \"max_position_embeddings\": 64}",
      pairs, 1, &c);
  for (size_t i = 0; i < c.parameters.count; i++) {
    struct parameter *one = &c.parameters.list[i];
    bool embeds = one->rows == 50;
    if (one->rank < 2)
      continue;
    for (size_t e = 0; e < one->elements; e++)
      one->values[e] =
          embeds || one->rows == one->columns ? (float)(e / one->columns == e % one->columns) : 0;
    bool second = strstr(one->name, "layers.1.") && strstr(one->name, "o_proj");
    for (size_t e = 0; e < one->elements && second; e++)
      one->values[e] = -one->values[e];
  }
  circuit_check(component_movers(&c.parameters.model, &c.task, &c.options, scores, &error), &error);
  assert_true(mover_copy_score(&scores[0]) == 100 && mover_negative_score(&scores[0]) < 100);
  assert_true(mover_negative_score(&scores[1]) == 100 && mover_copy_score(&scores[1]) < 100);
  made_case_close(&c);
}

/* Instruction set, threads and memory change no bit. */
static void test_bits(void **state)
{
  (void)state;
  struct error error = {0};
  struct made_case c;
  struct mover_scores first[MOST_HEADS], other[MOST_HEADS];
  made_case_open(taping_configs[2], pairs, 1, &c);
  for (int i = 0; i < 3; i++) {
    const struct circuit_options options =
        circuit_options_of(i ? ISA_AUTO : ISA_SCALAR, 1 + i, i == 2 ? 600000 : CIRCUIT_MEMORY);
    circuit_check(
        component_movers(&c.parameters.model, &c.task, &options, i ? other : first, &error),
        &error);
    if (i)
      assert_memory_equal(first, other, 8 * sizeof *first);
    threads_stop(options.threads);
  }
  made_case_close(&c);
}

/* The same on trained weights, f16 and f32 as they are stored. */
static void test_trained(void **state)
{
  (void)state;
  static const char *const names[] = {"nursery-gpt_neox-copy", "nursery-olmo-copy"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct error error = {0};
    struct circuit_case c;
    struct parameters p;
    size_t hits[2] = {0, 0};
    struct mover_scores stored[MOST_HEADS], widened[MOST_HEADS];
    circuit_load(names[i], &c);
    size_t pairs_there = c.task.count;
    c.task.count = 4;
    circuit_check(parameters_read_values(&c.model, &p, &error), &error);
    const struct circuit_options options = circuit_options_of(ISA_AUTO, 2, CIRCUIT_MEMORY);
    circuit_check(component_movers(&c.model, &c.task, &options, stored, &error), &error);
    circuit_check(component_movers(&p.model, &c.task, &options, widened, &error), &error);
    assert_model(&p, &c.task, hits);
    assert_true(hits[0] > 0);
    for (size_t h = 0; h < MOST_HEADS; h++)
      assert_true(stored[h].copied == widened[h].copied &&
                  stored[h].to_positive == widened[h].to_positive);
    threads_stop(options.threads);
    parameters_free(&p);
    c.task.count = pairs_there;
    circuit_close(&c);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_made_up),      cmocka_unit_test(test_cases),
      cmocka_unit_test(test_copying_head), cmocka_unit_test(test_bits),
      cmocka_unit_test(test_trained),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
