#include "model/parameters.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "checkpoint/in_memory.h"

#include <stdlib.h>
#include <string.h>

#define ALIGNED 16 /* floats */

static size_t padded(uint64_t elements)
{
  return ((size_t)elements + ALIGNED - 1) / ALIGNED * ALIGNED;
}

static int add_bytes(void *context, const struct family_place *place)
{
  uint64_t elements = 1, *bytes = context;
  for (int i = 0; i < place->rank; i++)
    elements *= place->shape[i];
  *bytes += 2 * padded(elements) * sizeof(float);
  return 0;
}

uint64_t parameters_bytes(const struct model_config *config)
{
  uint64_t bytes = 0;
  (void)family_tensors(config, false, add_bytes, &bytes);
  return bytes;
}

static void describe(const struct tensor *tensor, enum inventory_kind kind, struct parameter *p)
{
  *p = (struct parameter){.name = tensor->name,
                          .kind = kind,
                          .rank = tensor->rank,
                          .rows = tensor->rank > 1 ? (size_t)tensor->shape[0] : 1,
                          .elements = (size_t)tensor->elements,
                          .decays = tensor->rank > 1};
  p->columns = p->elements / p->rows;
  for (int i = 0; i < tensor->rank; i++)
    p->shape[i] = (size_t)tensor->shape[i];
}

/* The blocks, and where each parameter lies in them; without gradients all will be written. */
static int place(struct parameters *p, bool gradients, struct error *error)
{
  size_t floats = 0, at = 0;
  for (size_t i = 0; i < p->count; i++)
    floats += padded(p->inventory.tensors[i].elements);
  p->values = gradients ? memory_zeroed(floats, sizeof *p->values, "parameters", error)
                        : memory_alloc(floats, sizeof *p->values, "parameters", error);
  if (!p->values)
    return error->code;
  if (gradients)
    p->gradients = memory_zeroed(floats, sizeof *p->gradients, "gradients of parameters", error);
  if (gradients && !p->gradients)
    return error->code;
  for (size_t i = 0; i < p->count; i++) {
    struct tensor *tensor = &p->inventory.tensors[i];
    describe(tensor, p->inventory.kinds[i], &p->list[i]);
    p->list[i].values = p->values + at;
    p->list[i].gradient = gradients ? p->gradients + at : NULL;
    tensor->data = p->values + at;
    at += padded(tensor->elements);
    p->elements += (size_t)tensor->elements;
  }
  return 0;
}

static int create(const char *name, const char *config_json, size_t size, bool gradients,
                  struct parameters *p, struct error *error)
{
  struct model_config config;
  *p = (struct parameters){0};
  if (model_config_parse(name, config_json, size, &config, error) ||
      inventory_create(name, &config, DTYPE_F32, false, &p->inventory, error))
    return error->code;
  p->count = p->inventory.count;
  p->list = memory_alloc(p->count, sizeof *p->list, "parameters", error);
  if (!p->list || place(p, gradients, error))
    return error->code;
  char *text = memory_alloc(size + 1, 1, "config.json", error);
  if (!text)
    return error->code;
  memcpy(text, config_json, size);
  text[size] = 0;
  int status =
      checkpoint_of_tensors(name, text, p->inventory.tensors, p->count, &p->checkpoint, error);
  free(text);
  if (status || model_load(p->checkpoint, &p->model, error))
    return error->code;
  parameters_of(p, p->model.embedding)->decays = false;
  if (p->model.positions)
    parameters_of(p, p->model.positions)->decays = false;
  return 0;
}

int parameters_create(const char *name, const char *config_json, size_t size, struct parameters *p,
                      struct error *error)
{
  return create(name, config_json, size, true, p, error);
}

void parameters_free(struct parameters *p)
{
  if (p->checkpoint) {
    model_free(&p->model);
    checkpoint_close(p->checkpoint);
  }
  inventory_free(&p->inventory);
  free(p->list);
  free(p->values);
  free(p->gradients);
  *p = (struct parameters){0};
}

static int read_model(const struct model *model, bool gradients, struct parameters *p,
                      struct error *error)
{
  size_t size;
  const char *path = checkpoint_path(model->checkpoint);
  const char *config = checkpoint_config(model->checkpoint, &size);
  *p = (struct parameters){0};
  if (!model->lm_head.weight)
    return error_set(error, EXIT_INPUT,
                     "%s: a base model, stored without its LM head; gradients "
                     "need the whole model",
                     path);
  if (create(path, config, size, gradients, p, error))
    return error->code;
  for (size_t i = 0; i < p->count; i++) {
    const struct tensor *tensor = checkpoint_find(model->checkpoint, p->list[i].name);
    if (interrupt_check(error) ||
        model_widen(tensor, 0, p->list[i].elements, p->list[i].values, error))
      return error->code;
  }
  return 0;
}

int parameters_read(const struct model *model, struct parameters *p, struct error *error)
{
  return read_model(model, true, p, error);
}

int parameters_read_values(const struct model *model, struct parameters *p, struct error *error)
{
  return read_model(model, false, p, error);
}

struct parameter *parameters_of(const struct parameters *p, const struct tensor *tensor)
{
  size_t low = 0, high = p->count;
  while (tensor && low < high) {
    size_t middle = low + (high - low) / 2;
    if ((const void *)p->list[middle].values == tensor->data)
      return &p->list[middle];
    if ((const char *)tensor->data < (const char *)p->list[middle].values)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}
