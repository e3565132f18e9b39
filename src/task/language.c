#include "task/language.h"

#include "base/json.h"
#include "task/items.h"
#include "task/words.h"

#include <string.h>

#define MOST_UNFIT 100    /* answers that are named */
#define DRAWS_A_PAIR 50   /* before it is said that items do not fit */
#define FIRST_DRAWS 10000 /* after which it is said earlier: */
#define LEAST_PERCENT 1   /* if fewer of all that were drawn fit */
#define LEAST_VERBS 3

enum reason { FITS, LENGTH, ANSWER, YEAR, REASONS };
static const char *const reasons[] = {[LENGTH] = "length", [ANSWER] = "answer", [YEAR] = "year"};

/* A task that is being made. */
struct making {
  const struct language_request *request;
  const struct item_kind *kind;
  struct tokenizer *tokenizer;
  struct task *task;
  bool verbs[ITEM_ANSWERS]; /* by index: both numbers are one token */
  size_t drawn, dropped[REASONS];
  json_t *unfit;
  struct token_list clean, corrupted, longer, positive, negative; /* of the item */
};

static int encode(struct making *m, const char *text, struct token_list *list, struct error *error)
{
  const struct token_list *before = tokenizer_before(m->tokenizer);
  list->count = 0;
  for (size_t i = 0; m->request->special && i < before->count; i++)
    if (token_list_add(list, before->ids[i], error))
      return error->code;
  return tokenizer_encode(m->tokenizer, text, strlen(text), false, list, error);
}

/* Remembers an answer that is not one token, once. */
static void note_unfit(struct making *m, const char *word)
{
  for (size_t i = 0; i < json_array_size(m->unfit); i++)
    if (strcmp(json_string_value(json_array_get(m->unfit, i)), word) == 0)
      return;
  if (json_array_size(m->unfit) < MOST_UNFIT)
    json_add(m->unfit, json_string(word));
}

/* The token that an answer is after the clean prompt, whose tokens are known. */
static int find_answer(struct making *m, const char *prompt, const char *word, bool *fits,
                       struct token_list *answers, struct error *error)
{
  char text[2 * ITEM_TEXT];
  size_t before = m->clean.count;
  snprintf(text, sizeof text, "%s%s%s", prompt, m->kind->blank ? " " : "", word);
  if (encode(m, text, &m->longer, error))
    return error->code;
  *fits = m->longer.count == before + 1;
  for (size_t i = 0; i < before && *fits; i++)
    *fits = m->longer.ids[i] == m->clean.ids[i];
  if (!*fits)
    note_unfit(m, word);
  return *fits ? token_list_add(answers, m->longer.ids[before], error) : 0;
}

/* All answers of one side; those that are left out are not looked at. */
static int find_answers(struct making *m, const char *prompt, const char *const *words,
                        size_t count, bool *fit, struct token_list *answers, struct error *error)
{
  answers->count = 0;
  for (size_t i = 0; i < count && *fit; i++)
    if ((!m->kind->verbs || m->verbs[i]) && find_answer(m, prompt, words[i], fit, answers, error))
      return error->code;
  return 0;
}

/* Whether the prompts differ in one token, which is the end of the year in both. */
static bool is_year(const struct making *m)
{
  size_t at = 0, others = 0;
  for (size_t i = 0; i < m->clean.count; i++)
    if (m->clean.ids[i] != m->corrupted.ids[i]) {
      at = i;
      others++;
    }
  /* The answers are in order, so the largest one that is not after the year is the year's own. */
  return others == 1 && m->negative.count > 1 &&
         m->clean.ids[at] == m->negative.ids[m->negative.count - 1] &&
         m->corrupted.ids[at] == m->negative.ids[1];
}

/* Why an item does not fit; its tokens stay in `m`. */
static int fit(struct making *m, const struct item *item, enum reason *reason, struct error *error)
{
  bool answers = true;
  if (encode(m, item->clean, &m->clean, error) || encode(m, item->corrupted, &m->corrupted, error))
    return error->code;
  *reason = LENGTH;
  if (m->clean.count != m->corrupted.count || m->clean.count == 0)
    return 0;
  if (find_answers(m, item->clean, item->positive, item->positive_count, &answers, &m->positive,
                   error) ||
      find_answers(m, item->clean, item->negative, item->negative_count, &answers, &m->negative,
                   error))
    return error->code;
  *reason = !answers ? ANSWER : m->kind->two_tokens && !is_year(m) ? YEAR : FITS;
  return 0;
}

static int keep(struct making *m, struct error *error)
{
  const struct task_pair pair = {
      m->clean.count,    m->clean.ids,    m->corrupted.ids, m->positive.count,
      m->negative.count, m->positive.ids, m->negative.ids,  0};
  return task_add(m->kind->name, m->task, &pair, error);
}

static int draw_all(struct making *m, struct error *error)
{
  struct random random;
  struct item item;
  enum reason reason = FITS;
  size_t wanted = m->request->pairs;
  random_seed(&random, m->request->seed);
  while (m->task->count < wanted) {
    if (m->drawn >= DRAWS_A_PAIR * wanted + DRAWS_A_PAIR ||
        (m->drawn >= FIRST_DRAWS && 100 * m->task->count < LEAST_PERCENT * m->drawn))
      return error_set(error, EXIT_INPUT,
                       "%s: only %zu of %zu drawn items fit this tokenizer, %zu pairs are wanted; "
                       "dropped: %zu by length, %zu by answer, %zu by year",
                       m->kind->name, m->task->count, m->drawn, wanted, m->dropped[LENGTH],
                       m->dropped[ANSWER], m->dropped[YEAR]);
    m->kind->draw(&random, m->drawn++, &item);
    if (fit(m, &item, &reason, error) || (reason == FITS && keep(m, error)))
      return error->code;
    m->dropped[reason]++;
  }
  return 0;
}

/* Which verbs are one token in the singular and in the plural. */
static int find_verbs(struct making *m, struct error *error)
{
  const char *const *numbers[2] = {words_verb_singular.words, words_verb_plural.words};
  size_t usable = 0;
  m->clean.count = 0;
  for (size_t i = 0; i < words_verb_singular.count; i++) {
    bool fits[2];
    for (int k = 0; k < 2; k++)
      if (find_answer(m, "", numbers[k][i], &fits[k], &m->positive, error))
        return error->code;
    m->verbs[i] = fits[0] && fits[1];
    usable += m->verbs[i];
  }
  if (usable < LEAST_VERBS)
    return error_set(error, EXIT_INPUT,
                     "%s: only %zu verbs are one token of this tokenizer in both numbers, %d must "
                     "be",
                     m->kind->name, usable, LEAST_VERBS);
  return 0;
}

static json_t *make_header(const struct making *m)
{
  json_t *header = json_object();
  json_put(header, "task", json_string(m->kind->name));
  json_put(header, "metric", json_string(task_metric_name(m->kind->metric)));
  json_put(header, "seed", json_integer(m->request->seed));
  json_put(header, "pairs", json_integer((json_int_t)m->request->pairs));
  json_put(header, "tokenizer", json_string(tokenizer_sha256(m->tokenizer)));
  json_put(header, "special", json_boolean(m->request->special));
  return header;
}

static void tell(struct making *m)
{
  json_t *dropped = json_object();
  for (int reason = LENGTH; reason < REASONS; reason++)
    json_put(dropped, reasons[reason], json_integer((json_int_t)m->dropped[reason]));
  json_put(m->task->header, "drawn", json_integer((json_int_t)m->drawn));
  json_put(m->task->header, "dropped", dropped);
  json_put(m->task->header, "unfit", json_incref(m->unfit));
}

static int unknown_name(const char *name, struct error *error)
{
  struct text names = {0};
  size_t count;
  const struct item_kind *kinds = item_kinds(&count);
  for (size_t i = 0; i < count; i++)
    text_add(&names, ", %s", kinds[i].name);
  error_set(error, names.failed ? EXIT_RUN : EXIT_INPUT,
            "%s: no such task; there are copy, boundary, starts%s", name,
            names.failed ? "" : names.data);
  text_free(&names);
  return error->code;
}

int language_task(const struct language_request *request, struct tokenizer *tokenizer,
                  struct task *task, struct error *error)
{
  struct making m = {.request = request, .tokenizer = tokenizer, .task = task};
  m.kind = item_kind_find(request->name);
  if (!m.kind)
    return unknown_name(request->name, error);
  if (request->pairs < 1 || request->pairs > TASK_MAX_PAIRS)
    return error_set(error, EXIT_INPUT, "%s: %zu pairs, must be between 1 and %zu", m.kind->name,
                     request->pairs, TASK_MAX_PAIRS);
  m.unfit = json_array();
  int status = task_start(m.kind->name, make_header(&m), task, error);
  if (!status && m.kind->verbs)
    status = find_verbs(&m, error);
  if (!status)
    status = draw_all(&m, error);
  if (!status)
    tell(&m);
  else
    task_free(task);
  json_decref(m.unfit);
  struct token_list *lists[] = {&m.clean, &m.corrupted, &m.longer, &m.positive, &m.negative};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    token_list_free(lists[i]);
  return status;
}
