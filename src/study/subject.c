#include "study/subject.h"

#include "base/text.h"
#include "checkpoint/checkpoint.h"

int subject_check(const struct model *model, const struct protocol *p, bool beyond_context,
                  const char *path, struct error *error)
{
  const struct model_config *c = &model->config;
  if ((uint64_t)p->seq_len > c->context && !beyond_context)
    return error_set(error, EXIT_INPUT,
                     "%s: --seq-len %lld is longer than the model's context of %zu; false sinks "
                     "appear there; use a shorter one or --beyond-context",
                     path, (long long)p->seq_len, c->context);
  if ((uint64_t)p->vocab_hi > c->vocab || p->bos >= (int64_t)c->vocab)
    return error_set(error, EXIT_INPUT,
                     "%s: --vocab %lld:%lld or --bos reaches past the model's vocabulary of %zu",
                     path, (long long)p->vocab_lo, (long long)p->vocab_hi, c->vocab);
  return 0;
}

static void say(const char *words, const char *path, const struct notices *notices)
{
  if (*words)
    notices_add(notices, "%s: %s", text_shown(path).text, words);
}

void subject_say_naming(const struct checkpoint *checkpoint, const char *path,
                        const struct notices *notices)
{
  say(checkpoint_naming(checkpoint), path, notices);
}

void subject_say_choice(const struct checkpoint *checkpoint, const char *path,
                        const struct notices *notices)
{
  say(checkpoint_choice(checkpoint), path, notices);
}
