/* The default from nothing: the beginning of the pinned runs, bit for bit. make
 * reproduce-from-nothing checks the rest. */
#include "workshop.h"

#include "base/digest.h"

#ifdef __SANITIZE_ADDRESS__
#define SLOW true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOW true
#endif
#endif
#ifndef SLOW
#define SLOW false
#endif

static const char *const families[] = {"gpt_neox", "olmo", "olmoe"};

/* The SHA-256 that a manifest pins for a file of its revision at this step. */
static const char *pin_of(const json_t *manifest, int step, const char *path)
{
  json_t *revisions = json_object_get(manifest, "revisions"), *revision, *file;
  size_t i, k;
  json_array_foreach(revisions, i, revision)
  {
    json_t *files = json_object_get(revision, "files");
    if (json_integer_value(json_object_get(revision, "step")) != step)
      continue;
    json_array_foreach(files, k, file)
    {
      if (strcmp(json_string_value(json_object_get(file, "path")), path) == 0)
        return json_string_value(json_object_get(file, "sha256"));
    }
  }
  fail_msg("step %d, %s: no pin", step, path);
  return NULL;
}

static void check_file(const json_t *manifest, const char *out, int step, const char *name)
{
  char path[700];
  size_t size;
  struct digest digest;
  struct error error = {0};
  snprintf(path, sizeof path, "%s/step%d/%s", out, step, name);
  char *bytes = support_read(path, &size);
  assert_int_equal(digest_of(bytes, size, &digest, &error), 0);
  if (strcmp(digest.sha256, pin_of(manifest, step, name)) != 0)
    fail_msg("%s: SHA-256 %s is not the pinned one", path, digest.sha256);
  free(bytes);
}

/* Initial values and the first steps; a shorter run takes the same ones. */
static void check_beginning(const char *family, int seed, int steps)
{
  char path[200];
  const char *recipe = workshop_path("recipe.json"), *out = workshop_path("out");
  snprintf(path, sizeof path, "manifests/recipes/from-nothing-%s-seed%d.json", family, seed);
  json_t *root = workshop_json(path);
  json_object_set_new(root, "steps", json_integer(steps));
  json_object_set_new(root, "revisions",
                      steps ? json_pack("[i, i]", 0, steps) : json_pack("[i]", 0));
  workshop_json_write(recipe, root);
  json_decref(root);
  free(workshop_run(0, "train %s --out %s --quiet --threads 2", recipe, out));
  snprintf(path, sizeof path, "manifests/from-nothing/%s-seed%d.json", family, seed);
  root = workshop_json(path);
  check_file(root, out, 0, "config.json");
  check_file(root, out, 0, "model.safetensors");
  check_file(root, out, steps, "model.safetensors");
  json_decref(root);
  workshop_shell("rm -r %s", out);
}

static void initial_values_of_all_seeds(void **state)
{
  (void)state;
  for (size_t i = 0; i < 3; i++)
    for (int seed = 0; seed < 3; seed++)
      check_beginning(families[i], seed, 0);
}

static void first_steps(void **state)
{
  (void)state;
  if (support_emulated())
    skip();
  for (size_t i = 0; i < (SLOW ? 1 : 3); i++)
    check_beginning(families[i], 0, 60);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(initial_values_of_all_seeds),
      cmocka_unit_test(first_steps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
