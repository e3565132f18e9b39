/* What a state dict is made of: dicts, storages and tensors. */
#include "checkpoint/pickle_machine.h"

#include <stdio.h>
#include <string.h>

/* For parameters, buffers on other devices, types that attest does not know. */
#define PLAIN_TENSORS                                                                              \
  "save plain F32, F16 or BF16 tensors: torch.save({name: tensor.detach().clone() for name, "      \
  "tensor in STATE_DICT.items()}, FILE)"

static const struct {
  const char *module, *name;
  int global;
} globals[] = {
    {"collections", "OrderedDict", PICKLE_ORDERED_DICT},
    {"torch._utils", "_rebuild_tensor_v2", PICKLE_REBUILD_TENSOR},
    {"torch", "FloatStorage", PICKLE_STORAGE_TYPE + DTYPE_F32},
    {"torch", "BFloat16Storage", PICKLE_STORAGE_TYPE + DTYPE_BF16},
    {"torch", "HalfStorage", PICKLE_STORAGE_TYPE + DTYPE_F16},
    {"torch", "DoubleStorage", PICKLE_STORAGE_TYPE + DTYPE_F64},
    {"torch", "LongStorage", PICKLE_STORAGE_TYPE + DTYPE_I64},
    {"torch", "IntStorage", PICKLE_STORAGE_TYPE + DTYPE_I32},
    {"torch", "ShortStorage", PICKLE_STORAGE_TYPE + DTYPE_I16},
    {"torch", "CharStorage", PICKLE_STORAGE_TYPE + DTYPE_I8},
    {"torch", "ByteStorage", PICKLE_STORAGE_TYPE + DTYPE_U8},
    {"torch", "BoolStorage", PICKLE_STORAGE_TYPE + DTYPE_BOOL},
};

static bool same(const char *text, size_t length, const char *wanted)
{
  return strlen(wanted) == length && memcmp(text, wanted, length) == 0;
}

bool pickle_is_text(const struct pickle_value *value, const char *text)
{
  return value->kind == PICKLE_STRING && same(value->text, value->length, text);
}

int pickle_find_global(struct pickle_machine *m, const char *module, size_t module_length,
                       const char *name, size_t name_length)
{
  for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
    if (same(module, module_length, globals[i].module) && same(name, name_length, globals[i].name))
      return pickle_push(
          m, (struct pickle_value){.kind = PICKLE_GLOBAL, .index = (size_t)globals[i].global});
  bool torch = module_length >= 5 && memcmp(module, "torch", 5) == 0;
  return pickle_refuse_advise(m, torch ? PLAIN_TENSORS : PICKLE_ADVICE,
                              "\"%.*s.%.*s\" is refused: only tensors, their storages and "
                              "OrderedDict may be named, nothing is ever run",
                              pickle_shown(module_length), module, pickle_shown(name_length), name);
}

int pickle_new_dict(struct pickle_machine *m, bool ordered)
{
  struct pickle_dict *dict = pickle_grow_object(m, &m->dicts, sizeof *dict, "dicts");
  if (!dict)
    return m->error->code;
  *dict = (struct pickle_dict){.ordered = ordered};
  return pickle_push(m, (struct pickle_value){.kind = PICKLE_DICT, .index = m->dicts.count - 1});
}

static const struct pickle_value *items_of(const struct pickle_machine *m,
                                           const struct pickle_value *tuple)
{
  return (const struct pickle_value *)m->values.items + tuple->index;
}

/* A tuple of `count` integers >= 0. */
static bool get_lengths(const struct pickle_machine *m, const struct pickle_value *tuple,
                        size_t count, int64_t *lengths)
{
  if (tuple->kind != PICKLE_TUPLE || tuple->length != count)
    return false;
  for (size_t i = 0; i < count; i++) {
    const struct pickle_value *item = items_of(m, tuple) + i;
    if (item->kind != PICKLE_INT || item->number < 0)
      return false;
    lengths[i] = item->number;
  }
  return true;
}

static bool is_empty_dict(const struct pickle_machine *m, const struct pickle_value *value)
{
  return value->kind == PICKLE_DICT &&
         ((const struct pickle_dict *)m->dicts.items)[value->index].count == 0;
}

/* (storage, offset, shape, stride, requires_grad, backward_hooks[, metadata]) */
static int rebuild_tensor(struct pickle_machine *m, const struct pickle_value *arguments)
{
  struct pickle_tensor made = {0};
  if (arguments->length != 6 && arguments->length != 7)
    return pickle_refuse(m, "_rebuild_tensor_v2 with %u arguments", (unsigned)arguments->length);
  const struct pickle_value *a = items_of(m, arguments);
  if (a[0].kind != PICKLE_STORAGE)
    return pickle_refuse(m, "a tensor must be made of a storage");
  if (a[1].kind != PICKLE_INT || a[1].number < 0)
    return pickle_refuse(m, "a tensor's storage offset must be an integer >= 0");
  if (a[2].kind == PICKLE_TUPLE && a[2].length > TENSOR_MAX_RANK)
    return pickle_refuse(m, "a tensor of %u dimensions, at most %d are allowed",
                         (unsigned)a[2].length, TENSOR_MAX_RANK);
  if (!get_lengths(m, &a[2], a[2].length, made.shape) ||
      !get_lengths(m, &a[3], a[2].length, made.stride))
    return pickle_refuse(m, "a tensor's shape and stride must be as many integers >= 0");
  if (a[4].kind != PICKLE_BOOL || !is_empty_dict(m, &a[5]) ||
      (arguments->length == 7 && a[6].kind != PICKLE_NONE))
    return pickle_refuse_advise(m, PLAIN_TENSORS, "a tensor with hooks or metadata");
  made.storage = a[0].index;
  made.at = m->base + m->opcode_at;
  made.offset = (uint64_t)a[1].number;
  made.rank = (int)a[2].length;
  struct pickle_tensor *tensor = pickle_grow_object(m, &m->tensors, sizeof *tensor, "tensors");
  if (!tensor)
    return m->error->code;
  *tensor = made;
  return pickle_push(m,
                     (struct pickle_value){.kind = PICKLE_TENSOR, .index = m->tensors.count - 1});
}

int pickle_reduce(struct pickle_machine *m)
{
  struct pickle_value function = {0}, arguments = {0};
  if (pickle_pop(m, &arguments) || pickle_pop(m, &function))
    return m->error->code;
  if (function.kind != PICKLE_GLOBAL || arguments.kind != PICKLE_TUPLE)
    return pickle_refuse(m, "only OrderedDict and _rebuild_tensor_v2 may be called");
  if (function.index == PICKLE_ORDERED_DICT && arguments.length == 0)
    return pickle_new_dict(m, true);
  if (function.index == PICKLE_REBUILD_TENSOR)
    return rebuild_tensor(m, &arguments);
  return pickle_refuse(m, function.index == PICKLE_ORDERED_DICT
                              ? "OrderedDict may be called only without arguments"
                              : "a storage type cannot be called");
}

/* ('storage', type, key, location, elements) */
int pickle_persistent(struct pickle_machine *m)
{
  struct pickle_value id = {0};
  if (pickle_pop(m, &id))
    return m->error->code;
  const struct pickle_value *part =
      id.kind == PICKLE_TUPLE && id.length == 5 ? items_of(m, &id) : NULL;
  if (!part || !pickle_is_text(&part[0], "storage") || part[1].kind != PICKLE_GLOBAL ||
      part[1].index < PICKLE_STORAGE_TYPE || part[2].kind != PICKLE_STRING ||
      part[3].kind != PICKLE_STRING || part[4].kind != PICKLE_INT || part[4].number < 0)
    return pickle_refuse(m, "a persistent id must be ('storage', type, key, location, elements)");
  struct pickle_storage *storage = pickle_grow_object(m, &m->storages, sizeof *storage, "storages");
  if (!storage)
    return m->error->code;
  *storage =
      (struct pickle_storage){(enum dtype)(part[1].index - PICKLE_STORAGE_TYPE), part[2].text,
                              part[2].length, (uint64_t)part[4].number, m->base + m->opcode_at};
  return pickle_push(m,
                     (struct pickle_value){.kind = PICKLE_STORAGE, .index = m->storages.count - 1});
}

/* Modules put the versions of their parts beside a state dict, as _metadata; nothing needs them. */
int pickle_build(struct pickle_machine *m)
{
  struct pickle_value state = {0}, object = {0};
  if (pickle_pop(m, &state) || pickle_pop(m, &object))
    return m->error->code;
  const struct pickle_dict *dicts = m->dicts.items;
  const struct pickle_pair *pairs = m->pairs.items;
  if (object.kind != PICKLE_DICT || !dicts[object.index].ordered)
    return pickle_refuse(m, "it may be used only on an OrderedDict");
  if (state.kind != PICKLE_DICT || dicts[state.index].count != 1 ||
      !pickle_is_text(&pairs[dicts[state.index].first].key, "_metadata"))
    return pickle_refuse(m, "an OrderedDict may have the attribute _metadata and no other");
  return pickle_push(m, object);
}
