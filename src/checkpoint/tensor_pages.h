/* Pages of tensors: asked for ahead of use and dropped after it, so that a checkpoint larger than
 * memory can be read. Tensors that are not mapped are left alone. */
#ifndef ATTEST_CHECKPOINT_TENSOR_PAGES_H
#define ATTEST_CHECKPOINT_TENSOR_PAGES_H

#include "checkpoint/checkpoint.h"

void tensor_read_ahead(const struct tensor *tensor); /* starts reading it; NULL is allowed */
void tensor_drop(const struct tensor *tensor);       /* it reads back the same when touched again */

/* Elements [first, first + count) of it, which it has. */
void tensor_drop_part(const struct tensor *tensor, uint64_t first, uint64_t count);

#endif
