/* attest bench: that what it reports is whole and sane. How fast anything is, no test can say. */
#include "support.h"

#include "base/json.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *read_json(const char *path)
{
  struct error error = {0};
  json_t *object = NULL;
  assert_int_equal(json_read_object(path, (size_t)1 << 20, &object, &error), 0);
  return object;
}

static void assert_positive(const json_t *row, const char *const *keys)
{
  for (; *keys; keys++) {
    double value = json_number_value(json_object_get(row, *keys));
    if (!(value > 0 && value < 1e12))
      fail_msg("%s is %g", *keys, value);
  }
}

/* Every row of array `key` has an isa, and positive numbers under the keys. */
static size_t check_rows(const json_t *all, const char *key, const char *const *keys)
{
  json_t *rows = json_object_get(all, key), *row;
  size_t i;
  assert_true(json_is_array(rows));
  json_array_foreach(rows, i, row)
  {
    assert_non_null(json_string_value(json_object_get(row, "isa")));
    assert_positive(row, keys);
  }
  return json_array_size(rows);
}

static void check_ratios(const json_t *all)
{
  json_t *rows = json_object_get(all, "gemm"), *row;
  bool compared = json_is_object(json_object_get(all, "openblas"));
  size_t i;
  json_array_foreach(rows, i, row)
  {
    json_t *ratio = json_object_get(row, "openblas_ratio");
    assert_true(compared ? json_number_value(ratio) > 0 : json_is_null(ratio));
  }
}

static void check_screens(const json_t *all)
{
  static const char *const shapes[] = {"pythia-1b", "olmo-1b-0724", "olmoe-1b-7b-0924"};
  json_t *rows = json_object_get(all, "screen"), *hours = json_object_get(all, "predicted_hours");
  assert_int_equal(json_array_size(rows), 2 * 3);
  for (size_t i = 0; i < 2 * 3; i++) {
    const json_t *row = json_array_get(rows, i);
    assert_string_equal(json_string_value(json_object_get(row, "shape")), shapes[i / 2]);
    assert_int_equal(json_integer_value(json_object_get(row, "threads")), 1 + i % 2);
    assert_true(json_is_true(json_object_get(row, "extrapolated")));
    if (i % 2)
      assert_positive(hours, (const char *const[]){shapes[i / 2], "total", NULL});
  }
}

/* Each digest alone and both in one pass, which cannot be faster than the slower one of them. */
static void check_digests(const json_t *all)
{
  static const char *const names[] = {"sha256", "xxh3_128", "both"};
  static const char *const keys[] = {"bytes", "gb_per_second", NULL};
  json_t *rows = json_object_get(all, "digest");
  assert_int_equal(json_array_size(rows), 3);
  for (size_t i = 0; i < 3; i++) {
    const json_t *row = json_array_get(rows, i), *ratio = json_object_get(row, "ratio_to_slower");
    assert_string_equal(json_string_value(json_object_get(row, "digest")), names[i]);
    assert_positive(row, keys);
    assert_true(i < 2 ? json_is_null(ratio) : json_number_value(ratio) > 0.2);
    assert_true(i < 2 || json_number_value(ratio) < 1.5);
  }
}

static void test_bench(void **state)
{
  static const char *const peak[] = {"threads", "gflops", NULL};
  static const char *const gemm[] = {"threads", "m", "n", "k", "gflops", "fraction_of_peak", NULL};
  static const char *const screen[] = {"threads",          "seconds_per_sequence",
                                       "fraction_of_peak", "gflop_per_sequence",
                                       "peak_rss_mb",      NULL};
  static const char *const attention[] = {"threads", "seq_len", "gflops", NULL};
  static const char *const rows[] = {"n", "ns_per_element", "gb_per_second", NULL};
  static const char *const train[] = {"threads", "parameters",       "milliseconds",
                                      "gflops",  "fraction_of_peak", NULL};
  static const char *const few_shot[] = {"milliseconds", "peak_gflops", NULL};
  static const char *const circuit[] = {"threads", "pairs", "seconds", "fraction_of_peak", NULL};
  const char *path = support_path("bench.json");
  const char *const argv[] = {
      support_program(), "bench", "--quick", "--shrink", "16", "--threads", "2",
      "--json",          path,    "--quiet", NULL};
  char *out, *err;
  (void)state;
  if (support_emulated())
    skip(); /* minutes, and speed under emulation says nothing */
  assert_int_equal(support_run(argv, &out, &err), 0);
  assert_string_equal(out, "");
  assert_string_equal(err, "");
  free(out);
  free(err);
  json_t *all = read_json(path);
  assert_true(check_rows(all, "peak", peak) >= 2);
  assert_true(check_rows(all, "gemm", gemm) >= 2 * 3);
  assert_int_equal(check_rows(all, "screen", screen), 2 * 3);
  assert_int_equal(check_rows(all, "attention", attention), 2 * 4);
  assert_true(check_rows(all, "rows", rows) >= 12);
  assert_int_equal(check_rows(all, "train", train), 2 * 4);
  assert_int_equal(check_rows(all, "few_shot", few_shot), 3);
  assert_int_equal(check_rows(all, "circuit", circuit), 2);
  check_ratios(all);
  check_screens(all);
  check_digests(all);
  json_decref(all);
}

/* One part alone: the peak and its rows, and no rows of another part. */
static void test_only(void **state)
{
  const char *path = support_path("only.json");
  const char *const argv[] = {
      support_program(), "bench", "--only",  "digest", "--quick", "--threads", "1",
      "--json",          path,    "--quiet", NULL};
  (void)state;
  if (support_emulated())
    skip();
  assert_int_equal(support_run(argv, NULL, NULL), 0);
  json_t *all = read_json(path);
  assert_true(json_array_size(json_object_get(all, "peak")) >= 1);
  check_digests(all);
  assert_int_equal(json_array_size(json_object_get(all, "gemm")), 0);
  assert_int_equal(json_array_size(json_object_get(all, "screen")), 0);
  assert_true(json_is_null(json_object_get(all, "predicted_hours")));
  json_decref(all);
  const char *const peak[] = {support_program(), "bench", "--only",  "peak", "--quick",
                              "--json",          path,    "--quiet", NULL};
  assert_int_equal(support_run(peak, NULL, NULL), 0);
  all = read_json(path);
  assert_true(json_array_size(json_object_get(all, "peak")) >= 1);
  assert_int_equal(json_array_size(json_object_get(all, "digest")), 0);
  json_decref(all);
}

static void check_csv(const char *text)
{
  static const char header[] = "shape,layers,seq_len,sequences,seconds,gflop\n";
  size_t lines = 0;
  assert_int_equal(strncmp(text, header, sizeof header - 1), 0);
  for (const char *line = text + sizeof header - 1; *line; line = strchr(line, '\n') + 1) {
    char shape[32];
    size_t layers, seq_len, sequences;
    double seconds, gflop;
    assert_int_equal(sscanf(line, "%31[^,],%zu,%zu,%zu,%lf,%lf", shape, &layers, &seq_len,
                            &sequences, &seconds, &gflop),
                     6);
    assert_true(layers && seq_len && sequences && seconds > 0 && gflop > 0);
    lines++;
  }
  assert_int_equal(lines, 3 * 16);
}

static void test_sweep(void **state)
{
  const char *csv = support_path("sweep.csv"), *svg = support_path("sweep.svg");
  const char *const argv[] = {support_program(), "bench",    "--sweep", csv,       "--plot", svg,
                              "--quick",         "--shrink", "16",      "--quiet", NULL};
  size_t size;
  (void)state;
  if (support_emulated())
    skip(); /* minutes, for what does not depend on the instruction set */
  assert_int_equal(support_run(argv, NULL, NULL), 0);
  char *text = support_read(csv, &size);
  check_csv(text);
  free(text);
  text = support_read(svg, &size);
  assert_int_equal(strncmp(text, "<svg ", 5), 0);
  assert_non_null(strstr(text, "</svg>\n"));
  assert_null(strstr(text, "nan"));
  free(text);
}

static void refuse(int code, const char *words, const char *const *argv)
{
  char *err;
  assert_int_equal(support_run(argv, NULL, &err), code);
  if (!strstr(err, words) || strchr(err, '\n') != err + strlen(err) - 1)
    fail_msg("\"%s\" is not one line with \"%s\"", err, words);
  free(err);
}

static void test_refusals(void **state)
{
  const char *a = support_program();
  (void)state;
  refuse(EXIT_INPUT, "--plot draws a sweep",
         (const char *const[]){a, "bench", "--plot", support_path("x.svg"), NULL});
  refuse(EXIT_INPUT, "choose their own sequences: drop --sequences",
         (const char *const[]){a, "bench", "--quick", "--sequences", "64", NULL});
  refuse(EXIT_INPUT, "--shrink 17: must be",
         (const char *const[]){a, "bench", "--shrink", "17", NULL});
  refuse(EXIT_INPUT, "--only speed: must be peak, screen, gemm, ",
         (const char *const[]){a, "bench", "--only", "speed", NULL});
  refuse(EXIT_INPUT, "drop --only",
         (const char *const[]){a, "bench", "--only", "gemm", "--sweep", "x", NULL});
  refuse(EXIT_INPUT, "cannot both be standard output",
         (const char *const[]){a, "bench", "--sweep", "-", "--json", "-", NULL});
  refuse(EXIT_INPUT, "one argument too many", (const char *const[]){a, "bench", "x", NULL});
  refuse(EXIT_RUN, "/none/x.csv: cannot be written",
         (const char *const[]){a, "bench", "--sweep", support_path("none/x.csv"), NULL});
  refuse(EXIT_INPUT, "--memory: ",
         (const char *const[]){a, "bench", "--memory", "4K", "--quick", "--shrink", "16",
                               "--threads", "1", "--quiet", NULL});
  refuse(EXIT_INPUT, "is not an OpenBLAS library",
         (const char *const[]){a, "bench", "--openblas", "/dev/null", "--quick", "--shrink", "16",
                               "--threads", "1", "--quiet", NULL});
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bench),
      cmocka_unit_test(test_only),
      cmocka_unit_test(test_sweep),
      cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
