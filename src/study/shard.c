#include "study/shard.h"

#include "base/text.h"

#include <string.h>

int shard_parse(const char *text, struct shard *shard, struct error *error)
{
  const char *slash = strchr(text, '/');
  uint64_t index, count;
  if (!slash || !text_to_u64(text, (size_t)(slash - text), &index) ||
      !text_to_u64(slash + 1, strlen(slash + 1), &count) || index < 1 || count < index ||
      count > SHARD_MOST)
    return error_set(error, EXIT_INPUT,
                     "--shard %s: must be I/N with 1 <= I <= N <= %d, such as 2/4",
                     text_shown(text).text, SHARD_MOST);
  *shard = (struct shard){(size_t)index, (size_t)count};
  return 0;
}

/* The end of the first `index` shards on the line of all sequences. A manifest has fewer than 2^22
 * revisions of at most 2^20 sequences, so nothing overflows. */
static int64_t cut(size_t index, size_t count, int64_t all)
{
  return all * (int64_t)index / (int64_t)count;
}

/* Where a place on the line lies in the revision that begins at `begin`. */
static int64_t within(int64_t place, int64_t begin, int64_t n)
{
  return place <= begin ? 0 : place - begin < n ? place - begin : n;
}

struct shard_range shard_range(const struct shard *shard, size_t revision, size_t revisions,
                               int64_t n)
{
  int64_t all = (int64_t)revisions * n, begin = (int64_t)revision * n;
  if (!shard->count)
    return (struct shard_range){0, n};
  return (struct shard_range){within(cut(shard->index - 1, shard->count, all), begin, n),
                              within(cut(shard->index, shard->count, all), begin, n)};
}
