#include "model/inventory.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

/* Called once to count the tensors, and once to write them down. */
struct lister {
  struct inventory *inventory;
  enum dtype dtype;
  bool counting, overflow;
};

/* More tensors than INVENTORY_MOST end the count. */
static int add(void *context, const struct family_place *place)
{
  struct lister *l = context;
  struct inventory *inventory = l->inventory;
  enum inventory_kind kind = place->tensor->kind;
  size_t at = inventory->count++;
  if (l->counting)
    return inventory->count > INVENTORY_MOST;
  struct tensor *tensor = &inventory->tensors[at];
  snprintf(inventory->names[at], INVENTORY_NAME, "%s", place->name);
  *tensor = (struct tensor){.name = inventory->names[at],
                            .dtype = kind == INVENTORY_MASK ? DTYPE_U8 : l->dtype,
                            .rank = place->rank,
                            .elements = 1};
  for (int i = 0; i < place->rank; i++) {
    tensor->shape[i] = (int64_t)place->shape[i];
    l->overflow |= __builtin_mul_overflow(tensor->elements, place->shape[i], &tensor->elements);
  }
  l->overflow |=
      __builtin_mul_overflow(tensor->elements, dtype_size(tensor->dtype), &tensor->bytes);
  l->overflow |= __builtin_add_overflow(inventory->bytes, tensor->bytes, &inventory->bytes);
  if (kind < INVENTORY_MASK)
    inventory->parameters += tensor->elements; /* not more than `bytes` */
  inventory->kinds[at] = kind;
  return 0;
}

static int allocate(const char *name, struct inventory *inventory, struct error *error)
{
  inventory->tensors = memory_alloc(inventory->count, sizeof *inventory->tensors, name, error);
  if (!inventory->tensors)
    return error->code;
  inventory->kinds = memory_alloc(inventory->count, sizeof *inventory->kinds, name, error);
  if (!inventory->kinds)
    return error->code;
  inventory->names = memory_alloc(inventory->count, sizeof *inventory->names, name, error);
  return inventory->names ? 0 : error->code;
}

int inventory_create(const char *name, const struct model_config *config, enum dtype dtype,
                     bool buffers, struct inventory *inventory, struct error *error)
{
  struct lister lister = {inventory, dtype, .counting = true};
  *inventory = (struct inventory){0};
  (void)family_tensors(config, buffers, add, &lister);
  if (inventory->count > INVENTORY_MOST)
    return error_set(error, EXIT_INPUT, "%s: more than %d tensors; use fewer layers or experts",
                     name, INVENTORY_MOST);
  int status = allocate(name, inventory, error);
  if (!status) {
    lister.counting = false;
    inventory->count = 0;
    (void)family_tensors(config, buffers, add, &lister);
    if (lister.overflow)
      status = error_set(error, EXIT_INPUT,
                         "%s: more bytes than fit in 64 bits; use a smaller model", name);
  }
  if (status)
    inventory_free(inventory);
  return status;
}

void inventory_free(struct inventory *inventory)
{
  free(inventory->tensors);
  free(inventory->kinds);
  free(inventory->names);
  *inventory = (struct inventory){0};
}
