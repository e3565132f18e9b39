/* One case of the float64 results of single operations (tests/fixtures/gradients.README.md): its
 * files, its leaves on a tape, and the comparison within the bounds that its index states. */
#ifndef ATTEST_TESTS_OP_CASE_H
#define ATTEST_TESTS_OP_CASE_H

#include "gradients.h"

#include "tape/operations.h"

#include <jansson.h>

#define OP_CASE_MOST 16 /* arrays of a case */

/* A leaf from a file of the case, and its gradient. */
struct op_case_input {
  char name[24];
  size_t value, count;
  float *data, *gradient; /* [count]; free() */
};

struct op_case {
  const char *operation, *name;
  struct fileset *files;
  json_t *params;
  const char *index; /* all of index.csv */
  struct tape *tape;
  struct op_case_input inputs[OP_CASE_MOST];
  size_t input_count;
  int32_t *integers; /* tokens or targets; free() */
  size_t output;     /* TAPE_NONE: a loss */
  const char *output_name;
  size_t compared; /* arrays */
  double used;     /* share of the bound */
};

/* All of index.csv, free(). */
char *op_case_index(void);

/* Calls one(index, which, operation, case) for every case of an operation in the index; it returns
 * the share of the bound that was used. Returns how many there are, at least one. */
size_t op_case_each(const char *index, const char *operation,
                    double (*one)(const char *index, size_t which, const char *operation,
                                  const char *name),
                    size_t which);

/* The files, and an empty tape; op_case_close. */
void op_case_open(struct op_case *c, const char *index, const char *operation, const char *name);
void op_case_close(struct op_case *c);

/* Plans the tape and runs it both ways; c->output is kept. */
void op_case_run(struct op_case *c);

/* NAME.npy, free(data); a number of params.json. */
struct npy op_case_array(const struct op_case *c, const char *name);
double op_case_parameter(const struct op_case *c, const char *name);

/* Its values in fp32, free(). */
float *op_case_floats(const struct npy *npy);

/* A leaf from NAME.npy with rows of this many columns, 0 = those of the file; returns the value. */
size_t op_case_leaf(struct op_case *c, const char *name, size_t columns, bool wanted);

/* Tokens or targets, which belong to the case. */
const int32_t *op_case_integers(struct op_case *c, const char *name, size_t *count);

/* Fails the test where `got` is further off than the index allows; the gradients of all leaves. */
void op_case_compare(struct op_case *c, const char *name, const struct npy *want, const float *got);
void op_case_compare_gradients(struct op_case *c);

#endif
