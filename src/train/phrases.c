#include "train/phrases.h"

static int32_t draw(struct random *random, const struct span *span)
{
  return (int32_t)random_integer(random, span->low, span->high + 1);
}

struct phrase {
  size_t length; /* with the separator */
  int32_t tokens[PHRASE_MOST + 1];
};

static void make_phrase(const struct phrases *p, struct random *random, struct phrase *phrase)
{
  phrase->length = (size_t)draw(random, &p->length);
  for (size_t i = 0; i < phrase->length; i++)
    phrase->tokens[i] = draw(random, &p->plain);
  phrase->tokens[phrase->length++] = (int32_t)p->separator;
}

static void fill_with_phrases(const struct phrases *p, struct random *random, int32_t *tokens,
                              size_t size)
{
  struct phrase list[PHRASES_MOST];
  int32_t count = draw(random, &p->count);
  for (int32_t i = 0; i < count; i++)
    make_phrase(p, random, &list[i]);
  const struct phrase *phrase = NULL;
  for (size_t at = 1, next = 0; at < size; at++) {
    if (!phrase || next == phrase->length) {
      phrase = &list[random_integer(random, 0, count)];
      next = 0;
    }
    bool stray = random_uniform(random) < p->stray;
    tokens[at] = stray ? draw(random, &p->plain) : phrase->tokens[next++];
  }
}

/* A span may run into itself, and then goes on with what it has just copied. */
static void fill_with_copies(const struct phrases *p, struct random *random, int32_t *tokens,
                             size_t size)
{
  size_t from = 0, left = 0;
  for (size_t at = 1; at < size; at++) {
    if (!left && at > 1 && random_uniform(random) < p->copy) {
      double more = random_exponential(random) * p->copy_mean;
      left = (size_t)p->copy_least + (more < (double)size ? (size_t)more : size);
      from = (size_t)random_integer(random, 1, (int64_t)at);
    }
    tokens[at] = left ? tokens[from++] : draw(random, &p->plain);
    left -= left > 0;
  }
}

void phrases_document(const struct phrases *p, struct random *random, int32_t *tokens, size_t size)
{
  tokens[0] = (int32_t)p->begin;
  if (random_uniform(random) < p->share)
    fill_with_phrases(p, random, tokens, size);
  else
    fill_with_copies(p, random, tokens, size);
}
