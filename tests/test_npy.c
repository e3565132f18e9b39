/* .npy files against one that NumPy wrote. */
#include "support.h"

#include "npy_read.h"
#include "probe/npy.h"

#include <stdlib.h>
#include <string.h>

#define CONFORMANCE "tests/fixtures/conformance/"

static struct error error;

/* NumPy's own header of the same shape, but for the type, and the data back. */
static void npy_files(void **state)
{
  (void)state;
  size_t size, size2;
  const char *path = support_path("x.npy");
  struct npy npy = npy_read(CONFORMANCE "olmo-f32/expected/attn_last.npy");
  float *data = malloc(npy.count * sizeof *data);
  assert_non_null(data);
  for (size_t i = 0; i < npy.count; i++)
    data[i] = (float)npy.data[i];
  int64_t shape[4];
  for (int i = 0; i < 4; i++)
    shape[i] = (int64_t)npy.shape[i];
  assert_int_equal(npy_write(path, shape, 4, data, &error), 0);
  char *bytes = support_read(path, &size);
  char *numpy = support_read(CONFORMANCE "olmo-f32/expected/attn_last.npy", &size2);
  strstr(numpy + 10, "<f8")[2] = '4';
  assert_memory_equal(bytes, numpy, 128);
  assert_int_equal(size, 128 + npy.count * sizeof *data);
  assert_memory_equal(bytes + 128, data, npy.count * sizeof *data);
  struct npy back = npy_read(path);
  assert_int_equal(back.rank, 4);
  assert_true(back.data[npy.count - 1] == (double)data[npy.count - 1]);
  free(bytes);
  free(numpy);
  free(data);
  free(npy.data);
  free(back.data);
}

static void npy_headers(void **state)
{
  (void)state;
  static const int64_t shape[8] = {3, 1, 2, 1, 1, 1, 1, 1};
  static const int64_t none[8] = {INT64_MAX, INT64_MAX / 2, 0, 0, 0, 0, 0, 0};
  static const int64_t large[8] = {INT64_MAX, 3, 1, 1, 1, 1, 1, 1}, negative[1] = {-1};
  const float data[6] = {1, 2, 3, 4, 5, 6};
  static const char expected[] = "\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, "
                                 "'shape': (3,), }";
  size_t size;
  const char *path = support_path("y.npy");
  assert_int_equal(npy_write(path, shape, 1, data, &error), 0);
  char *bytes = support_read(path, &size);
  assert_int_equal(size, 128 + 3 * sizeof *data);
  assert_memory_equal(bytes + 6, expected, sizeof expected - 1);
  assert_int_equal(strspn(bytes + 6 + sizeof expected - 1, " "), 127 - 6 - (sizeof expected - 1));
  assert_int_equal(bytes[127], '\n');
  free(bytes);
  assert_int_equal(npy_write(path, shape, 8, data, &error), 0);
  struct npy npy = npy_read(path);
  assert_true(npy.rank == 8 && npy.count == 6 && npy.data[5] == 6);
  free(npy.data);
  static const int64_t empty[2] = {0, INT64_MAX};
  assert_int_equal(npy_write(path, empty, 2, NULL, &error), 0);
  bytes = support_read(path, &size);
  assert_int_equal(size, 128);
  free(bytes);
  assert_int_equal(npy_write(path, none, 8, data, &error), EXIT_RUN);
  support_assert_error(&error, EXIT_RUN, "shape");
  assert_int_equal(npy_write(path, large, 8, data, &error), EXIT_RUN);
  assert_int_equal(npy_write(path, none, 1, data, &error), EXIT_RUN);
  assert_int_equal(npy_write(path, negative, 1, data, &error), EXIT_RUN);
  assert_int_equal(npy_write(path, shape, 0, data, &error), EXIT_RUN);
  assert_int_equal(npy_write(path, shape, 9, data, &error), EXIT_RUN);
  support_assert_error(&error, EXIT_RUN, "9 dimensions");
  assert_int_equal(npy_write("/nowhere/z.npy", shape, 1, data, &error), EXIT_RUN);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(npy_files),
      cmocka_unit_test(npy_headers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
