/* attest train, end to end: the reference's runs, the same bits however it is run, going on after a
 * kill, and what is not finite. */
#include "training.h"

#include "base/digest.h"

#include <signal.h>
#include <unistd.h>

static const char *const runs[] = {
    "gpt_neox-sequential-small",
    "olmo-tied-grouped-clip-small",
    "olmoe-grouped-normalised-small",
    "gpt_neox",
    "olmo",
    "olmoe",
};

/* Under emulation the small ones must do. */
static size_t run_count(void)
{
  return support_emulated() ? 3 : sizeof runs / sizeof *runs;
}

/* --- the reference --- */

/* The number in column `name` of line `row` of a CSV (0 = the first below the header). */
static double cell(const char *csv, const char *name, size_t row)
{
  size_t column = 0, length = strlen(name);
  const char *at = csv;
  while (strncmp(at, name, length) != 0 || !strchr(",\n", at[length])) {
    at += strcspn(at, ",\n");
    assert_int_equal(*at, ',');
    at++;
    column++;
  }
  for (at = csv; row + 1 > 0 && *at; row--) {
    at = strchr(at, '\n') + 1;
    if (!row)
      break;
  }
  for (; column; column--)
    at = strchr(at, ',') + 1;
  return strtod(at, NULL);
}

static double larger(double a, double b)
{
  return a > b ? a : b;
}

/* Ten times the running maximum of the deviation that the reference's own float32 runs show. */
static void check_steps(const char *run, const char *found, const char *expected)
{
  double loss = 0x1p-22, norm = 0x1p-23;
  for (size_t i = 0; i < 30; i++) {
    double total = cell(expected, "total_f64", i), wanted = cell(expected, "grad_norm_f64", i);
    double rate = cell(expected, "lr", i);
    loss = larger(loss, cell(expected, "f32_ce_deviation", i));
    norm = larger(norm, cell(expected, "f32_grad_norm_relative_deviation", i));
    double deviations[] = {
        fabs(cell(found, "loss", i) - total) / (10 * loss),
        fabs(cell(found, "cross_entropy", i) - cell(expected, "ce_f64", i)) / (10 * loss),
        fabs(cell(found, "grad_norm", i) / wanted - 1) / (10 * norm),
        fabs(cell(found, "rate", i) / rate - 1) / 4e-16,
        strstr(found, "router_z_sum")
            ? fabs(cell(found, "load_balancing_sum", i) - cell(expected, "load_balancing_sum", i)) /
                  5e-5
            : 0,
        strstr(found, "router_z_sum")
            ? fabs(cell(found, "router_z_sum", i) - cell(expected, "router_z_sum", i)) / 5e-5
            : 0};
    for (size_t k = 0; k < sizeof deviations / sizeof *deviations; k++)
      if (!(deviations[k] <= 1))
        fail_msg("%s: step %zu: figure %zu deviates by %.3g of its bound", run, i + 1, k,
                 deviations[k]);
  }
}

/* The sampled entries of every parameter, whose number is their place in params.csv. */
static void check_parameters(const char *run, const char *out, int step)
{
  char name[64], path[700], header[200];
  snprintf(name, sizeof name, "expected/param_step%d.npy", step);
  struct npy expected = training_array(run, name);
  snprintf(name, sizeof name, "expected/param_step%d_scale.npy", step);
  struct npy scale = training_array(run, name);
  size_t size, width = expected.shape[1];
  char *csv = support_read(training_path(run, "expected/params.csv"), &size), *line = csv;
  char *index = support_read(training_path(run, "expected/sample_index.npy"), &size);
  const int32_t *sample = (const int32_t *)(const void *)(index + size) - expected.count;
  snprintf(path, sizeof path, "%s/step%d/model.safetensors", out, step);
  char *file = support_read(path, &size);
  uint64_t length;
  memcpy(&length, file, sizeof length);
  json_t *tensors = json_loadb(file + 8, (size_t)length, 0, NULL);
  for (size_t i = 0; i < expected.shape[0]; i++) {
    line = strchr(line, '\n') + 1;
    assert_int_equal(sscanf(line, "%*d,%199[^,]", header), 1);
    const json_t *offsets = json_object_get(json_object_get(tensors, header), "data_offsets");
    const char *values = file + 8 + length + json_integer_value(json_array_get(offsets, 0));
    for (size_t j = i * width; j < (i + 1) * width; j++) {
      float value;
      memcpy(&value, values + (size_t)sample[j] * sizeof value, sizeof value);
      if (!(fabs((double)value - expected.data[j]) <= 10 * scale.data[j]))
        fail_msg("%s: %s[%d] after step %d: %.9g instead of %.9g", run, header, sample[j], step,
                 (double)value, expected.data[j]);
    }
  }
  json_decref(tensors);
  free(file), free(csv), free(index), free(expected.data), free(scale.data);
}

static void runs_are_those_of_the_reference(void **state)
{
  (void)state;
  for (size_t i = 0; i < run_count(); i++) {
    char out[600], path[700];
    size_t size;
    snprintf(out, sizeof out, "%s/reference-%s", support_directory(), runs[i]);
    free(workshop_run(0, "train %s --out %s --quiet", training_path(runs[i], "recipe.json"), out));
    snprintf(path, sizeof path, "%s/steps.csv", out);
    char *found = support_read(path, &size);
    char *expected = support_read(training_path(runs[i], "expected/steps.csv"), &size);
    check_steps(runs[i], found, expected);
    check_parameters(runs[i], out, 1);
    check_parameters(runs[i], out, 10);
    check_parameters(runs[i], out, 30);
    free(found);
    free(expected);
  }
}

/* --- the same bits --- */

/* XXH3-128 of the three checkpoints and the steps of a run. */
static void hash_run(const char *out, char hex[33])
{
  static const char *const files[] = {"step0/model.safetensors", "step7/model.safetensors",
                                      "step20/model.safetensors", "steps.csv"};
  char hashes[4 * 32 + 1], path[700];
  for (size_t i = 0; i < 4; i++) {
    size_t size;
    snprintf(path, sizeof path, "%s/%s", out, files[i]);
    char *bytes = support_read(path, &size);
    digest_xxh3(bytes, size, hashes + i * 32);
    free(bytes);
  }
  digest_xxh3(hashes, 4 * 32, hex);
}

/* Our own results, which hold for every machine and compiler. */
static const char *const pinned[SMALL_RECIPES] = {"6869e6c7038ffcc527ae3446a52cedb2",
                                                  "716bf6684292f99c2d789b73b49427c0",
                                                  "6e7dd7acd1ac7238cf6e648156bf44b5"};

static void same_bits_however_it_is_run(void **state)
{
  static const char *const ways[] = {"--threads 1", "--threads 3 --memory 100M",
                                     "--isa scalar --threads 2", "--isa avx2 --threads 2"};
  (void)state;
  for (size_t i = 0; i < SMALL_RECIPES; i++) {
    const char *recipe = write_recipe("same.json", small_recipes[i][1]);
    for (size_t w = 0; w < (support_emulated() ? 1 : sizeof ways / sizeof *ways); w++) {
      const char *out = workshop_path("same");
      char hex[33];
#ifndef __x86_64__
      if (strstr(ways[w], "avx2"))
        continue;
#endif
      free(workshop_run(0, "train %s --out %s --quiet %s", recipe, out, ways[w]));
      hash_run(out, hex);
      if (strcmp(hex, pinned[i]) != 0)
        fail_msg("%s, %s: %s instead of %s", small_recipes[i][0], ways[w], hex, pinned[i]);
      workshop_shell("rm -r %s", out);
    }
  }
}

/* The families beyond the first paper's: the loss falls, and the bits are those of plain C. */
static void every_family_trains(void **state)
{
  static const char *const models[] = {"llama-smooth-f32", "mistral-window-f16", "qwen2-tied-bf16",
                                       "qwen3-f32",        "gpt2-smooth-f16",    "olmo2-bf16",
                                       "phi-f32",          "stablelm-f32"};
  (void)state;
  for (size_t i = 0; i < (support_emulated() ? 2 : sizeof models / sizeof *models); i++) {
    const char *path = workshop_path("family.json"), *outs[2], *file;
    char prefix[80], name[700], hex[2][33];
    size_t size;
    snprintf(prefix, sizeof prefix, "%s/model/config.json", models[i]);
    workshop_unpack("tests/fixtures/families.tar.zst", prefix, workshop_path("families"));
    snprintf(name, sizeof name, "%s/%s", workshop_path("families"), prefix);
    json_t *recipe = workshop_json_text(small_recipes[1][1]);
    json_object_set_new(recipe, "config", workshop_json(name));
    workshop_json_write(path, recipe);
    json_decref(recipe);
    outs[0] = workshop_path("family"), outs[1] = workshop_path("family-scalar");
    workshop_shell("rm -rf %s %s", outs[0], outs[1]);
    free(workshop_run(0, "train %s --out %s --quiet --threads 2", path, outs[0]));
    free(workshop_run(0, "train %s --out %s --quiet --isa scalar", path, outs[1]));
    hash_run(outs[0], hex[0]);
    hash_run(outs[1], hex[1]);
    assert_string_equal(hex[0], hex[1]);
    snprintf(name, sizeof name, "%s/steps.csv", outs[0]);
    char *steps = support_read(name, &size);
    if (!(cell(steps, "loss", 19) < 0.95 * cell(steps, "loss", 0)))
      fail_msg("%s: the loss went from %g to %g", models[i], cell(steps, "loss", 0),
               cell(steps, "loss", 19));
    free(steps);
    char *said = workshop_run(0, "inspect %s/step20", outs[0]);
    file = strchr(models[i], '-');
    snprintf(prefix, sizeof prefix, "%.*s", (int)(file - models[i]), models[i]);
    assert_non_null(strstr(said, prefix));
    free(said);
  }
}

/* --- going on --- */

/* Kills it again and again, a little later each time, until it gets through. */
static int kill_until_done(const char *recipe, const char *out)
{
  int kills = 0;
  for (useconds_t patience = 5000;; patience += 7000) {
    const char *words[64];
    char line[2048];
    snprintf(line, sizeof line, "train %s --out %s --quiet --threads 1", recipe, out);
    workshop_words(line, words);
    pid_t child = support_start(words, workshop_path("killed.out"), workshop_path("killed.err"));
    usleep(patience);
    kill(child, SIGKILL);
    int code = support_wait(child, NULL);
    if (code == 0)
      return kills;
    assert_int_equal(code, 128 + SIGKILL);
    kills++;
  }
}

static void killed_runs_end_in_the_same_bits(void **state)
{
  const char *files[] = {
      "steps.csv",         "state.safetensors",         "step0/model.safetensors",
      "step0/config.json", "step300/model.safetensors", "identity.json"};
  (void)state;
  if (support_emulated())
    return;
  json_t *recipe = workshop_json_text(small_recipes[2][1]), *revisions = json_array();
  for (int i = 0; i <= 300; i += 10)
    json_array_append_new(revisions, json_integer(i));
  json_object_set_new(recipe, "steps", json_integer(300));
  json_object_set_new(recipe, "revisions", revisions);
  json_object_set_new(json_object_get(recipe, "schedule"), "steps", json_integer(300));
  const char *path = workshop_path("killed.json"), *out = workshop_path("killed");
  const char *whole = workshop_path("whole");
  workshop_json_write(path, recipe);
  json_decref(recipe);
  free(workshop_run(0, "train %s --out %s --quiet", path, whole));
  assert_true(kill_until_done(path, out) > 1);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char a[700], b[700];
    snprintf(a, sizeof a, "%s/%s", whole, files[i]);
    snprintf(b, sizeof b, "%s/%s", out, files[i]);
    workshop_same_files(a, b);
  }
}

/* A start of its own checkpoints: step 0 of the second run is the last step of the first. */
static void start_from_a_checkpoint(void **state)
{
  const char *out = workshop_path("first"), *next = workshop_path("second");
  const char *path = workshop_path("second.json");
  char a[700], b[700];
  (void)state;
  free(workshop_run(0, "train %s --out %s --quiet", write_recipe("first.json", small_recipes[2][1]),
                    out));
  json_t *recipe = workshop_json_text(small_recipes[2][1]);
  json_object_del(recipe, "config");
  json_object_del(recipe, "initial");
  json_object_set_new(recipe, "start", json_pack("{s:s}", "checkpoint", "first/step20"));
  workshop_json_write(path, recipe);
  free(workshop_run(0, "train %s --out %s --quiet", path, next));
  snprintf(a, sizeof a, "%s/step20/model.safetensors", out);
  snprintf(b, sizeof b, "%s/step0/model.safetensors", next);
  workshop_same_files(a, b);
  json_decref(recipe);
}

/* --- what stops it --- */

/* Divergence names the step and where it shows, and the last state stays. */
static void values_that_are_not_finite_stop_it(void **state)
{
  const char *out = workshop_path("diverged"), *path = workshop_path("diverged.json");
  (void)state;
  json_t *recipe = workshop_json_text(small_recipes[0][1]);
  json_t *schedule = json_object_get(recipe, "schedule");
  json_object_set_new(schedule, "rate", json_real(1e6));
  json_object_set_new(recipe, "optimizer", json_pack("{s:s}", "kind", "sgd"));
  json_object_set_new(schedule, "warmup", json_integer(0));
  workshop_json_write(path, recipe);
  char *line = workshop_refuse(EXIT_INPUT, "step ", "train %s --out %s --quiet", path, out);
  if (!strstr(line, "holds a NaN or an infinity"))
    fail_msg("%s", line);
  free(line);
  json_decref(recipe);
}

/* Sets all values of a tensor in a file of safetensors. */
static void overwrite(const char *path, const char *name, float value)
{
  size_t size;
  uint64_t length;
  char *file = support_read(path, &size);
  memcpy(&length, file, sizeof length);
  json_t *tensors = json_loadb(file + 8, (size_t)length, 0, NULL);
  const json_t *offsets = json_object_get(json_object_get(tensors, name), "data_offsets");
  assert_non_null(offsets);
  for (json_int_t at = json_integer_value(json_array_get(offsets, 0));
       at < json_integer_value(json_array_get(offsets, 1)); at += (json_int_t)sizeof value)
    memcpy(file + 8 + length + at, &value, sizeof value);
  support_write(path, file, size);
  json_decref(tensors);
  free(file);
}

/* Loss and gradients are finite here, but not what decay makes of the LM head. */
static void parameter_that_is_not_finite_is_named(void **state)
{
  const char *out = workshop_path("huge"), *path = workshop_path("overflow.json");
  char file[700];
  (void)state;
  free(workshop_run(0, "train %s --out %s --quiet", write_recipe("huge.json", small_recipes[1][1]),
                    out));
  snprintf(file, sizeof file, "%s/step20/model.safetensors", out);
  overwrite(file, "lm_head.weight", 1e30f);
  json_t *recipe = workshop_json_text(small_recipes[1][1]);
  json_object_del(recipe, "config");
  json_object_del(recipe, "initial");
  json_object_set_new(recipe, "start", json_pack("{s:s}", "checkpoint", "huge/step20"));
  json_object_set_new(recipe, "optimizer",
                      json_pack("{s:s, s:f}", "kind", "sgd", "weight_decay", 1e6));
  json_object_set_new(recipe, "schedule",
                      json_pack("{s:s, s:f, s:i}", "kind", "constant", "rate", 1e6, "warmup", 0));
  workshop_json_write(path, recipe);
  free(workshop_refuse(EXIT_INPUT,
                       "step 1: lm_head.weight is not finite after the update: element 0 (row 0, "
                       "column 0)",
                       "train %s --out %s --quiet", path, workshop_path("overflow")));
  json_decref(recipe);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_are_those_of_the_reference),
      cmocka_unit_test(same_bits_however_it_is_run),
      cmocka_unit_test(every_family_trains),
      cmocka_unit_test(killed_runs_end_in_the_same_bits),
      cmocka_unit_test(start_from_a_checkpoint),
      cmocka_unit_test(values_that_are_not_finite_stop_it),
      cmocka_unit_test(parameter_that_is_not_finite_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
