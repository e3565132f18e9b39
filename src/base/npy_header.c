#include "base/npy_header.h"

#include "base/sniff.h"
#include "base/text.h"

#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES (sizeof MAGIC - 1)
#define PREFIX_1 (MAGIC_BYTES + 4) /* version and a 16-bit length */
#define PREFIX_2 (MAGIC_BYTES + 6) /* from version 2 on: a 32-bit length */

struct reader {
  const char *at, *end;
  struct npy_header *header;
};

static size_t read_le(const uint8_t *bytes, int count)
{
  size_t value = 0;
  for (int i = count; i-- > 0;)
    value = value << 8 | bytes[i];
  return value;
}

static bool take(struct reader *r, const char *word)
{
  size_t length = strlen(word);
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\n'))
    r->at++;
  if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0)
    return false;
  r->at += length;
  return true;
}

static bool take_number(struct reader *r, uint64_t *number)
{
  (void)take(r, ""); /* blanks */
  const char *start = r->at;
  while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
    r->at++;
  return text_to_u64(start, (size_t)(r->at - start), number);
}

static bool take_shape(struct reader *r)
{
  struct npy_header *h = r->header;
  if (!take(r, "("))
    return false;
  while (!take(r, ")")) {
    uint64_t number;
    if (!take_number(r, &number))
      return false;
    if (h->rank < NPY_HEADER_MAX_RANK)
      h->shape[h->rank] = number;
    h->rank++;
    if (!take(r, ","))
      return take(r, ")");
  }
  return true;
}

/* A name between quotes; a list of them, of a structure, is none. */
static bool take_type(struct reader *r)
{
  if (!take(r, "'"))
    return false;
  const char *start = r->at;
  while (r->at < r->end && *r->at != '\'')
    r->at++;
  size_t length = (size_t)(r->at - start);
  if (length < sizeof r->header->type)
    memcpy(r->header->type, start, length);
  return take(r, "'");
}

static bool take_order(struct reader *r)
{
  r->header->c_order = take(r, "False");
  return r->header->c_order || take(r, "True");
}

static bool take_dictionary(struct reader *r)
{
  static const struct {
    const char *key;
    bool (*take)(struct reader *reader);
  } members[] = {
      {"'descr':", take_type}, {"'fortran_order':", take_order}, {"'shape':", take_shape}};
  bool taken[3] = {false, false, false};
  if (!take(r, "{"))
    return false;
  while (!take(r, "}")) {
    size_t i = 0;
    while (i < 3 && (taken[i] || !take(r, members[i].key)))
      i++;
    if (i == 3 || !members[i].take(r))
      return false;
    taken[i] = true;
    if (!take(r, ",")) {
      if (!take(r, "}"))
        return false;
      break;
    }
  }
  (void)take(r, "");
  return r->at == r->end && taken[0] && taken[1] && taken[2];
}

int npy_header_parse(const char *name, const void *data, size_t size, const char *remedy,
                     struct npy_header *header, struct error *error)
{
  const uint8_t *bytes = data;
  *header = (struct npy_header){.rank = 0};
  if (size < MAGIC_BYTES || memcmp(bytes, MAGIC, MAGIC_BYTES) != 0)
    return error_set(error, EXIT_INPUT, "%s: is %s, must be a .npy file; %s", name,
                     sniff_name(sniff(data, size)), remedy);
  int version = size > MAGIC_BYTES ? bytes[MAGIC_BYTES] : 0;
  size_t prefix = version == 1 ? PREFIX_1 : PREFIX_2, length = SIZE_MAX;
  if (version >= 1 && version <= 3 && size >= prefix)
    length = read_le(bytes + MAGIC_BYTES + 2, version == 1 ? 2 : 4);
  if (size < prefix || length > size - prefix)
    return error_set(error, EXIT_INPUT,
                     "%s: its .npy header is cut short or of an unknown version; %s", name, remedy);
  header->start = prefix + length;
  struct reader reader = {(const char *)bytes + prefix, (const char *)bytes + header->start,
                          header};
  if (!take_dictionary(&reader))
    return error_set(error, EXIT_INPUT, "%s: its .npy header is damaged; %s", name, remedy);
  return 0;
}

int npy_header_expect(const char *name, const struct npy_header *header, const char *type,
                      const char *remedy, struct error *error)
{
  if (strcmp(header->type, type) != 0)
    return error_set(error, EXIT_INPUT, "%s: the elements are not '%s'; %s", name, type, remedy);
  if (!header->c_order)
    return error_set(error, EXIT_INPUT, "%s: the array is not in C order; %s", name, remedy);
  if (header->rank != 3)
    return error_set(error, EXIT_INPUT, "%s: the array does not have three dimensions; %s", name,
                     remedy);
  return 0;
}
