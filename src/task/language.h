/* Tasks in English for a checkpoint's own tokenizer. */
#ifndef ATTEST_TASK_LANGUAGE_H
#define ATTEST_TASK_LANGUAGE_H

#include "task/task.h"
#include "task/tokenizer.h"

#include <stdbool.h>

struct language_request {
  const char *name; /* one of item_kinds (task/items.h) */
  size_t pairs;
  uint32_t seed;
  bool special; /* prompts begin with the special tokens that the tokenizer puts before a text */
};

/* Draws items from RandomState(seed), one after the other, and keeps those that fit the tokenizer
 * until there are enough. Dropped is an item, for the first of these reasons that holds:
 *   "length": the prompts differ in their number of tokens;
 *   "answer": an answer is not exactly one more token after the clean prompt;
 *   "year":   the prompts differ in more than the token of the last two digits of the year.
 * Verbs that are not one token are left out with their partners, at least three pairs of them must
 * stay. The header has "seed", "pairs", the tokenizer's digest, how many items were "drawn", how
 * many were "dropped" for each reason, and which answers were "unfit", the first hundred. Owner:
 * the caller, task_free. Errors: EXIT_INPUT (an unknown name, naming all; pairs out of range; fewer
 * than one item in 50 fits, or, of 10,000 or more that were drawn, in 100; with the counts),
 * EXIT_RUN. */
int language_task(const struct language_request *request, struct tokenizer *tokenizer,
                  struct task *task, struct error *error);

#endif
