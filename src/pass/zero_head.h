/* Ablation: a head's output becomes +0 at all positions, before the output projection, whose bias
 * stays. To the bit what a model shows whose output projection has zeros in the head's columns. */
#ifndef ATTEST_PASS_ZERO_HEAD_H
#define ATTEST_PASS_ZERO_HEAD_H

#include "pass/hook.h"

/* The hook, of all sequences; the caller may narrow it to some sequences or positions. */
struct hook zero_head(size_t layer, size_t head);

#endif
