#include "claims/figure.h"

#include <math.h>

struct evidence evidence_start(void)
{
  struct evidence evidence = {json_object(), false};
  evidence.failed = !evidence.object;
  return evidence;
}

void evidence_put(struct evidence *evidence, const char *key, json_t *value)
{
  if (json_object_set_new(evidence->object, key, value) != 0)
    evidence->failed = true;
}

json_t *evidence_number(double value)
{
  return isfinite(value) ? json_real(value) : json_null();
}

json_t *evidence_revision(const struct trajectory *trajectory, size_t index)
{
  return json_string(index < trajectory->count ? trajectory->revisions[index].name : "never");
}

bool evidence_add_head(json_t *list, const struct revision *revision, const struct head_row *head,
                       enum head_class class)
{
  if (json_array_size(list) >= EVIDENCE_HEADS)
    return true;
  json_t *entry = json_pack("{s:s, s:i, s:i, s:f}", "revision", revision->name, "layer",
                            head->layer, "head", head->head, "value", head->selectivity[class]);
  return json_array_append_new(list, entry) == 0;
}
