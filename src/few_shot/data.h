/* Sequences of the few-shot task: exemplar, label, exemplar, label, query. Labels are drawn anew
 * for every sequence, so that only the sequence itself says which label the query's class has.
 *
 * Classes 0 ... classes - 1 of the items train; the last test_classes ones test. Drawn from NumPy's
 * legacy RandomState(seed), for each sequence in order: q = randint(0, classes), the query's class;
 * d = randint(0, classes - 1), the other one, d + 1 if d >= q; pair = randint(0, pairs); flip =
 * randint(0, 2): the query's class has the pair's first label if 0, else its second; first =
 * randint(0, 2): the query's class stands first if 0. The published streams need another generator.
 *
 * Pairs of labels: all unordered ones in lexicographic order, in the order of
 * RandomState(20).permutation, of which the first 80 % (rounded down) train. Of 5 labels the
 * published split: train 12 23 04 03 01 24 14 34, validation 13 02. */
#ifndef ATTEST_FEW_SHOT_DATA_H
#define ATTEST_FEW_SHOT_DATA_H

#include "base/random.h"
#include "few_shot/items.h"

#define FEW_LEAST_LABELS 3
#define FEW_MOST_LABELS 64

/* Evaluation sets, drawn from RandomState(evaluation seed), which starts anew for each. */
enum few_set {
  FEW_SET_TRAIN,      /* fsl_train: training classes, exemplar 0, training pairs */
  FEW_SET_RELABEL,    /* fsl_val_rl: validation pairs */
  FEW_SET_EXEMPLARS,  /* fsl_train_valex: of both classes, the query's first, an exemplar
                         randint(1, exemplars), drawn after `first`; the query is the same item */
  FEW_SET_TEST_CLASS, /* fsl_test_class: classes that do not train, exemplar 0 */
  FEW_SETS
};
extern const char *const few_set_names[FEW_SETS];

/* Items are rows of a table. */
struct few_sequence {
  int32_t items[3];  /* at positions 0, 2, 4; the last is items[query] */
  int32_t labels[2]; /* at positions 1, 3; different */
  int32_t query;     /* 0: the first's class is asked for, 1: the second's; target labels[query] */
};

struct few_data_settings {
  size_t classes;      /* [50] that train */
  size_t test_classes; /* [100] */
  size_t labels;       /* [5] */
};

/* Tables of items and pairs; all owned. */
struct few_data {
  struct few_data_settings settings;
  size_t exemplars, width;
  float *train, *test; /* [classes * exemplars][width], row class * exemplars + exemplar;
                          [test_classes][width] of exemplar 0 */
  float *train_first;  /* [classes][width] of exemplar 0 */
  size_t pairs, train_pairs;
  int32_t (*pair)[2]; /* [pairs], those that train first */
};

/* A batch of sequences and the table that its items are rows of. */
struct few_table {
  const float *items; /* [rows][width] */
  size_t rows;
};

/* Whether the items have what the settings need. Errors: EXIT_INPUT ("NAME: ..."; classes that the
 * items do not have, fewer than two exemplars). */
int few_data_check(const char *name, const struct few_items *items,
                   const struct few_data_settings *settings, struct error *error);

/* Reads what the settings need of `items`, which may be closed afterwards. Owner: the caller,
 * few_data_free, also after an error. Errors: those of few_data_check, EXIT_RUN. */
int few_data_create(const char *name, const struct few_items *items,
                    const struct few_data_settings *settings, struct few_data *data,
                    struct error *error);
void few_data_free(struct few_data *data);

/* Bytes of the tables. */
uint64_t few_data_bytes(const struct few_data_settings *settings, size_t exemplars, size_t width);

/* The table of the training stream, of an evaluation set. */
struct few_table few_data_table(const struct few_data *data, enum few_set set);

/* The next `count` sequences of a stream (random_seed first). The training stream is
 * FEW_SET_TRAIN's. */
void few_data_draw(const struct few_data *data, enum few_set set, struct random *random,
                   struct few_sequence *sequences, size_t count);

/* All sequences of the training classes: ordered pairs of classes x ordered training pairs of
 * labels x 2 queries (50 * 49 * 16 * 2 = 78,400), of which end-of-training numbers are means.
 * Index order: first class, second class, pair, flip (the first class has the pair's first label
 * if 0), query. Their table is FEW_SET_TRAIN's. */
size_t few_data_all(const struct few_data *data);
struct few_sequence few_data_sequence(const struct few_data *data, size_t index);

#endif
