/* Every operation of the tape against float64 results of an independent implementation
 * (tests/fixtures/gradients.README.md), forward and backward: within ten times the error of the
 * same formulas in float32, or 4e-7 of the largest magnitude. */
#include "op_case.h"

#include "pass/rope.h"

#include <stdlib.h>

/* --- operations: each records its case and returns the output --- */

static size_t record_linear(struct op_case *c)
{
  size_t x = op_case_leaf(c, "x", 0, true), weight = op_case_leaf(c, "weight", 0, true);
  size_t bias = op_case_leaf(c, "bias", 0, true);
  return tape_linear(c->tape, x, &(struct tape_part){weight, bias, 0, tape_rows(c->tape, weight)},
                     1);
}

static size_t record_embed(struct op_case *c)
{
  size_t count;
  const int32_t *tokens = op_case_integers(c, "tokens", &count);
  return tape_embed(c->tape, op_case_leaf(c, "weight", 0, true), tokens, count);
}

static size_t record_layer_norm(struct op_case *c)
{
  size_t x = op_case_leaf(c, "x", 0, true), gain = op_case_leaf(c, "gain", 0, true);
  return tape_layer_norm(c->tape, x, gain, op_case_leaf(c, "bias", 0, true),
                         (float)op_case_parameter(c, "eps"));
}

static size_t record_layer_norm_plain(struct op_case *c)
{
  return tape_layer_norm(c->tape, op_case_leaf(c, "x", 0, true), TAPE_NONE, TAPE_NONE,
                         (float)op_case_parameter(c, "eps"));
}

static size_t record_rms_norm(struct op_case *c)
{
  size_t x = op_case_leaf(c, "x", 0, true);
  return tape_rms_norm(c->tape, x, op_case_leaf(c, "gain", 0, true),
                       (float)op_case_parameter(c, "eps"));
}

static struct rope rope; /* of the case at hand */

static size_t record_rope(struct op_case *c)
{
  struct error error = {0};
  struct npy x = op_case_array(c, "x");
  size_t seq_len = x.shape[1];
  const struct model_config config = {.rotary_dims = (size_t)op_case_parameter(c, "rotary_dims"),
                                      .rope_base = op_case_parameter(c, "base")};
  free(x.data);
  if (rope_create(&rope, &config, seq_len, &error))
    fail_msg("%s", error.text);
  return tape_rope(c->tape, op_case_leaf(c, "x", 0, true),
                   &(struct tape_rotation){.seq_len = seq_len,
                                           .head_dim = (size_t)op_case_parameter(c, "head_dim"),
                                           .half = rope.half,
                                           .interleaved = op_case_parameter(c, "interleaved") != 0,
                                           .cosine = rope.cosine,
                                           .sine = rope.sine});
}

static size_t record_clip(struct op_case *c)
{
  return tape_clip(c->tape, op_case_leaf(c, "x", 0, true), (float)op_case_parameter(c, "clip"));
}

static size_t record_softmax(struct op_case *c)
{
  size_t scores = op_case_leaf(c, "scores", 0, true);
  return tape_causal_softmax(c->tape, scores, tape_columns(c->tape, scores), 0);
}

static size_t record_attention(struct op_case *c)
{
  struct npy q = op_case_array(c, "q");
  const struct tape_heads heads = {q.shape[0],
                                   q.shape[1],
                                   (size_t)op_case_parameter(c, "heads"),
                                   (size_t)op_case_parameter(c, "key_value_heads"),
                                   (size_t)op_case_parameter(c, "head_dim"),
                                   0};
  free(q.data);
  size_t queries = op_case_leaf(c, "q", 0, true), keys = op_case_leaf(c, "k", 0, true);
  size_t values = op_case_leaf(c, "v", 0, true);
  size_t scores = tape_scores(c->tape, queries, keys, &heads);
  return tape_mix(c->tape, tape_causal_softmax(c->tape, scores, heads.seq_len, 0), values, &heads);
}

static size_t record_gelu_erf(struct op_case *c)
{
  return tape_gelu(c->tape, op_case_leaf(c, "x", 1, true));
}

static size_t record_gelu_tanh(struct op_case *c)
{
  return tape_gelu_tanh(c->tape, op_case_leaf(c, "x", 1, true));
}

/* The two halves of a row, from a matrix of ones. */
static size_t record_silu_up(struct op_case *c)
{
  static const float ones[] = {1, 0, 0, 1};
  size_t gate = op_case_leaf(c, "gate", 1, true), up = op_case_leaf(c, "up", 1, true);
  size_t matrix = tape_leaf(c->tape, 2, 2, ones, NULL);
  const struct tape_part left = {matrix, TAPE_NONE, 0, 2};
  /* [n][1] -> [n][2]: columns of the identity as weights [2][1] */
  static const float first[] = {1, 0}, second[] = {0, 1};
  size_t e1 = tape_leaf(c->tape, 2, 1, first, NULL), e2 = tape_leaf(c->tape, 2, 1, second, NULL);
  size_t a = tape_linear(c->tape, gate, &(struct tape_part){e1, TAPE_NONE, 0, 2}, 1);
  size_t b = tape_linear(c->tape, up, &(struct tape_part){e2, TAPE_NONE, 0, 2}, 1);
  size_t both = tape_add(c->tape, (const size_t[]){a, b}, 2);
  return tape_silu_mul(c->tape, tape_linear(c->tape, both, &left, 1));
}

/* Leaves of the experts' matrices, each a part of one array. */
static void expert_parts(struct op_case *c, const char *name, size_t experts, size_t stride,
                         struct tape_part *parts)
{
  struct npy npy = op_case_array(c, name);
  struct op_case_input *input = &c->inputs[c->input_count++];
  size_t rows = npy.shape[1], columns = npy.shape[2];
  snprintf(input->name, sizeof input->name, "%s", name);
  input->count = npy.count;
  input->data = op_case_floats(&npy);
  input->gradient = malloc((npy.count + 1) * sizeof *input->gradient);
  for (size_t e = 0; e < experts; e++) {
    size_t at = e * rows * columns;
    size_t weight = tape_leaf(c->tape, rows, columns, input->data + at, input->gradient + at);
    parts[e * stride] = (struct tape_part){weight, TAPE_NONE, 0, rows};
  }
  free(npy.data);
}

static size_t record_experts(struct op_case *c)
{
  size_t experts = (size_t)op_case_parameter(c, "experts");
  struct tape_part both[64], down[32];
  assert_true(experts <= 32);
  size_t x = op_case_leaf(c, "x", 0, true), router = op_case_leaf(c, "router", 0, true);
  size_t logits = tape_linear(c->tape, x, &(struct tape_part){router, TAPE_NONE, 0, experts}, 1);
  size_t route = tape_route(c->tape, logits, (size_t)op_case_parameter(c, "chosen"),
                            op_case_parameter(c, "norm_topk_prob") != 0);
  expert_parts(c, "gate_proj", experts, 2, both);
  expert_parts(c, "up_proj", experts, 2, both + 1);
  expert_parts(c, "down_proj", experts, 1, down);
  size_t rows = tape_gather(c->tape, x, route);
  size_t up = tape_silu_mul(c->tape, tape_expert_linear(c->tape, rows, route, both, 2));
  return tape_combine(c->tape, tape_expert_linear(c->tape, up, route, down, 1), route);
}

static size_t record_replace(struct op_case *c)
{
  struct npy mask = op_case_array(c, "mask");
  unsigned char *bytes = malloc(mask.count);
  for (size_t i = 0; i < mask.count; i++)
    bytes[i] = mask.data[i] != 0;
  size_t x = op_case_leaf(c, "x", 0, true),
         y = tape_replace(c->tape, x, bytes, op_case_leaf(c, "given", 0, false));
  free(bytes);
  free(mask.data);
  return y;
}

static const struct {
  const char *name;
  size_t (*record)(struct op_case *c);
  const char *output;
} operations[] = {
    {"linear", record_linear, "y"},
    {"embed", record_embed, "y"},
    {"layer_norm", record_layer_norm, "y"},
    {"layer_norm_plain", record_layer_norm_plain, "y"},
    {"rms_norm", record_rms_norm, "y"},
    {"rope", record_rope, "y"},
    {"clip", record_clip, "y"},
    {"causal_softmax", record_softmax, "pattern"},
    {"attention", record_attention, "y"},
    {"gelu_erf", record_gelu_erf, "y"},
    {"gelu_tanh", record_gelu_tanh, "y"},
    {"silu_up", record_silu_up, "y"},
    {"experts", record_experts, "y"},
    {"replace", record_replace, "y"},
};
#define OPERATIONS (sizeof operations / sizeof *operations)

/* An operation whose output has an upstream gradient. */
static double one_operation(const char *index, size_t which, const char *operation,
                            const char *name)
{
  struct op_case c;
  char upstream[48];
  op_case_open(&c, index, operation, name);
  c.output = operations[which].record(&c);
  snprintf(upstream, sizeof upstream, "d_%s", operations[which].output);
  (void)tape_weighted_sum(c.tape, c.output,
                          op_case_leaf(&c, upstream, tape_columns(c.tape, c.output), false), 1);
  op_case_run(&c);
  struct npy want = op_case_array(&c, operations[which].output);
  op_case_compare(&c, operations[which].output, &want, tape_data(c.tape, c.output));
  op_case_compare_gradients(&c);
  free(want.data);
  rope_free(&rope);
  op_case_close(&c);
  return c.used;
}

static void test_operations(void **state)
{
  char *index = op_case_index();
  size_t count = 0;
  (void)state;
  for (size_t i = 0; i < OPERATIONS; i++)
    count += op_case_each(index, operations[i].name, one_operation, i);
  assert_int_equal(count, 66);
  free(index);
}

/* Per token with an upstream each, or their mean. */
static double one_entropy(const char *index, size_t mean, const char *operation, const char *name)
{
  struct op_case c;
  size_t count;
  op_case_open(&c, index, operation, name);
  size_t logits = op_case_leaf(&c, "logits", 0, true);
  const int32_t *targets = op_case_integers(&c, "target", &count);
  struct npy upstream = op_case_array(&c, "d_loss"), want = op_case_array(&c, "loss");
  float *weights = op_case_floats(&upstream);
  size_t loss = tape_cross_entropy(c.tape, logits, targets, mean ? NULL : weights,
                                   mean ? 1 / (double)count : 1);
  op_case_run(&c);
  float *got = malloc(count * sizeof *got);
  for (size_t i = 0; i < count; i++)
    got[i] = (float)tape_row_losses(c.tape, loss)[i];
  if (mean)
    got[0] = (float)(tape_loss(c.tape, loss) / (double)count);
  op_case_compare(&c, "loss", &want, got);
  op_case_compare_gradients(&c);
  free(got);
  free(weights);
  free(upstream.data);
  free(want.data);
  op_case_close(&c);
  return c.used;
}

static double one_router_loss(const char *index, size_t which, const char *operation,
                              const char *name)
{
  struct op_case c;
  (void)which;
  op_case_open(&c, index, operation, name);
  size_t logits = op_case_leaf(&c, "logits", 0, true);
  size_t route = tape_route(c.tape, logits, (size_t)op_case_parameter(&c, "chosen"), false);
  struct npy balance = op_case_array(&c, "load_balancing"), z = op_case_array(&c, "router_z");
  struct npy d_balance = op_case_array(&c, "d_load_balancing"),
             d_z = op_case_array(&c, "d_router_z");
  size_t losses[] = {tape_load_balancing(c.tape, logits, route, d_balance.data[0]),
                     tape_router_z(c.tape, logits, route, d_z.data[0])};
  op_case_run(&c);
  float got[] = {(float)tape_loss(c.tape, losses[0]), (float)tape_loss(c.tape, losses[1])};
  op_case_compare(&c, "load_balancing", &balance, &got[0]);
  op_case_compare(&c, "router_z", &z, &got[1]);
  op_case_compare_gradients(&c);
  free(balance.data);
  free(z.data);
  free(d_balance.data);
  free(d_z.data);
  op_case_close(&c);
  return c.used;
}

static void test_losses(void **state)
{
  char *index = op_case_index();
  (void)state;
  (void)op_case_each(index, "cross_entropy", one_entropy, 0);
  (void)op_case_each(index, "cross_entropy_mean", one_entropy, 1);
  (void)op_case_each(index, "router_losses", one_router_loss, 0);
  free(index);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_operations),
      cmocka_unit_test(test_losses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
