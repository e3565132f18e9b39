/* What is done of an ablation, on disk: a head, then for each set how many sequences are done, then
 * what they show, then the digests of both. */
#include "base/digest.h"
#include "base/file.h"
#include "base/file_write.h"
#include "base/memory.h"
#include "circuit/ablation_state.h"

#include <stdlib.h>
#include <string.h>

struct saved_head {
  char magic[24], identity[32];
  int64_t sets, n;
};

static const char saved_magic[24] = "attest ablations 1";

static struct saved_head head_of(const struct ablation *a, const char *identity)
{
  struct saved_head head = {.sets = (int64_t)a->set_count, .n = a->batch->n};
  memcpy(head.magic, saved_magic, sizeof head.magic);
  memcpy(head.identity, identity, sizeof head.identity);
  return head;
}

static size_t target_bytes(const struct ablation *a)
{
  return a->set_count * (size_t)a->batch->n * sizeof *a->targets;
}

static void digests_of(const struct ablation *a, const void *done, const void *targets,
                       char hex[66])
{
  digest_xxh3(done, a->set_count * sizeof(int64_t), hex);
  digest_xxh3(targets, target_bytes(a), hex + 33);
}

int ablation_save(const struct ablation *a, const char *path, const char *identity,
                  struct error *error)
{
  struct saved_head head = head_of(a, identity);
  char digests[66];
  int64_t *done = memory_alloc(a->set_count, sizeof *done, path, error);
  if (!done)
    return error->code;
  for (size_t i = 0; i < a->set_count; i++)
    done[i] = (int64_t)a->sets[i].done;
  digests_of(a, done, a->targets, digests);
  const struct file_part parts[] = {{&head, sizeof head},
                                    {done, a->set_count * sizeof *done},
                                    {a->targets, target_bytes(a)},
                                    {digests, sizeof digests}};
  int status = file_write_parts(path, parts, sizeof parts / sizeof *parts, error);
  free(done);
  return status;
}

/* Takes the state of a file's bytes; false when they are not what this ablation would have saved.
 */
static bool take(struct ablation *a, const struct blob *blob, const char *identity)
{
  struct saved_head head = head_of(a, identity);
  char digests[66];
  size_t done_bytes = a->set_count * sizeof(int64_t);
  const uint8_t *done = blob->data + sizeof head, *targets = done + done_bytes;
  if (blob->size != sizeof head + done_bytes + target_bytes(a) + sizeof digests ||
      memcmp(blob->data, &head, sizeof head) != 0)
    return false;
  digests_of(a, done, targets, digests);
  if (memcmp(digests, targets + target_bytes(a), sizeof digests) != 0)
    return false;
  for (size_t i = 0; i < a->set_count; i++) {
    int64_t sequences;
    memcpy(&sequences, done + i * sizeof sequences, sizeof sequences);
    if (sequences < 0 || sequences > a->batch->n)
      return false;
    a->sets[i].done = (size_t)sequences;
  }
  memcpy(a->targets, targets, target_bytes(a));
  return true;
}

int ablation_load(struct ablation *a, const char *path, const char *identity, bool *found,
                  struct error *error)
{
  struct blob blob;
  *found = false;
  if (!file_exists(path))
    return 0;
  if (file_map(path, &blob, error))
    return error->code;
  *found = take(a, &blob, identity);
  blob_free(&blob);
  return 0;
}
