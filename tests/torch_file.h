/* Files as torch.save writes them, made by hand: pickles opcode by opcode, and zip archives with
 * data descriptors and aligned records. */
#ifndef ATTEST_TESTS_TORCH_FILE_H
#define ATTEST_TESTS_TORCH_FILE_H

#include "checkpoint/crc32.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct torch_file {
  uint8_t *data;
  size_t size, capacity;
  uint8_t directory[8192]; /* grows beside the entries */
  size_t directory_size;
  uint16_t entries;
  size_t directory_at; /* known at the end */
};

static inline void torch_bytes(struct torch_file *f, const void *data, size_t size)
{
  if (f->size + size > f->capacity) {
    f->capacity = 2 * (f->size + size) + 256;
    f->data = realloc(f->data, f->capacity);
    if (!f->data)
      abort();
  }
  if (size)
    memcpy(f->data + f->size, data, size);
  f->size += size;
}

static inline void torch_number(uint8_t *at, size_t width, uint64_t number)
{
  for (size_t i = 0; i < width; i++)
    at[i] = (uint8_t)(number >> 8 * i);
}

/* Appends an entry: local header, padding to 64 bytes in the extra field, data, descriptor. */
static inline void torch_add(struct torch_file *f, const char *name, const void *data, size_t size)
{
  uint8_t local[30] = {'P', 'K', 3, 4, 0, 0, 8, 8}, extra[80] = {'F', 'B'};
  uint8_t descriptor[16] = {'P', 'K', 7, 8}, *central = f->directory + f->directory_size;
  size_t name_size = strlen(name), header = f->size;
  size_t padding = 4 + (64 - (header + 30 + name_size + 4) % 64) % 64;
  uint32_t crc = crc32_add(0, data, size);
  if (f->directory_size + 46 + name_size > sizeof f->directory)
    abort();
  torch_number(local + 26, 2, name_size);
  torch_number(local + 28, 2, padding);
  torch_number(extra + 2, 2, padding - 4);
  torch_number(descriptor + 4, 4, crc);
  torch_number(descriptor + 8, 4, size);
  torch_number(descriptor + 12, 4, size);
  torch_bytes(f, local, sizeof local);
  torch_bytes(f, name, name_size);
  torch_bytes(f, extra, padding);
  torch_bytes(f, data, size);
  torch_bytes(f, descriptor, sizeof descriptor);
  memset(central, 0, 46);
  memcpy(central, (const uint8_t[]){'P', 'K', 1, 2, 0, 0, 0, 0, 8, 8}, 10);
  torch_number(central + 16, 4, crc);
  torch_number(central + 20, 4, size);
  torch_number(central + 24, 4, size);
  torch_number(central + 28, 2, name_size);
  torch_number(central + 42, 4, header);
  memcpy(central + 46, name, name_size);
  f->directory_size += 46 + name_size;
  f->entries++;
}

static inline void torch_end(struct torch_file *f)
{
  uint8_t end[22] = {'P', 'K', 5, 6};
  f->directory_at = f->size;
  torch_bytes(f, f->directory, f->directory_size);
  torch_number(end + 8, 2, f->entries);
  torch_number(end + 10, 2, f->entries);
  torch_number(end + 12, 4, f->directory_size);
  torch_number(end + 16, 4, f->directory_at);
  torch_bytes(f, end, sizeof end);
}

static inline void torch_free(struct torch_file *f)
{
  free(f->data);
  *f = (struct torch_file){0};
}

/* A pickle is a torch_file of which only data and size are used. */

static inline void torch_text(struct torch_file *p, const char *text)
{
  uint8_t head[5] = {'X'};
  torch_number(head + 1, 4, strlen(text));
  torch_bytes(p, head, sizeof head);
  torch_bytes(p, text, strlen(text));
}

static inline void torch_int(struct torch_file *p, int32_t number)
{
  uint8_t op[5] = {'J'};
  torch_number(op + 1, 4, (uint32_t)number);
  torch_bytes(p, op, sizeof op);
}

/* Opcodes without a zero byte in them. */
static inline void torch_ops(struct torch_file *p, const char *ops)
{
  torch_bytes(p, ops, strlen(ops));
}

static inline void torch_begin_dict(struct torch_file *p)
{
  torch_ops(p, "\x80\x02}(");
}

struct torch_view {
  const char *name, *type, *key;
  int32_t elements, offset, rank, shape[4], stride[4];
};

/* The key and the value of one tensor. */
static inline void torch_tensor(struct torch_file *p, const struct torch_view *v)
{
  torch_text(p, v->name);
  torch_ops(p, "ctorch._utils\n_rebuild_tensor_v2\n((");
  torch_text(p, "storage");
  torch_ops(p, "ctorch\n");
  torch_ops(p, v->type);
  torch_ops(p, "\n");
  torch_text(p, v->key);
  torch_text(p, "cpu");
  torch_int(p, v->elements);
  torch_ops(p, "tQ");
  torch_int(p, v->offset);
  for (int k = 0; k < 2; k++) {
    torch_ops(p, "(");
    for (int i = 0; i < v->rank; i++)
      torch_int(p, k ? v->stride[i] : v->shape[i]);
    torch_ops(p, "t");
  }
  torch_ops(p, "\x89"
               "ccollections\nOrderedDict\n)RtR");
}

#endif
