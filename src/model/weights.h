/* Random weights that are the same bits on every machine, however the work is cut up: element i of
 * a tensor is a function of the seed, the tensor's name and i alone. */
#ifndef ATTEST_MODEL_WEIGHTS_H
#define ATTEST_MODEL_WEIGHTS_H

#include "model/inventory.h"

/* Writes elements [first, first + count) of a tensor of the inventory to `to`, which is aligned to
 * the element.
 *
 * Parameters: offset + factor * (S - 131070), where S is the sum of the four 16-bit parts of
 * mix(key + (i + 1) * 0x9E3779B97F4A7C15); mix is the finalizer of SplitMix64 (Steele, Lea and
 * Flood, OOPSLA 2014) and key = XXH3-64 of the name with the seed. S is near a normal distribution
 * and within 3.5 standard deviations. One product and one sum in fp32, then rounded to nearest even
 * to the dtype (F32, BF16 or F16). Standard deviations: matrices 0.02; those that write into the
 * residual stream 0.02 / sqrt(2 * layers), as GPT-2 is initialised; norms 1 +- 0.02; biases 0.002.
 * Buffers: what transformers puts there, with -65504 for the minus infinity of a mask. */
void weights_fill(const struct model_config *config, uint64_t seed, const struct tensor *tensor,
                  enum inventory_kind kind, uint64_t first, size_t count, void *to);

#endif
