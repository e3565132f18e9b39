/* What a training run starts from: recipes and what they may not say, documents of phrases, files
 * of tokens, initial values. */
#include "training.h"

#include "npy_read.h"

#include "base/digest.h"
#include "train/recipe.h"

#include <math.h>

/* --- recipes --- */

/* A recipe with one value changed: `path` leads to it by keys, "data/copy"; value NULL removes it.
 */
static char *changed(const char *base, const char *path, const char *value)
{
  json_t *root = workshop_json_text(base), *object = root;
  const char *slash = strchr(path, '/');
  char first[64];
  snprintf(first, sizeof first, "%.*s", slash ? (int)(slash - path) : 0, path);
  if (slash)
    object = json_object_get(root, first);
  const char *key = slash ? slash + 1 : path;
  assert_non_null(object);
  if (value)
    json_object_set_new(object, key, json_loads(value, JSON_DECODE_ANY, NULL));
  else
    assert_int_equal(json_object_del(object, key), 0);
  char *text = json_dumps(root, JSON_REAL_PRECISION(17));
  json_decref(root);
  assert_non_null(text);
  return text;
}

static int parse(const char *text, struct train_recipe *recipe, struct error *error)
{
  *error = (struct error){0};
  return train_recipe_parse("r.json", text, strlen(text), recipe, error);
}

static void values_arrive(void **state)
{
  struct train_recipe r;
  struct error error;
  (void)state;
  if (parse(small_recipes[2][1], &r, &error))
    fail_msg("%s", error.text);
  assert_string_equal(r.name, "small");
  assert_int_equal(r.seed, 3);
  assert_int_equal(r.steps, 20);
  assert_int_equal(r.micro_batch, 2);
  assert_int_equal(r.data.sequences, 4);
  assert_int_equal(r.data.length, 12);
  assert_int_equal(r.data.phrases.separator, 23);
  assert_int_equal(r.data.phrases.length.high, 7);
  assert_true(r.data.phrases.share == 0.85 && r.data.phrases.copy_mean == 8);
  assert_int_equal(r.optimizer.method, METHOD_ADAMW);
  assert_true(r.optimizer.beta2 == 0.98 && r.optimizer.weight_decay == 0.1 &&
              r.optimizer.clip == 1);
  assert_int_equal(r.schedule.kind, SCHEDULE_COSINE);
  assert_true(r.schedule.rate == 0.01 && r.schedule.least == 0.1 && r.schedule.warmup == 5);
  assert_true(r.load_balancing == 0.01 && r.router_z == 0.001);
  assert_true(r.initial.embedding == 0.7 && r.initial.router == 0.02);
  assert_int_equal(r.revision_count, 3);
  assert_int_equal(r.revisions[1], 7);
  train_recipe_free(&r);
}

/* Each is refused by one line with these words. */
static void wrong_values_are_named(void **state)
{
  static const char *const wrong[][3] = {
      {"format", "2", "\"format\" is 2"},
      {"speed", "1", "unknown key \"speed\""},
      {"data/strange", "1", "unknown key \"strange\""},
      {"schedule/end", "1", "unknown key \"end\""},
      {"optimizer/momentum", "0.9", "unknown key \"momentum\""},
      {"initial/bias", "0", "unknown key \"bias\""},
      {"losses/z", "0", "unknown key \"z\""},
      {"name", "\"a b\"", "plain name"},
      {"name", NULL, "\"name\" is missing"},
      {"seed", "-1", "\"seed\" is -1"},
      {"seed", "2147483648", "between 0 and 2147483647"},
      {"steps", "1.5", "\"steps\" is wrong"},
      {"steps", "41", "at least the recipe's 41"},
      {"micro_batch", "0", "\"micro_batch\" is 0"},
      {"revisions", "[0, 5, 5]", "\"revisions\"[2]"},
      {"revisions", "[21]", "between 0 and 20"},
      {"revisions", "7", "\"revisions\" is wrong"},
      {"config", NULL, "\"config\" is missing"},
      {"config/num_hidden_layers", "0", "num_hidden_layers"},
      {"config/hidden_act", "\"relu\"", "hidden_act"},
      {"start", "{\"checkpoint\": \"x\"}", "brings its own"},
      {"data/kind", "\"words\"", "must be phrases or tokens"},
      {"data/sequences", "0", "\"sequences\" is 0"},
      {"data/length", "2000000", "\"length\" is 2000000"},
      {"data/plain", "[5, 4]", "\"plain\" must be two integers"},
      {"data/plain", "[-1, 4]", "\"plain\" must be two integers"},
      {"data/phrases", "[0, 4]", "\"phrases\" must be two integers"},
      {"data/phrase", "[3, 7, 9]", "\"phrase\" must be two integers"},
      {"data/stray", "1", "\"stray\" is 1"},
      {"data/copy_least", "0", "\"copy_least\" is 0"},
      {"optimizer/kind", "\"lion\"", "must be adamw or adam or sgd"},
      {"optimizer/kind", "\"adam\"", "unknown key \"weight_decay\""},
      {"optimizer/beta1", "1", "\"beta1\" is 1"},
      {"optimizer/eps", "0", "\"eps\" is 0"},
      {"optimizer/clip", "0", "\"clip\" is 0"},
      {"optimizer/weight_decay", "-0.1", "\"weight_decay\" is -0.1"},
      {"schedule/rate", "-1", "\"rate\" is -1"},
      {"schedule/warmup", "40", "more than its warm-up of 40"},
      {"schedule/kind", "\"constant\"", "unknown key \"steps\""},
      {"losses/router_z", "null", "\"router_z\" is wrong"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct train_recipe recipe;
    struct error error;
    char *text = changed(small_recipes[2][1], wrong[i][0], wrong[i][1]);
    if (!parse(text, &recipe, &error))
      fail_msg("%s: %s: accepted", wrong[i][0], wrong[i][1]);
    support_assert_error(&error, EXIT_INPUT, wrong[i][2]);
    train_recipe_free(&recipe);
    free(text);
  }
}

/* What shows only with the model or the data: attest says it before anything is written. */
static void what_does_not_fit_together_is_named(void **state)
{
  static const char *const wrong[][3] = {
      {"micro_batch", "3", "must divide the batch of 4"},
      {"data/length", "17", "longer than the model's context of 16"},
      {"data/separator", "24", "has token 24"},
      {"data/plain", "[1, 30]", "has token 30"},
      {"losses", "{\"load_balancing\": 0.01, \"router_z\": 0}", "are of experts"},
      {"config/model_type", "\"mamba\"", "mamba"},
      {"data", "{\"kind\": \"tokens\", \"file\": \"none.npy\"}", "none.npy"},
  };
  const char *path = workshop_path("wrong.json");
  (void)state;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char *text = changed(small_recipes[1][1], wrong[i][0], wrong[i][1]);
    support_write(path, text, strlen(text));
    free(workshop_refuse(EXIT_INPUT, wrong[i][2], "train %s --dry-run --quiet", path));
    free(text);
  }
  free(workshop_refuse(EXIT_INPUT, "is a manifest, not a recipe; run it with attest reproduce",
                       "train manifests/nursery-olmo.json --dry-run --quiet"));
}

/* --- documents --- */

static struct phrases nursery(void)
{
  return (struct phrases){.begin = 0,
                          .separator = 97,
                          .plain = {1, 96},
                          .share = 0.85,
                          .count = {1, 4},
                          .length = {3, 7},
                          .stray = 0.05,
                          .copy = 0.08,
                          .copy_least = 2,
                          .copy_mean = 8};
}

enum { WIDTH = 65, DOCUMENTS = 4000 };

/* Without strays a document of phrases is cut by separators into pieces of the phrases' lengths, of
 * which there are at most four, all but the last whole. */
static void documents_are_made_of_few_phrases(void **state)
{
  struct phrases p = nursery();
  struct random random;
  int32_t tokens[WIDTH];
  (void)state;
  p.share = 1;
  p.stray = 0;
  random_seed(&random, 5);
  for (int d = 0; d < 200; d++) {
    size_t starts[WIDTH], lengths[WIDTH], distinct = 0;
    phrases_document(&p, &random, tokens, WIDTH);
    assert_int_equal(tokens[0], 0);
    for (size_t at = 1, from = 1; at < WIDTH; at++) {
      if (tokens[at] != 97) {
        assert_in_range(tokens[at], 1, 96);
        continue;
      }
      size_t length = at - from, seen = 0;
      assert_in_range(length, 3, 7);
      while (seen < distinct &&
             (lengths[seen] != length ||
              memcmp(tokens + starts[seen], tokens + from, length * sizeof *tokens) != 0))
        seen++;
      if (seen == distinct) {
        starts[distinct] = from;
        lengths[distinct++] = length;
      }
      from = at + 1;
    }
    assert_in_range(distinct, 1, 4);
  }
}

/* Shares of documents, strays and copies are those asked for, within five standard errors. */
static void shares_are_those_asked_for(void **state)
{
  struct phrases p = nursery();
  struct random random;
  int32_t tokens[WIDTH];
  size_t with_separator = 0, repeats = 0, fresh = 0;
  (void)state;
  random_seed(&random, 6);
  for (int d = 0; d < DOCUMENTS; d++) {
    phrases_document(&p, &random, tokens, WIDTH);
    bool phrases = false;
    for (size_t at = 1; at < WIDTH; at++)
      phrases |= tokens[at] == 97;
    with_separator += phrases;
  }
  assert_true(fabs((double)with_separator / DOCUMENTS - 0.85) < 5 * sqrt(0.85 * 0.15 / DOCUMENTS));
  /* Where spans have length 1 and a mean of 0, each begins with chance `copy`; over so many plain
   * tokens hardly any repeats by itself. */
  p.share = 0;
  p.copy = 0.3;
  p.copy_least = 1;
  p.copy_mean = 0;
  p.plain.high = 1000000;
  for (int d = 0; d < DOCUMENTS; d++) {
    phrases_document(&p, &random, tokens, WIDTH);
    for (size_t at = 2; at < WIDTH; at++) {
      bool seen = false;
      for (size_t before = 1; before < at; before++)
        seen |= tokens[before] == tokens[at];
      repeats += seen;
      fresh += !seen;
    }
  }
  double share = (double)repeats / (double)(repeats + fresh);
  assert_true(fabs(share - 0.3) < 5 * sqrt(0.21 / (DOCUMENTS * (WIDTH - 2))) + 1e-4);
}

/* docs/TRAINING.md says which number is drawn when: the stream of documents is pinned, and a step
 * gives the same batch whatever was asked for before. */
static void batches_are_the_same_everywhere(void **state)
{
  const struct data_settings settings = {
      .kind = DATA_PHRASES, .sequences = 16, .length = 64, .phrases = nursery()};
  static int32_t first[16 * WIDTH], again[16 * WIDTH];
  struct data data;
  struct error error = {0};
  char hex[33];
  (void)state;
  assert_int_equal(data_open(&settings, 0, ".", 98, 10, &data, &error), 0);
  data_batch(&data, 5, first);
  digest_xxh3(first, sizeof first, hex);
  assert_string_equal(hex, "3f99f48137e6ec5e34b91ba72ce3fbfa");
  data_batch(&data, 6, again);
  assert_memory_not_equal(first, again, sizeof first);
  data_batch(&data, 5, again);
  assert_memory_equal(first, again, sizeof first);
  data_close(&data);
}

/* --- files of tokens --- */

#define GOOD "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 1, 3), }  \n"

static void files_of_tokens(void **state)
{
  static const struct {
    const char *header, *words;
    size_t tokens;
  } wrong[] = {
      {"{'descr': '<i8', 'fortran_order': False, 'shape': (2, 1, 3), }\n", "'<i4'", 6},
      {"{'descr': '<i4', 'fortran_order': True, 'shape': (2, 1, 3), }\n", "C order", 6},
      {"{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }\n", "three dimensions", 6},
      {"{'descr': '<i4', 'fortran_order': False, 'shape': (2, 1, 3, 1), }\n", "three dim", 6},
      {"{'descr': '<i4', 'fortran_order': False, 'shape': (2, 1, 1), }\n", "at least", 2},
      {"{'descr': '<i4', 'fortran_order': False, 'shape': (0, 1, 3), }\n", "at least", 0},
      {GOOD, "do not fit together", 5},
      {GOOD, "do not fit together", 7},
      {"{'descr': '<i4', 'fortran_order': False, 'shape': (1099511627776, 65536, 1048577), }\n",
       "do not fit together", 6},
  };
  const int32_t tokens[] = {0, 1, 2, 3, 4, 5, 6};
  const char *path = workshop_path("tokens.npy");
  struct token_file file;
  struct error error = {0};
  char bytes[400];
  int32_t batch[3];
  (void)state;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    size_t size = npy_make(bytes, wrong[i].header, tokens, wrong[i].tokens * sizeof *tokens);
    error = (struct error){0};
    assert_int_equal(token_file_parse("t.npy", bytes, size, &file, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, wrong[i].words);
  }
  support_write(path, bytes, npy_make(bytes, GOOD, tokens, 6 * sizeof *tokens));
  error = (struct error){0};
  assert_int_equal(token_file_open(path, 5, &file, &error), EXIT_INPUT);
  support_assert_error(&error, EXIT_INPUT, "token 5 at [1][0][2]");
  error = (struct error){0};
  if (token_file_open(path, 6, &file, &error))
    fail_msg("%s", error.text);
  assert_int_equal(file.length, 2);
  token_file_batch(&file, 2, batch);
  assert_memory_equal(batch, tokens + 3, sizeof batch);
  token_file_close(&file);
}

/* --- initial values --- */

static double deviation_of(const struct parameters *p, const char *name)
{
  for (size_t i = 0; i < p->count; i++) {
    double squares = 0;
    if (strcmp(p->list[i].name, name) != 0)
      continue;
    for (size_t j = 0; j < p->list[i].elements; j++)
      squares += (double)p->list[i].values[j] * (double)p->list[i].values[j];
    return sqrt(squares / (double)p->list[i].elements);
  }
  fail_msg("%s: missing", name);
  return 0;
}

static void assert_deviation(const struct parameters *p, const char *name, double expected)
{
  double found = deviation_of(p, name);
  if (!(fabs(found / expected - 1) < 0.25))
    fail_msg("%s: %g instead of %g", name, found, expected);
}

static void initial_values(void **state)
{
  static const char gpt_neox[] =
      "{\"model_type\": \"gpt_neox\", \"hidden_size\": 32, \"num_hidden_layers\": 2, "
      "\"num_attention_heads\": 2, \"vocab_size\": 50, \"max_position_embeddings\": 16, "
      "\"intermediate_size\": 128, \"hidden_act\": \"gelu\", \"tie_word_embeddings\": false}";
  static const char olmoe[] =
      "{\"model_type\": \"olmoe\", \"hidden_size\": 32, \"num_hidden_layers\": 2, "
      "\"num_attention_heads\": 2, \"vocab_size\": 50, \"max_position_embeddings\": 16, "
      "\"intermediate_size\": 24, \"hidden_act\": \"silu\", \"num_experts\": 4, "
      "\"num_experts_per_tok\": 2, \"tie_word_embeddings\": true}";
  const struct initial initial = {1, 0.7, 0.05, 0.02};
  struct parameters p;
  struct random random;
  struct error error = {0};
  (void)state;
  random_seed(&random, 1);
  assert_int_equal(parameters_create("c", gpt_neox, sizeof gpt_neox - 1, &p, &error), 0);
  initial_fill(&initial, &random, &p);
  random_seed(&random, 1);
  assert_true(p.list[0].values[0] == (float)(0.7 * random_normal(&random)));
  assert_true(p.list[0].values[1] == (float)(0.7 * random_normal(&random)));
  assert_deviation(&p, "gpt_neox.embed_in.weight", 0.7);
  assert_deviation(&p, "embed_out.weight", 0.05);
  assert_deviation(&p, "gpt_neox.layers.1.attention.query_key_value.weight", 1 / sqrt(32));
  assert_deviation(&p, "gpt_neox.layers.1.attention.dense.weight", 1 / sqrt(32) / 2);
  assert_deviation(&p, "gpt_neox.layers.0.mlp.dense_4h_to_h.weight", 1 / sqrt(128) / 2);
  assert_true(deviation_of(&p, "gpt_neox.final_layer_norm.weight") == 1);
  assert_true(deviation_of(&p, "gpt_neox.layers.0.mlp.dense_h_to_4h.bias") == 0);
  parameters_free(&p);
  assert_int_equal(parameters_create("c", olmoe, sizeof olmoe - 1, &p, &error), 0);
  initial_fill(&initial, &random, &p);
  assert_deviation(&p, "model.embed_tokens.weight", 0.7);
  assert_deviation(&p, "model.layers.1.mlp.gate.weight", 0.02);
  assert_deviation(&p, "model.layers.1.mlp.experts.3.gate_proj.weight", 1 / sqrt(32));
  assert_deviation(&p, "model.layers.1.mlp.experts.3.down_proj.weight", 1 / sqrt(24) / 2);
  parameters_free(&p);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_arrive),
      cmocka_unit_test(wrong_values_are_named),
      cmocka_unit_test(what_does_not_fit_together_is_named),
      cmocka_unit_test(documents_are_made_of_few_phrases),
      cmocka_unit_test(shares_are_those_asked_for),
      cmocka_unit_test(batches_are_the_same_everywhere),
      cmocka_unit_test(files_of_tokens),
      cmocka_unit_test(initial_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
