/* Hostile checkpoints, manifests and tables through the command line: one clear line, exit code 2,
 * nothing printed and no output file. */
#include "weights_file.h"

#include <unistd.h>

#define QUERY "model.layers.1.self_attn.q_proj.weight"

static json_t *tensor(const struct weights *w, const char *name)
{
  json_t *entry = json_object_get(w->header, name);
  assert_non_null(entry);
  return entry;
}

static json_t *offset(const struct weights *w, const char *name, size_t which)
{
  return json_array_get(json_object_get(tensor(w, name), "data_offsets"), which);
}

static void wrong_dtype(struct weights *w)
{
  json_object_set_new(tensor(w, QUERY), "dtype", json_string("I32"));
}

static void unknown_dtype(struct weights *w)
{
  json_object_set_new(tensor(w, QUERY), "dtype", json_string("F31"));
}

static void wrong_shape(struct weights *w)
{
  json_object_set_new(tensor(w, QUERY), "shape", json_pack("[i,i]", 40, 160));
}

static void wrong_rank(struct weights *w)
{
  json_object_set_new(tensor(w, QUERY), "shape", json_pack("[i]", 6400));
}

static void huge_shape(struct weights *w)
{
  json_object_set_new(
      tensor(w, QUERY), "shape",
      json_pack("[I,I,I]", (json_int_t)1 << 40, (json_int_t)1 << 40, (json_int_t)1 << 40));
}

static void negative_shape(struct weights *w)
{
  json_object_set_new(tensor(w, QUERY), "shape", json_pack("[i,i]", -80, -80));
}

static void missing(struct weights *w)
{
  json_object_set(w->header, "model.layers.1.stranger", tensor(w, QUERY));
  json_object_del(w->header, QUERY);
}

static void overlapping(struct weights *w)
{
  for (size_t i = 0; i < 2; i++)
    json_integer_set(offset(w, QUERY, i), json_integer_value(offset(w, QUERY, i)) - 4);
}

static void outside(struct weights *w)
{
  json_int_t end = json_integer_value(offset(w, QUERY, 1));
  json_integer_set(offset(w, QUERY, 0),
                   end - json_integer_value(offset(w, QUERY, 0)) + ((json_int_t)1 << 40));
  json_integer_set(offset(w, QUERY, 1), end + ((json_int_t)1 << 41));
}

static void backwards(struct weights *w)
{
  json_integer_set(offset(w, QUERY, 1), 0);
}

static void cut_off(struct weights *w)
{
  w->size -= 4;
}

static void trailing(struct weights *w)
{
  memset(w->data + w->size, 0, 4);
  w->size += 4;
}

static void put(struct weights *w, const char *name, float value)
{
  size_t at = (size_t)json_integer_value(offset(w, name, 0)) + 4 * 77;
  memcpy(w->data + at, &value, sizeof value);
}

static void nan_weight(struct weights *w)
{
  put(w, QUERY, NAN);
}

static void infinite_weight(struct weights *w)
{
  put(w, "model.layers.0.mlp.down_proj.weight", INFINITY);
}

static void nan_embedding(struct weights *w)
{
  json_int_t begin = json_integer_value(offset(w, "model.embed_tokens.weight", 0));
  for (json_int_t token = 10; token < 500; token++)
    memset(w->data + begin + token * 80 * 4, 0xFF, 4);
}

/* A copy of the model with its weights changed; static. */
static const char *broken_model(void (*change)(struct weights *))
{
  const char *directory = workshop_path("broken");
  char path[600];
  workshop_shell("rm -rf %s && cp -r " WORKSHOP_MODEL " %s", directory, directory);
  snprintf(path, sizeof path, "%s/model.safetensors", directory);
  if (!change)
    return directory;
  struct weights w = weights_read(path);
  change(&w);
  weights_write(path, &w);
  weights_free(&w);
  return directory;
}

/* Screens `model`, which must be refused before anything is written. */
static void refuse(const char *model, const char *words)
{
  char out[600];
  snprintf(out, sizeof out, "%s/never.csv", support_directory());
  free(workshop_refuse(EXIT_INPUT, words, "screen %s " WORKSHOP_PROTOCOL " --out %s --json %s.json",
                       model, out, out));
  workshop_shell("! ls -A %s | grep -q 'never'", support_directory());
}

static void test_tensors(void **state)
{
  static const struct {
    void (*change)(struct weights *);
    const char *words;
  } cases[] = {
      {wrong_dtype, QUERY " has dtype I32"},
      {unknown_dtype, "dtype \"F31\" is not known"},
      {wrong_shape, QUERY " has rank 2 and shape [40, 160]"},
      {wrong_rank, QUERY " has rank 1"},
      {huge_shape, "more elements than fit in 64 bits"},
      {negative_shape, "shape[0] must be an integer >= 0"},
      {missing, QUERY " is missing"},
      {overlapping, "without overlap"},
      {outside, "data_offsets end at"},
      {backwards, "must be two integers"},
      {cut_off, "cut off or damaged"},
      {trailing, "4 bytes after the last tensor belong to no tensor"},
      {nan_weight, QUERY " holds a NaN"},
      {infinite_weight, "model.layers.0.mlp.down_proj.weight holds a NaN or an infinity"},
      {nan_embedding, "model.embed_tokens.weight holds a NaN"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    refuse(broken_model(cases[i].change), cases[i].words);
}

/* The first bytes of a safetensors file replaced by others. */
static void test_headers(void **state)
{
  static const struct {
    const char *start;
    size_t size;
    const char *words;
  } cases[] = {
      {"", 0, "is an empty file"},
      {"\x08\0\0", 3, "is not enough for a safetensors file"},
      {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F{}", 10, "is larger than 25 MiB"},
      {"\x10\0\0\0\0\0\0\0{}", 10, "is larger than the file"},
      {"\0\0\0\0\0\0\0\0{}", 10, "header must start with '{'"},
      {"\x02\0\0\0\0\0\0\0[]", 10, "header must start with '{'"},
      {"\x02\0\0\0\0\0\0\0{[", 10, "line 1"},
      {"\x02\0\0\0\0\0\0\0{}", 10, "model.embed_tokens.weight is missing"},
      {"\x0F\0\0\0\0\0\0\0{\"a\":{},\"a\":{}}", 23, "duplicate"},
      {"\x09\0\0\0\0\0\0\0{\"a\":1e9}", 17, "must be an object"},
  };
  char path[600];
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *model = broken_model(NULL);
    snprintf(path, sizeof path, "%s/model.safetensors", model);
    support_write(path, cases[i].start, cases[i].size);
    refuse(model, cases[i].words);
  }
}

/* A text of `depth` opening brackets as the value of a key. */
static char *depth_bomb(size_t depth)
{
  char *text = malloc(depth + 8);
  assert_non_null(text);
  memcpy(text, "{\"a\":", 5);
  memset(text + 5, '[', depth);
  text[5 + depth] = 0;
  return text;
}

static void write_text(const char *directory, const char *name, const char *text)
{
  char path[600];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  support_write(path, text, strlen(text));
}

static void test_configs(void **state)
{
  static const struct {
    const char *text, *words;
  } cases[] = {
      {"", "config.json"},
      {"[]", "must be a JSON object"},
      {"{\"model_type\": \"olmo\", \"model_type\": \"olmo\"}", "duplicate"},
      {"{\"model_type\": \"mamba\"}", "model_type \"mamba\" is not supported"},
      {"{\"model_type\": \"olmo\", \"sliding_window\": 4096}", "\"sliding_window\" is 4096"},
      {"{\"model_type\": \"olmo\", \"rms_norm_eps\": 1e-5}", "\"rms_norm_eps\" is unknown"},
      {"{\"model_type\": \"olmo\", \"hidden_size\": 99999999999999999999}", "config.json: line 1"},
      {"{\"model_type\": \"olmo\", \"hidden_size\": 1e400}", "config.json: line 1"},
      {"{\"model_type\": \"olmo\", \"hidden_size\": 80.0}", "\"hidden_size\" is wrong"},
      {"{\"model_type\": \"olmo\", \"hidden_size\": -80}", "\"hidden_size\" is -80"},
      {"{\"model_type\": \"olmo\", \"hidden_size\": 80} x", "config.json: line 1"},
  };
  (void)state;
  const char *model = broken_model(NULL);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_text(model, "config.json", cases[i].text);
    refuse(model, cases[i].words);
  }
  char *bomb = depth_bomb(1000000);
  write_text(model, "config.json", bomb);
  refuse(model, "config.json: line 1");
  free(bomb);
}

static void test_shards(void **state)
{
  static const struct {
    const char *name, *words;
  } cases[] = {
      {"../model.safetensors", "\"../model.safetensors\" is not the plain name"},
      {"/etc/passwd.safetensors", "is not the plain name"},
      {"..", "is not the plain name"},
      {"a\\\\b.safetensors", "is not the plain name"},
      {"model.safetensors.index.json", "is not the plain name"},
      {"none.safetensors", "none.safetensors: missing"},
      {"circle.safetensors", "circle.safetensors: link to circle.safetensors, which is missing"},
      {"pipe.safetensors", "pipe.safetensors: not a regular file"},
  };
  char text[256];
  (void)state;
  const char *model = broken_model(NULL);
  workshop_shell("cd %s && rm model.safetensors && mkfifo pipe.safetensors && "
                 "ln -s circle.safetensors circle.safetensors",
                 model);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    snprintf(text, sizeof text, "{\"weight_map\": {\"x\": \"%s\"}}", cases[i].name);
    write_text(model, "model.safetensors.index.json", text);
    refuse(model, cases[i].words);
  }
  write_text(model, "model.safetensors.index.json", "{\"weight_map\": {}}");
  refuse(model, "\"weight_map\" is empty; fetch the index again");
  write_text(model, "model.safetensors.index.json", "{\"weight_map\": {\"x\": 1}}");
  refuse(model,
         "\"(not a string)\" is not the plain name of a .safetensors file beside the index; fetch "
         "the index again");
}

static void test_tables(void **state)
{
  static const char header[] = "layer,head,class,induction,previous_token,duplicate_token,"
                               "first_token,self,local,baseline,pr\n";
  static const struct {
    const char *rows, *words;
  } cases[] = {
      {"", "no heads"},
      {"0,0,unclassified,1,1,1,1,1,1,,1", "no newline"},
      {"0,0,unclassified,1,1,1,1,1,1,,1\n0,0,unclassified,1,1,1,1,1,1,,1\n", "line 3"},
      {"0,0,unclassified,1,1,1,1,1,1,,1\n0,2,unclassified,1,1,1,1,1,1,,1\n", "line 3"},
      {"0,0,unclassified,1,x,1,1,1,1,,1\n", "line 2, column previous_token: \"x\""},
      {"0,0,unclassified,1,nan,1,1,1,1,,1\n", "line 2, column previous_token: \"nan\""},
      {"0,0,unclassified,1,1e999,1,1,1,1,,1\n", "line 2, column previous_token"},
      {"0,0,unclassified,1,,1,1,1,1,,1\n", "line 2, column previous_token"},
      {"0,0,unclassified,1,1,1,1,1,,1\n", "line 2: 10 columns, must be 11"},
      {"0,0,self,1,1,1,1,1,1,,1\n", "line 2, column class"},
      {"99999999999,0,unclassified,1,1,1,1,1,1,,1\n", "line 2, column layer"},
  };
  char text[512];
  const char *path = workshop_path("table.csv");
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    snprintf(text, sizeof text, "%s%s", header, cases[i].rows);
    support_write(path, text, strlen(text));
    free(workshop_refuse(EXIT_INPUT, cases[i].words, "compare golden/nursery-olmo/step0.csv %s",
                         path));
  }
}

static void test_trajectories(void **state)
{
#define HEAD "{\"format\": 1, \"model\": \"m\", \"kind\": \"trained\", \"source\": \"s\", "
#define ENTRY(name, tokens, file)                                                                  \
  "{\"name\": \"" name "\", \"step\": 0, \"tokens\": " tokens ", \"file\": \"" file "\"}"
  static const struct {
    const char *text, *words;
  } cases[] = {
      {"{}", "\"format\" is missing"},
      {HEAD "\"source\": \"s\"}", "duplicate"},
      {HEAD "\"caveat\": \"\", \"revisions\": []}", "has 0 entries"},
      {HEAD "\"caveat\": \"\", \"extra\": 1, \"revisions\": []}", "unknown key \"extra\""},
      {HEAD "\"caveat\": \"\", \"revisions\": [" ENTRY("a", "1", "../step0.csv") "]}",
       "must be a plain file name"},
      {HEAD "\"caveat\": \"\", \"revisions\": [" ENTRY("a", "1e30", "step0.csv") "]}",
       "\"tokens\" is 1e+30"},
      {HEAD "\"caveat\": \"\", \"revisions\": [" ENTRY("a", "1", "step0.csv") "," ENTRY(
           "a", "2", "step0.csv") "]}",
       "revision a is listed twice"},
      {HEAD "\"caveat\": \"\", \"revisions\": [" ENTRY("a", "2", "step0.csv") "," ENTRY(
           "b", "1", "step0.csv") "]}",
       "do not ascend"},
  };
  const char *directory = workshop_path("trajectory");
  (void)state;
  workshop_shell("cp -r golden/nursery-olmo %s", directory);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_text(directory, "trajectory.json", cases[i].text);
    free(workshop_refuse(EXIT_INPUT, cases[i].words, "claims %s", directory));
  }
  char *bomb = depth_bomb(1000000);
  write_text(directory, "trajectory.json", bomb);
  free(workshop_refuse(EXIT_INPUT, "trajectory.json: line 1", "claims %s", directory));
  write_text(directory, "bomb.json", bomb);
  free(workshop_refuse(EXIT_INPUT, "bomb.json: line 1", "verify %s/bomb.json", directory));
  free(workshop_refuse(EXIT_INPUT, "bomb.json: line 1", "reproduce %s/bomb.json", directory));
  free(bomb);
}

/* A manifest of the nursery with one value replaced must be refused by every command that reads
 * it. */
static void test_manifests(void **state)
{
  static const struct {
    const char *key, *value, *words;
  } cases[] = {
      {"format", "2", "\"format\" is 2"},
      {"model", "\"../up\"", "\"model\""},
      {"model", "\"a\\u001b[31m\"", "\"model\""},
      {"kind", "\"guessed\"", "\"kind\" is \"guessed\""},
      {"family", "null", "\"family\""},
      {"checkpoints", "\"/etc\"", "\"checkpoints\""},
      {"protocol", "{}", "protocol: \"n\" is missing"},
      {"protocol", "{\"n\": 1e9}", "protocol: \"n\" is wrong"},
      {"surprise", "1", "surprise"},
      {"revisions", "[]", "\"revisions\" has 0 entries"},
      {"published", "{\"directory\": \"x\"}", "published: "},
  };
  const char *path = workshop_path("manifest.json");
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    json_t *manifest = workshop_json("manifests/nursery-olmo.json");
    json_object_set_new(manifest, cases[i].key, json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
    workshop_json_write(path, manifest);
    json_decref(manifest);
    free(workshop_refuse(EXIT_INPUT, cases[i].words, "verify %s", path));
    free(workshop_refuse(EXIT_INPUT, cases[i].words, "reproduce %s --work %s.work", path, path));
  }
  assert_int_not_equal(access(workshop_path("manifest.json.work"), F_OK), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tensors),   cmocka_unit_test(test_headers),
      cmocka_unit_test(test_configs),   cmocka_unit_test(test_shards),
      cmocka_unit_test(test_tables),    cmocka_unit_test(test_trajectories),
      cmocka_unit_test(test_manifests),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
