/* What the tests of the forward pass share: a model in memory, a batch, and readers that keep all
 * that a hook shows. */
#ifndef ATTEST_TESTS_PASSING_H
#define ATTEST_TESTS_PASSING_H

#include "support.h"

#include "model/inventory.h"
#include "pass/forward.h"

/* Sequences and tokens of most tests; few enough to see every position of every site. */
#define PASSING_N 12
#define PASSING_T 44

#define PASSING_MODELS 5
extern const char *const passing_models[PASSING_MODELS]; /* directories, of all families */

/* How many of them a test takes: under emulation, which is hundreds of times slower, the first. */
size_t passing_count(void);

struct passing {
  struct inventory inventory; /* of a model made up */
  struct checkpoint *checkpoint;
  struct model model;
  struct threads *threads; /* three */
  uint64_t memory;         /* of a pass; 1 GiB */
  int32_t *tokens;         /* [PASSING_N][PASSING_T] */
  struct forks forks;      /* none */
};

/* Tokens are drawn from few ids, so that layer 0 is looked up, or, with `distinct`, from enough
 * that it is not. */
void passing_open(const char *directory, bool distinct, struct passing *p);
/* A made-up olmo model: four heads share two key-value heads, and the vocabulary takes more than
 * one strip of logits. */
void passing_open_grouped(struct passing *p);

/* The model `index` of passing_models; passing_count() for the made-up one, whose tokens repeat. */
void passing_open_any(size_t index, bool distinct, struct passing *p);

void passing_close(struct passing *p);

/* Runs sequences [0, n) with these hooks; must succeed. Returns the operations counted. */
uint64_t passing_run(const struct passing *p, const struct hook *hooks, size_t count, size_t n);

/* The same, which must be the operations that the plan foresees, and a reader that does nothing. */
uint64_t passing_operations(const struct passing *p, const struct hook *hooks, size_t count,
                            size_t n);
void passing_ignore(void *context, const struct hook_value *value, const float *data);

/* Everything that one site shows: [layers][heads][n][PASSING_T][width], where a site without layer
 * or head has one. */
struct capture {
  struct site site;
  size_t layers, heads, n, width;
  float *data;
  int *seen; /* [layers][heads][n][PASSING_T] how often */
};

/* For sequences [0, n) of the model. The hook reads all layers, heads and positions; the caller may
 * narrow it. */
struct hook capture_start(struct capture *capture, const struct model_config *config,
                          enum site_kind kind, size_t n);
void capture_free(struct capture *capture);

/* One value. */
float *capture_at(const struct capture *capture, size_t layer, size_t head, size_t sequence,
                  size_t position);

/* How often it was shown. */
int capture_seen(const struct capture *capture, size_t layer, size_t head, size_t sequence,
                 size_t position);

/* All values the same to the bit, and shown as often. */
void capture_assert_equal(const struct capture *a, const struct capture *b);

#endif
