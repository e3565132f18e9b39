#include "pass/forks.h"

bool portion_cut(const struct portion *portion, size_t copy, size_t first, size_t end, size_t *from,
                 size_t *to)
{
  size_t begin = copy * portion->n + portion->first, stop = begin + portion_own(portion);
  *from = first > begin ? first - begin : 0;
  *to = (end < stop ? end : stop) - begin;
  return first < stop && end > begin && *from < *to;
}
