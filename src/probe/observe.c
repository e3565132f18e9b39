#include "probe/observe.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/file_write.h"
#include "base/memory.h"
#include "probe/participation.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIGURES OBSERVED_FIGURES
#define BASELINE OBSERVED_BASELINE

/* Both arrays are head by head, so that a head's figures and output matrix are contiguous. */
struct observations {
  const struct batch *batch;
  int n_layers, n_heads;
  int64_t n; /* sequences that the rows are made of */
  int64_t head_dim, pr_rows, baseline_n;
  int32_t *baseline;          /* [baseline_n] */
  double (*figures)[FIGURES]; /* [n_layers * n_heads][n]; NAN until added */
  float *outputs; /* [n_layers * n_heads][pr_rows][head_dim]; a row starts with NAN until added */
  void *attached;
  size_t attached_bytes;
};

static int64_t pr_rows(const struct protocol *protocol)
{
  return protocol->pr_n < protocol->n ? protocol->pr_n : protocol->n;
}

/* a * b * c, false when that overflows. */
static bool product(size_t a, size_t b, size_t c, size_t *result)
{
  return !__builtin_mul_overflow(a, b, result) && !__builtin_mul_overflow(*result, c, result);
}

uint64_t observations_bytes(const struct protocol *protocol, int n_layers, int n_heads,
                            int head_dim)
{
  size_t heads, figures, outputs, total;
  if (!product((size_t)n_layers, (size_t)n_heads, 1, &heads) ||
      !product(heads, (size_t)protocol->n, FIGURES * sizeof(double), &figures) ||
      !product(heads, (size_t)pr_rows(protocol), (size_t)head_dim * sizeof(float), &outputs) ||
      __builtin_add_overflow(figures, outputs, &total) ||
      __builtin_add_overflow(
          total, sizeof(struct observations) + (size_t)protocol->baseline_n * sizeof(int32_t),
          &total))
    return UINT64_MAX;
  return total;
}

static int allocate(struct observations *o, const struct protocol *protocol, struct error *error)
{
  static const char what[] = "observations of the heads";
  size_t heads = (size_t)o->n_layers * (size_t)o->n_heads, n = (size_t)protocol->n;
  size_t values = (size_t)o->pr_rows * (size_t)o->head_dim; /* observations_bytes checked all */
  o->baseline = memory_alloc((size_t)o->baseline_n, sizeof *o->baseline, what, error);
  o->figures = o->baseline ? memory_alloc(heads * n, sizeof *o->figures, what, error) : NULL;
  o->outputs = o->figures ? memory_alloc(heads * values, sizeof *o->outputs, what, error) : NULL;
  if (!o->outputs)
    return EXIT_RUN;
  for (size_t i = 0; i < heads * n; i++)
    for (int k = 0; k < FIGURES; k++)
      o->figures[i][k] = NAN;
  for (size_t i = 0; i < heads * (size_t)o->pr_rows; i++)
    o->outputs[i * (size_t)o->head_dim] = NAN;
  return batch_baseline_positions(protocol->seq_len, o->baseline_n, o->baseline, error);
}

int observations_create(const struct protocol *protocol, const struct batch *batch, int n_layers,
                        int n_heads, int head_dim, struct observations **observations,
                        struct error *error)
{
  *observations = NULL;
  if (n_layers < 1 || n_heads < 1 || head_dim < 1)
    return error_set(error, EXIT_INPUT, "model: %d layers of %d heads of dimension %d is empty",
                     n_layers, n_heads, head_dim);
  if (observations_bytes(protocol, n_layers, n_heads, head_dim) == UINT64_MAX)
    return error_set(error, EXIT_RUN,
                     "model: the observations of %d layers of %d heads of dimension %d are more "
                     "than can be addressed",
                     n_layers, n_heads, head_dim);
  struct observations *o = memory_zeroed(1, sizeof *o, "observations of the heads", error);
  if (!o)
    return EXIT_RUN;
  o->batch = batch;
  o->n = batch->n;
  o->n_layers = n_layers;
  o->n_heads = n_heads;
  o->head_dim = head_dim;
  o->pr_rows = pr_rows(protocol);
  o->baseline_n = protocol->baseline_n;
  int code = allocate(o, protocol, error);
  if (code)
    observations_free(o);
  else
    *observations = o;
  return code;
}

void observations_add_pattern(struct observations *o, int layer, int64_t sequence, int head,
                              const float *pattern)
{
  const struct batch *batch = o->batch;
  int64_t length = batch_length(batch, sequence), counted = 0;
  const float *end = pattern + length;
  size_t index = (size_t)layer * (size_t)o->n_heads + (size_t)head;
  double *figures = o->figures[index * (size_t)batch->n + (size_t)sequence];
  int32_t b_position = batch->b_position[sequence];
  double local = 0, baseline = 0;
  for (int back = 3; back <= 6; back++)
    local += (double)end[-back];
  for (int64_t i = 0; i < o->baseline_n; i++)
    if (o->baseline[i] < length - BATCH_RESERVED_END) { /* all, but for queries in a text */
      baseline += (double)pattern[o->baseline[i]];
      counted++;
    }
  /* An invalid sequence has no b's position; its induction figure is not used. */
  figures[CLASS_INDUCTION] = b_position < 0 ? 0 : (double)pattern[b_position];
  figures[CLASS_PREVIOUS_TOKEN] = (double)end[-2];
  figures[CLASS_DUPLICATE_TOKEN] = (double)pattern[batch->ab[sequence]];
  figures[CLASS_FIRST_TOKEN] = (double)pattern[0];
  figures[CLASS_SELF] = (double)end[-1];
  figures[CLASS_LOCAL] = local / 4;
  figures[BASELINE] = baseline / (double)counted;
}

void observations_add_output(struct observations *o, int layer, int64_t sequence, int head,
                             const float *head_output)
{
  size_t index = (size_t)layer * (size_t)o->n_heads + (size_t)head;
  if (sequence < o->pr_rows)
    memcpy(o->outputs + (index * (size_t)o->pr_rows + (size_t)sequence) * (size_t)o->head_dim,
           head_output, (size_t)o->head_dim * sizeof(float));
}

static void read_pattern(void *context, const struct hook_value *value, const float *pattern)
{
  observations_add_pattern(context, (int)value->site.layer, (int64_t)value->sequence,
                           (int)value->site.head, pattern);
}

static void read_output(void *context, const struct hook_value *value, const float *output)
{
  observations_add_output(context, (int)value->site.layer, (int64_t)value->sequence,
                          (int)value->site.head, output);
}

void observations_hooks(struct observations *observations, struct hook hooks[OBSERVATION_HOOKS])
{
  const struct hook hook = {.site = {SITE_PATTERN, SITE_ALL, SITE_ALL},
                            .positions = {.kind = POSITIONS_LAST},
                            .read = read_pattern,
                            .context = observations};
  hooks[0] = hooks[1] = hook;
  hooks[1].site.kind = SITE_HEAD_OUTPUT;
  hooks[1].read = read_output;
}

void observations_limit(struct observations *observations, int64_t n)
{
  observations->n = n;
}

size_t observations_heads(const struct observations *observations)
{
  return (size_t)observations->n_layers * (size_t)observations->n_heads;
}

struct observed observations_of(const struct observations *o, size_t head)
{
  return (struct observed){.n = o->n,
                           .figures =
                               (const double(*)[FIGURES])o->figures + head * (size_t)o->batch->n,
                           .b_position = o->batch->b_position,
                           .pr_rows = o->pr_rows < o->n ? o->pr_rows : o->n,
                           .head_dim = o->head_dim,
                           .outputs = o->outputs + head * (size_t)o->pr_rows * (size_t)o->head_dim};
}

void observations_put(struct observations *o, size_t head, int64_t from, int64_t count,
                      const void *figures, const void *outputs)
{
  size_t row = (size_t)o->head_dim;
  int64_t rows = (from + count < o->pr_rows ? from + count : o->pr_rows) - from;
  memcpy(o->figures[head * (size_t)o->batch->n + (size_t)from], figures,
         (size_t)count * sizeof *o->figures);
  if (rows > 0)
    memcpy(o->outputs + (head * (size_t)o->pr_rows + (size_t)from) * row, outputs,
           (size_t)rows * row * sizeof(float));
}

bool observed_of_valid_only(int figure)
{
  return figure == CLASS_INDUCTION || figure == CLASS_DUPLICATE_TOKEN;
}

void observed_means(const struct observed *observed, const uint32_t *counts, double means[FIGURES])
{
  double sums[FIGURES] = {0};
  int64_t all = 0, valid = 0;
  for (int64_t i = 0; i < observed->n; i++) {
    bool is_valid = observed->b_position[i] >= 0;
    uint32_t count = counts ? counts[i] : 1;
    all += count;
    valid += is_valid ? count : 0;
    for (int k = 0; k < FIGURES; k++)
      if (is_valid || !observed_of_valid_only(k))
        sums[k] += (double)count * observed->figures[i][k];
  }
  for (int k = 0; k < FIGURES; k++) {
    int64_t number = observed_of_valid_only(k) ? valid : all;
    means[k] = number ? sums[k] / (double)number : 0;
  }
}

void observed_row(const double means[FIGURES], struct head_row *row)
{
  row->baseline = means[BASELINE];
  for (int k = 0; k < CLASS_COUNT; k++)
    row->selectivity[k] =
        means[k] / (means[BASELINE] > BASELINE_FLOOR ? means[BASELINE] : BASELINE_FLOOR);
  row->class = head_class_best(row->selectivity);
}

static int check_finite(const struct observations *o, size_t head, const struct observed *observed,
                        struct error *error)
{
  for (int64_t i = 0; i < observed->n; i++)
    for (int k = 0; k < FIGURES; k++)
      if (!isfinite(observed->figures[i][k]))
        return error_set(error, EXIT_RUN,
                         "layer %zu head %zu: the attention of sequence %lld is missing or not "
                         "finite",
                         head / (size_t)o->n_heads, head % (size_t)o->n_heads, (long long)i);
  return 0;
}

struct finish {
  const struct observations *observations;
  struct head_row *rows;
  struct error *errors; /* one a head */
};

static void finish_head(void *context, size_t index, int worker)
{
  (void)worker;
  const struct finish *finish = context;
  const struct observations *o = finish->observations;
  struct head_row *row = &finish->rows[index];
  struct error *error = &finish->errors[index];
  double means[FIGURES];
  row->layer = (int)(index / (size_t)o->n_heads);
  row->head = (int)(index % (size_t)o->n_heads);
  const struct observed observed = observations_of(o, index);
  if (check_finite(o, index, &observed, error) != 0)
    return;
  observed_means(&observed, NULL, means);
  observed_row(means, row);
  if (participation_ratio(observed.outputs, observed.pr_rows, observed.head_dim, &row->pr, error))
    error_prefix(error, "layer %d head %d: head outputs", row->layer, row->head);
}

int observations_finish(const struct observations *observations, struct threads *threads,
                        struct head_row *rows, struct error *error)
{
  size_t heads = observations_heads(observations);
  struct error *errors = memory_zeroed(heads, sizeof *errors, "errors of the heads", error);
  if (!errors)
    return EXIT_RUN;
  struct finish finish = {observations, rows, errors};
  threads_run(threads, heads, finish_head, &finish);
  int code = 0;
  for (size_t i = 0; code == 0 && i < heads; i++) {
    code = errors[i].code;
    if (code)
      *error = errors[i];
  }
  free(errors);
  return code;
}

int observations_digest(const struct observations *o, char sha256[65], struct error *error)
{
  return batch_digest(o->batch, sha256, error);
}

void observations_attach(struct observations *o, void *figures, size_t bytes)
{
  o->attached = figures;
  o->attached_bytes = bytes;
}

/* The head of a saved file; the arrays follow, then the digest of each. */
struct saved_head {
  char magic[24], identity[32];
  int64_t done, figures, outputs; /* the latter in elements */
  int64_t attached;               /* bytes */
};

#define SAVED_ARRAYS 3
#define SAVED_DIGESTS (33 * SAVED_ARRAYS)

static const char saved_magic[24] = "attest observations 2";

static struct saved_head head_of(const struct observations *o, const char *identity, int64_t done)
{
  int64_t heads = (int64_t)o->n_layers * o->n_heads;
  struct saved_head head = {.done = done,
                            .figures = heads * o->batch->n * FIGURES,
                            .outputs = heads * o->pr_rows * o->head_dim,
                            .attached = (int64_t)o->attached_bytes};
  memcpy(head.magic, saved_magic, sizeof head.magic);
  memcpy(head.identity, identity, sizeof head.identity);
  return head;
}

static size_t figure_bytes(const struct saved_head *head)
{
  return (size_t)head->figures * sizeof(double);
}

static size_t output_bytes(const struct saved_head *head)
{
  return (size_t)head->outputs * sizeof(float);
}

/* Each array's digest comes after the arrays, so that nothing damaged is taken for a result. */
static void digests_of(const struct saved_head *head, const void *const arrays[SAVED_ARRAYS],
                       char hex[SAVED_DIGESTS])
{
  const size_t bytes[SAVED_ARRAYS] = {figure_bytes(head), output_bytes(head),
                                      (size_t)head->attached};
  for (int i = 0; i < SAVED_ARRAYS; i++)
    digest_xxh3(bytes[i] ? arrays[i] : "", bytes[i], hex + 33 * i);
}

int observations_save(const struct observations *o, const char *path, const char *identity,
                      int64_t done, struct error *error)
{
  struct saved_head head = head_of(o, identity, done);
  char digests[SAVED_DIGESTS];
  digests_of(&head, (const void *[]){o->figures, o->outputs, o->attached}, digests);
  const struct file_part parts[] = {{&head, sizeof head},
                                    {o->figures, figure_bytes(&head)},
                                    {o->outputs, output_bytes(&head)},
                                    {o->attached, o->attached ? o->attached_bytes : 0},
                                    {digests, sizeof digests}};
  return file_write_parts(path, parts, sizeof parts / sizeof *parts, error);
}

int observations_load(struct observations *o, const char *path, const char *identity, int64_t *done,
                      struct error *error)
{
  struct saved_head want = head_of(o, identity, 0), head;
  struct blob blob;
  char digests[SAVED_DIGESTS];
  *done = 0;
  if (!file_exists(path))
    return 0;
  if (file_map(path, &blob, error))
    return error->code;
  const uint8_t *figures = blob.data + sizeof head, *outputs = figures + figure_bytes(&want);
  const uint8_t *attached = outputs + output_bytes(&want), *end = attached + want.attached;
  if (blob.size == (size_t)(end - blob.data) + sizeof digests) {
    memcpy(&head, blob.data, sizeof head);
    digests_of(&want, (const void *[]){figures, outputs, attached}, digests);
    want.done = head.done;
    if (memcmp(&head, &want, sizeof head) == 0 && head.done > 0 && head.done <= o->batch->n &&
        memcmp(digests, end, sizeof digests) == 0) {
      memcpy(o->figures, figures, figure_bytes(&want));
      memcpy(o->outputs, outputs, output_bytes(&want));
      if (o->attached)
        memcpy(o->attached, attached, o->attached_bytes);
      *done = head.done;
    }
  }
  blob_free(&blob);
  return 0;
}

void observations_free(struct observations *observations)
{
  if (!observations)
    return;
  free(observations->baseline);
  free(observations->figures);
  free(observations->outputs);
  free(observations);
}
