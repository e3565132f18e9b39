/* Tensors under the names that wrappers and other prefixes give them: read to the same trajectory
 * as the plain twin, and said; or refused with both readings. */
#include "renaming.h"

static void test_prefixes(void **state)
{
  static const struct {
    const char *model, *from, *to, *without, *note;
  } cases[] = {
      {NEOX, "", "module.", "", "names are read without \"module.\"\n"},
      {NEOX, "", "_orig_mod.", "", "names are read without \"_orig_mod.\"\n"},
      {NEOX, "", "module._orig_mod.", "", "names are read without \"module.\"\n"},
      {OLMO, ".layers.1.", ".layers.1._orig_mod.", "", "names are read without \"_orig_mod.\""},
      {OLMO, "", "module.model.", "", "names are read without \"module.\", without \"model.\""},
      {OLMO, "", "model.", "", "names are read without \"model.\"\n"},
      {OLMO, "model.", "model.model.", "", "names are read without \"model.\"\n"},
      {OLMOE, "", "base_model.model.", "", "names are read without \"base_model.model.\"\n"},
      {NEOX, "gpt_neox.", "", "embed_out.weight", "names are read with \"gpt_neox.\" in front"},
      {NEOX, "gpt_neox.", "", "", "names are read with \"gpt_neox.\" in front"},
      {OLMO, "model.", "", "", "names are read with \"model.\" in front"},
      {TIED, "model.", "", "", "names are read with \"model.\" in front"},
      {OLMOE, "model.", "module.", "lm_head.weight",
       "without \"module.\", with \"model.\" in front"},
      {NEOX, "gpt_neox.", "transformer.", "",
       "names are read with \"gpt_neox.\" in place of \"transformer.\""},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    same(renamed_model(cases[i].model, cases[i].from, cases[i].to, cases[i].without),
         cases[i].model, cases[i].note);
}

/* Two shards with an index of the stored names. */
static void test_shards(void **state)
{
  char path[600], name[300];
  struct weights plain = fixture(NEOX), halves[2];
  json_t *map = json_object(), *entry;
  const char *key;
  size_t i = 0;
  (void)state;
  for (int k = 0; k < 2; k++)
    halves[k] = (struct weights){json_object(), NULL, 0};
  json_object_foreach(plain.header, key, entry)
  {
    size_t size;
    if (strcmp(key, "__metadata__") == 0)
      continue;
    int k = i++ % 2;
    const char *data = weights_data(&plain, entry, &size);
    snprintf(name, sizeof name, "module.%s", key);
    weights_add(&halves[k], name, entry, json_deep_copy(json_object_get(entry, "shape")), data,
                size);
    json_object_set_new(map, name, json_string(k ? "b.safetensors" : "a.safetensors"));
  }
  weights_free(&plain);
  const char *directory = model_of(NEOX, &halves[0]);
  workshop_shell("cd %s && mv model.safetensors a.safetensors", directory);
  snprintf(path, sizeof path, "%s/b.safetensors", directory);
  weights_write(path, &halves[1]);
  weights_free(&halves[1]);
  snprintf(path, sizeof path, "%s/model.safetensors.index.json", directory);
  json_t *index = json_pack("{s:o}", "weight_map", map);
  workshop_json_write(path, index);
  json_decref(index);
  same(directory, NEOX, "names are read without \"module.\"");
}

/* Adds a copy of a tensor under another name. */
static const char *with_copy(const char *model, const char *name, const char *copy)
{
  struct weights w = fixture(model);
  json_t *entry = json_object_get(w.header, name);
  size_t size;
  char *data = malloc(1 << 20);
  const char *from = weights_data(&w, entry, &size);
  memcpy(data, from, size);
  weights_add(&w, copy, entry, json_deep_copy(json_object_get(entry, "shape")), data, size);
  free(data);
  return model_of(model, &w);
}

static void test_ambiguous(void **state)
{
  (void)state;
  refuse(with_copy(NEOX, "embed_out.weight", "module.embed_out.weight"),
         "model.safetensors: tensors \"embed_out.weight\" and \"module.embed_out.weight\" are the "
         "same but for a prefix; keep one of them in a copy of the file");
  refuse(with_copy(OLMO, "model.embed_tokens.weight", "model.model.embed_tokens.weight"),
         "tensors \"model.embed_tokens.weight\" and \"model.model.embed_tokens.weight\" are both "
         "an embedding");
  refuse(
      renamed_model(NEOX, ".layers.1.attention.dense.", ".strange.layers.1.attention.dense.", ""),
      "tensor gpt_neox.layers.1.attention.dense.weight is missing");
  refuse(
      renamed_model(OLMO, "model.layers.1.self_attn.q_proj.", "ema.layers.1.self_attn.q_proj.", ""),
      "tensor model.layers.1.self_attn.q_proj.weight is missing; "
      "ema.layers.1.self_attn.q_proj.weight has its name under another prefix: save the state "
      "dict of the model itself");
  refuse(renamed_model(OLMO, "", "module.", "model.layers.1.self_attn.q_proj.weight"),
         "tensor model.layers.1.self_attn.q_proj.weight is missing (names are read without "
         "\"module.\")");
}

static void test_base_model(void **state)
{
  (void)state;
  const char *directory = renamed_model(NEOX, "gpt_neox.", "", "embed_out.weight");
  free(workshop_refuse(EXIT_INPUT, "without an LM head, and --dump writes logits",
                       "screen %s " PROTOCOL " --quiet --dump %s/dump", directory,
                       support_directory()));
  /* With its prefix it is a whole model that lost a tensor. */
  refuse(renamed_model(NEOX, "gpt_neox.", "gpt_neox.", "embed_out.weight"),
         "tensor embed_out.weight is missing");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_prefixes),
      cmocka_unit_test(test_shards),
      cmocka_unit_test(test_ambiguous),
      cmocka_unit_test(test_base_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
