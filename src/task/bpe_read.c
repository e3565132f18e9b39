/* The reader of the "model" of a tokenizer.json. */
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "task/bpe.h"

#include <stdlib.h>
#include <string.h>

/* Two texts of a merge. */
struct parts {
  const char *text[2];
  size_t size[2];
};

static int bad_merge(const char *where, size_t index, const char *what, struct error *error)
{
  return error_set(error, EXIT_INPUT, "%s: merge %zu %s", where, index, what);
}

static int take_parts(const char *where, size_t index, const json_t *merge, struct parts *parts,
                      struct error *error)
{
  if (json_is_string(merge)) {
    const char *text = json_string_value(merge), *blank = strchr(text, ' ');
    if (!blank || strchr(blank + 1, ' '))
      return bad_merge(where, index, "must be two tokens with one blank between", error);
    *parts = (struct parts){{text, blank + 1}, {(size_t)(blank - text), strlen(blank + 1)}};
  } else if (json_is_array(merge) && json_array_size(merge) == 2 &&
             json_is_string(json_array_get(merge, 0)) && json_is_string(json_array_get(merge, 1))) {
    for (size_t i = 0; i < 2; i++) {
      parts->text[i] = json_string_value(json_array_get(merge, i));
      parts->size[i] = json_string_length(json_array_get(merge, i));
    }
  } else
    return bad_merge(where, index, "must be a string \"left right\" or a list of two strings",
                     error);
  return parts->size[0] && parts->size[1] ? 0 : bad_merge(where, index, "has an empty part", error);
}

static int lacking(const char *where, size_t index, const char *text, size_t size,
                   struct error *error)
{
  return error_set(error, EXIT_INPUT, "%s: merge %zu: \"%.*s\" is not in the vocabulary", where,
                   index, size < 100 ? (int)size : 100, text);
}

static int take_merge(const char *where, size_t index, const json_t *item, struct bpe *bpe,
                      struct text *joined, struct error *error)
{
  struct parts parts;
  int32_t ids[2];
  if (take_parts(where, index, item, &parts, error))
    return error->code;
  joined->length = 0;
  for (int i = 0; i < 2; i++) {
    ids[i] = vocabulary_find(&bpe->vocabulary, parts.text[i], parts.size[i]);
    if (ids[i] < 0)
      return lacking(where, index, parts.text[i], parts.size[i], error);
    text_add(joined, "%.*s", (int)parts.size[i], parts.text[i]);
  }
  if (joined->failed)
    return error_set(error, EXIT_RUN, "%s: out of memory for a merge", where);
  struct bpe_merge *merge = &bpe->merges[bpe->merge_count++];
  merge->pair = (uint64_t)ids[0] << 32 | (uint64_t)ids[1];
  merge->rank = (int32_t)index;
  merge->id = vocabulary_find(&bpe->vocabulary, joined->data, joined->length);
  return merge->id >= 0 ? 0 : lacking(where, index, joined->data, joined->length, error);
}

static int by_pair(const void *left, const void *right)
{
  const struct bpe_merge *a = left, *b = right;
  if (a->pair != b->pair)
    return a->pair < b->pair ? -1 : 1;
  return (a->rank > b->rank) - (a->rank < b->rank);
}

/* Of one pair twice the later merge stays. */
static void sort_merges(struct bpe *bpe)
{
  size_t kept = 0;
  qsort(bpe->merges, bpe->merge_count, sizeof *bpe->merges, by_pair);
  for (size_t i = 0; i < bpe->merge_count; i++)
    if (i + 1 == bpe->merge_count || bpe->merges[i].pair != bpe->merges[i + 1].pair)
      bpe->merges[kept++] = bpe->merges[i];
  bpe->merge_count = kept;
}

static int read_merges(const char *where, const json_t *model, struct bpe *bpe, struct error *error)
{
  struct text joined = {0};
  json_t *list;
  if (json_get_array(model, where, "merges", &list, error))
    return error->code;
  size_t count = json_array_size(list);
  bpe->merges = memory_alloc(count, sizeof *bpe->merges, "merges", error);
  if (!bpe->merges)
    return error->code;
  int status = 0;
  for (size_t i = 0; i < count && !status; i++)
    status = take_merge(where, i, json_array_get(list, i), bpe, &joined, error);
  text_free(&joined);
  if (!status)
    sort_merges(bpe);
  return status;
}

static bool is_zero_or_null(const json_t *value)
{
  return !value || json_is_null(value) || (json_is_number(value) && json_number_value(value) == 0);
}

static bool is_empty_or_null(const json_t *value)
{
  return !value || json_is_null(value) || (json_is_string(value) && !*json_string_value(value));
}

/* Settings of no effect here must still be what they are in every file. */
static int check_types(const char *where, const json_t *model, struct error *error)
{
  static const char *const switches[] = {"byte_fallback", "fuse_unk"};
  const char *text;
  bool on;
  for (int i = 0; i < 2; i++)
    if (!json_is_absent(model, switches[i]) &&
        json_get_boolean(model, where, switches[i], &on, error))
      return error->code;
  return json_is_absent(model, "unk_token")
             ? 0
             : json_get_string(model, where, "unk_token", &text, error);
}

/* Settings that would change the result. unk_token and fuse_unk do not: what a vocabulary lacks is
 * refused. */
static int check_settings(const char *where, const json_t *model, struct error *error)
{
  static const char *const keys[] = {"type",
                                     "dropout",
                                     "unk_token",
                                     "continuing_subword_prefix",
                                     "end_of_word_suffix",
                                     "fuse_unk",
                                     "byte_fallback",
                                     "ignore_merges",
                                     "vocab",
                                     "merges",
                                     NULL};
  const char *type = "BPE"; /* old files leave it out */
  if (json_object_get(model, "type") && json_get_string(model, where, "type", &type, error))
    return error->code;
  if (strcmp(type, "BPE") != 0)
    return error_set(error, EXIT_INPUT,
                     "%s: a model of type \"%.60s\" is not supported; supported: byte-level BPE",
                     where, type);
  if (json_check_keys(model, where, keys, error) || check_types(where, model, error))
    return error->code;
  const char *wrong = NULL;
  if (!is_zero_or_null(json_object_get(model, "dropout")))
    wrong = "dropout";
  if (json_is_true(json_object_get(model, "byte_fallback")))
    wrong = "byte_fallback";
  for (int i = 3; i <= 4; i++)
    if (!is_empty_or_null(json_object_get(model, keys[i])))
      wrong = keys[i];
  return wrong ? error_set(error, EXIT_INPUT,
                           "%s: \"%s\" is not supported; supported: byte-level BPE without it",
                           where, wrong)
               : 0;
}

static void find_bytes(struct bpe *bpe)
{
  char letter[2];
  for (unsigned byte = 0; byte < 256; byte++)
    bpe->bytes[byte] =
        vocabulary_find(&bpe->vocabulary, letter, vocabulary_letter((unsigned char)byte, letter));
}

int bpe_read(const char *where, const json_t *model, struct bpe *bpe, struct error *error)
{
  json_t *vocab;
  *bpe = (struct bpe){.merge_count = 0};
  if (check_settings(where, model, error) ||
      (json_object_get(model, "ignore_merges") &&
       json_get_boolean(model, where, "ignore_merges", &bpe->ignore_merges, error)) ||
      json_get_object(model, where, "vocab", &vocab, error) ||
      vocabulary_read(where, vocab, &bpe->vocabulary, error))
    return error->code;
  int status = read_merges(where, model, bpe, error);
  if (status)
    bpe_free(bpe);
  else
    find_bytes(bpe);
  return status;
}
