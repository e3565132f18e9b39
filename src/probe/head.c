#include "probe/head.h"

const char *head_class_name(enum head_class class)
{
  static const char *const names[] = {"induction",   "previous_token", "duplicate_token",
                                      "first_token", "self",           "local",
                                      "unclassified"};
  return names[class];
}

enum head_class head_class_best(const double selectivity[CLASS_COUNT])
{
  int best = 0;
  for (int i = 1; i < CLASS_COUNT; i++)
    if (selectivity[i] > selectivity[best])
      best = i;
  return selectivity[best] < CLASS_THRESHOLD ? CLASS_UNCLASSIFIED : (enum head_class)best;
}
