#include "trajectory/head_rule.h"

#include <math.h>

bool head_rule_takes(const struct head_rule *rule, const struct head_row *head)
{
  return head->selectivity[rule->class] >= rule->threshold &&
         (!rule->best || head->class == rule->class);
}

static size_t count_heads(const struct revision *revision)
{
  return (size_t)revision->n_layers * (size_t)revision->n_heads;
}

size_t head_rule_count(const struct head_rule *rule, const struct revision *revision, int layer)
{
  size_t count = 0;
  for (size_t i = 0; i < count_heads(revision); i++)
    count += (layer == HEAD_RULE_ALL || revision->heads[i].layer == layer) &&
             head_rule_takes(rule, &revision->heads[i]);
  return count;
}

size_t head_rule_first(const struct head_rule *rule, const struct trajectory *trajectory, int layer,
                       size_t heads)
{
  size_t r = 0;
  while (r < trajectory->count && head_rule_count(rule, &trajectory->revisions[r], layer) < heads)
    r++;
  return r;
}

double head_rule_jaccard(const struct head_rule *rule, const struct revision *a,
                         const struct revision *b)
{
  size_t both = 0, either = 0;
  for (size_t i = 0; i < count_heads(a); i++) {
    bool in_a = head_rule_takes(rule, &a->heads[i]), in_b = head_rule_takes(rule, &b->heads[i]);
    both += in_a && in_b;
    either += in_a || in_b;
  }
  return either ? (double)both / (double)either : NAN;
}

struct head_stay head_rule_stay(const struct head_rule *rule, const struct trajectory *trajectory,
                                size_t head)
{
  struct head_stay stay = {trajectory->count, trajectory->count, false};
  for (size_t r = 0; r < trajectory->count; r++) {
    bool taken = head_rule_takes(rule, &trajectory->revisions[r].heads[head]);
    if (taken && stay.taken == trajectory->count)
      stay.taken = r;
    if (!taken && stay.taken < r && stay.left == trajectory->count)
      stay.left = r;
    stay.back = taken && stay.left < r;
  }
  return stay;
}

struct head_stays head_rule_stays(const struct head_rule *rule, const struct trajectory *trajectory)
{
  struct head_stays stays = {0, 0, 0};
  size_t heads = trajectory->count ? count_heads(&trajectory->revisions[0]) : 0;
  for (size_t i = 0; i < heads; i++) {
    struct head_stay stay = head_rule_stay(rule, trajectory, i);
    bool left = stay.left < trajectory->count;
    stays.ever += stay.taken < trajectory->count;
    stays.left += left;
    stays.gone += left && !stay.back;
  }
  return stays;
}
