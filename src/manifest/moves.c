#include "manifest/moves.h"

#include "base/memory.h"
#include "checkpoint/tensor_pages.h"
#include "pack_c.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct pair {
  const struct tensor *before, *after;
};

/* The matrices of two checkpoints. */
struct matching {
  struct pair *pairs; /* by name */
  size_t count;
  const struct tensor *single[MOVES_MOST];
  size_t singles; /* those without a partner; the first of them are in `single` */
};

static bool is_matrix(const struct tensor *tensor)
{
  return tensor->rank == 2 && tensor->elements > 0 &&
         (tensor->dtype == DTYPE_F32 || tensor->dtype == DTYPE_BF16 || tensor->dtype == DTYPE_F16);
}

/* The next matrix at or after *index, which moves there; NULL at the end. */
static const struct tensor *next_matrix(const struct checkpoint *checkpoint, size_t *index)
{
  for (; *index < checkpoint_count(checkpoint); ++*index)
    if (is_matrix(checkpoint_at(checkpoint, *index)))
      return checkpoint_at(checkpoint, *index);
  return NULL;
}

static void add_single(struct matching *matching, const struct tensor *tensor)
{
  if (matching->singles < MOVES_MOST)
    matching->single[matching->singles] = tensor;
  matching->singles++;
}

static void add_pair(struct matching *matching, struct pair pair)
{
  const struct tensor *before = pair.before, *after = pair.after;
  if (before->shape[0] != after->shape[0] || before->shape[1] != after->shape[1])
    add_single(matching, before);
  else
    matching->pairs[matching->count++] = pair;
}

/* One walk through the names of both. */
static void match(const struct checkpoint *before, const struct checkpoint *after,
                  struct matching *matching)
{
  size_t i = 0, j = 0;
  for (;;) {
    const struct tensor *left = next_matrix(before, &i), *right = next_matrix(after, &j);
    if (!left && !right)
      return;
    int order = !left ? 1 : !right ? -1 : strcmp(left->name, right->name);
    if (order == 0)
      add_pair(matching, (struct pair){left, right});
    else
      add_single(matching, order < 0 ? left : right);
    i += order <= 0;
    j += order >= 0;
  }
}

static enum gemm_type type_of(enum dtype dtype)
{
  return dtype == DTYPE_F32 ? GEMM_F32 : dtype == DTYPE_BF16 ? GEMM_BF16 : GEMM_F16;
}

static int widen(const struct tensor *tensor, uint64_t first, size_t count, float *to,
                 struct error *error)
{
  const uint8_t *from = (const uint8_t *)tensor->data + first * dtype_size(tensor->dtype);
  size_t i = 0;
  if (widen_c(type_of(tensor->dtype), from, count, to))
    return 0;
  while (isfinite(to[i]))
    i++;
  return error_set(error, EXIT_INPUT, "%s: tensor \"%.200s\": element %" PRIu64 " is not finite",
                   tensor->file, tensor->name, first + i);
}

/* Sums over one pair so far. */
struct sums {
  double moved, size;
  bool identical;
};

static int add_piece(const struct pair *pair, uint64_t first, size_t count, struct sums *sums,
                     struct error *error)
{
  float before[MOVES_PIECE], after[MOVES_PIECE];
  if (widen(pair->before, first, count, before, error) ||
      widen(pair->after, first, count, after, error))
    return error->code;
  for (size_t i = 0; i < count; i++) {
    double from = before[i], d = after[i] - from;
    sums->moved = sums->moved + d * d;
    sums->size = sums->size + from * from;
  }
  sums->identical = sums->identical && memcmp(before, after, count * sizeof *before) == 0;
  return 0;
}

static double norm_of(const struct sums *sums)
{
  if (sums->moved == 0)
    return 0;
  return sums->size == 0 ? INFINITY : sqrt(sums->moved) / sqrt(sums->size);
}

static int add_move(struct move_list *moves, const char *tensor, struct error *error)
{
  char *name = strdup(tensor);
  if (!name)
    return error_set(error, EXIT_RUN, "tensor \"%.200s\": out of memory", tensor);
  moves->moves[moves->count++] = (struct move){.tensor = name};
  return 0;
}

static int add_all(const struct pair *pair, struct sums *sums, struct error *error)
{
  tensor_read_ahead(pair->before);
  tensor_read_ahead(pair->after);
  for (uint64_t first = 0; first < pair->before->elements; first += MOVES_PIECE) {
    uint64_t left = pair->before->elements - first;
    if (add_piece(pair, first, left < MOVES_PIECE ? (size_t)left : MOVES_PIECE, sums, error))
      return error->code;
  }
  return 0;
}

/* i * spread could leave 64 bits; whole strides and what is left over cannot. */
static int add_sample(const struct pair *pair, struct sums *sums, struct error *error)
{
  const uint64_t last = MOVES_MOST_ELEMENTS / MOVES_PIECE - 1;
  uint64_t spread = pair->before->elements - MOVES_PIECE;
  for (uint64_t i = 0; i <= last; i++) {
    uint64_t first = i * (spread / last) + i * (spread % last) / last;
    if (add_piece(pair, first, MOVES_PIECE, sums, error))
      return error->code;
  }
  return 0;
}

static int compare(const struct pair *pair, struct move_list *moves, struct error *error)
{
  struct sums sums = {.identical = true};
  if (add_move(moves, pair->before->name, error))
    return error->code;
  struct move *move = &moves->moves[moves->count - 1];
  move->sampled = pair->before->elements > MOVES_MOST_ELEMENTS;
  int status = move->sampled ? add_sample(pair, &sums, error) : add_all(pair, &sums, error);
  tensor_drop(pair->before);
  tensor_drop(pair->after);
  move->norm = norm_of(&sums);
  move->identical = sums.identical;
  return status;
}

static int compare_chosen(const struct matching *matching, struct move_list *moves,
                          struct error *error)
{
  size_t n = matching->count;
  for (size_t i = 0; i < n && i < MOVES_MOST; i++) {
    size_t chosen = n <= MOVES_MOST ? i : i * (n - 1) / (MOVES_MOST - 1);
    if (compare(&matching->pairs[chosen], moves, error))
      return error->code;
  }
  return 0;
}

static int list_singles(const struct matching *matching, struct move_list *moves,
                        struct error *error)
{
  moves->not_comparable = matching->singles;
  for (size_t i = 0; i < matching->singles && i < MOVES_MOST; i++) {
    if (add_move(moves, matching->single[i]->name, error))
      return error->code;
    moves->moves[moves->count - 1].not_comparable = true;
  }
  return 0;
}

int moves_compare(const struct checkpoint *before, const struct checkpoint *after,
                  struct move_list *moves, struct error *error)
{
  const char *path = checkpoint_path(after);
  struct move_list made = {0};
  struct matching matching = {0};
  matching.pairs = memory_alloc(checkpoint_count(before), sizeof *matching.pairs, path, error);
  made.moves = memory_zeroed((size_t)2 * MOVES_MOST, sizeof *made.moves, path, error);
  int status = matching.pairs && made.moves ? 0 : error->code;
  if (!status)
    match(before, after, &matching);
  if (!status)
    status = compare_chosen(&matching, &made, error);
  if (!status)
    status = list_singles(&matching, &made, error);
  free(matching.pairs);
  if (status)
    moves_free(&made);
  *moves = made;
  return status;
}

void moves_free(struct move_list *moves)
{
  for (size_t i = 0; i < moves->count; i++)
    free(moves->moves[i].tensor);
  free(moves->moves);
  *moves = (struct move_list){0};
}
