/* Conditions that share a part of a pass: every sequence has copies that go their own way from some
 * layer on. Up to there a copy is the sequence itself, computed once; from there on its own hooks
 * may change it. The bits are those of a pass over the sequences repeated.
 *
 * Of a pass over n sequences, hooks know sequence s by the number s, and its copy k, from 0, by
 * (1 + k) * n + s. Of a copy they are shown what is its own: the sites of its own layers, final
 * norm and logits. All copies are best read alike: one of which less is read may be computed as
 * far as the others. */
#ifndef ATTEST_PASS_FORKS_H
#define ATTEST_PASS_FORKS_H

#include <stdbool.h>
#include <stddef.h>

struct forks {
  const size_t *layers; /* [count] first own layer of each copy, ascending; the model's number of
                           layers = only what follows them is its own; borrowed */
  size_t count;
};

/* Sequences [first, end) of a pass over n, with their copies; `index` counts them from 0, all of
 * the sequences themselves, then all of each copy. */
struct portion {
  struct forks forks;
  size_t n, first, end;
};

static inline size_t portion_own(const struct portion *portion)
{
  return portion->end - portion->first;
}

static inline size_t portion_sequences(const struct portion *portion)
{
  return portion_own(portion) * (1 + portion->forks.count);
}

/* The number by which hooks know a sequence of the portion. */
static inline size_t portion_number(const struct portion *portion, size_t index)
{
  size_t own = portion_own(portion);
  return index / own * portion->n + portion->first + index % own;
}

/* Of sequences [first, end) as hooks number them, those of the portion that belong to copy `copy` -
 * 1, or with 0 to the sequences themselves, counted from the first of these. false: none. */
bool portion_cut(const struct portion *portion, size_t copy, size_t first, size_t end, size_t *from,
                 size_t *to);

#endif
