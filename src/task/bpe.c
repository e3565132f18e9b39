#include "task/bpe.h"

#include <stdlib.h>

/* A token of the word that is being encoded; size 0 = it has become part of the one before. */
struct symbol {
  int32_t id;
  int32_t before, after; /* neighbours; -1 = none */
};

/* Two neighbours that could become one. */
struct candidate {
  int32_t rank, at, id; /* of the merge; the left symbol; what they become */
};

struct bpe_work {
  struct symbol *symbols;
  struct candidate *heap;      /* the lowest rank first, of equal ones the leftmost */
  size_t heap_count, capacity; /* capacity: symbols; a heap never holds more than twice as many */
  char *spelled;               /* two bytes a byte of the word, where words are looked up */
};

static const struct bpe_merge *find_merge(const struct bpe *bpe, int32_t left, int32_t right)
{
  uint64_t pair = (uint64_t)left << 32 | (uint64_t)right;
  size_t low = 0, high = bpe->merge_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (bpe->merges[middle].pair == pair)
      return &bpe->merges[middle];
    if (bpe->merges[middle].pair < pair)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

static bool is_before(const struct candidate *a, const struct candidate *b)
{
  return a->rank < b->rank || (a->rank == b->rank && a->at < b->at);
}

static void swap(struct candidate *a, struct candidate *b)
{
  struct candidate c = *a;
  *a = *b;
  *b = c;
}

static void push(struct bpe_work *work, struct candidate candidate)
{
  size_t i = work->heap_count++;
  work->heap[i] = candidate;
  for (; i > 0 && is_before(&work->heap[i], &work->heap[(i - 1) / 2]); i = (i - 1) / 2)
    swap(&work->heap[i], &work->heap[(i - 1) / 2]);
}

static struct candidate pop(struct bpe_work *work)
{
  struct candidate top = work->heap[0];
  size_t count = --work->heap_count, i = 0;
  work->heap[0] = work->heap[count];
  for (;;) {
    size_t child = 2 * i + 1;
    if (child >= count)
      return top;
    if (child + 1 < count && is_before(&work->heap[child + 1], &work->heap[child]))
      child++;
    if (!is_before(&work->heap[child], &work->heap[i]))
      return top;
    swap(&work->heap[i], &work->heap[child]);
    i = child;
  }
}

/* Whether the symbol and the one after it could become one. */
static void consider(const struct bpe *bpe, struct bpe_work *work, int32_t at)
{
  if (at < 0 || work->symbols[at].after < 0)
    return;
  const struct bpe_merge *merge =
      find_merge(bpe, work->symbols[at].id, work->symbols[work->symbols[at].after].id);
  if (merge)
    push(work, (struct candidate){merge->rank, at, merge->id});
}

static void apply(const struct bpe *bpe, struct bpe_work *work, const struct candidate *c)
{
  struct symbol *left = &work->symbols[c->at];
  if (left->id < 0 || left->after < 0)
    return;
  struct symbol *right = &work->symbols[left->after];
  const struct bpe_merge *merge = find_merge(bpe, left->id, right->id);
  if (!merge || merge->rank != c->rank)
    return; /* one of the two has changed meanwhile */
  left->id = c->id;
  left->after = right->after;
  right->id = -1;
  if (left->after >= 0)
    work->symbols[left->after].before = c->at;
  consider(bpe, work, left->before);
  consider(bpe, work, c->at);
}

static void work_free(struct bpe_work *work)
{
  free(work->symbols);
  free(work->heap);
  free(work->spelled);
  *work = (struct bpe_work){.capacity = 0};
}

static int no_memory(size_t size, struct error *error)
{
  return error_set(error, EXIT_RUN, "out of memory for a word of %zu bytes", size);
}

static int make_room(struct bpe *bpe, size_t size, struct error *error)
{
  if (!bpe->work)
    bpe->work = calloc(1, sizeof *bpe->work);
  struct bpe_work *work = bpe->work;
  if (!work)
    return no_memory(size, error);
  if (size <= work->capacity)
    return 0;
  size_t capacity = size < 256 ? 256 : size;
  struct bpe_work room = {.symbols = malloc(capacity * sizeof *room.symbols),
                          .heap = malloc(2 * capacity * sizeof *room.heap),
                          .spelled = malloc(2 * capacity),
                          .capacity = capacity};
  work_free(work);
  *work = room;
  if (room.symbols && room.heap && room.spelled)
    return 0;
  work_free(work);
  return no_memory(size, error);
}

static int start(struct bpe *bpe, const char *word, size_t size, struct error *error)
{
  for (size_t i = 0; i < size; i++) {
    unsigned char byte = (unsigned char)word[i];
    if (bpe->bytes[byte] < 0)
      return error_set(error, EXIT_INPUT,
                       "the text has a byte 0x%02X, for which the vocabulary has no token", byte);
    bpe->work->symbols[i] =
        (struct symbol){bpe->bytes[byte], (int32_t)i - 1, i + 1 < size ? (int32_t)i + 1 : -1};
  }
  return 0;
}

/* The id of a word that is a token as a whole; -1 = it is none. The room of make_room is there. */
static int32_t find_whole(const struct bpe *bpe, const char *word, size_t size)
{
  size_t length = 0;
  for (size_t i = 0; i < size; i++)
    length += vocabulary_letter((unsigned char)word[i], bpe->work->spelled + length);
  return vocabulary_find(&bpe->vocabulary, bpe->work->spelled, length);
}

int bpe_encode(struct bpe *bpe, const char *word, size_t size, struct token_list *list,
               struct error *error)
{
  if (size == 0)
    return 0;
  if (make_room(bpe, size, error))
    return error->code;
  int32_t whole = bpe->ignore_merges ? find_whole(bpe, word, size) : -1;
  if (whole >= 0)
    return token_list_add(list, whole, error);
  if (start(bpe, word, size, error))
    return error->code;
  struct bpe_work *work = bpe->work;
  work->heap_count = 0;
  for (size_t i = 0; i < size; i++)
    consider(bpe, work, (int32_t)i);
  while (work->heap_count > 0) {
    struct candidate candidate = pop(work);
    apply(bpe, work, &candidate);
  }
  for (int32_t at = 0; at >= 0; at = work->symbols[at].after)
    if (token_list_add(list, work->symbols[at].id, error))
      return error->code;
  return 0;
}

void bpe_free(struct bpe *bpe)
{
  vocabulary_free(&bpe->vocabulary);
  free(bpe->merges);
  if (bpe->work)
    work_free(bpe->work);
  free(bpe->work);
  *bpe = (struct bpe){.merge_count = 0};
}
