#include "probe/batch.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/random.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define AB_LOW 20 /* ab is drawn from [20, seq_len / 2) */

struct range {
  const char *name;
  int64_t value, low, high;
};

static int check_ranges(const struct range *ranges, size_t count, struct error *error)
{
  for (size_t i = 0; i < count; i++) {
    const struct range *r = &ranges[i];
    if (r->value < r->low || r->value > r->high)
      return error_set(error, EXIT_INPUT, "protocol: %s = %lld is not in [%lld, %lld]", r->name,
                       (long long)r->value, (long long)r->low, (long long)r->high);
  }
  return 0;
}

static int check_baseline(int64_t seq_len, int64_t baseline_n, struct error *error)
{
  const struct range ranges[] = {{"seq_len", seq_len, BATCH_RESERVED_END + 2, BATCH_MAX_SEQ_LEN},
                                 {"baseline_n", baseline_n, 1, BATCH_MAX_SEQ_LEN}};
  int code = check_ranges(ranges, 2, error);
  if (code)
    return code;
  int64_t positions =
      seq_len - 1 - BATCH_RESERVED_END; /* all but the first and the reserved ones */
  if (baseline_n > positions)
    return error_set(error, EXIT_INPUT,
                     "protocol: sequences of %lld tokens have only %lld baseline positions, not "
                     "%lld; ask for at most %lld, or for longer sequences",
                     (long long)seq_len, (long long)positions, (long long)baseline_n,
                     (long long)positions);
  return 0;
}

int64_t batch_least_seq_len(int64_t baseline_n)
{
  int64_t least = 2 * AB_LOW + 2, wanted = baseline_n + 1 + BATCH_RESERVED_END;
  return wanted > least ? wanted : least;
}

int batch_check(const struct protocol *p, struct error *error)
{
  /* Too short for anything: the bound that is said must not be refused in its turn. */
  int64_t least = batch_least_seq_len(0);
  int64_t low = p->seq_len < least && p->baseline_n <= BATCH_MAX_BASELINE
                    ? batch_least_seq_len(p->baseline_n)
                    : least;
  const struct range ranges[] = {{"n", p->n, 1, BATCH_MAX_N},
                                 {"seq_len", p->seq_len, low, BATCH_MAX_SEQ_LEN},
                                 {"vocab_lo", p->vocab_lo, 0, BATCH_MAX_VOCAB - 2},
                                 {"vocab_hi", p->vocab_hi, 2, BATCH_MAX_VOCAB},
                                 {"seed", p->seed, 0, UINT32_MAX},
                                 {"pr_n", p->pr_n, 1, BATCH_MAX_N},
                                 {"bos", p->bos, -1, BATCH_MAX_VOCAB - 1}};
  int code = check_ranges(ranges, sizeof ranges / sizeof *ranges, error);
  if (code)
    return code;
  if (p->vocab_hi - p->vocab_lo < 2)
    return error_set(error, EXIT_INPUT,
                     "protocol: token ids [%lld, %lld) are fewer than the two the sequences need",
                     (long long)p->vocab_lo, (long long)p->vocab_hi);
  if (p->n * (p->vocab_hi - p->vocab_lo) > BATCH_MAX_DRAWS)
    return error_set(error, EXIT_INPUT,
                     "protocol: n = %lld sequences over %lld token ids take too long to draw; "
                     "their product is limited to %lld",
                     (long long)p->n, (long long)(p->vocab_hi - p->vocab_lo),
                     (long long)BATCH_MAX_DRAWS);
  return check_baseline(p->seq_len, p->baseline_n, error);
}

int batch_baseline_positions(int64_t seq_len, int64_t baseline_n, int32_t *positions,
                             struct error *error)
{
  int code = check_baseline(seq_len, baseline_n, error);
  if (code)
    return code;
  bool *taken = memory_zeroed((size_t)seq_len, sizeof *taken, "baseline positions", error);
  if (!taken)
    return EXIT_RUN;
  struct random random;
  random_seed(&random, 0);
  for (int64_t found = 0; found < baseline_n;) {
    int64_t position = random_integer(&random, 1, seq_len - 1);
    if (position >= seq_len - BATCH_RESERVED_END || taken[position])
      continue;
    taken[position] = true;
    positions[found++] = (int32_t)position;
  }
  free(taken);
  return 0;
}

/* Draws again, once, every `token` but the one at position `keep`. */
static void redraw(struct random *random, const struct protocol *p, int32_t *sequence,
                   int32_t token, int64_t keep)
{
  for (int64_t k = 0; k < p->seq_len; k++)
    if (sequence[k] == token && k != keep)
      sequence[k] = (int32_t)random_integer(random, p->vocab_lo, p->vocab_hi);
}

static int32_t only_position(const int32_t *tokens, int64_t count, int32_t token)
{
  int32_t position = -1;
  for (int64_t k = 0; k < count; k++)
    if (tokens[k] == token) {
      if (position >= 0)
        return -1;
      position = (int32_t)k;
    }
  return position;
}

/* Makes sequence i; `permutation` is scratch of vocab_hi - vocab_lo elements. */
static void draw_sequence(struct random *random, const struct protocol *p, int64_t i,
                          int32_t *permutation, struct batch *batch)
{
  int64_t last = p->seq_len - 1;
  int32_t *sequence = batch->tokens + i * p->seq_len;
  for (int64_t k = 0; k < p->seq_len; k++)
    sequence[k] = (int32_t)random_integer(random, p->vocab_lo, p->vocab_hi);
  random_permutation(random, permutation, (int32_t)(p->vocab_hi - p->vocab_lo));
  int32_t a = (int32_t)p->vocab_lo + permutation[0], b = (int32_t)p->vocab_lo + permutation[1];
  int64_t ab = random_integer(random, AB_LOW, p->seq_len / 2);
  sequence[ab] = a;
  sequence[ab + 1] = b;
  redraw(random, p, sequence, a, ab);
  redraw(random, p, sequence, b, ab + 1);
  sequence[last] = a;
  if (p->bos >= 0)
    sequence[0] = (int32_t)p->bos;
  batch->a[i] = a;
  batch->b[i] = b;
  batch->ab[i] = (int32_t)ab;
  batch->b_position[i] = only_position(sequence, last, b);
}

int batch_allocate(int64_t length, int64_t seq_len, struct batch *batch, struct error *error)
{
  size_t n = (size_t)length;
  *batch = (struct batch){0};
  batch->n = length;
  batch->seq_len = seq_len;
  batch->tokens = memory_alloc(n * (size_t)seq_len, sizeof(int32_t), "batch", error);
  int32_t **arrays[] = {&batch->a, &batch->b, &batch->ab, &batch->b_position};
  bool complete = batch->tokens;
  for (size_t i = 0; complete && i < 4; i++) {
    *arrays[i] = memory_zeroed(n, sizeof(int32_t), "batch", error);
    complete = *arrays[i];
  }
  return complete ? 0 : EXIT_RUN;
}

int batch_create(const struct protocol *protocol, struct batch *batch, struct error *error)
{
  memset(batch, 0, sizeof *batch);
  int code = batch_check(protocol, error);
  if (code)
    return code;
  int32_t *permutation = memory_alloc((size_t)(protocol->vocab_hi - protocol->vocab_lo),
                                      sizeof *permutation, "batch", error);
  if (!permutation)
    return EXIT_RUN;
  code = batch_allocate(protocol->n, protocol->seq_len, batch, error);
  if (code == 0) {
    struct random random;
    random_seed(&random, (uint32_t)protocol->seed);
    for (int64_t i = 0; i < protocol->n; i++)
      draw_sequence(&random, protocol, i, permutation, batch);
  } else {
    batch_free(batch);
  }
  free(permutation);
  return code;
}

int batch_create_random(int64_t n, int64_t seq_len, int64_t vocab, uint32_t seed,
                        struct batch *batch, struct error *error)
{
  struct random random;
  memset(batch, 0, sizeof *batch);
  const struct range ranges[] = {{"n", n, 1, BATCH_MAX_N},
                                 {"seq_len", seq_len, 1, BATCH_MAX_SEQ_LEN},
                                 {"vocab", vocab, 1, BATCH_MAX_VOCAB}};
  if (check_ranges(ranges, sizeof ranges / sizeof *ranges, error) ||
      batch_allocate(n, seq_len, batch, error)) {
    batch_free(batch);
    return error->code;
  }
  random_seed(&random, seed);
  for (int64_t i = 0; i < n * seq_len; i++)
    batch->tokens[i] = (int32_t)random_integer(&random, 0, vocab);
  for (int64_t i = 0; i < n; i++)
    batch->b_position[i] = -1;
  return 0;
}

int batch_digest(const struct batch *batch, char sha256[65], struct error *error)
{
  struct digester *digester;
  struct digest digest;
  int64_t *wide = memory_alloc((size_t)batch->seq_len, sizeof *wide, "batch", error);
  if (!wide || digester_start(&digester, error)) {
    free(wide);
    return error->code;
  }
  int status = 0;
  for (int64_t i = 0; i < batch->n && !status; i++) {
    for (int64_t k = 0; k < batch->seq_len; k++)
      wide[k] = batch->tokens[i * batch->seq_len + k];
    status = digester_add(digester, wide, (size_t)batch->seq_len * sizeof *wide, error);
  }
  if (!status && !(status = digester_finish(digester, &digest, error)))
    memcpy(sha256, digest.sha256, sizeof digest.sha256);
  digester_free(digester);
  free(wide);
  return status;
}

int64_t batch_length(const struct batch *batch, int64_t sequence)
{
  return batch->query ? (int64_t)batch->query[sequence] + 1 : batch->seq_len;
}

struct positions batch_positions(const struct batch *batch)
{
  return batch->query ? (struct positions){POSITIONS_EACH, batch->query, (size_t)batch->n}
                      : (struct positions){.kind = POSITIONS_LAST};
}

void batch_free(struct batch *batch)
{
  free(batch->tokens);
  free(batch->a);
  free(batch->b);
  free(batch->ab);
  free(batch->b_position);
  free(batch->query);
  memset(batch, 0, sizeof *batch);
}
