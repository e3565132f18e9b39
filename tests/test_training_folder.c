/* attest train and the folder of a run: whose it is, what was changed in it, what a run writes. */
#include "training.h"

static void directories_of_others_are_refused(void **state)
{
  const char *out = workshop_path("other"), *recipe;
  (void)state;
  workshop_shell("mkdir %s && touch %s/notes", out, out);
  recipe = write_recipe("other.json", small_recipes[1][1]);
  free(workshop_refuse(EXIT_INPUT, "holds notes", "train %s --out %s --quiet", recipe, out));
  workshop_shell("rm %s/notes", out);
  free(workshop_run(0, "train %s --out %s --quiet", recipe, out));
  recipe = write_recipe("third.json", small_recipes[0][1]);
  free(workshop_refuse(EXIT_INPUT, "another recipe", "train %s --out %s --quiet", recipe, out));
}

/* How a recipe is written does not matter: order, blanks, and what has a default. */
static void same_recipe_written_otherwise(void **state)
{
  const char *out = workshop_path("written"), *path = workshop_path("written.json");
  (void)state;
  json_t *recipe = workshop_json_text(small_recipes[1][1]), *other = json_object(), *value;
  const char *key;
  workshop_json_write(path, recipe);
  free(workshop_run(0, "train %s --out %s --quiet", path, out));
  json_object_set_new(other, "description", json_string("the same run"));
  json_object_set_new(other, "losses",
                      json_pack("{s:i, s:f}", "load_balancing", 0, "router_z", 0.));
  json_object_set_new(json_object_get(recipe, "optimizer"), "clip", json_real(1.0));
  json_object_foreach(recipe, key, value) json_object_set(other, key, value);
  workshop_json_write(path, other);
  free(workshop_run(0, "train %s --out %s --quiet", path, out));
  json_decref(recipe);
  json_decref(other);
}

/* Changes one bit of a file, this far from its end. */
static void flip(const char *path, size_t from_end)
{
  size_t size;
  char *bytes = support_read(path, &size);
  bytes[size - from_end] ^= 1;
  support_write(path, bytes, size);
  free(bytes);
}

static void damaged_state_is_refused(void **state)
{
  const char *out = workshop_path("damaged"), *recipe;
  char path[700];
  (void)state;
  recipe = write_recipe("damaged.json", small_recipes[1][1]);
  free(workshop_run(0, "train %s --out %s --quiet", recipe, out));
  snprintf(path, sizeof path, "%s/state.safetensors", out);
  flip(path, 100);
  free(workshop_refuse(EXIT_INPUT, "digest", "train %s --out %s --quiet", recipe, out));
  workshop_shell("truncate -s -20 %s", path);
  free(workshop_refuse(EXIT_INPUT, "state.safetensors", "train %s --out %s --quiet", recipe, out));
}

/* A revision that was changed after the run got past it is not passed on as the run's. */
static void changed_revision_is_refused(void **state)
{
  const char *out = workshop_path("changed"), *recipe;
  char path[700];
  (void)state;
  recipe = write_recipe("changed.json", small_recipes[0][1]);
  free(workshop_run(0, "train %s --out %s --quiet", recipe, out));
  snprintf(path, sizeof path, "%s/step7/model.safetensors", out);
  flip(path, 1);
  free(workshop_refuse(EXIT_INPUT, "step7/model.safetensors: was changed",
                       "train %s --out %s --quiet", recipe, out));
  flip(path, 1);
  free(workshop_run(0, "train %s --out %s --quiet", recipe, out));
}

/* Nothing outside the directory is written to, and what stands in it is the run's own. */
static void links_and_strangers_in_the_directory(void **state)
{
  const char *out = workshop_path("linked"), *recipe;
  (void)state;
  recipe = write_recipe("linked.json", small_recipes[1][1]);
  free(workshop_run(0, "train %s --out %s --quiet", recipe, out));
  workshop_shell("cp %s/steps.csv %s.csv && echo 1 >> %s/steps.csv", out, out, out);
  free(workshop_run(0, "train %s --out %s --quiet", recipe, out));
  workshop_shell("cmp %s/steps.csv %s.csv", out, out);
  workshop_shell("cp %s %s.before && ln -sf %s %s/steps.csv", recipe, out, recipe, out);
  free(workshop_refuse(EXIT_INPUT, "steps.csv: is a link", "train %s --out %s --quiet", recipe,
                       out));
  workshop_shell("cmp %s %s.before && rm %s/steps.csv", recipe, out, out);
  workshop_shell("echo x > $(ls -d %s/step*/ | head -1)config.json", out);
  free(workshop_refuse(EXIT_INPUT, "config.json: is not what the run wrote",
                       "train %s --out %s --quiet", recipe, out));
}

static void memory_is_bounded(void **state)
{
  const char *recipe = write_recipe("memory.json", small_recipes[1][1]);
  (void)state;
  free(workshop_refuse(EXIT_INPUT, "--memory", "train %s --out %s --quiet --memory 100K", recipe,
                       workshop_path("memory")));
}

static void dry_run_writes_nothing(void **state)
{
  const char *recipe = write_recipe("dry.json", small_recipes[1][1]), *out = workshop_path("dry");
  (void)state;
  char *text = workshop_run(0, "train %s --out %s --dry-run", recipe, out);
  workshop_contains(text, "20 steps of 4 x 12 tokens");
  assert_int_equal(access(out, F_OK), -1);
  free(text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(directories_of_others_are_refused),
      cmocka_unit_test(same_recipe_written_otherwise),
      cmocka_unit_test(damaged_state_is_refused),
      cmocka_unit_test(changed_revision_is_refused),
      cmocka_unit_test(links_and_strangers_in_the_directory),
      cmocka_unit_test(memory_is_bounded),
      cmocka_unit_test(dry_run_writes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
