#include "circuit/kept_scores.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/file_write.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file: this, the scores, and the digest of both. */
struct head {
  char magic[24], identity[32], method[64];
  int64_t edges, pair;
};

static struct head head_of(const struct kept_scores *kept, size_t pair)
{
  struct head head = {.edges = (int64_t)kept->edges, .pair = (int64_t)pair};
  snprintf(head.magic, sizeof head.magic, "attest edge scores 1");
  snprintf(head.method, sizeof head.method, "%s", kept->method);
  memcpy(head.identity, kept->identity, sizeof head.identity);
  return head;
}

static char *path_of(const struct kept_scores *kept, size_t pair, struct error *error)
{
  char name[64];
  snprintf(name, sizeof name, "pair-%06zu.scores", pair);
  return file_join(kept->directory, name, error);
}

static void digests_of(const struct head *head, const void *scores, size_t bytes, char hex[66])
{
  digest_xxh3(head, sizeof *head, hex);
  digest_xxh3(scores, bytes, hex + 33);
}

int kept_scores_write(const struct kept_scores *kept, size_t pair, const float *scores,
                      struct error *error)
{
  size_t bytes = kept->edges * sizeof *scores;
  char digests[66];
  if (!kept->directory)
    return 0;
  const struct head head = head_of(kept, pair);
  char *path = path_of(kept, pair, error);
  digests_of(&head, scores, bytes, digests);
  const struct file_part parts[] = {
      {&head, sizeof head}, {scores, bytes}, {digests, sizeof digests}};
  int status =
      path ? file_write_parts(path, parts, sizeof parts / sizeof *parts, error) : error->code;
  free(path);
  return status;
}

static bool take(const struct kept_scores *kept, size_t pair, const struct blob *blob,
                 float *scores)
{
  const struct head head = head_of(kept, pair);
  size_t bytes = kept->edges * sizeof *scores;
  char digests[66];
  if (blob->size != sizeof head + bytes + sizeof digests ||
      memcmp(blob->data, &head, sizeof head) != 0)
    return false;
  digests_of(&head, blob->data + sizeof head, bytes, digests);
  if (memcmp(digests, blob->data + sizeof head + bytes, sizeof digests) != 0)
    return false;
  memcpy(scores, blob->data + sizeof head, bytes);
  return true;
}

int kept_scores_read(const struct kept_scores *kept, size_t pair, float *scores, bool *found,
                     struct error *error)
{
  struct blob blob;
  *found = false;
  if (!kept->directory)
    return 0;
  char *path = path_of(kept, pair, error);
  if (!path)
    return error->code;
  if (file_exists(path) && !file_map(path, &blob, error)) {
    *found = take(kept, pair, &blob, scores);
    blob_free(&blob);
  }
  free(path);
  return error->code;
}
