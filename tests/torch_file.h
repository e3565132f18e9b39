/* Files as torch.save writes them, made by hand: pickles opcode by opcode, and zip archives byte
 * for byte in the layout of PyTorchStreamWriter: data descriptors, aligned records, zip64 ends. */
#ifndef ATTEST_TESTS_TORCH_FILE_H
#define ATTEST_TESTS_TORCH_FILE_H

#include "files/crc32.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TORCH_END64 56
#define TORCH_LOCATOR 20
#define TORCH_END 22

struct torch_file {
  uint8_t *data;
  size_t size, capacity;
  uint8_t directory[8192]; /* grows beside the entries */
  size_t directory_size;
  uint16_t entries;
  size_t directory_at; /* known at the end */
  bool wide;           /* sizes as of entries of 4 GiB and more: in zip64 fields */
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

/* The extra field of a local header: the zip64 sizes, of which the second is not known yet when
 * they are written, then padding that puts the data on a multiple of 64. Returns its length. */
static inline size_t torch_local_extra(uint8_t extra[96], size_t at, bool wide, size_t size)
{
  size_t used = 0;
  memset(extra, 0, 96);
  if (wide) {
    memcpy(extra, "\1\0\20", 4);
    torch_number(extra + 4, 8, size);
    used = 20;
  }
  size_t padding = (64 - (at + used + 4) % 64) % 64;
  memcpy(extra + used, "FB", 2);
  torch_number(extra + used + 2, 2, padding);
  memset(extra + used + 4, 'Z', padding);
  return used + 4 + padding;
}

static inline void torch_descriptor(struct torch_file *f, uint32_t crc, size_t size)
{
  uint8_t descriptor[24] = {'P', 'K', 7, 8};
  size_t width = f->wide ? 8 : 4;
  torch_number(descriptor + 4, 4, crc);
  torch_number(descriptor + 8, width, size);
  torch_number(descriptor + 8 + width, width, size);
  torch_bytes(f, descriptor, 8 + 2 * width);
}

static inline void torch_central(struct torch_file *f, const char *name, size_t size, uint32_t crc,
                                 size_t header)
{
  uint8_t *central = f->directory + f->directory_size, *extra = central + 46 + strlen(name);
  size_t extra_size = f->wide ? 20 : 0;
  if (f->directory_size + 46 + strlen(name) + extra_size > sizeof f->directory)
    abort();
  memset(central, 0, 46);
  memcpy(central, (const uint8_t[]){'P', 'K', 1, 2, 0, 0, 0, 0, size ? 8 : 0, 8}, 10);
  torch_number(central + 16, 4, crc);
  torch_number(central + 20, 4, f->wide ? UINT32_MAX : size);
  torch_number(central + 24, 4, f->wide ? UINT32_MAX : size);
  torch_number(central + 28, 2, strlen(name));
  torch_number(central + 30, 2, extra_size);
  torch_number(central + 42, 4, header);
  memcpy(central + 46, name, strlen(name));
  if (f->wide) {
    memcpy(extra, "\1\0\20", 4);
    torch_number(extra + 4, 8, size);
    torch_number(extra + 12, 8, size);
  }
  f->directory_size += 46 + strlen(name) + extra_size;
  f->entries++;
}

/* Appends an entry: local header, padding in its extra field, data and descriptor; an empty one has
 * no descriptor. */
static inline void torch_add(struct torch_file *f, const char *name, const void *data, size_t size)
{
  uint8_t local[30] = {'P', 'K', 3, 4, 0, 0, size ? 8 : 0, 8}, extra[96];
  size_t header = f->size;
  size_t extra_size = torch_local_extra(extra, header + 30 + strlen(name), f->wide, size);
  uint32_t crc = crc32_add(0, data, size);
  torch_number(local + 26, 2, strlen(name));
  torch_number(local + 28, 2, extra_size);
  torch_bytes(f, local, sizeof local);
  torch_bytes(f, name, strlen(name));
  torch_bytes(f, extra, extra_size);
  torch_bytes(f, data, size);
  if (size)
    torch_descriptor(f, crc, size);
  torch_central(f, name, size, crc, header);
}

static inline void torch_end_record(struct torch_file *f)
{
  uint8_t end[TORCH_END] = {'P', 'K', 5, 6};
  torch_number(end + 8, 2, f->entries);
  torch_number(end + 10, 2, f->entries);
  torch_number(end + 12, 4, f->directory_size);
  torch_number(end + 16, 4, f->directory_at);
  torch_bytes(f, end, sizeof end);
}

/* The directory and one end record, as other programs than torch write it. */
static inline void torch_end_plain(struct torch_file *f)
{
  f->directory_at = f->size;
  torch_bytes(f, f->directory, f->directory_size);
  torch_end_record(f);
}

/* The directory and the end records: of zip64, its locator, and the old one. */
static inline void torch_end(struct torch_file *f)
{
  uint8_t end[TORCH_END64] = {'P', 'K', 6, 6, 44, [12] = 0x1e, 3, 0x2d};
  uint8_t locator[TORCH_LOCATOR] = {'P', 'K', 6, 7, [16] = 1};
  f->directory_at = f->size;
  torch_bytes(f, f->directory, f->directory_size);
  torch_number(end + 24, 8, f->entries);
  torch_number(end + 32, 8, f->entries);
  torch_number(end + 40, 8, f->directory_size);
  torch_number(end + 48, 8, f->directory_at);
  torch_number(locator + 8, 8, f->size);
  torch_bytes(f, end, sizeof end);
  torch_bytes(f, locator, sizeof locator);
  torch_end_record(f);
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
