#include "train/schedule.h"

#include "sleef_scalar.h"

#define PI 3.14159265358979323846

double schedule_rate(const struct schedule *schedule, uint64_t step)
{
  uint64_t done = step - 1, warmup = schedule->warmup;
  if (done < warmup)
    return schedule->rate * (double)(done + 1) / (double)warmup;
  if (schedule->kind == SCHEDULE_CONSTANT)
    return schedule->rate;
  double share = (double)(done - warmup) / (double)(schedule->steps - warmup);
  double wave = (1.0 + Sleef_finz_cosd1_u10purecfma(PI * share)) / 2.0;
  return schedule->rate * (schedule->least + (1.0 - schedule->least) * wave);
}
