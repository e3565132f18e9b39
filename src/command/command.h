/* The subcommands: argv[0] is the subcommand's name; each returns an exit code and leaves the
 * error's line in `error` when that is not 0 and not EXIT_CHECK. */
#ifndef ATTEST_COMMAND_COMMAND_H
#define ATTEST_COMMAND_COMMAND_H

#include "base/error.h"

int command_reproduce(int argc, char **argv, struct error *error);
int command_merge(int argc, char **argv, struct error *error);
int command_plan(int argc, char **argv, struct error *error);
int command_fetch(int argc, char **argv, struct error *error);
int command_pin(int argc, char **argv, struct error *error);
int command_verify(int argc, char **argv, struct error *error);
int command_screen(int argc, char **argv, struct error *error);
int command_circuit(int argc, char **argv, struct error *error);
int command_ablate(int argc, char **argv, struct error *error);
int command_claims(int argc, char **argv, struct error *error);
int command_show(int argc, char **argv, struct error *error);
int command_report(int argc, char **argv, struct error *error);
int command_compare(int argc, char **argv, struct error *error);
int command_inspect(int argc, char **argv, struct error *error);
int command_synth(int argc, char **argv, struct error *error);
int command_ordinary(int argc, char **argv, struct error *error);
int command_task(int argc, char **argv, struct error *error);
int command_tokenize(int argc, char **argv, struct error *error);
int command_train(int argc, char **argv, struct error *error);
int command_calibrate(int argc, char **argv, struct error *error);
int command_rank(int argc, char **argv, struct error *error);
int command_sinks(int argc, char **argv, struct error *error);
int command_weights(int argc, char **argv, struct error *error);
int command_selftest(int argc, char **argv, struct error *error);
int command_bench(int argc, char **argv, struct error *error);
int command_manual(int argc, char **argv, struct error *error);
int command_completion(int argc, char **argv, struct error *error);

#endif
