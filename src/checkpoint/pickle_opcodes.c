/* What each opcode does. */
#include "checkpoint/pickle_machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOWEST_PROTOCOL 2
#define HIGHEST_PROTOCOL 5

static int op_proto(struct pickle_machine *m, size_t width)
{
  uint64_t protocol = 0;
  if (pickle_number(m, width, &protocol))
    return m->error->code;
  if (m->opcode_at != 0)
    return pickle_refuse(m, "it is allowed only at the start");
  if (protocol < LOWEST_PROTOCOL || protocol > HIGHEST_PROTOCOL)
    return pickle_refuse(m, "protocol %" PRIu64 " is not one of %d to %d", protocol,
                         LOWEST_PROTOCOL, HIGHEST_PROTOCOL);
  return 0;
}

static int op_frame(struct pickle_machine *m, size_t width)
{
  uint64_t length = 0;
  if (pickle_number(m, width, &length))
    return m->error->code;
  if (length > m->size - m->at)
    return pickle_refuse(m, "a frame of %" PRIu64 " bytes, %zu are left", length, m->size - m->at);
  return 0;
}

static int op_constant(struct pickle_machine *m, size_t kind)
{
  return pickle_push(m, (struct pickle_value){.kind = (enum pickle_kind)kind});
}

static int op_bool(struct pickle_machine *m, size_t value)
{
  return pickle_push(m, (struct pickle_value){.kind = PICKLE_BOOL, .number = (int64_t)value});
}

static int op_dict(struct pickle_machine *m, size_t unused)
{
  (void)unused;
  return pickle_new_dict(m, false);
}

static int op_float(struct pickle_machine *m, size_t width)
{
  const uint8_t *bytes = NULL;
  if (pickle_take(m, width, &bytes))
    return m->error->code;
  return op_constant(m, PICKLE_FLOAT);
}

static int push_int(struct pickle_machine *m, int64_t number)
{
  return pickle_push(m, (struct pickle_value){.kind = PICKLE_INT, .number = number});
}

static int op_int(struct pickle_machine *m, size_t width)
{
  uint64_t number = 0;
  if (pickle_number(m, width, &number))
    return m->error->code;
  return push_int(m, width == 4 ? (int32_t)(uint32_t)number : (int64_t)number);
}

/* Two's complement of as few bytes as it takes. */
static int op_long(struct pickle_machine *m, size_t width)
{
  uint64_t length = 0, number = 0;
  if (pickle_number(m, width, &length))
    return m->error->code;
  if (length > sizeof number)
    return pickle_refuse(m, "a number of %" PRIu64 " bytes, at most 8 are allowed", length);
  if (pickle_number(m, length, &number))
    return m->error->code;
  if (length && length < sizeof number && number >> (8 * length - 1))
    number |= UINT64_MAX << 8 * length;
  return push_int(m, (int64_t)number);
}

static int op_string(struct pickle_machine *m, size_t width)
{
  uint64_t length = 0;
  const uint8_t *bytes = NULL;
  if (pickle_number(m, width, &length))
    return m->error->code;
  if (length > UINT32_MAX)
    return pickle_refuse(m, "a string of %" PRIu64 " bytes, %zu are left", length, m->size - m->at);
  if (pickle_take(m, length, &bytes))
    return m->error->code;
  return pickle_push(m, (struct pickle_value){.kind = PICKLE_STRING,
                                              .length = (uint32_t)length,
                                              .text = (const char *)bytes});
}

/* Makes a tuple of stack[first..] and removes what is there from `keep` on. */
static int make_tuple(struct pickle_machine *m, size_t first, size_t keep)
{
  struct pickle_value tuple = {
      .kind = PICKLE_TUPLE, .length = (uint32_t)(m->stack.count - first), .index = m->values.count};
  for (size_t i = first; i < m->stack.count; i++)
    if (pickle_add(m, &m->values, *pickle_value_at(&m->stack, i)))
      return m->error->code;
  m->stack.count = keep;
  return pickle_push(m, tuple);
}

static int op_tuple(struct pickle_machine *m, size_t unused)
{
  size_t first = 0;
  (void)unused;
  if (pickle_find_mark(m, &first))
    return m->error->code;
  return make_tuple(m, first, first - 1);
}

static int op_tuple_of(struct pickle_machine *m, size_t count)
{
  size_t first = m->stack.count;
  while (m->stack.count - first < count) {
    if (first == 0 || pickle_value_at(&m->stack, first - 1)->kind == PICKLE_MARK)
      return pickle_refuse(m, "it needs %zu values, but there are fewer", count);
    first--;
  }
  return make_tuple(m, first, first);
}

/* Two lines of text: module and name. */
static int op_global(struct pickle_machine *m, size_t unused)
{
  const char *line[2];
  size_t length[2];
  (void)unused;
  for (int i = 0; i < 2; i++) {
    const uint8_t *end = memchr(m->data + m->at, '\n', m->size - m->at);
    if (!end)
      return pickle_refuse(m, "a name without an end");
    line[i] = (const char *)m->data + m->at;
    length[i] = (size_t)(end - (m->data + m->at));
    m->at += length[i] + 1;
  }
  return pickle_find_global(m, line[0], length[0], line[1], length[1]);
}

static int op_stack_global(struct pickle_machine *m, size_t unused)
{
  struct pickle_value module = {0}, name = {0};
  (void)unused;
  if (pickle_pop(m, &name) || pickle_pop(m, &module))
    return m->error->code;
  if (module.kind != PICKLE_STRING || name.kind != PICKLE_STRING)
    return pickle_refuse(m, "it needs two strings");
  return pickle_find_global(m, module.text, module.length, name.text, name.length);
}

static int op_reduce(struct pickle_machine *m, size_t unused)
{
  (void)unused;
  return pickle_reduce(m);
}

static int op_persistent(struct pickle_machine *m, size_t unused)
{
  (void)unused;
  return pickle_persistent(m);
}

static int op_build(struct pickle_machine *m, size_t unused)
{
  (void)unused;
  return pickle_build(m);
}

static int op_mark(struct pickle_machine *m, size_t unused)
{
  (void)unused;
  return pickle_push(m, (struct pickle_value){.kind = PICKLE_MARK});
}

/* Picklers number what they remember from 0; width 0 = without saying the number. */
static int op_put(struct pickle_machine *m, size_t width)
{
  struct pickle_value value = {0};
  uint64_t index = m->memo.count;
  if ((width && pickle_number(m, width, &index)) || pickle_peek(m, &value))
    return m->error->code;
  if (index != m->memo.count)
    return pickle_refuse(m, "memo entry %" PRIu64 ", the next one is %zu", index, m->memo.count);
  if (m->memo.count == PICKLE_MAX_VALUES)
    return pickle_refuse(m, "more than %zu values in the memo", PICKLE_MAX_VALUES);
  return pickle_add(m, &m->memo, value);
}

static int op_get(struct pickle_machine *m, size_t width)
{
  uint64_t index = 0;
  if (pickle_number(m, width, &index))
    return m->error->code;
  if (index >= m->memo.count)
    return pickle_refuse(m, "memo entry %" PRIu64 " of %zu", index, m->memo.count);
  return pickle_push(m, *pickle_value_at(&m->memo, index));
}

/* Puts stack[first..], keys and values in turn, into the dict at `dict`. */
static int set_items(struct pickle_machine *m, size_t dict, size_t first)
{
  const struct pickle_value *target = pickle_value_at(&m->stack, dict);
  if (target->kind != PICKLE_DICT)
    return pickle_refuse(m, "it may change only a dict");
  if ((m->stack.count - first) % 2)
    return pickle_refuse(m, "a key without a value");
  for (size_t i = first; i < m->stack.count; i += 2) {
    struct pickle_dict *owner = (struct pickle_dict *)m->dicts.items + target->index;
    struct pickle_pair *pair = pickle_grow_object(m, &m->pairs, sizeof *pair, "entries of dicts");
    if (!pair)
      return m->error->code;
    *pair = (struct pickle_pair){target->index, m->opcode_at, *pickle_value_at(&m->stack, i),
                                 *pickle_value_at(&m->stack, i + 1)};
    if (owner->count++ == 0)
      owner->first = m->pairs.count - 1;
  }
  m->stack.count = dict + 1;
  return 0;
}

static int op_set_item(struct pickle_machine *m, size_t unused)
{
  struct pickle_value key, value, dict;
  (void)unused;
  if (pickle_pop(m, &value) || pickle_pop(m, &key) || pickle_peek(m, &dict))
    return m->error->code;
  size_t first = m->stack.count;
  m->stack.count += 2; /* they are still there */
  return set_items(m, first - 1, first);
}

static int op_set_items(struct pickle_machine *m, size_t unused)
{
  size_t first = 0;
  (void)unused;
  if (pickle_find_mark(m, &first))
    return m->error->code;
  if (first < 2)
    return pickle_refuse(m, "it needs a dict before the mark");
  return set_items(m, first - 2, first);
}

static int op_append(struct pickle_machine *m, size_t unused)
{
  struct pickle_value item, list = {0};
  (void)unused;
  if (pickle_pop(m, &item) || pickle_peek(m, &list))
    return m->error->code;
  return list.kind == PICKLE_LIST ? 0 : pickle_refuse(m, "it may change only a list");
}

static int op_appends(struct pickle_machine *m, size_t unused)
{
  struct pickle_value list = {0};
  size_t first = 0;
  (void)unused;
  if (pickle_find_mark(m, &first))
    return m->error->code;
  m->stack.count = first - 1;
  if (pickle_peek(m, &list))
    return m->error->code;
  return list.kind == PICKLE_LIST ? 0 : pickle_refuse(m, "it may change only a list");
}

static int op_stop(struct pickle_machine *m, size_t unused)
{
  (void)unused;
  if (m->at != m->size)
    return pickle_refuse(m, "%zu bytes follow it", m->size - m->at);
  m->stopped = true;
  return 0;
}

static const struct {
  const char *name;
  int (*run)(struct pickle_machine *m, size_t argument); /* NULL = refused */
  size_t argument;
} opcodes[256] = {
    [0x80] = {"PROTO", op_proto, 1},
    [0x95] = {"FRAME", op_frame, 8},
    ['N'] = {"NONE", op_constant, PICKLE_NONE},
    [')'] = {"EMPTY_TUPLE", op_tuple_of, 0},
    [']'] = {"EMPTY_LIST", op_constant, PICKLE_LIST},
    ['}'] = {"EMPTY_DICT", op_dict, 0},
    [0x88] = {"NEWTRUE", op_bool, 1},
    [0x89] = {"NEWFALSE", op_bool, 0},
    ['K'] = {"BININT1", op_int, 1},
    ['M'] = {"BININT2", op_int, 2},
    ['J'] = {"BININT", op_int, 4},
    [0x8a] = {"LONG1", op_long, 1},
    ['G'] = {"BINFLOAT", op_float, 8},
    [0x8c] = {"SHORT_BINUNICODE", op_string, 1},
    ['X'] = {"BINUNICODE", op_string, 4},
    [0x8d] = {"BINUNICODE8", op_string, 8},
    ['('] = {"MARK", op_mark, 0},
    ['t'] = {"TUPLE", op_tuple, 0},
    [0x85] = {"TUPLE1", op_tuple_of, 1},
    [0x86] = {"TUPLE2", op_tuple_of, 2},
    [0x87] = {"TUPLE3", op_tuple_of, 3},
    ['q'] = {"BINPUT", op_put, 1},
    ['r'] = {"LONG_BINPUT", op_put, 4},
    [0x94] = {"MEMOIZE", op_put, 0},
    ['h'] = {"BINGET", op_get, 1},
    ['j'] = {"LONG_BINGET", op_get, 4},
    ['c'] = {"GLOBAL", op_global, 0},
    [0x93] = {"STACK_GLOBAL", op_stack_global, 0},
    ['R'] = {"REDUCE", op_reduce, 0},
    ['Q'] = {"BINPERSID", op_persistent, 0},
    ['b'] = {"BUILD", op_build, 0},
    ['s'] = {"SETITEM", op_set_item, 0},
    ['u'] = {"SETITEMS", op_set_items, 0},
    ['a'] = {"APPEND", op_append, 0},
    ['e'] = {"APPENDS", op_appends, 0},
    ['.'] = {"STOP", op_stop, 0},
    ['0'] = {.name = "POP"},
    ['1'] = {.name = "POP_MARK"},
    ['2'] = {.name = "DUP"},
    ['F'] = {.name = "FLOAT"},
    ['I'] = {.name = "INT"},
    ['L'] = {.name = "LONG"},
    [0x8b] = {.name = "LONG4"},
    ['P'] = {.name = "PERSID"},
    ['S'] = {.name = "STRING"},
    ['T'] = {.name = "BINSTRING"},
    ['U'] = {.name = "SHORT_BINSTRING"},
    ['V'] = {.name = "UNICODE"},
    ['B'] = {.name = "BINBYTES"},
    ['C'] = {.name = "SHORT_BINBYTES"},
    [0x8e] = {.name = "BINBYTES8"},
    [0x96] = {.name = "BYTEARRAY8"},
    [0x97] = {.name = "NEXT_BUFFER"},
    [0x98] = {.name = "READONLY_BUFFER"},
    [0x8f] = {.name = "EMPTY_SET"},
    [0x90] = {.name = "ADDITEMS"},
    [0x91] = {.name = "FROZENSET"},
    ['l'] = {.name = "LIST"},
    ['d'] = {.name = "DICT"},
    ['p'] = {.name = "PUT"},
    ['g'] = {.name = "GET"},
    ['i'] = {.name = "INST"},
    ['o'] = {.name = "OBJ"},
    [0x81] = {.name = "NEWOBJ"},
    [0x92] = {.name = "NEWOBJ_EX"},
    [0x82] = {.name = "EXT1"},
    [0x83] = {.name = "EXT2"},
    [0x84] = {.name = "EXT4"},
};

int pickle_step(struct pickle_machine *m)
{
  const uint8_t *byte = NULL;
  char unknown[8];
  m->opcode_at = m->at;
  m->opcode = "STOP";
  if (m->at == m->size)
    return pickle_refuse(m, "missing, the pickle is cut off");
  if (pickle_take(m, 1, &byte))
    return m->error->code;
  snprintf(unknown, sizeof unknown, "0x%02x", *byte);
  m->opcode = opcodes[*byte].name ? opcodes[*byte].name : unknown;
  if (m->opcode_at == 0 && *byte != 0x80)
    return pickle_refuse(m, "a pickle of protocol 2 to 5 must start with PROTO");
  if (!opcodes[*byte].run)
    return pickle_refuse(m, "a state dict does not need it");
  return opcodes[*byte].run(m, opcodes[*byte].argument);
}
