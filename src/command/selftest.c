#include "base/json.h"
#include "check.h"
#include "command/command.h"
#include "pass/runtime.h"

#include <stdio.h>

struct selftest {
  const struct runtime *runtime;
  const struct kernels *kernels;
  json_t *rows; /* NULL = no JSON wanted */
};

/* Errors are in units of 2^-24 of the size that kernels.h names. */
static void report_line(const char *isa, const struct kernels_outcome *o)
{
  printf("%-8s %-26s %4zu cases: %s", isa, o->kernel, o->cases,
         o->error > o->bound ? "ERROR ABOVE ITS BOUND"
         : o->failures       ? "DIFFERENT BITS"
                             : "same bits as the C reference");
  if (o->bound > 0)
    printf("; error %.2f, at most %.0f", o->error, o->bound);
  printf("\n");
}

static void report(void *context, const struct kernels_outcome *o)
{
  struct selftest *test = context;
  const char *isa = test->kernels->name;
  if (test->runtime->text)
    report_line(isa, o);
  if (test->rows)
    json_add(test->rows, json_pack("{s:s, s:s, s:I, s:I, s:f, s:f}", "isa", isa, "kernel",
                                   o->kernel, "cases", (json_int_t)o->cases, "failures",
                                   (json_int_t)o->failures, "error", o->error, "bound", o->bound));
}

static int check_all(struct selftest *test, const char *only, size_t *failures, struct error *error)
{
  const struct kernels *list[4];
  size_t count = kernels_available(list);
  *failures = 0;
  for (size_t i = 0; i < count; i++) {
    if (only && list[i] != test->runtime->kernels)
      continue;
    test->kernels = list[i];
    size_t failed = kernels_check(list[i], report, test);
    if (failed == SIZE_MAX)
      return error_set(error, EXIT_RUN, "selftest: out of memory");
    *failures += failed;
  }
  return 0;
}

int command_selftest(int argc, char **argv, struct error *error)
{
  struct common_options common = {0};
  const struct option_spec specs[] = {COMMON_OPTIONS(&common)};
  const struct option_list list = {
      "selftest [OPTIONS]",
      "Compares every kernel that this CPU can run with the portable C reference, bit for bit.\n"
      "With --isa, only those of one instruction set.",
      specs, sizeof specs / sizeof *specs};
  struct runtime runtime = {0};
  size_t used, failures;
  bool help;
  if (options_parse(argc, argv, &list, NULL, 0, &used, &help, error) || help ||
      runtime_start(&common, &runtime, error))
    return error->code;
  struct selftest test = {.runtime = &runtime, .rows = common.json ? json_array() : NULL};
  int status = check_all(&test, common.isa, &failures, error);
  if (!status && test.rows) {
    json_t *all = json_pack("{s:O, s:I}", "kernels", test.rows, "failures", (json_int_t)failures);
    status = json_write(common.json, all, error);
    json_decref(all);
  }
  json_decref(test.rows);
  runtime_stop(&runtime);
  return status ? status : failures ? EXIT_CHECK : EXIT_HELD;
}
