#include "base/memory.h"
#include "probe/batch.h"
#include "study/parts.h"
#include "study/piece.h"

#include <stdlib.h>
#include <string.h>

/* The parts of one revision, by ascending sequences. */
struct joined {
  struct piece_file *files;
  size_t count;
};

static void close_all(struct joined *joined)
{
  for (size_t i = 0; i < joined->count; i++)
    piece_close(&joined->files[i]);
  free(joined->files);
  *joined = (struct joined){0};
}

static int by_first_sequence(const void *a, const void *b)
{
  const struct piece_file *x = a, *y = b;
  if (x->head.range.from != y->head.range.from)
    return x->head.range.from < y->head.range.from ? -1 : 1;
  return strcmp(x->path, y->path);
}

/* Whether b, which follows, leaves no gap and belongs to the same screen. a NULL: it is the first.
 */
static int check_next(const struct manifest *m, const char *revision, const struct piece_file *a,
                      const struct piece_file *b, struct error *error)
{
  int64_t end = a ? a->head.range.to : 0;
  if (b->head.range.from > end)
    return error_set(error, EXIT_INPUT, "%s: revision %s: sequences %lld to %lld are in no part",
                     m->path, revision, (long long)end, (long long)b->head.range.from);
  if (b->head.range.from < end)
    return error_set(error, EXIT_INPUT,
                     "%s and %s: both have sequences %lld to %lld of revision %s", a->path, b->path,
                     (long long)b->head.range.from,
                     (long long)(end < b->head.range.to ? end : b->head.range.to), revision);
  if (a &&
      (a->head.layers != b->head.layers || a->head.heads != b->head.heads ||
       a->head.head_dim != b->head.head_dim || strcmp(a->head.identity, b->head.identity) != 0))
    return error_set(error, EXIT_INPUT,
                     "%s and %s: saw different checkpoints of revision %s (other bytes of tensors "
                     "or of config.json)",
                     a->path, b->path, revision);
  return 0;
}

static int check_whole(const struct manifest *m, const char *revision, const struct joined *joined,
                       struct error *error)
{
  for (size_t i = 0; i < joined->count; i++)
    if (check_next(m, revision, i ? &joined->files[i - 1] : NULL, &joined->files[i], error))
      return error->code;
  int64_t end = joined->count ? joined->files[joined->count - 1].head.range.to : 0;
  if (end < m->protocol.n)
    return error_set(error, EXIT_INPUT, "%s: revision %s: sequences %lld to %lld are in no part",
                     m->path, revision, (long long)end, (long long)m->protocol.n);
  return 0;
}

/* Opens the parts of one revision, the others are looked at and left. */
static int open_all(const struct parts_manifest *parts, const struct manifest *m,
                    const char *revision, struct joined *joined, struct error *error)
{
  joined->files = memory_zeroed(parts->count + 1, sizeof *joined->files, m->path, error);
  if (!joined->files)
    return error->code;
  for (size_t i = 0; i < parts->count; i++) {
    struct piece_file *file = &joined->files[joined->count];
    if (piece_open(parts->files[i], m, file, error))
      return error->code;
    if (strcmp(file->head.revision, revision) == 0)
      joined->count++;
    else
      piece_close(file);
  }
  qsort(joined->files, joined->count, sizeof *joined->files, by_first_sequence);
  return check_whole(m, revision, joined, error);
}

int parts_check(const struct parts_manifest *parts, const struct manifest *m, struct error *error)
{
  size_t used = 0;
  for (size_t i = 0; i < m->revision_count; i++) {
    struct joined joined = {0};
    int status = open_all(parts, m, m->revisions[i].name, &joined, error);
    used += joined.count;
    close_all(&joined);
    if (status)
      return status;
  }
  if (used < parts->count)
    return error_set(error, EXIT_INPUT, "%s: %zu of its parts are of revisions that it has not",
                     m->path, parts->count - used);
  return 0;
}

/* The bootstrap shows progress as a screen's does. */
static int resample(const struct observations *observations, const struct runtime *runtime,
                    const struct head_row *rows, size_t resamples, struct bootstrap *bootstrap,
                    struct error *error)
{
  struct progress progress;
  if (!resamples)
    return 0;
  progress_start(&progress, "resamples", (double)resamples, runtime->quiet);
  int status =
      bootstrap_run(observations, rows, resamples, runtime->threads, &progress, bootstrap, error);
  progress_end(&progress);
  return status;
}

static int finish(const struct observations *observations, const struct runtime *runtime,
                  const struct piece_head *head, struct revision *revision, struct error *error)
{
  *revision = (struct revision){.n_layers = (int)head->layers, .n_heads = (int)head->heads};
  revision->name = calloc(1, 1);
  revision->heads = calloc((size_t)(head->layers * head->heads), sizeof *revision->heads);
  if (!revision->name || !revision->heads)
    return error_set(error, EXIT_RUN, "%s: out of memory", head->revision);
  return observations_finish(observations, runtime->threads, revision->heads, error);
}

static int join(const struct joined *joined, const struct manifest *m,
                const struct runtime *runtime, size_t resamples, struct bootstrap *bootstrap,
                struct revision *revision, struct error *error)
{
  const struct piece_head *head = &joined->files[0].head;
  struct batch batch = {0};
  struct observations *observations = NULL;
  int status = batch_create(&m->protocol, &batch, error);
  if (!status)
    status = observations_create(&m->protocol, &batch, (int)head->layers, (int)head->heads,
                                 (int)head->head_dim, &observations, error);
  for (size_t i = 0; i < joined->count && !status; i++)
    status = piece_put(&joined->files[i], m, observations, error);
  if (!status)
    status = finish(observations, runtime, head, revision, error);
  if (!status)
    status = resample(observations, runtime, revision->heads, resamples, bootstrap, error);
  if (status)
    trajectory_revision_free(revision);
  observations_free(observations);
  batch_free(&batch);
  return status;
}

int parts_join(const struct parts_manifest *parts, const struct manifest *m,
               const struct manifest_revision *which, const struct runtime *runtime,
               size_t resamples, struct bootstrap *bootstrap, struct revision *revision,
               struct error *error)
{
  struct joined joined = {0};
  *revision = (struct revision){0};
  int status = open_all(parts, m, which->name, &joined, error);
  if (!status)
    status = join(&joined, m, runtime, resamples, bootstrap, revision, error);
  close_all(&joined);
  return status;
}
