/* What scores take. */
#include "circuit/attribution.h"
#include "pass/attention.h"

/* Of a layer's products, a token. */
static double layer_weights(const struct model_config *c)
{
  double d = (double)c->hidden, width = (double)(c->heads * c->head_dim);
  double keys = (double)(c->kv_heads * c->head_dim), ffn = (double)c->ffn;
  double mlp = (c->gated_mlp ? 3 : 2) * d * ffn * (c->experts ? (double)c->top_k : 1);
  return d * (2 * width + 2 * keys) + mlp + d * (double)c->experts;
}

/* What more a pass backward takes: every head's query and key through the weights of all heads. */
static double more_backward(const struct model_config *c)
{
  double queries = (double)(c->heads * c->head_dim), keys = (double)(c->kv_heads * c->head_dim);
  double heads = (double)c->heads;
  return c->qk_norm == QK_NORM_FULL
             ? (double)c->hidden * ((heads - 1) * queries + heads * keys - keys)
             : 0;
}

static double pair_operations(const struct model_config *c, const struct graph *graph,
                              const struct task_pair *pair, enum task_metric metric, double steps)
{
  double t = (double)pair->length, d = (double)c->hidden;
  double answers = metric == TASK_PROB ? (double)c->vocab
                                       : (double)(pair->positive_count + pair->negative_count);
  double attention = (double)attention_operations(c, pair->length, 1, false);
  double forward = (double)c->layers * (2 * t * layer_weights(c) + attention) + 2 * d * answers;
  double backward = forward + (double)c->layers * 2 * t * more_backward(c);
  double heads = 2 * t * d * (double)(c->layers * c->heads * c->head_dim);
  return 2 * forward + steps * (forward + backward) + heads + 2 * t * d * (double)graph->edges;
}

double circuit_scores_gflop(const struct model_config *c, const struct task *task,
                            const struct attribution *method)
{
  struct graph graph = {0};
  struct error error = {0};
  double sum = 0;
  if (graph_create(c, &graph, &error))
    return 0;
  for (size_t i = 0; i < task->count; i++)
    sum += pair_operations(c, &graph, &task->pairs[i], task->metric, (double)method->steps);
  return sum / 1e9;
}
