/* Pages of mapped tensors: fetched ahead of use, and dropped after it so that a checkpoint larger
 * than memory can be read. Tensors that are not mapped are left alone. */
#ifndef ATTEST_CHECKPOINT_PAGES_H
#define ATTEST_CHECKPOINT_PAGES_H

#include "checkpoint/checkpoint.h"

void tensor_fetch(const struct tensor *tensor); /* starts reading it; NULL is allowed */
void tensor_drop(const struct tensor *tensor);  /* it reads back the same when touched again */

#endif
