/* The items of the tasks in English: templates of our own, filled from NumPy's legacy stream. */
#ifndef ATTEST_TASK_ITEMS_H
#define ATTEST_TASK_ITEMS_H

#include "base/random.h"
#include "task/task.h"

#include <stdbool.h>
#include <stddef.h>

#define ITEM_TEXT 256
#define ITEM_ANSWERS 100

struct item {
  char clean[ITEM_TEXT], corrupted[ITEM_TEXT];
  const char *positive[ITEM_ANSWERS], *negative[ITEM_ANSWERS]; /* words of the lists */
  size_t positive_count, negative_count;
};

struct item_kind {
  const char *name;
  enum task_metric metric;
  bool blank;      /* a blank stands before the answers; else they go on with the last word */
  bool two_tokens; /* the word that is another in the corrupted prompt ends with a token of its own,
                      which is its last two digits */
  bool verbs;      /* the answers are verbs, of which a tokenizer may lack some */
  const char *summary;
  /* Item number `index`; draws as many numbers whatever the tokenizer. */
  void (*draw)(struct random *random, size_t index, struct item *item);
};

/* NULL = there is none of this name. */
const struct item_kind *item_kind_find(const char *name);

/* All, for lists of names; *count of them. */
const struct item_kind *item_kinds(size_t *count);

#endif
