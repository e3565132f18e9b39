#include "study/window_notice.h"

#include "base/memory.h"
#include "base/text.h"
#include "probe/batch.h"

#include <stdlib.h>

int window_notice(const char *path, const struct protocol *p, const struct model_config *c,
                  const struct notices *notices, struct error *error)
{
  size_t layers = model_config_windows(c), outside = 0;
  if (!layers || c->window.keys >= (size_t)p->seq_len || p->baseline_n < 1)
    return 0;
  int32_t *positions = memory_alloc((size_t)p->baseline_n, sizeof *positions, path, error);
  if (!positions || batch_baseline_positions(p->seq_len, p->baseline_n, positions, error)) {
    free(positions);
    return error->code;
  }
  for (int64_t i = 0; i < p->baseline_n; i++)
    outside += (size_t)(p->seq_len - 1 - positions[i]) >= c->window.keys;
  free(positions);
  notices_add(notices,
              "%s: %zu of %zu layers attend only to the last %zu positions; position 0 and %zu of "
              "%lld baseline positions lie before them and count as 0: that these layers have no "
              "BOS heads is not a finding",
              text_shown(path).text, layers, c->layers, c->window.keys, outside,
              (long long)p->baseline_n);
  return 0;
}
