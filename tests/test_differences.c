/* Gradients of every operation against differences of its formula in double, and the adjoint
 * identity of the linear ones; and of wrong ones that this does tell. */
#include "gradient_check.h"
#include "gradient_orders.h"

static void test_every_operation(void **state)
{
  struct error error = {0};
  struct threads *threads;
  const struct kernels *kernels;
  (void)state;
  assert_int_equal(threads_start(2, &threads, &error), 0);
  assert_int_equal(kernels_select(ISA_AUTO, &kernels, &error), 0);
  const struct gradient_case *c;
  for (size_t i = 0; (c = gradient_case_at(i)); i++) {
    double off = gradient_check(c, kernels, threads, NULL);
    print_message("  %-32s %.3f\n", c->name, off);
    if (!(off <= 1))
      fail_msg("%s: the gradient is %.3g times further off than it may", c->name, off);
  }
  threads_stop(threads);
}

static void test_every_order(void **state)
{
  const struct kernels *list[4];
  size_t count = kernels_available(list);
  (void)state;
  for (size_t k = 0; k < count; k++)
    for (size_t i = 0; i < gradient_order_count; i++)
      if (!gradient_orders[i].holds(list[k]))
        fail_msg("%s: %s are not added in the order that is stated", list[k]->name,
                 gradient_orders[i].name);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_operation),
      cmocka_unit_test(test_every_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
