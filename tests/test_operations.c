/* Every operation of the tape against float64 results of an independent implementation
 * (tests/fixtures/gradients.README.md), forward and backward: within ten times the error of the
 * same formulas in float32, or 4e-7 of the largest magnitude. */
#include "gradients.h"

#include "pass/rope.h"
#include "tape/operations.h"

#include <jansson.h>

#define MOST 16 /* arrays of a case */

/* A leaf from a file of the case, and its gradient. */
struct input {
  char name[24];
  size_t value, count;
  float *data, *gradient; /* [count]; free() */
};

struct op_case {
  const char *operation, *name;
  struct fileset *files;
  json_t *params;
  const char *index; /* all of index.csv */
  struct tape *tape;
  struct input inputs[MOST];
  size_t input_count;
  int32_t *integers; /* tokens or targets; free() */
  size_t output;     /* TAPE_NONE: a loss */
  const char *output_name;
  size_t compared; /* arrays */
  double used;     /* share of the bound */
};

static void check(int status, const struct error *error)
{
  if (status)
    fail_msg("%s", error->text);
}

/* --- files --- */

static struct npy array(const struct op_case *c, const char *name)
{
  char file[64];
  snprintf(file, sizeof file, "%.40s.npy", name);
  return gradients_array(c->files, file);
}

static double parameter(const struct op_case *c, const char *name)
{
  const json_t *value = json_object_get(c->params, name);
  assert_true(json_is_number(value));
  return json_number_value(value);
}

/* What index.csv bounds an array with. */
static double bound_of(const struct op_case *c, const char *name)
{
  char key[96];
  snprintf(key, sizeof key, "\n%s,%s,%s,", c->operation, c->name, name);
  const char *line = strstr(c->index, key);
  assert_non_null(line);
  line = strchr(line + strlen(key), ',') + 1; /* role, then shape */
  char *end;
  double most = strtod(strchr(line, ',') + 1, &end);
  return fmax(10 * strtod(end + 1, NULL), 4e-7 * most);
}

static void compare(struct op_case *c, const char *name, const struct npy *want, const float *got)
{
  double bound = bound_of(c, name);
  for (size_t i = 0; i < want->count; i++) {
    double difference = fabs((double)got[i] - want->data[i]);
    if (!(difference <= bound))
      fail_msg("%s, %s, %s[%zu]: %.9g, %.9g expected within %.2e", c->operation, c->name, name, i,
               (double)got[i], want->data[i], bound);
    c->used = bound > 0 ? fmax(c->used, difference / bound) : c->used;
  }
  c->compared++;
}

/* --- leaves --- */

static float *floats(const struct npy *npy)
{
  float *data = malloc((npy->count + 1) * sizeof *data);
  assert_non_null(data);
  for (size_t i = 0; i < npy->count; i++)
    data[i] = (float)npy->data[i];
  return data;
}

/* A leaf with rows of so many columns; 0 = those of the file. */
static size_t leaf(struct op_case *c, const char *name, size_t columns, bool wanted)
{
  struct npy npy = array(c, name);
  struct input *input = &c->inputs[c->input_count++];
  assert_true(c->input_count <= MOST);
  columns = columns ? columns : npy.shape[npy.rank - 1];
  snprintf(input->name, sizeof input->name, "%s", name);
  input->count = npy.count;
  input->data = floats(&npy);
  input->gradient = wanted ? malloc((npy.count + 1) * sizeof *input->gradient) : NULL;
  input->value = tape_leaf(c->tape, npy.count / columns, columns, input->data, input->gradient);
  free(npy.data);
  return input->value;
}

static const int32_t *integers(struct op_case *c, const char *name, size_t *count)
{
  struct npy npy = array(c, name);
  c->integers = malloc(npy.count * sizeof *c->integers);
  assert_non_null(c->integers);
  for (size_t i = 0; i < npy.count; i++)
    c->integers[i] = (int32_t)npy.data[i];
  *count = npy.count;
  free(npy.data);
  return c->integers;
}

/* --- operations: each records its case and returns the output --- */

static size_t record_linear(struct op_case *c)
{
  size_t x = leaf(c, "x", 0, true), weight = leaf(c, "weight", 0, true);
  size_t bias = leaf(c, "bias", 0, true);
  return tape_linear(c->tape, x, &(struct tape_part){weight, bias, 0, tape_rows(c->tape, weight)},
                     1);
}

static size_t record_embed(struct op_case *c)
{
  size_t count;
  const int32_t *tokens = integers(c, "tokens", &count);
  return tape_embed(c->tape, leaf(c, "weight", 0, true), tokens, count);
}

static size_t record_layer_norm(struct op_case *c)
{
  size_t x = leaf(c, "x", 0, true), gain = leaf(c, "gain", 0, true);
  return tape_layer_norm(c->tape, x, gain, leaf(c, "bias", 0, true), (float)parameter(c, "eps"));
}

static size_t record_layer_norm_plain(struct op_case *c)
{
  return tape_layer_norm(c->tape, leaf(c, "x", 0, true), TAPE_NONE, TAPE_NONE,
                         (float)parameter(c, "eps"));
}

static size_t record_rms_norm(struct op_case *c)
{
  size_t x = leaf(c, "x", 0, true);
  return tape_rms_norm(c->tape, x, leaf(c, "gain", 0, true), (float)parameter(c, "eps"));
}

static struct rope rope; /* of the case at hand */

static size_t record_rope(struct op_case *c)
{
  struct error error = {0};
  struct npy x = array(c, "x");
  size_t seq_len = x.shape[1];
  const struct model_config config = {.rotary_dims = (size_t)parameter(c, "rotary_dims"),
                                      .rope_base = parameter(c, "base")};
  free(x.data);
  check(rope_create(&rope, &config, seq_len, &error), &error);
  return tape_rope(c->tape, leaf(c, "x", 0, true),
                   &(struct tape_rotation){.seq_len = seq_len,
                                           .head_dim = (size_t)parameter(c, "head_dim"),
                                           .half = rope.half,
                                           .interleaved = parameter(c, "interleaved") != 0,
                                           .cosine = rope.cosine,
                                           .sine = rope.sine});
}

static size_t record_clip(struct op_case *c)
{
  return tape_clip(c->tape, leaf(c, "x", 0, true), (float)parameter(c, "clip"));
}

static size_t record_softmax(struct op_case *c)
{
  size_t scores = leaf(c, "scores", 0, true);
  return tape_causal_softmax(c->tape, scores, tape_columns(c->tape, scores), 0);
}

static size_t record_attention(struct op_case *c)
{
  struct npy q = array(c, "q");
  const struct tape_heads heads = {q.shape[0],
                                   q.shape[1],
                                   (size_t)parameter(c, "heads"),
                                   (size_t)parameter(c, "key_value_heads"),
                                   (size_t)parameter(c, "head_dim"),
                                   0};
  free(q.data);
  size_t queries = leaf(c, "q", 0, true), keys = leaf(c, "k", 0, true);
  size_t values = leaf(c, "v", 0, true);
  size_t scores = tape_scores(c->tape, queries, keys, &heads);
  return tape_mix(c->tape, tape_causal_softmax(c->tape, scores, heads.seq_len, 0), values, &heads);
}

static size_t record_gelu_erf(struct op_case *c)
{
  return tape_gelu(c->tape, leaf(c, "x", 1, true));
}

static size_t record_gelu_tanh(struct op_case *c)
{
  return tape_gelu_tanh(c->tape, leaf(c, "x", 1, true));
}

/* The two halves of a row, from a matrix of ones. */
static size_t record_silu_up(struct op_case *c)
{
  static const float ones[] = {1, 0, 0, 1};
  size_t gate = leaf(c, "gate", 1, true), up = leaf(c, "up", 1, true);
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
  struct npy npy = array(c, name);
  struct input *input = &c->inputs[c->input_count++];
  size_t rows = npy.shape[1], columns = npy.shape[2];
  snprintf(input->name, sizeof input->name, "%s", name);
  input->count = npy.count;
  input->data = floats(&npy);
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
  size_t experts = (size_t)parameter(c, "experts");
  struct tape_part both[64], down[32];
  assert_true(experts <= 32);
  size_t x = leaf(c, "x", 0, true), router = leaf(c, "router", 0, true);
  size_t logits = tape_linear(c->tape, x, &(struct tape_part){router, TAPE_NONE, 0, experts}, 1);
  size_t route = tape_route(c->tape, logits, (size_t)parameter(c, "chosen"),
                            parameter(c, "norm_topk_prob") != 0);
  expert_parts(c, "gate_proj", experts, 2, both);
  expert_parts(c, "up_proj", experts, 2, both + 1);
  expert_parts(c, "down_proj", experts, 1, down);
  size_t rows = tape_gather(c->tape, x, route);
  size_t up = tape_silu_mul(c->tape, tape_expert_linear(c->tape, rows, route, both, 2));
  return tape_combine(c->tape, tape_expert_linear(c->tape, up, route, down, 1), route);
}

static size_t record_replace(struct op_case *c)
{
  struct npy mask = array(c, "mask");
  unsigned char *bytes = malloc(mask.count);
  for (size_t i = 0; i < mask.count; i++)
    bytes[i] = mask.data[i] != 0;
  size_t x = leaf(c, "x", 0, true), y = tape_replace(c->tape, x, bytes, leaf(c, "given", 0, false));
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

/* --- running --- */

static void open_case(struct op_case *c, const char *index, const char *operation, const char *name)
{
  char directory[128];
  struct error error = {0};
  const struct kernels *kernels;
  *c = (struct op_case){.operation = operation, .name = name, .index = index, .output = TAPE_NONE};
  snprintf(directory, sizeof directory, "ops/%s/%s", operation, name);
  c->files = gradients_open(directory);
  char *text = gradients_text(c->files, "params.json");
  c->params = json_loads(text, 0, NULL);
  assert_non_null(c->params);
  free(text);
  check(kernels_select(ISA_AUTO, &kernels, &error), &error);
  check(tape_create(kernels, NULL, &c->tape, &error), &error);
}

static void run_case(struct op_case *c)
{
  struct error error = {0};
  if (c->output != TAPE_NONE)
    tape_keep(c->tape, c->output);
  check(tape_plan(c->tape, false, &error), &error);
  check(tape_allocate(c->tape, &error), &error);
  tape_forward(c->tape);
  tape_backward(c->tape, false);
  check(tape_check(c->tape, &error), &error);
}

static void compare_gradients(struct op_case *c)
{
  char name[48];
  for (size_t i = 0; i < c->input_count; i++) {
    if (!c->inputs[i].gradient)
      continue;
    snprintf(name, sizeof name, "d_%s", c->inputs[i].name);
    struct npy want = array(c, name);
    assert_int_equal(want.count, c->inputs[i].count);
    compare(c, name, &want, c->inputs[i].gradient);
    free(want.data);
  }
}

static void close_case(struct op_case *c)
{
  tape_free(c->tape);
  for (size_t i = 0; i < c->input_count; i++) {
    free(c->inputs[i].data);
    free(c->inputs[i].gradient);
  }
  free(c->integers);
  rope_free(&rope);
  fileset_close(c->files);
  json_decref(c->params);
}

/* Calls one(index, operation, case) for every case of an operation that index.csv lists. */
static size_t each_case(const char *index, const char *operation,
                        double (*one)(const char *index, size_t which, const char *operation,
                                      const char *name),
                        size_t which)
{
  char key[48], last[48] = "";
  size_t count = 0;
  double used = 0;
  snprintf(key, sizeof key, "\n%s,", operation);
  for (const char *at = index; (at = strstr(at, key)); at++) {
    char name[48] = "";
    const char *from = at + strlen(key);
    memcpy(name, from, strcspn(from, ","));
    if (strcmp(name, last) == 0)
      continue;
    used = fmax(used, one(index, which, operation, name));
    memcpy(last, name, sizeof last);
    count++;
  }
  print_message("  %-20s %2zu cases, %.2f of the bound used\n", operation, count, used);
  assert_true(count > 0);
  return count;
}

/* An operation whose output has an upstream gradient. */
static double one_operation(const char *index, size_t which, const char *operation,
                            const char *name)
{
  struct op_case c;
  char upstream[48];
  open_case(&c, index, operation, name);
  c.output = operations[which].record(&c);
  snprintf(upstream, sizeof upstream, "d_%s", operations[which].output);
  (void)tape_weighted_sum(c.tape, c.output,
                          leaf(&c, upstream, tape_columns(c.tape, c.output), false), 1);
  run_case(&c);
  struct npy want = array(&c, operations[which].output);
  compare(&c, operations[which].output, &want, tape_data(c.tape, c.output));
  compare_gradients(&c);
  free(want.data);
  close_case(&c);
  return c.used;
}

static char *read_index(void)
{
  struct fileset *files = gradients_open("ops");
  char *index = gradients_text(files, "index.csv");
  fileset_close(files);
  return index;
}

static void test_operations(void **state)
{
  char *index = read_index();
  size_t count = 0;
  (void)state;
  for (size_t i = 0; i < OPERATIONS; i++)
    count += each_case(index, operations[i].name, one_operation, i);
  assert_int_equal(count, 66);
  free(index);
}

/* Per token with an upstream each, or their mean. */
static double one_entropy(const char *index, size_t mean, const char *operation, const char *name)
{
  struct op_case c;
  size_t count;
  open_case(&c, index, operation, name);
  size_t logits = leaf(&c, "logits", 0, true);
  const int32_t *targets = integers(&c, "target", &count);
  struct npy upstream = array(&c, "d_loss"), want = array(&c, "loss");
  float *weights = floats(&upstream);
  size_t loss = tape_cross_entropy(c.tape, logits, targets, mean ? NULL : weights,
                                   mean ? 1 / (double)count : 1);
  run_case(&c);
  float *got = malloc(count * sizeof *got);
  for (size_t i = 0; i < count; i++)
    got[i] = (float)tape_row_losses(c.tape, loss)[i];
  if (mean)
    got[0] = (float)(tape_loss(c.tape, loss) / (double)count);
  compare(&c, "loss", &want, got);
  compare_gradients(&c);
  free(got);
  free(weights);
  free(upstream.data);
  free(want.data);
  close_case(&c);
  return c.used;
}

static double one_router_loss(const char *index, size_t which, const char *operation,
                              const char *name)
{
  struct op_case c;
  (void)which;
  open_case(&c, index, operation, name);
  size_t logits = leaf(&c, "logits", 0, true);
  size_t route = tape_route(c.tape, logits, (size_t)parameter(&c, "chosen"), false);
  struct npy balance = array(&c, "load_balancing"), z = array(&c, "router_z");
  struct npy d_balance = array(&c, "d_load_balancing"), d_z = array(&c, "d_router_z");
  size_t losses[] = {tape_load_balancing(c.tape, logits, route, d_balance.data[0]),
                     tape_router_z(c.tape, logits, route, d_z.data[0])};
  run_case(&c);
  float got[] = {(float)tape_loss(c.tape, losses[0]), (float)tape_loss(c.tape, losses[1])};
  compare(&c, "load_balancing", &balance, &got[0]);
  compare(&c, "router_z", &z, &got[1]);
  compare_gradients(&c);
  free(balance.data);
  free(z.data);
  free(d_balance.data);
  free(d_z.data);
  close_case(&c);
  return c.used;
}

static void test_losses(void **state)
{
  char *index = read_index();
  (void)state;
  (void)each_case(index, "cross_entropy", one_entropy, 0);
  (void)each_case(index, "cross_entropy_mean", one_entropy, 1);
  (void)each_case(index, "router_losses", one_router_loss, 0);
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
