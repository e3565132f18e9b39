/* Checks to the bit of the orders of adding that tape/operations.h and tape.h state. */
#ifndef ATTEST_TESTS_GRADIENT_ORDERS_H
#define ATTEST_TESTS_GRADIENT_ORDERS_H

#include "support.h"

#include "kernels.h"

struct gradient_order {
  const char *name;
  bool (*holds)(const struct kernels *kernels);
};

extern const struct gradient_order gradient_orders[];
extern const size_t gradient_order_count;

#endif
