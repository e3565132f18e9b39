#include "base/sniff.h"

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define LARGEST_HEADER ((uint64_t)100 << 20) /* of a safetensors file, by its specification */

static const char *const names[] = {
    [SNIFF_UNKNOWN] = "binary data of an unknown kind",
    [SNIFF_EMPTY] = "an empty file",
    [SNIFF_SAFETENSORS] = "a safetensors file",
    [SNIFF_ZIP] = "a zip archive, as PyTorch's torch.save writes",
    [SNIFF_PICKLE] = "a Python pickle",
    [SNIFF_TAR] = "a tar archive",
    [SNIFF_GZIP] = "gzip-compressed data",
    [SNIFF_ZSTD] = "zstd-compressed data",
    [SNIFF_XZ] = "xz-compressed data",
    [SNIFF_BZIP2] = "bzip2-compressed data",
    [SNIFF_HDF5] = "an HDF5 file",
    [SNIFF_GGUF] = "a GGUF file",
    [SNIFF_NPY] = "a NumPy .npy file",
    [SNIFF_LFS_POINTER] = "a git-lfs pointer",
    [SNIFF_HTML] = "an HTML page",
    [SNIFF_XML] = "an XML document",
    [SNIFF_JSON] = "JSON text",
    [SNIFF_BOM] = "text with a UTF-8 byte order mark",
    [SNIFF_UTF16] = "text in UTF-16",
    [SNIFF_TEXT] = "plain text",
};

struct magic {
  enum sniff_kind kind;
  size_t at, length;
  const char *bytes;
};

#define MAGIC(kind, at, bytes)                                                                     \
  {                                                                                                \
    kind, at, sizeof bytes - 1, bytes                                                              \
  }

static const struct magic magics[] = {
    MAGIC(SNIFF_ZIP, 0, "PK\3\4"),
    MAGIC(SNIFF_ZIP, 0, "PK\5\6"), /* without entries */
    MAGIC(SNIFF_ZIP, 0, "PK\7\10"),
    MAGIC(SNIFF_TAR, 257, "ustar"),
    MAGIC(SNIFF_GZIP, 0, "\x1f\x8b"),
    MAGIC(SNIFF_ZSTD, 0, "\x28\xb5\x2f\xfd"),
    MAGIC(SNIFF_XZ, 0, "\xfd\x37zXZ\0"),
    MAGIC(SNIFF_BZIP2, 0, "BZh"),
    MAGIC(SNIFF_HDF5, 0, "\x89HDF\r\n\x1a\n"),
    MAGIC(SNIFF_GGUF, 0, "GGUF"),
    MAGIC(SNIFF_NPY, 0, "\x93NUMPY"),
    MAGIC(SNIFF_LFS_POINTER, 0, "version https://git-lfs"),
    MAGIC(SNIFF_UTF16, 0, "\xff\xfe"),
    MAGIC(SNIFF_UTF16, 0, "\xfe\xff"),
};

/* Tags that a page, or the piece of one that a proxy sends, begins with. */
static const char *const page_tags[] = {"<!doctype html", "<html",   "<head",   "<body",
                                        "<title",         "<meta",   "<h1",     "<p>",
                                        "<div",           "<script", "<center", "<pre"};

static bool by_magic(const uint8_t *data, size_t size, enum sniff_kind *kind)
{
  for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
    const struct magic *magic = &magics[i];
    if (size >= magic->at + magic->length &&
        memcmp(data + magic->at, magic->bytes, magic->length) == 0) {
      *kind = magic->kind;
      return true;
    }
  }
  return false;
}

static bool is_safetensors(const uint8_t *data, size_t size)
{
  uint64_t header = 0;
  if (size < 9 || data[8] != '{')
    return false;
  for (int i = 7; i >= 0; i--)
    header = header << 8 | data[i];
  return header >= 2 && header <= LARGEST_HEADER;
}

static bool is_blank(char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Printable up to the end, where a character may be cut. */
static bool is_text(const char *text, size_t size)
{
  size_t length;
  for (size_t i = 0; i < size; i += length) {
    length = is_blank(text[i]) || text[i] == '\f' ? 1 : text_printable(text + i);
    if (!length)
      return i + 4 > size && (text[i] & 0x80) && i > 0;
  }
  return true;
}

static bool is_page(const char *text)
{
  for (size_t i = 0; i < sizeof page_tags / sizeof *page_tags; i++)
    if (strncasecmp(text, page_tags[i], strlen(page_tags[i])) == 0)
      return true;
  return false;
}

static const char *skip_blanks(const char *text)
{
  while (is_blank(*text))
    text++;
  return text;
}

/* A page may begin with comments and with XML's declaration. */
static bool is_markup(const char *text, enum sniff_kind *kind)
{
  char next = *text == '<' ? text[1] : 0;
  if (next != '!' && next != '?' && ((next | 0x20) < 'a' || (next | 0x20) > 'z'))
    return false;
  while (text && (strncmp(text, "<!--", 4) == 0 || strncmp(text, "<?", 2) == 0)) {
    const char *end = strstr(text, text[1] == '?' ? "?>" : "-->");
    text = end ? skip_blanks(strchr(end, '>') + 1) : NULL;
  }
  *kind = text && is_page(text) ? SNIFF_HTML : SNIFF_XML;
  return true;
}

/* `text` is zero-terminated behind `size` bytes. */
static enum sniff_kind sniff_text(const char *text, size_t size)
{
  enum sniff_kind kind;
  bool marked = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
  if (marked) {
    text += 3;
    size -= 3;
  }
  const char *start = skip_blanks(text);
  if (is_markup(start, &kind))
    return kind;
  if (marked)
    return SNIFF_BOM;
  if (*start == '{' || *start == '[')
    return SNIFF_JSON;
  return is_text(text, size) ? SNIFF_TEXT : SNIFF_UNKNOWN;
}

enum sniff_kind sniff(const void *data, size_t size)
{
  enum sniff_kind kind;
  const uint8_t *bytes = data;
  char text[SNIFF_BYTES + 1];
  if (size == 0)
    return SNIFF_EMPTY;
  if (size > SNIFF_BYTES)
    size = SNIFF_BYTES;
  if (is_safetensors(bytes, size)) /* first: a header of 35,615 bytes begins like gzip */
    return SNIFF_SAFETENSORS;
  if (by_magic(bytes, size, &kind))
    return kind;
  if (size >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5)
    return SNIFF_PICKLE;
  memcpy(text, data, size);
  text[size] = 0;
  return sniff_text(text, size);
}

const char *sniff_name(enum sniff_kind kind)
{
  return names[kind];
}
