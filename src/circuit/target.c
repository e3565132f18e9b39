#include "circuit/target.h"

#include "sleef_scalar.h"

#include <math.h>

void target_start(struct target *target, int32_t token)
{
  *target = (struct target){.peak = -INFINITY, .token = token};
  for (int i = 0; i < TARGET_TOP; i++) {
    target->top[i] = -INFINITY;
    target->top_token[i] = -1;
  }
}

/* Behind those that are as large: these are of lower tokens. */
static void rank(struct target *t, int32_t token, float logit)
{
  int at = TARGET_TOP - 1;
  for (; at > 0 && logit > t->top[at - 1]; at--) {
    t->top[at] = t->top[at - 1];
    t->top_token[at] = t->top_token[at - 1];
  }
  t->top[at] = logit;
  t->top_token[at] = token;
}

void target_add(struct target *t, size_t first, size_t count, const float *logits)
{
  for (size_t i = 0; i < count; i++) {
    double logit = (double)logits[i];
    if (logits[i] > t->top[TARGET_TOP - 1])
      rank(t, (int32_t)(first + i), logits[i]);
    if (logit > t->peak) {
      t->sum = fma(t->sum, Sleef_finz_expd1_u10purecfma(t->peak - logit), 1.0);
      t->peak = logit;
    } else {
      t->sum += Sleef_finz_expd1_u10purecfma(logit - t->peak);
    }
  }
  size_t token = (size_t)t->token;
  if (token >= first && token - first < count)
    t->logit = logits[token - first];
}

int32_t target_rank(const struct target *t)
{
  int32_t at = 0;
  while (at < TARGET_TOP && t->top_token[at] != t->token)
    at++;
  return at;
}

double target_cross_entropy(const struct target *t)
{
  return t->peak + Sleef_finz_logd1_u10purecfma(t->sum) - (double)t->logit;
}
