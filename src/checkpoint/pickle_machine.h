/* The stack machine behind pickle.h: values are small, and point into the pickle or into pools that
 * grow with the bytes read up to a limit, so that sharing costs nothing and no input can make it
 * recurse. */
#ifndef ATTEST_CHECKPOINT_PICKLE_MACHINE_H
#define ATTEST_CHECKPOINT_PICKLE_MACHINE_H

#include "checkpoint/pickle.h"

#include <stdbool.h>

enum pickle_kind {
  PICKLE_MARK, /* on the stack only */
  PICKLE_NONE,
  PICKLE_BOOL,
  PICKLE_INT,
  PICKLE_FLOAT, /* its value is never needed */
  PICKLE_STRING,
  PICKLE_TUPLE,
  PICKLE_LIST, /* nor are its items */
  PICKLE_DICT,
  PICKLE_GLOBAL,
  PICKLE_STORAGE,
  PICKLE_TENSOR
};

enum pickle_global {
  PICKLE_ORDERED_DICT,
  PICKLE_REBUILD_TENSOR,
  PICKLE_STORAGE_TYPE /* + enum dtype */
};

struct pickle_value {
  enum pickle_kind kind;
  uint32_t length; /* of a string or a tuple */
  union {
    int64_t number; /* int, bool */
    const char *text;
    size_t index; /* first of a tuple in `values`; of a dict, storage or tensor; of a global */
  };
};

struct pickle_dict {
  bool ordered;        /* an OrderedDict, which may carry _metadata */
  size_t count, first; /* its items; the first in `pairs` */
};

struct pickle_pair {
  size_t dict;
  size_t at; /* of the opcode that put it in */
  struct pickle_value key, value;
};

/* An array that grows. */
struct pickle_pool {
  void *items;
  size_t count, capacity;
};

struct pickle_machine {
  const char *file;
  uint64_t base;
  const uint8_t *data;
  size_t size, at;
  size_t opcode_at; /* where the opcode in hand starts */
  const char *opcode;
  bool stopped;
  struct pickle_pool stack, memo, values; /* struct pickle_value */
  struct pickle_pool dicts, pairs, storages, tensors;
  struct error *error;
};

/* Those that return int give 0 or the code of the recorded error. */

/* What to do, at the end of messages. Texts from the pickle are cut to PICKLE_SHOWN bytes each, so
 * that it is never cut off, not even behind bytes written as \xNN. */
#define PICKLE_ADVICE "fetch the file again, or save the plain state dict with torch.save"
#define PICKLE_SHOWN 40

#define PICKLE_MAX_VALUES ((size_t)1 << 20) /* on the stack, and in the memo */

/* Records what is wrong with the opcode in hand, with PICKLE_ADVICE or another advice. */
int pickle_refuse(struct pickle_machine *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int pickle_refuse_advise(struct pickle_machine *m, const char *advice, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* How many bytes of a text of the pickle a message shows. */
int pickle_shown(size_t length);

/* One more item of `size` bytes, undefined; NULL without memory. The second form refuses more than
 * PICKLE_MAX_OBJECTS of `what`. */
void *pickle_grow(struct pickle_machine *m, struct pickle_pool *pool, size_t size);
void *pickle_grow_object(struct pickle_machine *m, struct pickle_pool *pool, size_t size,
                         const char *what);
int pickle_add(struct pickle_machine *m, struct pickle_pool *pool, struct pickle_value value);
struct pickle_value *pickle_value_at(const struct pickle_pool *pool, size_t index);

/* The stack. A mark is not a value: peek and pop refuse it. find_mark tells where the values since
 * the last mark start. */
int pickle_push(struct pickle_machine *m, struct pickle_value value);
int pickle_peek(struct pickle_machine *m, struct pickle_value *value);
int pickle_pop(struct pickle_machine *m, struct pickle_value *value);
int pickle_find_mark(struct pickle_machine *m, size_t *first);

/* The next bytes of the pickle, and a little-endian number of 0 to 8 of them. */
int pickle_take(struct pickle_machine *m, size_t count, const uint8_t **bytes);
int pickle_number(struct pickle_machine *m, size_t width, uint64_t *number);

/* Runs one opcode (pickle_opcodes.c). */
int pickle_step(struct pickle_machine *m);

/* Objects (pickle_object.c). */
int pickle_find_global(struct pickle_machine *m, const char *module, size_t module_length,
                       const char *name, size_t name_length);
int pickle_new_dict(struct pickle_machine *m, bool ordered);
int pickle_reduce(struct pickle_machine *m);
int pickle_persistent(struct pickle_machine *m);
int pickle_build(struct pickle_machine *m);
bool pickle_is_text(const struct pickle_value *value, const char *text);

#endif
