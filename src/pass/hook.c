#include "pass/hook.h"

#include "base/memory.h"

#include <stdlib.h>

static int check_index(const struct site *site, size_t index, size_t count, const char *what,
                       struct error *error)
{
  char name[SITE_NAME_SIZE];
  if (index == SITE_ALL || index < count)
    return 0;
  return error_set(error, EXIT_INPUT, "%s: the model has %zu %s, 0 to %zu", site_format(site, name),
                   count, what, count - 1);
}

static int check_positions(const struct hook *hook, size_t seq_len, struct error *error)
{
  char name[SITE_NAME_SIZE];
  const struct positions *p = &hook->positions;
  for (size_t i = 0; p->kind == POSITIONS_LIST && i < p->count; i++)
    if (p->list[i] >= seq_len || (i && p->list[i] <= p->list[i - 1]))
      return error_set(error, EXIT_INPUT,
                       "%s: position %zu: positions must ascend and be below the %zu tokens of a "
                       "sequence",
                       site_format(&hook->site, name), p->list[i], seq_len);
  return 0;
}

int hooks_check(const struct hooks *hooks, const struct model_config *c, size_t seq_len,
                struct error *error)
{
  for (size_t i = 0; i < hooks->count; i++) {
    const struct hook *hook = &hooks->list[i];
    const struct site *site = &hook->site;
    bool shared = site->kind == SITE_KEY || site->kind == SITE_VALUE;
    if ((site_has_layer(site->kind) &&
         check_index(site, site->layer, c->layers, "layers", error)) ||
        (site_has_head(site->kind) && check_index(site, site->head, shared ? c->kv_heads : c->heads,
                                                  shared ? "key-value heads" : "heads", error)) ||
        check_positions(hook, seq_len, error))
      return error->code;
  }
  return 0;
}

int hook_set_create(const struct hooks *hooks, size_t seq_len, struct hook_set *set,
                    struct error *error)
{
  *set = (struct hook_set){.seq_len = seq_len};
  set->list = memory_alloc(hooks->count, sizeof *set->list, "hooks", error);
  return set->list ? 0 : error->code;
}

void hook_set_free(struct hook_set *set)
{
  free(set->list);
  *set = (struct hook_set){0};
}

static bool in_layer(const struct site *site, size_t layer)
{
  if (layer == HOOKS_OUTSIDE)
    return !site_has_layer(site->kind);
  return site_has_layer(site->kind) && (site->layer == SITE_ALL || site->layer == layer);
}

void hook_set_choose(struct hook_set *set, const struct hooks *hooks, size_t layer, size_t first,
                     size_t end)
{
  set->count = 0;
  for (size_t i = 0; i < hooks->count; i++) {
    const struct hook *hook = &hooks->list[i];
    if (in_layer(&hook->site, layer) && hook->first < end && (!hook->end || hook->end > first))
      set->list[set->count++] = hook;
  }
}

bool hook_set_has(const struct hook_set *set, enum site_kind kind)
{
  for (size_t i = 0; i < set->count; i++)
    if (set->list[i]->site.kind == kind)
      return true;
  return false;
}

static bool wants(const struct hook *hook, const struct hook_rows *rows)
{
  return hook->site.kind == rows->site.kind &&
         (hook->site.head == SITE_ALL || hook->site.head == rows->site.head) &&
         hook->first <= rows->sequence && (!hook->end || rows->sequence < hook->end);
}

static void call(const struct hook *hook, const struct hook_rows *rows, size_t position)
{
  float *data = rows->data + (position - rows->position) * rows->stride;
  struct hook_value value = {rows->site, rows->sequence, position, rows->first,
                             rows->count ? rows->count : position + 1};
  if (hook->read)
    hook->read(hook->context, &value, data);
  else
    hook->write(hook->context, &value, data);
}

static void show(const struct hook *hook, const struct hook_rows *rows, size_t last)
{
  size_t end = rows->position + rows->rows;
  const struct positions *p = &hook->positions;
  for (size_t at = rows->position; p->kind == POSITIONS_ALL && at < end; at++)
    call(hook, rows, at);
  if (p->kind == POSITIONS_LAST && rows->position <= last && last < end)
    call(hook, rows, last);
  for (size_t i = 0; p->kind == POSITIONS_LIST && i < p->count; i++)
    if (p->list[i] >= rows->position && p->list[i] < end)
      call(hook, rows, p->list[i]);
}

void hook_set_show(const struct hook_set *set, const struct hook_rows *rows)
{
  for (size_t i = 0; i < set->count; i++)
    if (wants(set->list[i], rows))
      show(set->list[i], rows, set->seq_len - 1);
}
