#include "task/vocabulary.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Printable bytes stand for themselves; the 68 others, in order, are the code points from 256 on.
 */
static uint32_t letter_of(unsigned byte)
{
  if (byte <= 0x20)
    return 256 + byte;
  if (byte >= 0x7F && byte <= 0xA0)
    return 289 + (byte - 0x7F);
  return byte == 0xAD ? 323 : byte;
}

/* The byte of a letter; -1 = it is none of the alphabet. */
static int byte_of(uint32_t letter)
{
  if (letter >= 256 && letter <= 323)
    return letter == 323 ? 0xAD : letter >= 289 ? (int)(letter - 289 + 0x7F) : (int)(letter - 256);
  return letter < 256 && letter_of(letter) == letter ? (int)letter : -1;
}

size_t vocabulary_letter(unsigned char byte, char out[2])
{
  uint32_t letter = letter_of(byte);
  if (letter < 0x80) {
    out[0] = (char)letter;
    return 1;
  }
  out[0] = (char)(0xC0 | letter >> 6);
  out[1] = (char)(0x80 | (letter & 0x3F));
  return 2;
}

size_t vocabulary_bytes(const char *text, size_t size, char *out)
{
  size_t used = 0, bytes;
  uint32_t code;
  for (size_t at = 0; at < size; at += bytes) {
    bytes = text_utf8(text + at, size - at, &code);
    int byte = bytes ? byte_of(code) : -1;
    bytes = bytes ? bytes : 1;
    if (byte >= 0)
      out[used++] = (char)byte;
    else
      for (size_t i = 0; i < bytes; i++)
        out[used++] = text[at + i];
  }
  return used;
}

static int compare_texts(const char *a, size_t a_size, const char *b, size_t b_size)
{
  int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
  return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int by_text(const void *left, const void *right)
{
  const struct vocabulary_token *a = left, *b = right;
  return compare_texts(a->text, a->size, b->text, b->size);
}

int32_t vocabulary_find(const struct vocabulary *v, const char *text, size_t size)
{
  size_t low = 0, high = v->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const struct vocabulary_token *t = &v->tokens[middle];
    int order = compare_texts(text, size, t->text, t->size);
    if (order == 0)
      return t->id;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return -1;
}

const struct vocabulary_token *vocabulary_token(const struct vocabulary *v, int64_t id)
{
  return id >= 0 && id <= v->largest && v->by_id[id] >= 0 ? &v->tokens[v->by_id[id]] : NULL;
}

static int take_token(const char *where, const char *key, const json_t *value, char **texts,
                      struct vocabulary *v, struct error *error)
{
  json_int_t id = json_integer_value(value);
  if (!json_is_integer(value) || id < 0 || id > VOCABULARY_MAX_ID)
    return error_set(error, EXIT_INPUT,
                     "%s: the id of \"%.100s\" must be an integer from 0 to %lld", where, key,
                     (long long)VOCABULARY_MAX_ID);
  size_t size = strlen(key);
  memcpy(*texts, key, size + 1);
  v->tokens[v->count++] = (struct vocabulary_token){*texts, size, (int32_t)id};
  *texts += size + 1;
  if (id > v->largest)
    v->largest = (int32_t)id;
  return 0;
}

static int index_ids(const char *where, struct vocabulary *v, struct error *error)
{
  size_t ids = (size_t)v->largest + 1;
  v->by_id = memory_alloc(ids, sizeof *v->by_id, "ids of a vocabulary", error);
  if (!v->by_id)
    return error->code;
  memset(v->by_id, 0xFF, ids * sizeof *v->by_id);
  for (size_t i = 0; i < v->count; i++) {
    int32_t *index = &v->by_id[v->tokens[i].id];
    if (*index >= 0)
      return error_set(error, EXIT_INPUT, "%s: \"%.100s\" and \"%.100s\" have the same id, %d",
                       where, v->tokens[*index].text, v->tokens[i].text, (int)v->tokens[i].id);
    *index = (int32_t)i;
  }
  return 0;
}

int vocabulary_read(const char *where, const json_t *object, struct vocabulary *v,
                    struct error *error)
{
  json_t *members = (json_t *)(uintptr_t)object; /* jansson's iterator takes no const */
  const char *key;
  json_t *value;
  size_t bytes = 0;
  *v = (struct vocabulary){.count = 0};
  json_object_foreach(members, key, value) bytes += strlen(key) + 1;
  v->tokens = memory_alloc(json_object_size(object), sizeof *v->tokens, "vocabulary", error);
  v->texts = v->tokens ? memory_alloc(bytes, 1, "texts of a vocabulary", error) : NULL;
  int status = v->texts ? 0 : error->code;
  char *texts = v->texts;
  if (!status)
    json_object_foreach(members, key, value)
    {
      status = take_token(where, key, value, &texts, v, error);
      if (status)
        break;
    }
  if (!status) {
    qsort(v->tokens, v->count, sizeof *v->tokens, by_text);
    status = index_ids(where, v, error);
  }
  if (status)
    vocabulary_free(v);
  return status;
}

void vocabulary_free(struct vocabulary *v)
{
  free(v->tokens);
  free(v->texts);
  free(v->by_id);
  *v = (struct vocabulary){.count = 0};
}
