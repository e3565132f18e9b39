/* The residual stream starts as rows of the embedding. They are read in the order of their ids and
 * dropped behind: a page that is touched brings many beside it along, and random ones would soon
 * bring the whole embedding. */
#include "base/memory.h"
#include "checkpoint/tensor_pages.h"
#include "pass/engine.h"

#include <stdlib.h>

#define DROP_BYTES ((size_t)8 << 20) /* of the embedding, between two drops */

static int by_id(const void *a, const void *b)
{
  const struct embedded *left = a, *right = b;
  return (left->id > right->id) - (left->id < right->id);
}

int engine_embed(struct engine *e, const int32_t *ids, size_t count, struct error *error)
{
  const struct tensor *embedding = e->model->embedding;
  size_t hidden = e->config->hidden, dropped = 0;
  size_t rows = 1 + DROP_BYTES / (hidden * dtype_size(embedding->dtype));
  struct embedded *order = memory_alloc(count, sizeof *order, "embedding", error);
  for (size_t i = 0; order && i < count; i++)
    order[i] = (struct embedded){ids[i], (uint32_t)i};
  if (order)
    qsort(order, count, sizeof *order, by_id);
  for (size_t i = 0; order && i < count; i++) {
    size_t id = (size_t)order[i].id;
    if (id > dropped + rows) {
      tensor_drop_part(embedding, dropped * hidden, (id - dropped) * hidden);
      dropped = id;
    }
    if (model_widen(embedding, id * hidden, hidden, e->act.residual + order[i].row * hidden, error))
      break;
  }
  tensor_drop(embedding);
  free(order);
  return error->code;
}
