/* libFuzzer target: a training recipe, and the header of a file of tokens. */
#include "train/recipe.h"
#include "train/token_file.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_one_line(int status, const struct error *error)
{
  return status == error->code && (!status || (*error->text && !strchr(error->text, '\n')));
}

/* What a run relies on. */
static bool is_sound(const struct train_recipe *r)
{
  const struct phrases *p = &r->data.phrases;
  bool named = r->name && (r->start != NULL) == (r->config_json.length == 0);
  bool drawn = r->data.kind == DATA_TOKENS ||
               (r->data.sequences && r->data.length && p->plain.low <= p->plain.high &&
                p->count.low >= 1 && p->count.high <= PHRASES_MOST && p->length.low >= 1 &&
                p->length.high <= PHRASE_MOST && p->stray < 1 && p->copy_least >= 1);
  bool stepped = r->optimizer.method == METHOD_SGD ||
                 (r->optimizer.eps > 0 && r->optimizer.beta1 < 1 && r->optimizer.beta2 < 1);
  bool scheduled = r->schedule.kind == SCHEDULE_CONSTANT ||
                   (r->schedule.steps >= r->steps && r->schedule.steps > r->schedule.warmup);
  for (size_t i = 0; i < r->revision_count; i++)
    if (r->revisions[i] > r->steps || (i && r->revisions[i] <= r->revisions[i - 1]))
      return false;
  return named && drawn && stepped && scheduled;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct error error = {0};
  struct train_recipe recipe;
  struct token_file file;
  int status = train_recipe_parse("fuzz.json", data, size, &recipe, &error);
  if (!is_one_line(status, &error) || (!status && !is_sound(&recipe)))
    abort();
  train_recipe_free(&recipe);
  error = (struct error){0};
  status = token_file_parse("fuzz.npy", data, size, &file, &error);
  if (!is_one_line(status, &error) ||
      (!status && (file.tokens < data || file.tokens + file.steps * file.sequences *
                                                           (file.length + 1) * sizeof(int32_t) !=
                                             data + size)))
    abort();
  return 0;
}
