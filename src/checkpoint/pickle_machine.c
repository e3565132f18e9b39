#include "checkpoint/pickle_machine.h"

#include "base/memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int refuse(struct pickle_machine *m, const char *advice, const char *format,
                  va_list arguments)
{
  char what[512];
  vsnprintf(what, sizeof what, format, arguments);
  return error_set(m->error, EXIT_INPUT, "%s: offset %" PRIu64 ": pickle opcode %s: %s; %s",
                   m->file, m->base + m->opcode_at, m->opcode, what, advice);
}

int pickle_refuse(struct pickle_machine *m, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  int code = refuse(m, PICKLE_ADVICE, format, arguments);
  va_end(arguments);
  return code;
}

int pickle_refuse_advise(struct pickle_machine *m, const char *advice, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  int code = refuse(m, advice, format, arguments);
  va_end(arguments);
  return code;
}

int pickle_shown(size_t length)
{
  return length < PICKLE_SHOWN ? (int)length : PICKLE_SHOWN;
}

void *pickle_grow(struct pickle_machine *m, struct pickle_pool *pool, size_t size)
{
  void *items = memory_grow(pool->items, pool->count + 1, &pool->capacity, size, m->file, m->error);
  if (!items)
    return NULL;
  pool->items = items;
  return (char *)pool->items + pool->count++ * size;
}

void *pickle_grow_object(struct pickle_machine *m, struct pickle_pool *pool, size_t size,
                         const char *what)
{
  if (pool->count == PICKLE_MAX_OBJECTS) {
    pickle_refuse(m, "more than %d %s", PICKLE_MAX_OBJECTS, what);
    return NULL;
  }
  return pickle_grow(m, pool, size);
}

struct pickle_value *pickle_value_at(const struct pickle_pool *pool, size_t index)
{
  return (struct pickle_value *)pool->items + index;
}

int pickle_add(struct pickle_machine *m, struct pickle_pool *pool, struct pickle_value value)
{
  struct pickle_value *place = pickle_grow(m, pool, sizeof value);
  if (!place)
    return m->error->code;
  *place = value;
  return 0;
}

int pickle_push(struct pickle_machine *m, struct pickle_value value)
{
  if (m->stack.count == PICKLE_MAX_VALUES)
    return pickle_refuse(m, "more than %zu values on the stack", PICKLE_MAX_VALUES);
  return pickle_add(m, &m->stack, value);
}

int pickle_peek(struct pickle_machine *m, struct pickle_value *value)
{
  if (m->stack.count == 0 || pickle_value_at(&m->stack, m->stack.count - 1)->kind == PICKLE_MARK)
    return pickle_refuse(m, "it needs a value, but there is none");
  *value = *pickle_value_at(&m->stack, m->stack.count - 1);
  return 0;
}

int pickle_pop(struct pickle_machine *m, struct pickle_value *value)
{
  if (pickle_peek(m, value))
    return m->error->code;
  m->stack.count--;
  return 0;
}

int pickle_take(struct pickle_machine *m, size_t count, const uint8_t **bytes)
{
  if (count > m->size - m->at)
    return pickle_refuse(m, "%zu bytes are promised, %zu are left", count, m->size - m->at);
  *bytes = m->data + m->at;
  m->at += count;
  return 0;
}

/* A little-endian number of 1 to 8 bytes. */
int pickle_number(struct pickle_machine *m, size_t width, uint64_t *number)
{
  const uint8_t *bytes = NULL;
  if (pickle_take(m, width, &bytes))
    return m->error->code;
  *number = 0;
  while (width-- > 0)
    *number = *number << 8 | bytes[width];
  return 0;
}

/* Where the values since the last mark start; the mark is before it. */
int pickle_find_mark(struct pickle_machine *m, size_t *first)
{
  for (size_t i = m->stack.count; i-- > 0;)
    if (pickle_value_at(&m->stack, i)->kind == PICKLE_MARK) {
      *first = i + 1;
      return 0;
    }
  return pickle_refuse(m, "it needs a mark, but there is none");
}
