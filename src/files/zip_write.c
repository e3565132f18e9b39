#include "files/zip_write.h"

#include "files/crc32.h"
#include "files/zip_format.h"

#include <stdio.h>
#include <string.h>

#define ALIGNMENT 64
#define FLAGS (ZIP_FLAG_DESCRIPTOR | ZIP_FLAG_UTF8)
#define ZIP64_VERSION 45

static void add_number(struct text *text, size_t width, uint64_t number)
{
  for (size_t i = 0; i < width; i++)
    text_add(text, "%c", (int)(number >> 8 * i & 255));
}

static uint32_t narrow(uint64_t number)
{
  return number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

/* The zip64 extra field: what does not fit 32 bits; nothing when all does. */
static void add_extra64(struct text *text, uint64_t size, uint64_t header)
{
  bool wide_size = size >= UINT32_MAX, wide_header = header >= UINT32_MAX;
  if (!wide_size && !wide_header)
    return;
  add_number(text, 2, ZIP_EXTRA_ZIP64);
  add_number(text, 2, (wide_size ? 16u : 0u) + (wide_header ? 8u : 0u));
  if (wide_size) {
    add_number(text, 8, size);
    add_number(text, 8, size);
  }
  if (wide_header)
    add_number(text, 8, header);
}

/* Adds a piece to the file, or only counts it, and frees it. */
static int put(struct torch_stream *stream, struct text *piece, struct error *error)
{
  int status = 0;
  if (piece->failed)
    status = error_set(error, EXIT_RUN, "synth: out of memory");
  else if (stream->file)
    status = file_writer_add(stream->file, piece->data, piece->length, error);
  stream->at += piece->length;
  text_free(piece);
  return status;
}

int torch_stream_begin_record(struct torch_stream *stream, const char *name, uint64_t size,
                              struct error *error)
{
  struct text head = {0}, extra = {0};
  snprintf(stream->name, sizeof stream->name, "%s", name);
  stream->header = stream->at;
  stream->size = size;
  add_extra64(&extra, size, stream->header);
  uint64_t start = stream->at + ZIP_LOCAL_BYTES + strlen(stream->name) + extra.length + 4;
  size_t padding = (size_t)(-start % ALIGNMENT);
  add_number(&extra, 2, ZIP_EXTRA_PADDING);
  add_number(&extra, 2, padding);
  for (size_t i = 0; i < padding; i++)
    add_number(&extra, 1, 'Z');
  add_number(&head, 4, ZIP_LOCAL_SIGNATURE);
  add_number(&head, 2, 0);
  add_number(&head, 2, FLAGS);
  for (int i = 0; i < 3; i++) /* stored, without a time */
    add_number(&head, 2, 0);
  for (int i = 0; i < 3; i++) /* CRC and sizes are in the descriptor */
    add_number(&head, 4, 0);
  add_number(&head, 2, strlen(stream->name));
  add_number(&head, 2, extra.length);
  text_add(&head, "%s", stream->name);
  int status = put(stream, &head, error);
  if (status)
    text_free(&extra);
  else
    status = put(stream, &extra, error);
  stream->at += size;
  return status;
}

int torch_stream_end_record(struct torch_stream *stream, uint32_t crc, struct error *error)
{
  struct text descriptor = {0}, extra = {0}, *d = &stream->directory;
  uint64_t size = stream->size;
  add_extra64(&extra, size, stream->header);
  size_t width = extra.length ? 8 : 4;
  add_number(&descriptor, 4, ZIP_DESCRIPTOR_SIGNATURE);
  add_number(&descriptor, 4, crc);
  add_number(&descriptor, width, size);
  add_number(&descriptor, width, size);
  add_number(d, 4, ZIP_CENTRAL_SIGNATURE);
  add_number(d, 4, 0);
  add_number(d, 2, FLAGS);
  add_number(d, 2, 0);
  add_number(d, 4, 0);
  add_number(d, 4, crc);
  add_number(d, 4, narrow(size));
  add_number(d, 4, narrow(size));
  add_number(d, 2, strlen(stream->name));
  add_number(d, 2, extra.length);
  add_number(d, 8, 0);
  add_number(d, 2, 0);
  add_number(d, 4, narrow(stream->header));
  text_add(d, "%s", stream->name);
  for (size_t i = 0; i < extra.length; i++)
    add_number(d, 1, (uint8_t)extra.data[i]);
  d->failed |= extra.failed;
  text_free(&extra);
  stream->entries++;
  return put(stream, &descriptor, error);
}

int torch_stream_record(struct torch_stream *stream, const char *name, const void *data,
                        size_t size, struct error *error)
{
  if (torch_stream_begin_record(stream, name, size, error) ||
      (stream->file && file_writer_add(stream->file, data, size, error)))
    return error->code;
  return torch_stream_end_record(stream, crc32_add(0, data, size), error);
}

int torch_stream_finish(struct torch_stream *stream, struct error *error)
{
  uint64_t start = stream->at, size = stream->directory.length, end64 = start + size;
  bool wide = start >= UINT32_MAX || stream->entries >= UINT16_MAX;
  struct text end = {0};
  if (put(stream, &stream->directory, error))
    return error->code;
  if (wide) {
    add_number(&end, 4, ZIP_END64_SIGNATURE);
    add_number(&end, 8, ZIP_END64_BYTES - 12);
    add_number(&end, 2, ZIP64_VERSION);
    add_number(&end, 2, ZIP64_VERSION);
    add_number(&end, 8, 0);
    add_number(&end, 8, stream->entries);
    add_number(&end, 8, stream->entries);
    add_number(&end, 8, size);
    add_number(&end, 8, start);
    add_number(&end, 4, ZIP_LOCATOR_SIGNATURE);
    add_number(&end, 4, 0);
    add_number(&end, 8, end64);
    add_number(&end, 4, 1);
  }
  uint64_t entries = stream->entries < UINT16_MAX ? stream->entries : UINT16_MAX;
  add_number(&end, 4, ZIP_END_SIGNATURE);
  add_number(&end, 4, 0);
  add_number(&end, 2, entries);
  add_number(&end, 2, entries);
  add_number(&end, 4, narrow(size));
  add_number(&end, 4, narrow(start));
  add_number(&end, 2, 0);
  return put(stream, &end, error);
}
