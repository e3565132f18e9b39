#include "study/resampled.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/file_write.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct head {
  char magic[24];
  int64_t resamples, heads;
  char digest[40]; /* of the figures; 33 are used */
};

struct figures {
  double selectivity[CLASS_COUNT], baseline, pr;
};

static struct head head_of(size_t resamples, const struct revision *sample)
{
  return (struct head){.magic = "attest resamples 1",
                       .resamples = (int64_t)resamples,
                       .heads = (int64_t)sample->n_layers * sample->n_heads};
}

int resampled_write(const char *path, const struct head_row *rows, size_t resamples,
                    const struct revision *sample, struct error *error)
{
  struct head head = head_of(resamples, sample);
  size_t count = (size_t)head.heads * resamples;
  struct figures *figures = memory_alloc(count, sizeof *figures, path, error);
  if (!figures)
    return error->code;
  for (size_t i = 0; i < count; i++) {
    memcpy(figures[i].selectivity, rows[i].selectivity, sizeof figures[i].selectivity);
    figures[i].baseline = rows[i].baseline;
    figures[i].pr = rows[i].pr;
  }
  digest_xxh3(figures, count * sizeof *figures, head.digest);
  const struct file_part parts[] = {{&head, sizeof head}, {figures, count * sizeof *figures}};
  int status = file_write_parts(path, parts, sizeof parts / sizeof *parts, error);
  free(figures);
  return status;
}

static bool is_whole(const struct blob *blob, struct head want, size_t size)
{
  if (blob->size != sizeof want + size)
    return false;
  digest_xxh3(blob->data + sizeof want, size, want.digest);
  return memcmp(blob->data, &want, sizeof want) == 0;
}

static void take(const struct figures *figures, size_t count, const struct revision *sample,
                 struct head_row *rows)
{
  size_t heads = (size_t)sample->n_layers * (size_t)sample->n_heads;
  for (size_t i = 0; i < count; i++) {
    rows[i] = (struct head_row){.layer = sample->heads[i % heads].layer,
                                .head = sample->heads[i % heads].head,
                                .baseline = figures[i].baseline,
                                .pr = figures[i].pr};
    memcpy(rows[i].selectivity, figures[i].selectivity, sizeof rows[i].selectivity);
    rows[i].class = head_class_best(rows[i].selectivity);
  }
}

int resampled_read(const char *path, size_t resamples, const struct revision *sample,
                   struct head_row **rows, struct error *error)
{
  const struct head want = head_of(resamples, sample);
  size_t count = (size_t)want.heads * resamples;
  struct blob blob;
  *rows = NULL;
  if (file_map(path, &blob, error))
    return error->code;
  if (!is_whole(&blob, want, count * sizeof(struct figures)))
    error_set(error, EXIT_INPUT,
              "%s: is damaged or of another bootstrap; remove it and the .csv beside it", path);
  else if ((*rows = memory_alloc(count, sizeof **rows, path, error)))
    take((const void *)(blob.data + sizeof want), count, sample, *rows);
  blob_free(&blob);
  return error->code;
}
