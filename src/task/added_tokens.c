#include "task/added_tokens.h"

#include "base/json.h"
#include "base/memory.h"
#include "task/unicode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far above any published token; a longer one could make the search slow. */
#define MOST_BYTES 256
#define MOST_TOKENS ((size_t)1 << 17)

static int read_flags(const char *where, const json_t *object, struct added_token *token,
                      struct error *error)
{
  static const char *const keys[] = {"id",     "content",    "single_word", "lstrip",
                                     "rstrip", "normalized", "special",     NULL};
  bool single_word;
  if (json_check_keys(object, where, keys, error) ||
      json_get_boolean(object, where, "single_word", &single_word, error) ||
      json_get_boolean(object, where, "lstrip", &token->lstrip, error) ||
      json_get_boolean(object, where, "rstrip", &token->rstrip, error) ||
      json_get_boolean(object, where, "normalized", &token->normalized, error) ||
      json_get_boolean(object, where, "special", &token->special, error))
    return error->code;
  return single_word ? error_set(error, EXIT_INPUT,
                                 "%s: \"single_word\" is true, which is not supported", where)
                     : 0;
}

static int check_id(const char *where, const char *content, int64_t id,
                    const struct vocabulary *vocabulary, struct error *error)
{
  int32_t known = vocabulary_find(vocabulary, content, strlen(content));
  const struct vocabulary_token *other = vocabulary_token(vocabulary, id);
  if (known >= 0 && known != id)
    return error_set(error, EXIT_INPUT, "%s: \"%.100s\" has id %lld, in the vocabulary %d", where,
                     content, (long long)id, (int)known);
  if (known < 0 && other)
    return error_set(error, EXIT_INPUT, "%s: \"%.100s\" has id %lld, which is that of \"%.100s\"",
                     where, content, (long long)id, other->text);
  return 0;
}

static int make_pattern(const char *where, bool nfc, struct added_token *token, struct error *error)
{
  if (nfc && token->normalized) {
    char *normal;
    if (unicode_nfc(token->content, strlen(token->content), &normal, &token->size, error))
      return error_prefix(error, "%s", where);
    token->pattern = normal;
    return 0;
  }
  token->size = strlen(token->content);
  token->pattern = strdup(token->content);
  return token->pattern ? 0 : error_set(error, EXIT_RUN, "%s: out of memory", where);
}

static int read_token(const char *where, const json_t *object, const struct vocabulary *vocabulary,
                      bool nfc, struct added_token *token, struct error *error)
{
  const char *content;
  int64_t id;
  if (read_flags(where, object, token, error) ||
      json_get_string(object, where, "content", &content, error) ||
      json_get_integer(object, where, "id", 0, VOCABULARY_MAX_ID, &id, error))
    return error->code;
  if (!*content || strlen(content) > MOST_BYTES)
    return error_set(error, EXIT_INPUT, "%s: \"content\" has %zu bytes, must have 1 to %d", where,
                     strlen(content), MOST_BYTES);
  if (check_id(where, content, id, vocabulary, error))
    return error->code;
  token->id = (int32_t)id;
  token->content = strdup(content);
  if (!token->content)
    return error_set(error, EXIT_RUN, "%s: out of memory", where);
  return make_pattern(where, nfc, token, error);
}

static int by_pattern(const void *left, const void *right)
{
  const struct added_token *a = left, *b = right;
  int order = strcmp(a->pattern, b->pattern);
  if (a->normalized != b->normalized)
    return a->normalized ? 1 : -1;
  if (order == 0 && a->special != b->special)
    return a->special ? -1 : 1;
  return order ? order : (a->order > b->order) - (a->order < b->order);
}

static int by_content(const void *left, const void *right)
{
  const struct added_token *const *a = left, *const *b = right;
  return strcmp((*a)->content, (*b)->content);
}

static int by_id(const void *left, const void *right)
{
  const struct added_token *const *a = left, *const *b = right;
  return ((*a)->id > (*b)->id) - ((*a)->id < (*b)->id);
}

/* No text and no id twice. */
static int check_twice(const char *where, const struct added_tokens *added, struct error *error)
{
  const struct added_token **sorted =
      memory_alloc(added->count, sizeof *sorted, "added tokens", error);
  int (*const orders[])(const void *, const void *) = {by_content, by_id};
  if (!sorted)
    return error->code;
  for (size_t i = 0; i < added->count; i++)
    sorted[i] = &added->tokens[i];
  int status = 0;
  for (int k = 0; k < 2; k++) {
    qsort(sorted, added->count, sizeof *sorted, orders[k]);
    for (size_t i = 1; i < added->count && !status; i++)
      if (orders[k](&sorted[i - 1], &sorted[i]) == 0)
        status = error_set(error, EXIT_INPUT,
                           "%s: \"added_tokens\" has the %s of \"%.100s\" (id %d) twice", where,
                           k ? "id" : "text", sorted[i]->content, (int)sorted[i]->id);
  }
  free(sorted);
  return status;
}

static int read_list(const char *where, const json_t *list, const struct vocabulary *vocabulary,
                     bool nfc, struct added_tokens *added, struct error *error)
{
  size_t count = json_array_size(list);
  char at[600];
  if (count > MOST_TOKENS)
    return error_set(error, EXIT_INPUT, "%s: has %zu added tokens, more than the limit of %zu",
                     where, count, MOST_TOKENS);
  added->tokens = memory_zeroed(count, sizeof *added->tokens, "added tokens", error);
  if (!added->tokens)
    return error->code;
  for (size_t i = 0; i < count; i++) {
    struct added_token *token = &added->tokens[added->count++];
    snprintf(at, sizeof at, "%.500s: \"added_tokens\"[%zu]", where, i);
    if (read_token(at, json_array_get(list, i), vocabulary, nfc, token, error))
      return error->code;
    token->order = i;
    added->raw += !token->normalized;
  }
  return check_twice(where, added, error);
}

/* Of a sorted list, from the token before and its own prefixes. */
static void find_prefixes(struct added_token *tokens, size_t count)
{
  for (size_t i = 1; i < count; i++) {
    struct added_token *token = &tokens[i];
    const struct added_token *prefix = token - 1;
    while (prefix && (prefix->size > token->size ||
                      memcmp(prefix->pattern, token->pattern, prefix->size) != 0))
      prefix = prefix->prefix;
    bool again = prefix && prefix->prefix && prefix->prefix->size == prefix->size;
    token->prefix = again ? prefix->prefix : prefix;
  }
}

static int make_index(struct added_tokens *added, struct error *error)
{
  added->by_id = memory_alloc(added->count, sizeof *added->by_id, "added tokens", error);
  if (!added->by_id) {
    added_tokens_free(added);
    return error->code;
  }
  for (size_t i = 0; i < added->count; i++)
    added->by_id[i] = &added->tokens[i];
  qsort(added->by_id, added->count, sizeof *added->by_id, by_id);
  return 0;
}

int added_tokens_read(const char *where, const json_t *root, const struct vocabulary *vocabulary,
                      bool nfc, struct added_tokens *added, struct error *error)
{
  json_t *list;
  *added = (struct added_tokens){.count = 0};
  if (json_is_absent(root, "added_tokens"))
    return 0;
  if (json_get_array(root, where, "added_tokens", &list, error))
    return error->code;
  if (read_list(where, list, vocabulary, nfc, added, error)) {
    added_tokens_free(added);
    return error->code;
  }
  qsort(added->tokens, added->count, sizeof *added->tokens, by_pattern);
  find_prefixes(added->tokens, added->raw);
  find_prefixes(added->tokens + added->raw, added->count - added->raw);
  return make_index(added, error);
}

void added_tokens_free(struct added_tokens *added)
{
  for (size_t i = 0; i < added->count; i++) {
    free(added->tokens[i].content);
    free(added->tokens[i].pattern);
  }
  free(added->tokens);
  free(added->by_id);
  *added = (struct added_tokens){.count = 0};
}

/* How many bytes of a text its pattern has at its beginning. */
static size_t shared_bytes(const struct added_token *token, const char *text, size_t size)
{
  size_t most = token->size < size ? token->size : size, at = 0;
  while (at < most && token->pattern[at] == text[at])
    at++;
  return at;
}

/* The last of the sorted tokens that is not after the text; NULL = none. */
static const struct added_token *last_up_to(const struct added_token *tokens, size_t count,
                                            const char *text, size_t size)
{
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const struct added_token *token = &tokens[middle];
    int order = memcmp(token->pattern, text, token->size < size ? token->size : size);
    if (order < 0 || (order == 0 && token->size <= size))
      low = middle + 1;
    else
      high = middle;
  }
  return low ? &tokens[low - 1] : NULL;
}

/* The longest token that text begins with; NULL = none. Between it and the text in the order are
 * only tokens that begin with it, so it is the last one up to the text or a prefix of that. */
static const struct added_token *longest(const struct added_token *tokens, size_t count,
                                         const char *text, size_t size)
{
  const struct added_token *token = last_up_to(tokens, count, text, size);
  size_t shared = token ? shared_bytes(token, text, size) : 0;
  while (token && (token->size > shared || (token->prefix && token->prefix->size == token->size)))
    token = token->prefix;
  return token;
}

struct added_match added_tokens_find(const struct added_tokens *added, bool normalized,
                                     const char *text, size_t size, struct added_match after)
{
  size_t first = normalized ? added->raw : 0, taken = after.end;
  size_t count = normalized ? added->count - added->raw : added->raw;
  for (size_t at = after.own_end; at < size && count > 0; at++) {
    const struct added_token *token = longest(added->tokens + first, count, text + at, size - at);
    if (!token)
      continue;
    struct added_match match = {token, at, at + token->size, at + token->size};
    if (token->lstrip)
      match.begin = at > taken ? at - unicode_trailing_space(text + taken, at - taken) : taken;
    if (token->rstrip && match.end < taken)
      match.end = taken; /* spaces until there, which the token before has stripped */
    if (token->rstrip)
      match.end += unicode_leading_space(text + match.end, size - match.end);
    return match;
  }
  return (struct added_match){NULL, size, size, size};
}

const struct added_token *added_tokens_by_id(const struct added_tokens *added, int64_t id)
{
  size_t low = 0, high = added->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (added->by_id[middle]->id < id)
      low = middle + 1;
    else
      high = middle;
  }
  return low < added->count && added->by_id[low]->id == id ? added->by_id[low] : NULL;
}

const struct added_token *added_tokens_by_text(const struct added_tokens *added, const char *text)
{
  for (size_t i = 0; i < added->count; i++)
    if (strcmp(added->tokens[i].content, text) == 0)
      return &added->tokens[i];
  return NULL;
}
