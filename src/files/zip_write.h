/* A zip file laid out as torch.save does, written as it comes: stored records
 * aligned to 64 bytes, data descriptors, zip64 where 32 bits are not enough.
 * Source: caffe2/serialize/inline_container.cc; checkpoint/zip.h reads it. */
#ifndef ATTEST_FILES_ZIP_WRITE_H
#define ATTEST_FILES_ZIP_WRITE_H

#include "base/file.h"
#include "base/text.h"

#include <stdint.h>

struct torch_stream {
  struct file_writer *file; /* NULL = only count the bytes */
  uint64_t at;              /* bytes so far */
  uint64_t entries;
  struct text directory; /* text_free */
  char name[96];         /* of the record in hand */
  uint64_t header, size;
};

/* A record of `size` bytes follows, which the caller adds to the file;
 * end_record takes their CRC. Errors of all: EXIT_RUN. */
int torch_stream_begin_record(struct torch_stream *stream, const char *name, uint64_t size,
                              struct error *error);
int torch_stream_end_record(struct torch_stream *stream, uint32_t crc, struct error *error);

/* A record of bytes in memory. */
int torch_stream_record(struct torch_stream *stream, const char *name, const void *data,
                        size_t size, struct error *error);

/* The directory, after the last record. */
int torch_stream_finish(struct torch_stream *stream, struct error *error);

#endif
