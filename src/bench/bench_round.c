#include "base/progress.h"
#include "bench/bench.h"

bool bench_round(const struct bench *b, int round, int rounds, double share)
{
  bool late = b->options.quick && progress_clock() - b->start > share * BENCH_QUICK_SECONDS;
  return round < rounds && (round == 0 || !late);
}
