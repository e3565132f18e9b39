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

struct positions_job {
  const float *table; /* [seq_len][hidden] */
};

static void add_position(struct engine *e, const void *context, size_t token)
{
  const struct positions_job *job = context;
  size_t hidden = e->config->hidden;
  e->kernels->add(job->table + token % e->seq_len * hidden, e->act.residual + token * hidden,
                  hidden);
}

int engine_add_positions(struct engine *e, size_t count, struct error *error)
{
  size_t hidden = e->config->hidden;
  if (!e->config->learned_positions)
    return 0;
  float *table = memory_alloc(e->seq_len * hidden, sizeof *table, "positions", error);
  if (table && !model_widen(e->model->positions, 0, e->seq_len * hidden, table, error))
    engine_rows(e, count, add_position, &(struct positions_job){table});
  free(table);
  return error->code;
}
