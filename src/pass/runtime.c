#include "pass/runtime.h"

#include "base/file.h"
#include "base/memory.h"

#include <string.h>

int common_options_check(const struct common_options *options, struct error *error)
{
  enum isa isa;
  if ((options->isa && kernels_parse_isa(options->isa, &isa, error)) ||
      (options->json && file_check_writable(options->json, error)))
    return error->code;
  return 0;
}

int runtime_start(const struct common_options *options, struct runtime *runtime,
                  struct error *error)
{
  enum isa isa = ISA_AUTO;
  *runtime = (struct runtime){.quiet = options->quiet,
                              .text = !options->quiet &&
                                      !(options->json && strcmp(options->json, "-") == 0)};
  if (common_options_check(options, error) ||
      (options->isa && kernels_parse_isa(options->isa, &isa, error)) ||
      kernels_select(isa, &runtime->kernels, error))
    return error->code;
  runtime->memory = options->memory ? options->memory : memory_available() / 4 * 3;
  if (!runtime->memory)
    runtime->memory = (uint64_t)1 << 30; /* the system does not say */
  return threads_start((int)options->threads, &runtime->threads, error);
}

void runtime_stop(struct runtime *runtime)
{
  threads_stop(runtime->threads);
  runtime->threads = NULL;
}
