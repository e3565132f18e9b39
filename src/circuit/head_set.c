#include "circuit/head_set.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DIGITS 9 /* of a layer or head that is read */

int head_set_create(size_t count, struct head_set *set, struct error *error)
{
  set->count = 0;
  set->list = memory_alloc(count, sizeof *set->list, "heads", error);
  return set->list ? 0 : error->code;
}

void head_set_free(struct head_set *set)
{
  free(set->list);
  *set = (struct head_set){0};
}

int head_set_copy(const struct head_set *set, struct head_set *copy, struct error *error)
{
  if (head_set_create(set->count, copy, error))
    return error->code;
  for (size_t i = 0; i < set->count; i++)
    copy->list[copy->count++] = set->list[i];
  return 0;
}

void head_set_add(struct head_set *set, size_t layer, size_t head)
{
  set->list[set->count++] = (struct head_name){layer, head};
}

bool head_set_has(const struct head_set *set, size_t layer, size_t head)
{
  for (size_t i = 0; i < set->count; i++)
    if (set->list[i].layer == layer && set->list[i].head == head)
      return true;
  return false;
}

bool head_set_new_layer(const struct head_set *set, size_t first)
{
  for (size_t i = 0; i < first; i++)
    if (set->list[i].layer == set->list[first].layer)
      return false;
  return true;
}

void head_set_group(struct head_set *set)
{
  for (size_t i = 1; i < set->count; i++) {
    struct head_name head = set->list[i];
    size_t to = i;
    if (head_set_new_layer(set, i))
      continue;
    for (; set->list[to - 1].layer != head.layer; to--)
      set->list[to] = set->list[to - 1];
    set->list[to] = head;
  }
}

static int compare(const void *a, const void *b)
{
  const struct head_name *x = a, *y = b;
  if (x->layer != y->layer)
    return x->layer < y->layer ? -1 : 1;
  return (x->head > y->head) - (x->head < y->head);
}

void head_set_sort(struct head_set *set, size_t first)
{
  qsort(set->list + first, set->count - first, sizeof *set->list, compare);
}

/* Digits after a letter; returns what follows, or NULL. */
static const char *number(const char *at, char letter, size_t *value)
{
  uint64_t read;
  size_t digits = *at == letter ? strspn(at + 1, "0123456789") : 0;
  if (digits < 1 || digits > MOST_DIGITS || !text_to_u64(at + 1, digits, &read) ||
      (digits > 1 && at[1] == '0'))
    return NULL;
  *value = (size_t)read;
  return at + 1 + digits;
}

int head_set_parse(const char *where, const char *text, struct head_set *set, struct error *error)
{
  size_t commas = 0;
  for (const char *p = text; *p; p++)
    commas += *p == ',';
  if (head_set_create(commas + 1, set, error))
    return error->code;
  for (const char *at = text;; at++) {
    size_t layer = 0, head = 0;
    const char *end = number(at, 'L', &layer);
    end = end ? number(end, 'H', &head) : NULL;
    if (!end || (*end && *end != ','))
      return error_set(error, EXIT_INPUT,
                       "%s: \"%.*s\" is not a head; heads are written L4H4, separated by commas",
                       where, (int)strcspn(at, ","), at);
    if (head_set_has(set, layer, head))
      return error_set(error, EXIT_INPUT, "%s: L%zuH%zu is listed twice", where, layer, head);
    head_set_add(set, layer, head);
    if (!*end)
      return 0;
    at = end;
  }
}

const char *head_name_format(const struct head_name *head, char name[HEAD_NAME_SIZE])
{
  snprintf(name, HEAD_NAME_SIZE, "L%zuH%zu", head->layer, head->head);
  return name;
}

void head_set_print(const struct head_set *set, char separator, struct text *text)
{
  char name[HEAD_NAME_SIZE];
  for (size_t i = 0; i < set->count; i++) {
    if (i)
      text_add(text, "%c", separator);
    text_add(text, "%s", head_name_format(&set->list[i], name));
  }
}
