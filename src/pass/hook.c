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
  bool listed = p->kind == POSITIONS_LIST || p->kind == POSITIONS_EACH;
  for (size_t i = 0; listed && i < p->count; i++)
    if (p->list[i] >= seq_len || (p->kind == POSITIONS_LIST && i && p->list[i] <= p->list[i - 1]))
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

/* Whether this layer, and the embedding in front of them, is shared by a copy. */
static bool shares(const struct forks *forks, size_t copy, const struct site *site)
{
  size_t own = copy ? forks->layers[copy - 1] : 0;
  if (site->kind == SITE_EMBEDDING)
    return copy;
  return site_has_layer(site->kind) && (site->layer == SITE_ALL ? own > 0 : site->layer < own);
}

/* What is written to the sequences themselves, too, their copies have from them. */
static int check_writer(const struct hook *hook, const struct forks *forks, size_t n,
                        struct error *error)
{
  const struct portion all = {*forks, n, 0, n};
  char name[SITE_NAME_SIZE];
  for (size_t copy = 1, from, to; hook->write && hook->first && copy <= forks->count; copy++)
    if (shares(forks, copy, &hook->site) &&
        portion_cut(&all, copy, hook->first, hook->end ? hook->end : SIZE_MAX, &from, &to))
      return error_set(error, EXIT_INPUT,
                       "%s: copy %zu of the sequences has own layers from %zu on, before which "
                       "nothing can be written to it",
                       site_format(&hook->site, name), copy - 1, forks->layers[copy - 1]);
  return 0;
}

int hooks_check_forks(const struct hooks *hooks, const struct model_config *c,
                      const struct forks *forks, size_t n, struct error *error)
{
  for (size_t k = 0; k < forks->count; k++)
    if (forks->layers[k] > c->layers || (k && forks->layers[k] < forks->layers[k - 1]))
      return error_set(error, EXIT_INPUT,
                       "copy %zu of the sequences: its first own layer, %zu, must not be past the "
                       "%zu of the model or before the last copy's",
                       k, forks->layers[k], c->layers);
  for (size_t i = 0; i < hooks->count; i++)
    if (check_writer(&hooks->list[i], forks, n, error))
      return error->code;
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

/* Whether it sees some of the portion. */
static bool sees(const struct hook *hook, const struct portion *portion)
{
  size_t from, to, copy = 0;
  while (copy <= portion->forks.count &&
         !portion_cut(portion, copy, hook->first, hook->end ? hook->end : SIZE_MAX, &from, &to))
    copy++;
  return copy <= portion->forks.count;
}

void hook_set_choose(struct hook_set *set, const struct hooks *hooks, size_t layer,
                     const struct portion *portion)
{
  set->count = 0;
  set->portion = *portion;
  for (size_t i = 0; i < hooks->count; i++) {
    const struct hook *hook = &hooks->list[i];
    if (in_layer(&hook->site, layer) && sees(hook, portion))
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
  if (p->kind == POSITIONS_EACH) {
    size_t at = p->list[rows->sequence % p->count]; /* copies follow the sequences */
    if (at >= rows->position && at < end)
      call(hook, rows, at);
  }
  for (size_t i = 0; p->kind == POSITIONS_LIST && i < p->count; i++)
    if (p->list[i] >= rows->position && p->list[i] < end)
      call(hook, rows, p->list[i]);
}

void hook_set_show(const struct hook_set *set, const struct hook_rows *rows)
{
  struct hook_rows numbered = *rows;
  numbered.sequence = portion_number(&set->portion, rows->sequence);
  for (size_t i = 0; i < set->count; i++)
    if (wants(set->list[i], &numbered))
      show(set->list[i], &numbered, set->seq_len - 1);
}
