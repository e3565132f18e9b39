#include "train/log.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

int train_log_reserve(struct train_log *log, size_t count, struct error *error)
{
  struct train_record *records =
      memory_grow(log->records, count, &log->capacity, sizeof *records, "log of steps", error);
  if (!records)
    return error->code;
  log->records = records;
  return 0;
}

int train_log_keep(struct train_log *log, size_t revisions, struct error *error)
{
  log->kept = memory_alloc(revisions, sizeof *log->kept, "digests of revisions", error);
  if (!log->kept)
    return error->code;
  memset(log->kept, 0, revisions * sizeof *log->kept);
  log->kept_count = revisions;
  return 0;
}

int train_log_add(struct train_log *log, const struct train_record *record, struct error *error)
{
  if (train_log_reserve(log, log->count + 1, error))
    return error->code;
  log->records[log->count++] = *record;
  return 0;
}

void train_log_free(struct train_log *log)
{
  free(log->records);
  free(log->kept);
  *log = (struct train_log){0};
}

void train_log_csv(const struct train_log *log, bool experts, struct text *text)
{
  text_add(text, "step,rate,loss,cross_entropy,grad_norm%s\n",
           experts ? ",load_balancing_sum,router_z_sum" : "");
  for (size_t i = 0; i < log->count; i++) {
    const struct train_record *r = &log->records[i];
    const double values[] = {r->rate,      r->loss,           r->cross_entropy,
                             r->grad_norm, r->load_balancing, r->router_z};
    text_add(text, "%zu", i + 1);
    for (size_t v = 0; v < (experts ? 6 : 4); v++) {
      text_add(text, ",");
      text_add_double(text, values[v]);
    }
    text_add(text, "\n");
  }
}
