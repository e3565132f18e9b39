/* Tensors under the names that wrappers, other prefixes and fused experts give them: read to the
 * same trajectory as the plain twin, and said; or refused with both readings. */
#include "weights_file.h"

#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/moves.h"
#include "checkpoint/tensor_list.h"

#define NEOX "gpt_neox-smooth-f32"
#define OLMO "olmo-smooth-f32"
#define TIED "olmo-tied-bf16"
#define OLMOE "olmoe-smooth-f32"
#define FIXTURES "tests/fixtures/conformance/"
#define PROTOCOL "--n 16 --seq-len 64 --vocab 10:128 --pr-n 16 --threads 1"

static struct weights fixture(const char *model)
{
  char path[256];
  snprintf(path, sizeof path, FIXTURES "%s/model/model.safetensors", model);
  return weights_read(path);
}

/* The first `from` in a name becomes `to`; in the string that is returned, static. */
static const char *renamed(const char *name, const char *from, const char *to)
{
  static char text[300];
  const char *at = strstr(name, from);
  if (at)
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - name), name, to, at + strlen(from));
  return at ? text : name;
}

/* Tensors in the order of their file, renamed, without the one called `without`. */
static struct weights rename_all(const struct weights *w, const char *from, const char *to,
                                 const char *without)
{
  struct weights made = {json_object(), NULL, 0};
  const char *name;
  json_t *entry;
  json_object_foreach(w->header, name, entry)
  {
    size_t size;
    if (strcmp(name, "__metadata__") == 0 || strcmp(name, without) == 0)
      continue;
    const char *data = weights_data(w, entry, &size);
    weights_add(&made, renamed(name, from, to), entry,
                json_deep_copy(json_object_get(entry, "shape")), data, size);
  }
  return made;
}

/* A model directory of these weights with the fixture's config; static. Frees the weights. */
static const char *model_of(const char *model, struct weights *w)
{
  const char *directory = workshop_path("model");
  char path[600];
  workshop_shell("rm -rf %s && mkdir %s && cp " FIXTURES "%s/model/config.json %s", directory,
                 directory, model, directory);
  snprintf(path, sizeof path, "%s/model.safetensors", directory);
  weights_write(path, w);
  weights_free(w);
  return directory;
}

static const char *renamed_model(const char *model, const char *from, const char *to,
                                 const char *without)
{
  struct weights plain = fixture(model), made = rename_all(&plain, from, to, without);
  weights_free(&plain);
  return model_of(model, &made);
}

/* The trajectory of the directory is that of the fixture, and what was read is said. */
static void same(const char *directory, const char *model, const char *note)
{
  char line[900], *out, *err;
  snprintf(line, sizeof line, "screen %s " PROTOCOL " --out -", directory);
  if (workshop_start(line, &out, &err))
    fail_msg("%s", err);
  workshop_contains(err, note);
  free(err);
  char *want =
      workshop_run(EXIT_HELD, "screen " FIXTURES "%s/model " PROTOCOL " --quiet --out -", model);
  assert_string_equal(out, want);
  free(out);
  out = workshop_run(EXIT_HELD, "screen %s " PROTOCOL " --quiet --out -", directory);
  assert_string_equal(out, want);
  free(out);
  free(want);
  out = workshop_run(EXIT_HELD, "inspect %s --no-hash", directory);
  workshop_contains(out, note);
  free(out);
}

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

/* The experts of every layer in two tensors [E][2 I][H] and [E][H][I]; `model` is at the prefix
 * "model." in `w`. */
static struct weights fuse(const struct weights *w, size_t layers, size_t experts)
{
  static const char *const parts[] = {"gate_proj", "up_proj", "down_proj"};
  struct weights made = {json_object(), NULL, 0};
  const char *name;
  json_t *entry;
  json_object_foreach(w->header, name, entry)
  {
    size_t size;
    const char *data = strcmp(name, "__metadata__") != 0 ? weights_data(w, entry, &size) : NULL;
    if (data && !strstr(name, ".experts."))
      weights_add(&made, name, entry, json_deep_copy(json_object_get(entry, "shape")), data, size);
  }
  for (size_t k = 0; k < 2 * layers; k++) {
    bool down = k % 2;
    size_t used = 0;
    char path[200], *all = malloc(1 << 20);
    const json_t *like = NULL;
    for (size_t i = 0; i < experts * (down ? 1 : 2); i++) {
      size_t size;
      snprintf(path, sizeof path, "model.layers.%zu.mlp.experts.%zu.%s.weight", k / 2,
               down ? i : i / 2, parts[down ? 2 : i % 2]);
      like = json_object_get(w->header, path);
      const char *data = weights_data(w, like, &size);
      memcpy(all + used, data, size);
      used += size;
      assert_true(used < 1 << 20);
    }
    const json_t *shape = json_object_get(like, "shape");
    json_int_t rows = json_integer_value(json_array_get(shape, 0));
    snprintf(path, sizeof path, "model.layers.%zu.mlp.experts.%s", k / 2,
             down ? "down_proj" : "gate_up_proj");
    weights_add(&made, path, like,
                json_pack("[i,I,I]", (int)experts, down ? rows : 2 * rows,
                          json_integer_value(json_array_get(shape, 1))),
                all, used);
    free(all);
  }
  return made;
}

static struct weights fused(const char *model, size_t layers, size_t experts)
{
  struct weights plain = fixture(model), made = fuse(&plain, layers, experts);
  weights_free(&plain);
  return made;
}

#define EXPERTS_NOTE "names are read with the experts of a layer taken out of gate_up_proj and"

static void test_fused_experts(void **state)
{
  (void)state;
  struct weights w = fused(OLMOE, 2, 8);
  same(model_of(OLMOE, &w), OLMOE, EXPERTS_NOTE);
  w = fused("olmoe-f32", 3, 8); /* not square: a transposed reading would not fit */
  same(model_of("olmoe-f32", &w), "olmoe-f32", EXPERTS_NOTE);
  w = fused("olmoe-bf16", 3, 16);
  same(model_of("olmoe-bf16", &w), "olmoe-bf16", EXPERTS_NOTE);
  w = fused(OLMOE, 2, 8); /* and below a wrapper */
  struct weights wrapped = rename_all(&w, "", "module.", "");
  weights_free(&w);
  same(model_of(OLMOE, &wrapped), OLMOE, "without \"module.\", with the experts");
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

static void test_torch(void **state)
{
  char path[600];
  (void)state;
  struct weights w = fused(OLMOE, 2, 8), wrapped = rename_all(&w, "", "_orig_mod.", "");
  const char *directory = model_of(OLMOE, &w);
  snprintf(path, sizeof path, "%s/pytorch_model.bin", directory);
  weights_write_torch(path, &wrapped);
  weights_free(&wrapped);
  workshop_shell("rm %s/model.safetensors", directory);
  same(directory, OLMOE, "without \"_orig_mod.\", with the experts");
}

static void keep_line(void *context, const char *line)
{
  snprintf(context, 1100, "%s", line);
}

static void open_model(const char *directory, struct checkpoint **checkpoint)
{
  struct error error = {0};
  if (checkpoint_open(directory, checkpoint, &error))
    fail_msg("%s", error.text);
}

/* A manifest's list of the plain names holds for every form, and revisions are compared by them. */
static void test_tensor_lists_and_moves(void **state)
{
  struct text rows = {0};
  struct tensor_list list;
  struct move_list moves;
  struct checkpoint *plain, *other;
  struct error error = {0};
  size_t failures;
  char line[1100] = "";
  (void)state;
  open_model(FIXTURES OLMOE "/model", &plain);
  text_add(&rows, TENSOR_LIST_HEADER "\n");
  for (size_t i = 0; i < checkpoint_count(plain); i++) {
    const struct tensor *t = checkpoint_at(plain, i);
    text_add(&rows, "%s\tF32\t%lld", t->name, (long long)t->shape[0]);
    text_add(&rows, t->rank > 1 ? ",%lld\n" : "\n", (long long)t->shape[1]);
  }
  assert_int_equal(tensor_list_parse("l.tsv", rows.data, rows.length, &list, &error), 0);
  text_free(&rows);
  for (int form = 0; form < 3; form++) {
    struct weights w = fused(OLMOE, 2, 8), wrapped = rename_all(&w, "", "module.", "");
    weights_free(form == 2 ? &wrapped : &w);
    const char *directory = form == 0   ? renamed_model(OLMOE, "model.", "module.model.model.", "")
                            : form == 1 ? model_of(OLMOE, &wrapped)
                                        : model_of(OLMOE, &w);
    if (form == 0)
      weights_free(&wrapped);
    open_model(directory, &other);
    tensor_list_check(&list, other, keep_line, line, &failures);
    if (failures)
      fail_msg("%s", line);
    assert_int_equal(moves_compare(plain, other, &moves, &error), 0);
    assert_int_equal(moves.not_comparable, 0);
    for (size_t i = 0; i < moves.count; i++)
      assert_true(moves.moves[i].identical);
    moves_free(&moves);
    checkpoint_close(other);
  }
  tensor_list_free(&list);
  checkpoint_close(plain);
}

static void refuse(const char *directory, const char *words)
{
  free(workshop_refuse(EXIT_INPUT, words, "screen %s " PROTOCOL " --out %s/never.csv", directory,
                       support_directory()));
  workshop_shell("! test -e %s/never.csv", support_directory());
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

/* Reshapes both fused tensors of layer 0 and asserts what is said. */
static void refuse_fused(const char *leaf, json_t *shape, const char *words)
{
  char name[200];
  struct weights w = fused("olmoe-f32", 3, 8);
  snprintf(name, sizeof name, "model.layers.0.mlp.experts.%s", leaf);
  assert_int_equal(json_object_set_new(json_object_get(w.header, name), "shape", shape), 0);
  refuse(model_of("olmoe-f32", &w), words);
}

static void test_bad_experts(void **state)
{
  (void)state;
  /* 8 experts, hidden 80, 24 wide. */
  refuse_fused("gate_up_proj", json_pack("[i,i,i]", 8, 80, 48),
               "tensor model.layers.0.mlp.experts.gate_up_proj has rank 3 and shape [8, 80, 48], "
               "config.json says [8, 48, 80]");
  refuse_fused("down_proj", json_pack("[i,i,i]", 8, 24, 80),
               "tensor model.layers.0.mlp.experts.down_proj has rank 3 and shape [8, 24, 80], "
               "config.json says [8, 80, 24]");
  refuse_fused("down_proj", json_pack("[i,i]", 8 * 80, 24), "has rank 2 and shape [640, 24]");
  refuse_fused("gate_up_proj", json_pack("[i,i,i]", 16, 24, 80), "shape [16, 24, 80], config.json");
  refuse_fused("gate_up_proj", json_pack("[i,i,i]", 8, 15, 256), "shape [8, 15, 256], config.json");
  refuse_fused("gate_up_proj", json_pack("[i,i,i]", 30720, 1, 1), "shape [30720, 1, 1], config");
  struct weights plain = fixture(OLMOE), w = fuse(&plain, 2, 8);
  json_t *entry = json_object_get(plain.header, "model.layers.1.mlp.experts.3.down_proj.weight");
  size_t size;
  const char *data = weights_data(&plain, entry, &size);
  weights_add(&w, "model.layers.1.mlp.experts.3.down_proj.weight", entry,
              json_deep_copy(json_object_get(entry, "shape")), data, size);
  weights_free(&plain);
  refuse(model_of(OLMOE, &w), "experts stored together and one by one in one checkpoint");
}

/* A damaged value is named as it is stored. */
static void test_damaged_expert(void **state)
{
  float bad = NAN;
  size_t size;
  (void)state;
  struct weights w = fused(OLMOE, 2, 8);
  json_t *entry = json_object_get(w.header, "model.layers.0.mlp.experts.gate_up_proj");
  char *data = (char *)(uintptr_t)weights_data(&w, entry, &size);
  for (size_t i = 0; i < size / 8; i++) /* the first four experts; tokens choose among them */
    memcpy(data + 4 * i, &bad, sizeof bad);
  const char *directory = model_of(OLMOE, &w);
  char *line = workshop_refuse(EXIT_INPUT, "holds a NaN or an infinity",
                               "screen %s " PROTOCOL " --quiet", directory);
  workshop_contains(line, ".gate_proj.weight (stored as model.layers.0.mlp.experts.gate_up_proj)");
  free(line);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_prefixes),
      cmocka_unit_test(test_fused_experts),
      cmocka_unit_test(test_shards),
      cmocka_unit_test(test_torch),
      cmocka_unit_test(test_tensor_lists_and_moves),
      cmocka_unit_test(test_ambiguous),
      cmocka_unit_test(test_base_model),
      cmocka_unit_test(test_bad_experts),
      cmocka_unit_test(test_damaged_expert),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
