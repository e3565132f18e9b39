/* Experts of a layer in two tensors, as newer writers store them, taken apart in place (names.h).
 */
#include "base/memory.h"
#include "base/text.h"
#include "checkpoint/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_EXPERTS 4096 /* of a layer, as in a config.json */
#define MOST_PARTS 200000 /* in all: more than any model has */
#define MOST_NAME 200

#define GATE_UP ".experts.gate_up_proj"
#define DOWN ".experts.down_proj"

static bool is_fused(const struct tensor *tensor)
{
  return text_ends_with(tensor->name, GATE_UP) || text_ends_with(tensor->name, DOWN);
}

static bool is_gate_up(const struct tensor *tensor)
{
  return text_ends_with(tensor->name, GATE_UP);
}

/* One expert's own tensor: EXPERTS.3.down_proj.weight. */
static bool is_single(const struct tensor *tensor)
{
  const char *at = strstr(tensor->name, ".experts.");
  return at && at[9] >= '0' && at[9] <= '9';
}

/* Tensors that it is taken apart into; 0 = its shape is not that of fused experts. */
static size_t parts_of(const struct tensor *tensor)
{
  const int64_t *shape = tensor->shape;
  if (tensor->rank != 3 || !tensor->elements || shape[0] > MOST_EXPERTS ||
      strlen(tensor->name) > MOST_NAME || (is_gate_up(tensor) && shape[1] % 2))
    return 0;
  return (size_t)shape[0] * (is_gate_up(tensor) ? 2 : 1);
}

/* Part `index` of `parts`: with gate and up, in turn. */
static struct tensor part(const struct tensor *fused, size_t parts, size_t index, const char *name)
{
  int64_t rows = fused->shape[1] / (is_gate_up(fused) ? 2 : 1);
  struct tensor tensor = *fused;
  tensor.name = name;
  tensor.stored = fused->stored ? fused->stored : fused->name;
  tensor.rank = 2;
  tensor.shape[0] = rows;
  tensor.shape[1] = fused->shape[2];
  tensor.elements = fused->elements / parts;
  tensor.bytes = fused->bytes / parts;
  tensor.data = (const char *)fused->data + index * tensor.bytes;
  return tensor;
}

static void name_part(const struct tensor *fused, size_t index, char *name)
{
  static const char *const halves[] = {"gate_proj", "up_proj"};
  size_t stem = strlen(fused->name) - strlen(is_gate_up(fused) ? GATE_UP : DOWN);
  if (is_gate_up(fused))
    sprintf(name, "%.*s.experts.%zu.%s.weight", (int)stem, fused->name, index / 2,
            halves[index % 2]);
  else
    sprintf(name, "%.*s.experts.%zu.down_proj.weight", (int)stem, fused->name, index);
}

struct census {
  size_t fused, parts;
  const struct tensor *first, *single;
};

static struct census count_all(const struct tensor *tensors, size_t count)
{
  struct census c = {0};
  for (size_t i = 0; i < count; i++) {
    if (!c.single && is_single(&tensors[i]))
      c.single = &tensors[i];
    if (!is_fused(&tensors[i]))
      continue;
    c.first = c.first ? c.first : &tensors[i];
    c.fused++;
    c.parts += parts_of(&tensors[i]);
  }
  return c;
}

#define ROOM (MOST_NAME + 40) /* for the name of a part */

static int allocate(const char *path, const struct census *c, size_t count, struct naming *naming,
                    struct tensor **made, struct error *error)
{
  naming->fused = memory_alloc(c->fused, sizeof *naming->fused, path, error);
  if (!naming->fused)
    return error->code;
  naming->expert_names = memory_alloc(c->parts, ROOM, path, error);
  if (!naming->expert_names)
    return error->code;
  *made = memory_alloc(count + c->parts, sizeof **made, path, error);
  return *made ? 0 : error->code;
}

/* Fills made[] with the tensors, fused ones taken apart where `parts` says so; returns how many. */
static size_t split(const struct tensor *tensors, size_t count, bool parts, struct naming *naming,
                    struct tensor *made)
{
  size_t used = 0;
  char *name = naming->expert_names;
  for (size_t i = 0; i < count; i++) {
    bool fused = is_fused(&tensors[i]);
    size_t wanted = fused && parts ? parts_of(&tensors[i]) : 0;
    if (fused)
      naming->fused[naming->fused_count++] = tensors[i];
    if (!wanted)
      made[used++] = tensors[i];
    for (size_t k = 0; k < wanted; k++, name += ROOM) {
      name_part(&tensors[i], k, name);
      made[used++] = part(&tensors[i], wanted, k, name);
    }
  }
  return used;
}

int names_split_experts(const char *path, struct tensor **tensors, size_t *count,
                        struct naming *naming, struct error *error)
{
  struct census c = count_all(*tensors, *count);
  struct tensor *made;
  if (!c.fused || naming->doubt.code)
    return 0;
  if (c.single) {
    error_set(&naming->doubt, EXIT_INPUT,
              "%s: tensors \"%.150s\" and \"%.150s\": experts stored together and one by one in "
              "one checkpoint; store all of them the same way",
              c.single->file, c.first->name, c.single->name);
    return 0;
  }
  if (c.parts > MOST_PARTS)
    c.parts = 0;
  if (allocate(path, &c, *count, naming, &made, error))
    return error->code;
  *count = split(*tensors, *count, c.parts > 0, naming, made);
  free(*tensors);
  *tensors = made;
  if (c.parts)
    naming_add(naming, "with the experts of a layer taken out of gate_up_proj and down_proj");
  return 0;
}
