#include "task/phrases.h"

#include "base/json.h"
#include "base/random.h"

#include <stdbool.h>
#include <string.h>

#define BOS 0
#define SEPARATOR 97
#define PHRASES 3
#define LEAST_LENGTH 4
#define MOST_LENGTH 6
#define MOST_TOKENS (1 + (PHRASES + 1) * (MOST_LENGTH + 1))

/* One item, as drawn. */
struct item {
  int32_t length[PHRASES], phrase[PHRASES][MOST_LENGTH];
  int32_t repeated, copied; /* which phrase, and how much of it */
  int32_t foil[PHRASES];
};

static int32_t draw_new(struct random *random, bool used[SEPARATOR])
{
  int64_t token = random_integer(random, 1, SEPARATOR);
  while (used[token])
    token = random_integer(random, 1, SEPARATOR);
  used[token] = true;
  return (int32_t)token;
}

static void draw(enum phrases kind, struct random *random, struct item *item)
{
  bool used[SEPARATOR] = {false};
  for (int p = 0; p < PHRASES; p++)
    item->length[p] = (int32_t)random_integer(random, LEAST_LENGTH, MOST_LENGTH + 1);
  for (int p = 0; p < PHRASES; p++)
    for (int i = 0; i < item->length[p]; i++)
      item->phrase[p][i] = draw_new(random, used);
  item->repeated = (int32_t)random_integer(random, 0, PHRASES);
  item->copied = item->length[item->repeated];
  if (kind == PHRASES_COPY)
    item->copied = (int32_t)random_integer(random, 2, item->copied);
  for (int p = 0; p < (kind == PHRASES_STARTS ? PHRASES : 1); p++)
    item->foil[p] = draw_new(random, used);
}

/* The clean prompt to tokens[MOST_TOKENS]; where the phrases begin to begin[PHRASES + 1]. Returns
 * its length. */
static size_t lay_out(enum phrases kind, const struct item *item, int32_t *tokens, size_t *begin)
{
  size_t length = 0;
  tokens[length++] = BOS;
  for (int p = 0; p <= PHRASES; p++) {
    bool again = p == PHRASES;
    int from = again ? item->repeated : p;
    begin[p] = length;
    for (int i = 0; i < (again ? item->copied : item->length[p]); i++)
      tokens[length++] = item->phrase[from][i];
    if (!again || kind == PHRASES_STARTS)
      tokens[length++] = SEPARATOR;
  }
  return length;
}

static int add_item(enum phrases kind, const struct item *item, struct task *task,
                    struct error *error)
{
  int32_t clean[MOST_TOKENS], corrupted[MOST_TOKENS], answers[PHRASES], foils[PHRASES];
  size_t begin[PHRASES + 1], count = kind == PHRASES_STARTS ? PHRASES : 1;
  struct task_pair pair = {
      lay_out(kind, item, clean, begin), clean, corrupted, count, count, answers, foils, 0};
  memcpy(corrupted, clean, sizeof clean);
  memcpy(foils, item->foil, sizeof foils);
  if (kind == PHRASES_STARTS) {
    for (int p = 0; p < PHRASES; p++) {
      answers[p] = item->phrase[p][0];
      corrupted[begin[p]] = foils[p];
    }
    corrupted[begin[PHRASES]] = foils[item->repeated];
  } else {
    size_t at = begin[item->repeated] + (size_t)item->copied; /* the token after what is repeated */
    answers[0] = clean[at];
    corrupted[at] = foils[0];
  }
  return task_add("task", task, &pair, error);
}

int phrases_task(enum phrases kind, size_t n, uint32_t seed, struct task *task, struct error *error)
{
  static const char *const names[] = {"copy", "boundary", "starts"};
  struct random random;
  struct item item = {.repeated = 0};
  if (n < 1 || n > TASK_MAX_PAIRS)
    return error_set(error, EXIT_INPUT, "n is %zu, must be between 1 and %zu", n, TASK_MAX_PAIRS);
  json_t *header = json_object();
  json_put(header, "task", json_string(names[kind]));
  json_put(header, "metric",
           json_string(task_metric_name(kind == PHRASES_STARTS ? TASK_PROB : TASK_LOGIT)));
  json_put(header, "seed", json_integer(seed));
  json_put(header, "pairs", json_integer((json_int_t)n));
  if (task_start("task", header, task, error))
    return error->code;
  random_seed(&random, seed);
  for (size_t i = 0; i < n; i++) {
    draw(kind, &random, &item);
    if (add_item(kind, &item, task, error)) {
      task_free(task);
      return error->code;
    }
  }
  return 0;
}
