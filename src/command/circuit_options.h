/* The options of attest circuit. */
#ifndef ATTEST_COMMAND_CIRCUIT_OPTIONS_H
#define ATTEST_COMMAND_CIRCUIT_OPTIONS_H

#include "circuit/found.h"
#include "pass/runtime.h"

struct circuit_command {
  struct common_options common;
  const char *path; /* a model, or a manifest */
  const char *task, *out, *method, *convention, *choose, *threshold;
  uint64_t steps, n, bound, pairs, resamples; /* 0 = not given */
  bool oracle, scan;
  const char *work, *checkpoints; /* of a manifest */
  bool allow_unpinned, allow_uncompared;
};

#define CIRCUIT_STEPS 30 /* as published */
#define CIRCUIT_SIZE 50  /* of the circuit of a fixed size */

/* Parses the command line. Errors: EXIT_INPUT. */
int circuit_options_parse(int argc, char **argv, struct circuit_command *command, bool *help,
                          struct error *error);

/* What the options ask for, of a model. Errors: EXIT_INPUT. */
int circuit_options_request(const struct circuit_command *command, struct circuit_request *request,
                            struct error *error);

/* Of one model (circuit_model.c). Errors: EXIT_INPUT, EXIT_RUN. */
int circuit_of_model(const struct circuit_command *command, struct error *error);

#endif
