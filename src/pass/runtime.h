/* What every subcommand that computes has in common: instruction set, threads, memory, output. */
#ifndef ATTEST_PASS_RUNTIME_H
#define ATTEST_PASS_RUNTIME_H

#include "base/notice.h"
#include "base/options.h"
#include "base/threads.h"
#include "kernels.h"

struct common_options {
  const char *isa;          /* NULL = auto */
  uint64_t threads, memory; /* 0 = one a core; 0 = three quarters of what is free */
  const char *json;         /* where JSON goes; NULL = nowhere */
  bool quiet;
};

/* Table rows for options_parse, for a `struct common_options *c`. */
#define COMMON_OPTIONS(c)                                                                          \
  {"isa",                                                                                          \
   OPTION_STRING,                                                                                  \
   &(c)->isa,                                                                                      \
   0,                                                                                              \
   0,                                                                                              \
   "auto|scalar|avx2|avx512|neon",                                                                 \
   "instruction set; default: the best of this CPU (auto)"},                                       \
      {"threads",                                                                                  \
       OPTION_NUMBER,                                                                              \
       &(c)->threads,                                                                              \
       1,                                                                                          \
       1024,                                                                                       \
       "N",                                                                                        \
       "number of threads; default: one per core"},                                                \
      {"memory",                                                                                   \
       OPTION_SIZE,                                                                                \
       &(c)->memory,                                                                               \
       0,                                                                                          \
       0,                                                                                          \
       "SIZE",                                                                                     \
       "memory to use, such as 4G; default: three quarters of what is free"},                      \
      {"json", OPTION_STRING, &(c)->json, 0, 0, "FILE", "write the result as JSON; - = stdout"},   \
  {                                                                                                \
    "quiet", OPTION_FLAG, &(c)->quiet, 0, 0, NULL, "print only errors"                             \
  }

struct runtime {
  const struct kernels *kernels;
  struct threads *threads;
  uint64_t memory; /* bytes */
  bool quiet;
  bool text; /* whether text goes to standard output: not quiet, and JSON does not go there */
  struct notices notices; /* of long work; nobody takes them until the caller says who */
};

/* Whether the instruction set is one of the names and the JSON can be written: every subcommand
 * asks, also one that does not compute. Errors: EXIT_INPUT, EXIT_RUN. */
int common_options_check(const struct common_options *options, struct error *error);

/* Checks the options and the CPU and starts the threads. Owner: the caller, runtime_stop. */
int runtime_start(const struct common_options *options, struct runtime *runtime,
                  struct error *error);
void runtime_stop(struct runtime *runtime);

#endif
