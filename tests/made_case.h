/* What the tests of single heads share: a model made up, pairs of a task, and how they are run. */
#ifndef ATTEST_TESTS_MADE_CASE_H
#define ATTEST_TESTS_MADE_CASE_H

#include "circuits.h"
#include "taping.h"

/* Three pairs of indirect object identification, of two lengths and both orders of the names: the
 * answer once, the other name twice. */
#define MADE_PAIRS                                                                                 \
  "{\"task\":\"toy\",\"metric\":\"logit\"}\n"                                                      \
  "{\"clean\":[4,11,6,23,8,1,23,30,2],\"corrupted\":[4,11,6,23,8,1,11,30,2],\"positive\":[11],"    \
  "\"negative\":[23]}\n"                                                                           \
  "{\"clean\":[4,31,6,12,8,31,30,2],\"corrupted\":[4,31,6,12,8,12,30,2],\"positive\":[12],"        \
  "\"negative\":[31]}\n"                                                                           \
  "{\"clean\":[3,40,6,41,7,5,40,29,2],\"corrupted\":[3,40,6,41,7,5,41,29,2],\"positive\":[41],"    \
  "\"negative\":[40]}\n"

struct made_case {
  struct parameters parameters;
  struct task task;
  struct circuit_options options;
};

static inline void made_case_open(const char *config, const char *pairs, int threads,
                                  struct made_case *c)
{
  struct error error = {0};
  make_up(config, &c->parameters);
  circuit_check(task_parse("pairs", pairs, strlen(pairs), 0, &c->task, &error), &error);
  c->options = circuit_options_of(ISA_AUTO, threads, CIRCUIT_MEMORY);
}

static inline void made_case_close(struct made_case *c)
{
  task_free(&c->task);
  parameters_free(&c->parameters);
  threads_stop(c->options.threads);
}

#endif
