/* Experts that newer writers store in two tensors a layer: the same trajectory as one by one, in
 * files and tensor lists of either form; or refused with the tensor as it is stored. */
#include "renaming.h"

#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "manifest/moves.h"
#include "manifest/tensor_list.h"

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

static int by_line(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
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

/* A tensor list of the names in a file, as they are stored there. */
static struct tensor_list list_of(const struct weights *w)
{
  struct text rows = {0};
  struct tensor_list list;
  struct error error = {0};
  const char *name;
  size_t i, count = 0;
  json_t *entry, *extent;
  char *lines[128];
  json_object_foreach(w->header, name, entry)
  {
    struct text row = {0};
    if (strcmp(name, "__metadata__") == 0)
      continue;
    text_add(&row, "%s\tF32\t", name);
    json_array_foreach(json_object_get(entry, "shape"), i, extent)
        text_add(&row, i ? ",%d" : "%d", (int)json_integer_value(extent));
    assert_true(count < 128);
    lines[count++] = row.data;
  }
  qsort(lines, count, sizeof *lines, by_line);
  text_add(&rows, TENSOR_LIST_HEADER "\n");
  for (i = 0; i < count; i++) {
    text_add(&rows, "%s\n", lines[i]);
    free(lines[i]);
  }
  if (tensor_list_parse("l.tsv", rows.data, rows.length, &list, &error))
    fail_msg("%s", error.text);
  text_free(&rows);
  return list;
}

/* The same model plain, below a prefix, fused, and fused below a prefix. */
#define FORMS 4
static struct weights form_of(int form)
{
  struct weights w = form < 2 ? fixture(OLMOE) : fused(OLMOE, 2, 8);
  if (form % 2 == 0)
    return w;
  struct weights wrapped = rename_all(&w, "", "module.model.", "");
  weights_free(&w);
  return wrapped;
}

static void check_moves(const struct checkpoint *before, const struct checkpoint *after)
{
  struct move_list moves;
  struct error error = {0};
  assert_int_equal(moves_compare(before, after, &moves, &error), 0);
  assert_int_equal(moves.not_comparable, 0);
  assert_int_equal(moves.count, MOVES_MOST);
  for (size_t i = 0; i < moves.count; i++)
    assert_true(moves.moves[i].identical);
  moves_free(&moves);
}

/* A manifest's list of either form holds for files of every form, and revisions are compared by the
 * plain names. */
static void test_tensor_lists_and_moves(void **state)
{
  struct tensor_list lists[FORMS];
  struct checkpoint *plain, *other;
  size_t failures;
  char line[1100] = "";
  (void)state;
  open_model(FIXTURES OLMOE "/model", &plain);
  for (int form = 0; form < FORMS; form++) {
    struct weights w = form_of(form);
    lists[form] = list_of(&w);
    weights_free(&w);
  }
  for (int form = 0; form < FORMS; form++) {
    struct weights w = form_of(form);
    open_model(model_of(OLMOE, &w), &other);
    for (int listed = 0; listed < FORMS; listed++) {
      tensor_list_check(&lists[listed], other, keep_line, line, &failures);
      if (failures)
        fail_msg("form %d, list %d: %s", form, listed, line);
    }
    check_moves(plain, other);
    checkpoint_close(other);
  }
  for (int form = 0; form < FORMS; form++)
    tensor_list_free(&lists[form]);
  checkpoint_close(plain);
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
      cmocka_unit_test(test_fused_experts),          cmocka_unit_test(test_torch),
      cmocka_unit_test(test_tensor_lists_and_moves), cmocka_unit_test(test_bad_experts),
      cmocka_unit_test(test_damaged_expert),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
