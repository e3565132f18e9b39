#include "checkpoint/pickle.h"

#include "base/memory.h"
#include "base/text.h"
#include "checkpoint/pickle_machine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NAME 512

#define ALONE "save only the state dict (names and tensors) with torch.save"

static const char *kind_name(enum pickle_kind kind)
{
  static const char *const names[] = {
      [PICKLE_MARK] = "mark",     [PICKLE_NONE] = "None",       [PICKLE_BOOL] = "bool",
      [PICKLE_INT] = "number",    [PICKLE_FLOAT] = "number",    [PICKLE_STRING] = "string",
      [PICKLE_TUPLE] = "tuple",   [PICKLE_LIST] = "list",       [PICKLE_DICT] = "dict",
      [PICKLE_GLOBAL] = "global", [PICKLE_STORAGE] = "storage", [PICKLE_TENSOR] = "tensor"};
  return names[kind];
}

static int by_key(const void *a, const void *b)
{
  const struct pickle_value *left = &((const struct pickle_pair *)a)->key;
  const struct pickle_value *right = &((const struct pickle_pair *)b)->key;
  size_t length = left->length < right->length ? left->length : right->length;
  int order = memcmp(left->text, right->text, length);
  return order ? order : (left->length > right->length) - (left->length < right->length);
}

static int wrong_item(const struct pickle_machine *m, const struct pickle_value *key,
                      const char *what, const char *more, const char *advice)
{
  return error_set(m->error, EXIT_INPUT,
                   "%s: offset %" PRIu64 ": entry \"%.*s\" of the state dict %s%s; %s", m->file,
                   m->base + (uint64_t)((const uint8_t *)key->text - m->data),
                   key->length < 100 ? (int)key->length : 100, key->text, what, more, advice);
}

static int check_item(const struct pickle_machine *m, const struct pickle_pair *pair)
{
  if (pair->key.kind != PICKLE_STRING)
    return error_set(m->error, EXIT_INPUT,
                     "%s: offset %" PRIu64
                     ": the pickle's dict has a key that is not a string but a %s; %s",
                     m->file, m->base + pair->at, kind_name(pair->key.kind), ALONE);
  if (pair->key.length == 0 || pair->key.length > MAX_NAME)
    return wrong_item(m, &pair->key, "must have a name of 1 to 512 bytes", "", PICKLE_ADVICE);
  if (pair->value.kind == PICKLE_DICT)
    return wrong_item(m, &pair->key, "is a dict, not a tensor: this is a training checkpoint", "",
                      ALONE);
  if (pair->value.kind != PICKLE_TENSOR)
    return wrong_item(m, &pair->key, "is not a tensor but a ", kind_name(pair->value.kind), ALONE);
  return 0;
}

/* Copies the name, zero-terminated, which its place in the pickle is not. */
static int copy_name(const struct pickle_machine *m, const struct pickle_value *key, char *name)
{
  memcpy(name, key->text, key->length);
  name[key->length] = 0;
  for (size_t at = 0; at < key->length;) {
    size_t bytes = text_printable(name + at);
    if (!bytes)
      return wrong_item(m, key, "has a name that is not printable UTF-8", "", PICKLE_ADVICE);
    at += bytes;
  }
  return 0;
}

/* Of all tensors and storages only those of items are kept: any number may hide beside them. */
static void keep_object(const struct pickle_machine *m, size_t index, struct pickle *pickle,
                        size_t item)
{
  pickle->tensor[item] = ((const struct pickle_tensor *)m->tensors.items)[index];
  pickle->storage[item] =
      ((const struct pickle_storage *)m->storages.items)[pickle->tensor[item].storage];
  pickle->tensor[item].storage = item;
}

/* pairs: those of the state dict, in the order of their names. */
static int make_items(const struct pickle_machine *m, const struct pickle_pair *pairs, size_t count,
                      struct pickle *pickle)
{
  size_t bytes = 0;
  for (size_t i = 0; i < count; i++) {
    if (i > 0 && by_key(&pairs[i - 1], &pairs[i]) == 0)
      return wrong_item(m, &pairs[i].key, "appears twice", "", PICKLE_ADVICE);
    bytes += pairs[i].key.length + 1;
  }
  pickle->items = memory_alloc(count, sizeof *pickle->items, m->file, m->error);
  pickle->names = memory_alloc(bytes, 1, m->file, m->error);
  pickle->tensor = memory_alloc(count, sizeof *pickle->tensor, m->file, m->error);
  pickle->storage = memory_alloc(count, sizeof *pickle->storage, m->file, m->error);
  if (!pickle->items || !pickle->names || !pickle->tensor || !pickle->storage)
    return m->error->code;
  char *name = pickle->names;
  for (size_t i = 0; i < count; i++) {
    if (copy_name(m, &pairs[i].key, name))
      return m->error->code;
    pickle->items[i] = (struct pickle_item){name, i};
    keep_object(m, pairs[i].value.index, pickle, i);
    name += pairs[i].key.length + 1;
  }
  pickle->count = pickle->tensors = pickle->storages = count;
  return 0;
}

/* The one value that is left must be the state dict. */
static int take_result(struct pickle_machine *m, struct pickle *pickle)
{
  struct pickle_value top = {0};
  struct pickle_pair *pairs = m->pairs.items;
  size_t count = 0;
  if (pickle_pop(m, &top))
    return m->error->code;
  if (m->stack.count)
    return pickle_refuse(m, "%zu values are left over", m->stack.count);
  if (top.kind != PICKLE_DICT)
    return pickle_refuse(m, "the pickle is a %s, not a state dict", kind_name(top.kind));
  for (size_t i = 0; i < m->pairs.count; i++)
    if (pairs[i].dict == top.index) {
      if (check_item(m, &pairs[i]))
        return m->error->code;
      pairs[count++] = pairs[i];
    }
  if (count)
    qsort(pairs, count, sizeof *pairs, by_key);
  return make_items(m, pairs, count, pickle);
}

static int run(struct pickle_machine *m, struct pickle *pickle)
{
  if (m->size > (size_t)PICKLE_MAX_MIB << 20)
    return error_set(m->error, EXIT_INPUT,
                     "%s: offset %" PRIu64 ": a pickle of %zu bytes, at most %d MiB are allowed; "
                     "%s, in several files if need be",
                     m->file, m->base, m->size, PICKLE_MAX_MIB, PICKLE_ADVICE);
  while (!m->stopped)
    if (pickle_step(m))
      return m->error->code;
  return take_result(m, pickle);
}

int pickle_parse(const char *file, uint64_t base, const void *data, size_t size,
                 struct pickle *pickle, struct error *error)
{
  struct pickle_machine m = {
      .file = file, .base = base, .data = data, .size = size, .error = error};
  struct pickle made = {0};
  int status = run(&m, &made);
  free(m.storages.items);
  free(m.tensors.items);
  free(m.stack.items);
  free(m.memo.items);
  free(m.values.items);
  free(m.dicts.items);
  free(m.pairs.items);
  if (status)
    pickle_free(&made);
  else
    *pickle = made;
  return status;
}

void pickle_free(struct pickle *pickle)
{
  free(pickle->storage);
  free(pickle->tensor);
  free(pickle->items);
  free(pickle->names);
  *pickle = (struct pickle){0};
}
