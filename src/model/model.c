#include "model/model.h"

#include "base/memory.h"
#include "base/text.h"
#include "model/family.h"
#include "pack_c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Finds tensors by name and remembers which were found, to detect those left over. */
struct finder {
  struct model *model;
  const struct checkpoint *checkpoint;
  unsigned char *used; /* by index in the checkpoint */
  struct error *error;
};

#define SHOWN 320 /* bytes of a name or a shape in a message */

/* The name, and the one in the file where that is another. */
static const char *show_name(const struct tensor *tensor, char text[SHOWN])
{
  if (tensor->stored)
    snprintf(text, SHOWN, "%.120s (stored as %.120s)", tensor->name, tensor->stored);
  else
    snprintf(text, SHOWN, "%.250s", tensor->name);
  return text;
}

static const char *show_shape(int rank, const int64_t *shape, char text[SHOWN])
{
  size_t used = (size_t)snprintf(text, SHOWN, "[");
  for (int i = 0; i < rank; i++)
    used += (size_t)snprintf(text + used, SHOWN - used, i ? ", %lld" : "%lld", (long long)shape[i]);
  snprintf(text + used, SHOWN - used, "]");
  return text;
}

/* What follows the first dot: names under another prefix share it. */
static const char *below_prefix(const char *name)
{
  const char *dot = strchr(name, '.');
  return dot ? dot + 1 : name;
}

static bool ends_below(const char *name, const char *end)
{
  size_t length = strlen(name), own = strlen(end);
  return text_ends_with(name, end) && (length == own || name[length - own - 1] == '.');
}

/* A tensor that nobody asks for by its name, and which may be the one that is missing. */
static const struct tensor *near_match(const struct finder *f, const char *name)
{
  const char *below = below_prefix(name);
  for (size_t i = 0; i < checkpoint_count(f->checkpoint); i++) {
    const struct tensor *tensor = checkpoint_at(f->checkpoint, i);
    if (!f->used[i] && (ends_below(tensor->name, below) || ends_below(name, tensor->name)))
      return tensor;
  }
  return NULL;
}

static int say_missing(const struct finder *f, const char *name)
{
  const char *path = checkpoint_path(f->checkpoint), *naming = checkpoint_naming(f->checkpoint);
  const struct tensor *near = near_match(f, name);
  char text[SHOWN];
  if (near)
    return error_set(f->error, EXIT_INPUT,
                     "%s: tensor %s is missing; %s has its name under another prefix: save the "
                     "state dict of the model itself, all under one prefix",
                     path, name, show_name(near, text));
  return error_set(f->error, EXIT_INPUT, "%s: tensor %s is missing%s%s%s", path, name,
                   *naming ? " (" : "", naming, *naming ? ")" : "");
}

static int check(const struct finder *f, const struct tensor *tensor, int rank,
                 const int64_t *shape)
{
  char name[SHOWN], found[SHOWN], wanted[SHOWN];
  if (tensor->dtype != DTYPE_F32 && tensor->dtype != DTYPE_BF16 && tensor->dtype != DTYPE_F16)
    return error_set(f->error, EXIT_INPUT, "%s: tensor %s has dtype %s, must be F32, BF16 or F16",
                     tensor->file, show_name(tensor, name), dtype_name(tensor->dtype));
  if (tensor->rank != rank || memcmp(tensor->shape, shape, (size_t)rank * sizeof *shape) != 0)
    return error_set(
        f->error, EXIT_INPUT, "%s: tensor %s has rank %d and shape %s, config.json says %s",
        tensor->file, show_name(tensor, name), tensor->rank,
        show_shape(tensor->rank, tensor->shape, found), show_shape(rank, shape, wanted));
  return 0;
}

/* The slot of the table's tensor, in the model, a layer or an expert. */
static const struct tensor **slot_of(struct model *model, const struct family_place *place)
{
  struct layer *layer = &model->layers[place->layer];
  if (strchr(place->tensor->name, '%')) /* an array, an element a head */
    return *(const struct tensor ***)((char *)layer + place->tensor->slot) + place->head;
  void *owner = strchr(place->tensor->name, '@')   ? (void *)&layer->experts[place->expert]
                : strchr(place->tensor->name, '#') ? (void *)layer
                                                   : (void *)model;
  return (const struct tensor **)((char *)owner + place->tensor->slot);
}

static int find(void *context, const struct family_place *place)
{
  struct finder *f = context;
  int64_t shape[FAMILY_RANK];
  const struct tensor *tensor = checkpoint_find(f->checkpoint, place->name);
  if (!tensor)
    return model_does_without(f->checkpoint, &f->model->config, place->name)
               ? 0
               : say_missing(f, place->name);
  for (int i = 0; i < place->rank; i++)
    shape[i] = (int64_t)place->shape[i];
  if (check(f, tensor, place->rank, shape))
    return f->error->code;
  f->used[tensor - checkpoint_at(f->checkpoint, 0)] = 1;
  *slot_of(f->model, place) = tensor;
  return 0;
}

/* Said of the tensor as it is stored, not of the experts that were taken out of it. */
static int check_fused(const struct finder *f)
{
  const struct model_config *c = &f->model->config;
  const struct tensor *tensor;
  for (size_t i = 0; c->experts && (tensor = checkpoint_fused(f->checkpoint, i)); i++) {
    bool down = text_ends_with(tensor->name, "down_proj");
    const int64_t shape[] = {(int64_t)c->experts, (int64_t)(down ? c->hidden : 2 * c->ffn),
                             (int64_t)(down ? c->ffn : c->hidden)};
    if (check(f, tensor, 3, shape))
      return f->error->code;
  }
  return 0;
}

static bool is_lm_head(const struct model_config *c, const char *name)
{
  for (const struct family_tensor *t = family_of(c)->tensors; t->name; t++)
    if (t->presence == UNLESS_TIED && strcmp(t->name, name) == 0)
      return true;
  return false;
}

bool model_does_without(const struct checkpoint *checkpoint, const struct model_config *c,
                        const char *name)
{
  return checkpoint_headless(checkpoint) &&
         (is_lm_head(c, name) || strcmp(name, "lm_head.bias") == 0);
}

bool model_passes_over(const struct model_config *c, const char *name)
{
  if (c->tied && is_lm_head(c, name))
    return true;
  for (const char *const *ending = family_of(c)->passed_over; *ending; ending++)
    if (text_ends_with(name, *ending))
      return true;
  return false;
}

static int check_leftovers(const struct finder *f)
{
  const struct model_config *c = &f->model->config;
  char name[SHOWN];
  for (size_t i = 0; i < checkpoint_count(f->checkpoint); i++) {
    const struct tensor *tensor = checkpoint_at(f->checkpoint, i);
    if (!f->used[i] && !model_passes_over(c, tensor->name))
      return error_set(
          f->error, EXIT_INPUT,
          "%s: tensor %s does not belong in a model of family %s with this config.json",
          tensor->file, show_name(tensor, name), family_of(c)->name);
  }
  return 0;
}

static int allocate(struct model *model, const char *name, struct error *error)
{
  const struct model_config *c = &model->config;
  model->layers = memory_zeroed(c->layers, sizeof *model->layers, name, error);
  if (!model->layers)
    return error->code;
  for (size_t i = 0; i < c->layers && c->qk_norm == QK_NORM_HEADS; i++) {
    struct layer *layer = &model->layers[i];
    layer->query_norms =
        memory_zeroed(c->heads + c->kv_heads, sizeof *layer->query_norms, name, error);
    if (!layer->query_norms)
      return error->code;
    layer->key_norms = layer->query_norms + c->heads;
  }
  for (size_t i = 0; i < c->layers && c->experts; i++) {
    model->layers[i].experts =
        memory_zeroed(c->experts, sizeof *model->layers[i].experts, name, error);
    if (!model->layers[i].experts)
      return error->code;
  }
  return 0;
}

static int find_all(struct finder *f)
{
  if (checkpoint_check_names(f->checkpoint, f->error) || check_fused(f) ||
      family_tensors(&f->model->config, false, find, f))
    return f->error->code;
  if (f->model->config.tied)
    f->model->lm_head.weight = f->model->embedding;
  return check_leftovers(f);
}

int model_load(const struct checkpoint *checkpoint, struct model *model, struct error *error)
{
  size_t size;
  char name[512];
  const char *config = checkpoint_config(checkpoint, &size);
  *model = (struct model){.checkpoint = checkpoint};
  snprintf(name, sizeof name, "%s/config.json", checkpoint_path(checkpoint));
  if (model_config_parse(name, config, size, &model->config, error))
    return error->code;
  struct finder finder = {model, checkpoint, NULL, error};
  int status = allocate(model, name, error);
  if (!status) {
    finder.used = memory_zeroed(checkpoint_count(checkpoint) + 1, 1, name, error);
    status = finder.used ? find_all(&finder) : error->code;
  }
  free(finder.used);
  if (status) {
    checkpoint_explain(checkpoint, error);
    model_free(model);
  }
  return status;
}

void model_free(struct model *model)
{
  for (size_t i = 0; model->layers && i < model->config.layers; i++) {
    free(model->layers[i].experts);
    free(model->layers[i].query_norms);
  }
  free(model->layers);
  *model = (struct model){0};
}

enum gemm_type model_weight_type(const struct tensor *tensor)
{
  return tensor->dtype == DTYPE_F32 ? GEMM_F32 : tensor->dtype == DTYPE_BF16 ? GEMM_BF16 : GEMM_F16;
}

int model_widen(const struct tensor *tensor, size_t first, size_t count, float *to,
                struct error *error)
{
  const char *from = (const char *)tensor->data + first * dtype_size(tensor->dtype);
  char name[SHOWN];
  if (!widen_c(model_weight_type(tensor), from, count, to))
    return error_set(error, EXIT_INPUT,
                     "%s: tensor %s holds a NaN or an infinity in elements %zu to %zu; the "
                     "checkpoint is damaged",
                     tensor->file, show_name(tensor, name), first, first + count - 1);
  return 0;
}

uint64_t model_parameters(const struct model *model)
{
  uint64_t sum = 0;
  for (size_t i = 0; i < checkpoint_count(model->checkpoint); i++) {
    const struct tensor *tensor = checkpoint_at(model->checkpoint, i);
    if (!model_passes_over(&model->config, tensor->name))
      sum += tensor->elements;
  }
  return sum;
}
