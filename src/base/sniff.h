/* What a file really is, by its first bytes: a page, a pointer or an archive under the name of
 * another file is named in the message that refuses it. */
#ifndef ATTEST_BASE_SNIFF_H
#define ATTEST_BASE_SNIFF_H

#include <stddef.h>

#define SNIFF_BYTES ((size_t)512) /* no kind needs more of them */

enum sniff_kind {
  SNIFF_UNKNOWN,
  SNIFF_EMPTY,
  SNIFF_SAFETENSORS, /* the size of a header, little-endian, and its '{' */
  SNIFF_ZIP,         /* also what PyTorch 1.6 and later saves */
  SNIFF_PICKLE,      /* protocol 2 or later, also what older PyTorch saves */
  SNIFF_TAR,         /* POSIX and GNU, by the magic at 257 */
  SNIFF_GZIP,
  SNIFF_ZSTD,
  SNIFF_XZ,
  SNIFF_BZIP2,
  SNIFF_HDF5,
  SNIFF_GGUF,
  SNIFF_NPY,
  SNIFF_LFS_POINTER,
  SNIFF_HTML,
  SNIFF_XML,  /* or other markup */
  SNIFF_JSON, /* begins, after blanks, with '{' or '[' */
  SNIFF_BOM,  /* UTF-8 text behind a byte order mark, but for pages, which are told as such */
  SNIFF_UTF16,
  SNIFF_TEXT /* printable UTF-8 and none of the above */
};

/* Kind of a file that begins with these bytes and, if they are fewer than SNIFF_BYTES, ends with
 * them. Reads at most SNIFF_BYTES. */
enum sniff_kind sniff(const void *data, size_t size);

/* A noun phrase for messages, such as "an HTML page". */
const char *sniff_name(enum sniff_kind kind);

#endif
