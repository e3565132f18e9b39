#include "pass/forks.h"

bool part_cut(const struct part *part, size_t copy, size_t first, size_t end, size_t *from,
              size_t *to)
{
  size_t begin = copy * part->n + part->first, stop = begin + part_own(part);
  *from = first > begin ? first - begin : 0;
  *to = (end < stop ? end : stop) - begin;
  return first < stop && end > begin && *from < *to;
}
