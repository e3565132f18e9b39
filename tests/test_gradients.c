/* Losses and gradients of the conformance models against float64 results of an independent
 * implementation (tests/fixtures/gradients.README.md), within ten times the error that the same
 * formulas showed in float32. */
#include "fixture_models.h"
#include "gradients.h"

#include "tape/model.h"

#include <jansson.h>

enum { SEQUENCES = 4, SEQ_LEN = 24, SAMPLES = 128, SHOWN = 3 };

/* One model with its batch, run once. */
struct run {
  const char *name;
  struct fileset *files;
  json_t *meta;
  struct checkpoint *checkpoint;
  struct model stored;
  struct parameters parameters;
  struct threads *threads;
  struct tape_model *model;
  struct tape_losses losses;
  int32_t tokens[SEQUENCES * (SEQ_LEN + 1)];
  size_t shown[SHOWN][2]; /* sequence, position */
};

static void check(int status, const struct error *error)
{
  if (status)
    fail_msg("%s", error->text);
}

static void read_batch(struct run *run)
{
  char *text = gradients_text(run->files, "tokens.csv"), *at = text;
  for (size_t i = 0; i < SEQUENCES * (SEQ_LEN + 1); i++, at++)
    run->tokens[i] = (int32_t)strtol(at, &at, 10);
  free(text);
  text = gradients_text(run->files, "positions.csv");
  at = strchr(text, '\n');
  for (size_t i = 0; i < 2 * SHOWN; i++)
    run->shown[i / 2][i % 2] = strtoull(at + 1, &at, 10);
  free(text);
}

static void keep_sites(struct run *run)
{
  const struct tape_pass *pass = tape_model_pass(run->model);
  struct tape *tape = tape_model_tape(run->model);
  tape_keep_gradient(tape, pass->embedding);
  tape_keep_gradient(tape, pass->final_norm);
  for (size_t i = 0; i < pass->count; i++) {
    tape_keep_gradient(tape, pass->layers[i].residual);
    tape_keep_gradient(tape, pass->layers[i].heads);
    tape_keep_gradient(tape, pass->layers[i].pattern);
  }
}

static void open_run(struct run *run, const char *name, bool auxiliary)
{
  char path[256];
  struct error error = {0};
  struct tape_model_options options = {.batch = SEQUENCES,
                                       .seq_len = SEQ_LEN,
                                       .load_balancing = auxiliary ? 0.01 : 0,
                                       .router_z = auxiliary ? 0.001 : 0};
  *run = (struct run){.name = name, .files = gradients_open(name)};
  snprintf(path, sizeof path, CONFORMANCE "%s/model", name);
  check(checkpoint_open(path, &run->checkpoint, &error), &error);
  check(model_load(run->checkpoint, &run->stored, &error), &error);
  check(parameters_read(&run->stored, &run->parameters, &error), &error);
  check(threads_start(2, &run->threads, &error), &error);
  check(kernels_select(ISA_AUTO, &options.kernels, &error), &error);
  options.threads = run->threads;
  read_batch(run);
  check(tape_model_create(&run->parameters, &options, &run->model, &error), &error);
}

static void start_run(struct run *run)
{
  struct error error = {0};
  keep_sites(run);
  check(tape_model_plan(run->model, &error), &error);
  check(tape_model_allocate(run->model, &error), &error);
  check(tape_model_run(run->model, run->tokens, &run->losses, &error), &error);
}

static void close_run(struct run *run)
{
  tape_model_free(run->model);
  parameters_free(&run->parameters);
  model_free(&run->stored);
  checkpoint_close(run->checkpoint);
  threads_stop(run->threads);
  fileset_close(run->files);
  json_decref(run->meta);
}

/* A number of meta.json. */
static double recorded(const struct run *run, const char *key)
{
  const json_t *value = json_object_get(run->meta, key);
  assert_true(json_is_number(value));
  return json_number_value(value);
}

static void check_losses(const struct run *run)
{
  double bound = fmax(10 * recorded(run, "float32_loss_max_abs_difference"), 2e-6), worst = 0;
  double difference = fabs(run->losses.cross_entropy - recorded(run, "loss"));
  struct npy want = gradients_array(run->files, "per_token_loss.npy");
  const double *got = tape_model_token_losses(run->model);
  assert_int_equal(want.count, SEQUENCES * SEQ_LEN);
  for (size_t i = 0; i < want.count; i++)
    worst = fmax(worst, fabs(got[i] - want.data[i]));
  print_message("  %-24s loss %.1e (%.1e), tokens %.1e\n", run->name, difference, bound, worst);
  assert_true(difference <= bound);
  assert_true(worst <= 10 * recorded(run, "float32_per_token_loss_max_abs_difference"));
  free(want.data);
}

static const struct parameter *find(const struct run *run, const char *name)
{
  for (size_t i = 0; i < run->parameters.count; i++)
    if (strcmp(run->parameters.list[i].name, name) == 0)
      return &run->parameters.list[i];
  fail_msg("no parameter %s", name);
  return NULL;
}

/* A line of params.csv: number, name, shape, size, norm, sum, max_abs, float32's largest difference
 * and its norm; the gradient's samples, its norm and whether it is all 0. */
static double check_parameter(const struct run *run, char *line, const struct npy *index,
                              const struct npy *value)
{
  char *fields[9];
  for (int i = 0; i < 9; i++)
    fields[i] = strsep(&line, ",\n");
  const struct parameter *p = find(run, fields[1]);
  size_t number = strtoull(fields[0], NULL, 10);
  double norm = 0, bound = 10 * strtod(fields[7], NULL), used = 0;
  assert_int_equal(p->elements, strtoull(fields[3], NULL, 10));
  for (size_t i = 0; i < p->elements; i++)
    norm += (double)p->gradient[i] * (double)p->gradient[i];
  if (!(fabs(sqrt(norm) - strtod(fields[4], NULL)) <= 10 * strtod(fields[8], NULL)))
    fail_msg("%s: norm of the gradient %.17g, %s expected", p->name, sqrt(norm), fields[4]);
  for (size_t i = 0; i < SAMPLES; i++) {
    size_t at = (size_t)index->data[number * SAMPLES + i];
    double want = value->data[number * SAMPLES + i];
    double difference = fabs((double)p->gradient[at] - want);
    if (!(difference <= bound))
      fail_msg("%s[%zu]: gradient %.9g, %.9g expected within %.2e", p->name, at,
               (double)p->gradient[at], want, bound);
    used = bound > 0 ? fmax(used, difference / bound) : used;
  }
  return used;
}

static void check_parameters(const struct run *run)
{
  struct npy index = gradients_array(run->files, "sample_index.npy");
  struct npy value = gradients_array(run->files, "sample_value.npy");
  char *text = gradients_text(run->files, "params.csv"), *at = strchr(text, '\n') + 1;
  double used = 0;
  size_t count = 0;
  for (char *line; (line = strsep(&at, "\n")) && *line; count++)
    used = fmax(used, check_parameter(run, line, &index, &value));
  assert_int_equal(count, run->parameters.count);
  print_message("  %-24s %zu parameters, %.2f of the bound used\n", run->name, count, used);
  free(text);
  free(index.data);
  free(value.data);
}

/* Gradients at a site: rows of `count` floats at the positions shown, against want[shown][count].
 */
static void check_site(const struct run *run, size_t value, size_t row, size_t count,
                       const double *want, double bound)
{
  struct tape *tape = tape_model_tape(run->model);
  const float *got = tape_gradient(tape, value) + row * tape_stride(tape, value);
  for (size_t j = 0; j < count; j++)
    if (!(fabs((double)got[j] - want[j]) <= bound))
      fail_msg("%s, row %zu, element %zu: gradient %.9g, %.9g expected within %.1e", run->name, row,
               j, (double)got[j], want[j], bound);
}

static size_t token(const struct run *run, size_t shown)
{
  return run->shown[shown][0] * SEQ_LEN + run->shown[shown][1];
}

/* residual_grad.npy: [layers + 2][shown][hidden]. */
static void check_residuals(const struct run *run)
{
  struct npy want = gradients_array(run->files, "residual_grad.npy");
  const struct tape_pass *pass = tape_model_pass(run->model);
  const json_t *bounds = json_object_get(run->meta, "float32_residual_grad_max_abs_difference");
  size_t hidden = want.shape[2];
  assert_int_equal(want.shape[0], pass->count + 2);
  for (size_t i = 0; i < want.shape[0]; i++)
    for (size_t k = 0; k < SHOWN; k++)
      check_site(run,
                 i == 0             ? pass->embedding
                 : i <= pass->count ? pass->layers[i - 1].residual
                                    : pass->final_norm,
                 token(run, k), hidden, want.data + (i * SHOWN + k) * hidden,
                 10 * json_number_value(json_array_get(bounds, i)));
  free(want.data);
}

/* headout_grad.npy: [layers][shown][heads][head_dim]; pattern_grad.npy: [layers][shown][heads][T].
 */
static void check_heads(const struct run *run)
{
  struct npy outputs = gradients_array(run->files, "headout_grad.npy");
  struct npy patterns = gradients_array(run->files, "pattern_grad.npy");
  const struct tape_pass *pass = tape_model_pass(run->model);
  size_t heads = outputs.shape[2], hidden = heads * outputs.shape[3];
  for (size_t i = 0; i < pass->count; i++)
    for (size_t k = 0; k < SHOWN; k++) {
      check_site(run, pass->layers[i].heads, token(run, k), hidden,
                 outputs.data + (i * SHOWN + k) * hidden,
                 10 * recorded(run, "float32_headout_grad_max_abs_difference"));
      for (size_t h = 0; h < heads; h++)
        check_site(run, pass->layers[i].pattern,
                   (run->shown[k][0] * heads + h) * SEQ_LEN + run->shown[k][1], SEQ_LEN,
                   patterns.data + ((i * SHOWN + k) * heads + h) * SEQ_LEN, 6e-6);
    }
  free(outputs.data);
  free(patterns.data);
}

static void load_meta(struct run *run)
{
  char *text = gradients_text(run->files, "meta.json");
  run->meta = json_loads(text, 0, NULL);
  assert_non_null(run->meta);
  free(text);
}

static void test_models(void **state)
{
  (void)state;
  for (size_t i = 0; i < CONFORMANCE_MODELS; i++) {
    struct run run;
    open_run(&run, conformance_models[i], false);
    load_meta(&run);
    start_run(&run);
    check_losses(&run);
    check_parameters(&run);
    check_residuals(&run);
    check_heads(&run);
    close_run(&run);
  }
}

/* aux.csv: layer, A, Z; aux_router_grad.L.npy: the router's gradient with both losses. */
static void check_layer(const struct run *run, size_t layer, char *line)
{
  char name[80];
  (void)strsep(&line, ",");
  double balancing = strtod(strsep(&line, ","), NULL), z = strtod(line, NULL);
  assert_true(fabs(run->losses.load_balancing[layer] - balancing) <= 5e-5);
  assert_true(fabs(run->losses.router_z[layer] - z) <= 5e-5);
  snprintf(name, sizeof name, "aux_router_grad.%zu.npy", layer);
  struct npy want = gradients_array(run->files, name);
  snprintf(name, sizeof name, "model.layers.%zu.mlp.gate.weight", layer);
  const struct parameter *p = find(run, name);
  assert_int_equal(want.count, p->elements);
  for (size_t i = 0; i < want.count; i++)
    if (!(fabs((double)p->gradient[i] - want.data[i]) <= 5e-5))
      fail_msg("%s[%zu]: gradient %.9g, %.9g expected", p->name, i, (double)p->gradient[i],
               want.data[i]);
  free(want.data);
}

static void test_auxiliary_losses(void **state)
{
  (void)state;
  for (size_t i = 0; i < CONFORMANCE_MODELS; i++) {
    struct run run;
    if (strncmp(conformance_models[i], "olmoe", 5) != 0)
      continue;
    open_run(&run, conformance_models[i], true);
    load_meta(&run);
    start_run(&run);
    char *text = gradients_text(run.files, "aux.csv"), *at = strchr(text, '\n') + 1;
    for (size_t layer = 0; layer < run.losses.layers; layer++)
      check_layer(&run, layer, strsep(&at, "\n"));
    assert_int_equal(run.losses.layers, run.parameters.model.config.layers);
    double want = json_number_value(
        json_object_get(json_object_get(run.meta, "with_auxiliary_losses"), "total_loss"));
    assert_true(fabs(run.losses.loss - want) <= 2e-5);
    free(text);
    close_run(&run);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_models),
      cmocka_unit_test(test_auxiliary_losses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
