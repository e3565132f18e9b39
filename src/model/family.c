#include "model/family.h"

#include <stdio.h>
#include <string.h>

static size_t extent(const struct model_config *c, enum dimension dimension)
{
  size_t heads = c->heads * c->head_dim, kv_heads = c->kv_heads * c->head_dim;
  switch (dimension) {
  case DIM_NONE:
  case DIM_ONE:
    return 1;
  case DIM_HIDDEN:
    return c->hidden;
  case DIM_HEADS:
    return heads;
  case DIM_KV_HEADS:
    return kv_heads;
  case DIM_QKV:
    return heads + 2 * kv_heads;
  case DIM_FFN:
    return c->ffn;
  case DIM_VOCAB:
    return c->vocab;
  case DIM_EXPERTS:
    return c->experts;
  case DIM_CONTEXT:
    return c->context;
  case DIM_FREQUENCIES:
    return c->rotary_dims / 2;
  case DIM_HEAD:
    return c->head_dim;
  }
  return 0;
}

struct walk {
  const struct model_config *config;
  bool buffers;
  family_visit *visit;
  void *context;
};

#define NAME_BYTES 128

/* The name with its numbers. */
static void fill_name(const struct family_place *place, char name[NAME_BYTES])
{
  size_t used = 0;
  for (const char *from = place->tensor->name; *from && used < NAME_BYTES - 24; from++) {
    if (strchr("#@%", *from))
      used += (size_t)snprintf(name + used, NAME_BYTES - used, "%zu",
                               *from == '#'   ? place->layer
                               : *from == '@' ? place->expert
                                              : place->head);
    else
      name[used++] = *from;
  }
  name[used] = 0;
}

static bool is_present(const struct walk *walk, enum presence presence)
{
  const struct model_config *c = walk->config;
  switch (presence) {
  case ALWAYS:
    return true;
  case WITH_ATTENTION_BIAS:
    return c->attention_bias;
  case WITH_MLP_BIAS:
    return c->mlp_bias;
  case WITH_QK_NORM:
    return c->qk_norm != QK_NORM_NONE;
  case UNLESS_PARALLEL:
    return !c->parallel_residual;
  case UNLESS_TIED:
    return !c->tied;
  case AS_BUFFER:
    return walk->buffers;
  }
  return false;
}

static int visit_place(const struct walk *walk, struct family_place place)
{
  const struct model_config *c = walk->config;
  const struct family_tensor *tensor = place.tensor;
  char name[NAME_BYTES];
  place.name = name;
  for (; place.rank < FAMILY_RANK && tensor->shape[place.rank]; place.rank++)
    place.shape[place.rank] = extent(c, tensor->shape[place.rank]);
  fill_name(&place, name);
  return walk->visit(walk->context, &place);
}

/* One tensor, or one for each head. */
static int visit_one(const struct walk *walk, const struct family_tensor *tensor, size_t layer,
                     size_t expert)
{
  const struct model_config *c = walk->config;
  bool heads = strchr(tensor->name, '%') != NULL;
  size_t count = !heads ? 1 : strstr(tensor->name, "k_") ? c->kv_heads : c->heads;
  for (size_t head = 0; is_present(walk, tensor->presence) && head < count; head++) {
    int status =
        visit_place(walk, (struct family_place){tensor, layer, expert, head, NULL, 0, {0}});
    if (status)
      return status;
  }
  return 0;
}

/* The first tensor at or after `tensor` whose name does not hold `mark`. */
static const struct family_tensor *end_of(const struct family_tensor *tensor, char mark)
{
  while (tensor->name && strchr(tensor->name, mark))
    tensor++;
  return tensor;
}

static int visit_experts(const struct walk *walk, const struct family_tensor *first,
                         const struct family_tensor *end, size_t layer)
{
  for (size_t expert = 0; expert < walk->config->experts; expert++)
    for (const struct family_tensor *t = first; t < end; t++) {
      int status = visit_one(walk, t, layer, expert);
      if (status)
        return status;
    }
  return 0;
}

static int visit_layer(const struct walk *walk, const struct family_tensor *first,
                       const struct family_tensor *end, size_t layer)
{
  for (const struct family_tensor *t = first; t < end;) {
    const struct family_tensor *experts = end_of(t, '@');
    int status =
        experts > t ? visit_experts(walk, t, experts, layer) : visit_one(walk, t, layer, 0);
    if (status)
      return status;
    t = experts > t ? experts : t + 1;
  }
  return 0;
}

int family_tensors(const struct model_config *config, bool buffers, family_visit *visit,
                   void *context)
{
  const struct walk walk = {config, buffers, visit, context};
  for (const struct family_tensor *t = family_of(config)->tensors; t->name;) {
    const struct family_tensor *layers = end_of(t, '#');
    int status = layers > t ? 0 : visit_one(&walk, t, 0, 0);
    for (size_t layer = 0; layers > t && layer < config->layers && !status; layer++)
      status = visit_layer(&walk, t, layers, layer);
    if (status)
      return status;
    t = layers > t ? layers : t + 1;
  }
  return 0;
}
