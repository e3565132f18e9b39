/* Tasks: pairs of prompts of equal length, one of which is answered otherwise than the other, and
 * the file that holds them (docs/TASKS.md). What a circuit does on a task is measured over its
 * pairs (arXiv 2407.10827). */
#ifndef ATTEST_TASK_TASK_H
#define ATTEST_TASK_TASK_H

#include "base/error.h"
#include "base/text.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Limits of a task file, far above any published task. */
#define TASK_MAX_BYTES ((size_t)1 << 28)      /* of the file */
#define TASK_MAX_LINE_BYTES ((size_t)1 << 22) /* of one line */
#define TASK_MAX_PAIRS ((size_t)1 << 20)
#define TASK_MAX_LENGTH ((size_t)1 << 16)  /* tokens of a prompt */
#define TASK_MAX_ANSWERS ((size_t)1 << 17) /* ids on one side */
#define TASK_MAX_VOCAB (INT64_C(1) << 24)

/* The sum over the positive ids minus that over the negative ones, at the last position: of logits,
 * or of probabilities after a softmax over the whole vocabulary. */
enum task_metric { TASK_LOGIT, TASK_PROB };

struct task_pair {
  size_t length;                         /* tokens of each prompt, at least 1 */
  int32_t *clean, *corrupted;            /* [length]; the last position is measured */
  size_t positive_count, negative_count; /* at least 1; may be 0 */
  int32_t *positive, *negative;          /* answers of the clean prompt; answers against it */
  size_t line;                           /* of the file, from 1 */
};

/* All zero = nothing. Release with task_free. */
struct task {
  const char *name; /* belongs to the header */
  enum task_metric metric;
  json_t *header; /* the first line: "task", "metric", and whatever else is said there */
  struct task_pair *pairs;
  size_t count, capacity;
  size_t longest;  /* tokens of the longest prompt */
  char sha256[65]; /* of the file that was read or written */
};

/* "logit" or "prob". */
const char *task_metric_name(enum task_metric metric);

/* An empty task. `header`, which it takes over (also on failure), is a JSON object with "task", a
 * label, and "metric". `path` appears in messages. Owner: the caller, task_free.
 * Errors: EXIT_INPUT, EXIT_RUN. */
int task_start(const char *path, json_t *header, struct task *task, struct error *error);

/* Adds a pair, whose ids are copied. Its lengths, counts and ids must be within the limits above.
 * Errors: EXIT_INPUT (too many pairs), EXIT_RUN. */
int task_add(const char *path, struct task *task, const struct task_pair *pair,
             struct error *error);

/* Reads a task file: JSON lines, the first one the header, then a pair a line, {"clean": [ids],
 * "corrupted": [ids], "positive": [ids], "negative": [ids]}, ids from 0 to below `vocab` (0 = not
 * known yet: TASK_MAX_VOCAB), no answer twice on one side, clean and corrupted of equal length; at
 * least one pair, and as many
 * as the header's "pairs" says, if it is there. Lines of blanks are passed over. Owner: the caller,
 * task_free. Errors: EXIT_INPUT (file, line and what is wrong there), EXIT_RUN. */
int task_read(const char *path, int64_t vocab, struct task *task, struct error *error);

/* The same from bytes in memory. */
int task_parse(const char *path, const void *data, size_t size, int64_t vocab, struct task *task,
               struct error *error);

/* Whether every id is below `vocab`, for a vocabulary that is known later. Errors: EXIT_INPUT, with
 * the line. */
int task_check_vocab(const char *path, const struct task *task, int64_t vocab, struct error *error);

/* The same for prompts of at most `context` tokens, the positions of a model. */
int task_check_context(const char *path, const struct task *task, size_t context,
                       struct error *error);

/* Adds the bytes of the file to `text`: the same task gives the same bytes. Errors: EXIT_INPUT (a
 * text that is not UTF-8), EXIT_RUN. */
int task_format(const char *path, const struct task *task, struct text *text, struct error *error);

/* Writes the file, and task->sha256. "-" = standard output.
 * Errors as above. */
int task_write(const char *path, struct task *task, struct error *error);

void task_free(struct task *task);

#endif
