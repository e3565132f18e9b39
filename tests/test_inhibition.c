/* S-inhibition heads: which are asked about, and what changes, against one pass a prompt that is
 * put together here. */
#include "made_case.h"

#include "circuit/inhibition.h"
#include "pass/forward.h"

/* Beside those of indirect object identification: one name only, the answer twice, no answer. */
static const char pairs[] = MADE_PAIRS
    "{\"clean\":[3,9,10,6],\"corrupted\":[3,4,5,7],\"positive\":[9],\"negative\":[10]}\n"
    "{\"clean\":[9,10,9,10],\"corrupted\":[3,4,5,7],\"positive\":[9],\"negative\":[10]}\n"
    "{\"clean\":[10,4,10,17],\"corrupted\":[3,4,5,7],\"positive\":[9],\"negative\":[10]}\n";

enum { USED = 3, HEADS = 8, MOST_LENGTH = 9, VOCAB = 50 };

/* What one pass over one prompt shows, and gives: the output of a head. */
struct prompt {
  size_t length, positive, negative;
  struct site head;
  float outputs[MOST_LENGTH][32], logits[VOCAB];
  double to_positive[HEADS], to_negative[HEADS];
};

static void read_output(void *context, const struct hook_value *value, const float *data)
{
  struct prompt *p = context;
  memcpy(p->outputs[value->position], data, value->count * sizeof *data);
}

static void write_output(void *context, const struct hook_value *value, float *data)
{
  const struct prompt *p = context;
  memcpy(data, p->outputs[value->position], value->count * sizeof *data);
}

static void read_pattern(void *context, const struct hook_value *value, const float *data)
{
  struct prompt *p = context;
  if (value->position + 1 < p->length)
    return;
  p->to_positive[value->site.layer * 4 + value->site.head] = (double)data[p->positive];
  p->to_negative[value->site.layer * 4 + value->site.head] = (double)data[p->negative];
}

static void read_logits(void *context, const struct hook_value *value, const float *data)
{
  struct prompt *p = context;
  if (value->position + 1 == p->length)
    memcpy(p->logits + value->first, data, value->count * sizeof *data);
}

/* A pass over some tokens; the head's output is read, or written, or neither. */
static void run_prompt(const struct model *model, const struct circuit_options *options,
                       const int32_t *tokens, struct prompt *p, bool reads, bool writes)
{
  struct error error = {0};
  const struct hook hooks[] = {
      {.site = {SITE_PATTERN, SITE_ALL, SITE_ALL}, .read = read_pattern, .context = p},
      {.site = {SITE_LOGITS, 0, 0}, .read = read_logits, .context = p},
      {.site = p->head,
       .read = reads ? read_output : NULL,
       .write = writes ? write_output : NULL,
       .context = p}};
  const struct forward_options forward = {.kernels = options->kernels,
                                          .threads = options->threads,
                                          .hooks = {hooks, reads || writes ? 3 : 2},
                                          .memory = CIRCUIT_MEMORY};
  circuit_check(forward_run(model, tokens, 1, p->length, &forward, &error), &error);
}

static struct prompt prompt_of(const struct task_pair *pair, size_t head)
{
  struct prompt p = {.length = pair->length, .head = {SITE_HEAD_OUTPUT, head / 4, head % 4}};
  bool found = false;
  for (size_t i = 0; i < pair->length; i++) {
    if (pair->clean[i] == pair->positive[0])
      p.positive = i;
    if (pair->clean[i] == pair->negative[0] && !found) {
      p.negative = i;
      found = true;
    }
  }
  return p;
}

/* The three changes of a head, summed over the pairs. */
static struct inhibition_scores sum_of(const struct model *model,
                                       const struct circuit_options *options,
                                       const struct task *task, size_t head,
                                       const bool acts_on[HEADS])
{
  struct inhibition_scores sum = {0, 0, 0};
  size_t movers = 0;
  for (size_t m = 0; m < HEADS; m++)
    movers += acts_on[m];
  for (size_t i = 0; i < USED; i++) {
    const struct task_pair *pair = &task->pairs[i];
    struct prompt clean = prompt_of(pair, head), patched = clean;
    int32_t exchanged[MOST_LENGTH];
    memcpy(exchanged, pair->clean, pair->length * sizeof *exchanged);
    exchanged[clean.positive] = pair->negative[0];
    exchanged[clean.negative] = pair->positive[0];
    run_prompt(model, options, pair->clean, &clean, false, false);
    run_prompt(model, options, exchanged, &patched, true, false);
    run_prompt(model, options, pair->clean, &patched, false, true);
    sum.metric += (double)patched.logits[pair->positive[0]] -
                  (double)patched.logits[pair->negative[0]] -
                  (double)clean.logits[pair->positive[0]] + (double)clean.logits[pair->negative[0]];
    for (size_t m = 0; m < HEADS; m++)
      if (acts_on[m]) {
        sum.to_positive += (patched.to_positive[m] - clean.to_positive[m]) / (double)movers;
        sum.to_negative += (patched.to_negative[m] - clean.to_negative[m]) / (double)movers;
      }
  }
  return sum;
}

static void assert_near(double got, double sum)
{
  if (!(fabs(got - sum / USED) < 1e-6))
    fail_msg("%g in place of %g", got, sum / USED);
}

/* Movers: heads 1 and 2 of layer 1. Head 0 of layer 0 has edges into the queries of both, head 3
 * into that of one, head 2 into its key alone, head 1 into the query of a head that is no mover. */
static void connect(const struct graph *g, unsigned char *kept, bool movers[HEADS],
                    bool acts_on[HEADS][HEADS])
{
  static const struct {
    size_t source;
    enum graph_kind kind;
    size_t to;
  } edges[] = {{0, GRAPH_QUERY, 1}, {0, GRAPH_QUERY, 2}, {3, GRAPH_QUERY, 2},
               {2, GRAPH_KEY, 1},   {1, GRAPH_QUERY, 3}, {1, GRAPH_VALUE, 1}};
  memset(kept, 0, g->edges);
  memset(acts_on, 0, HEADS * HEADS * sizeof(bool));
  for (size_t h = 0; h < HEADS; h++)
    movers[h] = h == 5 || h == 6;
  for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
    const struct graph_edge edge = {graph_head(g, 0, edges[i].source),
                                    graph_reads(g, edges[i].kind, 1, edges[i].to)};
    kept[graph_edge_number(g, &edge)] = 1;
    if (edges[i].kind == GRAPH_QUERY && movers[4 + edges[i].to])
      acts_on[edges[i].source][4 + edges[i].to] = true;
  }
}

/* A model made up with its pairs and a circuit of its graph. */
struct asked {
  struct made_case made;
  struct graph graph;
  unsigned char kept[512];
  bool movers[HEADS], acts_on[HEADS][HEADS];
};

static void start(const char *config, struct asked *a)
{
  struct error error = {0};
  made_case_open(config, pairs, 2, &a->made);
  circuit_check(graph_create(&a->made.parameters.model.config, &a->graph, &error), &error);
  assert_true(a->graph.edges <= sizeof a->kept);
  connect(&a->graph, a->kept, a->movers, a->acts_on);
}

static void ask(const struct asked *a, struct inhibition_scores scores[HEADS])
{
  struct error error = {0};
  const struct inhibition asked = {&a->graph, a->kept, a->movers};
  circuit_check(component_inhibition(&a->made.parameters.model, &a->made.task, &a->made.options,
                                     &asked, scores, &error),
                &error);
}

static void test_changes(void **state)
{
  (void)state;
  for (size_t i = 0; i < 4; i++) { /* gpt_neox of both kinds, olmo and olmoe */
    struct asked a;
    struct inhibition_scores scores[HEADS];
    start(taping_configs[i], &a);
    ask(&a, scores);
    for (size_t h = 0; h < HEADS; h++) {
      if (h != 0 && h != 3) {
        assert_true(isnan(scores[h].metric) && !inhibition_is(&scores[h]));
        continue;
      }
      const struct inhibition_scores sum =
          sum_of(&a.made.parameters.model, &a.made.options, &a.made.task, h, a.acts_on[h]);
      assert_true(fabs(sum.metric) > 1e-4 && sum.to_positive != 0);
      assert_near(scores[h].metric, sum.metric);
      assert_near(scores[h].to_positive, sum.to_positive);
      assert_near(scores[h].to_negative, sum.to_negative);
    }
    made_case_close(&a.made);
  }
}

/* Tasks of other kinds have no such pairs, and nothing is run. */
static void test_other_tasks(void **state)
{
  (void)state;
  struct asked a;
  struct inhibition_scores scores[HEADS];
  start(taping_configs[0], &a);
  assert_int_equal(inhibition_pairs(&a.made.task), USED);
  a.made.task.metric = TASK_PROB;
  assert_int_equal(inhibition_pairs(&a.made.task), 0);
  ask(&a, scores);
  assert_true(isnan(scores[0].metric));
  a.made.task.metric = TASK_LOGIT;
  memset(a.kept, 0, a.graph.edges);
  ask(&a, scores);
  assert_true(isnan(scores[0].metric));
  made_case_close(&a.made);
}

static void test_rule(void **state)
{
  (void)state;
  assert_true(inhibition_is(&(struct inhibition_scores){-.1, -.1, .1}));
  assert_false(inhibition_is(&(struct inhibition_scores){.1, -.1, .1}));
  assert_false(inhibition_is(&(struct inhibition_scores){-.1, .1, .1}));
  assert_false(inhibition_is(&(struct inhibition_scores){-.1, -.1, -.1}));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_changes),
      cmocka_unit_test(test_other_tasks),
      cmocka_unit_test(test_rule),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
