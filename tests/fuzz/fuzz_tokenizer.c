/* libFuzzer target: a tokenizer.json, and after a zero byte a text. What is accepted encodes any
 * text or refuses it with a line, to ids that have bytes; where nothing is normalized, stripped or
 * put in front, the bytes of the tokens are the text again. */
#include "task/tokenizer.h"

#include "task/unicode.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const struct error *error)
{
  if (error->code != EXIT_INPUT || !*error->text || strchr(error->text, '\n'))
    abort();
}

static void encode(struct tokenizer *tokenizer, const char *text, size_t size, bool plain)
{
  struct token_list list = {0};
  struct text bytes = {0};
  struct error error = {0};
  if (tokenizer_encode(tokenizer, text, size, false, &list, &error))
    check_line(&error);
  else {
    for (size_t i = 0; i < list.count; i++)
      if (list.ids[i] < 0 || list.ids[i] >= tokenizer_vocab(tokenizer) ||
          !tokenizer_bytes(tokenizer, list.ids[i], &bytes))
        abort();
    if (plain && (bytes.length != size || (size && memcmp(bytes.data, text, size) != 0)))
      abort();
  }
  list.count = 0;
  if (tokenizer_encode(tokenizer, text, size, true, &list, &error))
    check_line(&error);
  token_list_free(&list);
  text_free(&bytes);
}

static bool contains(const char *data, size_t size, const char *word)
{
  size_t length = strlen(word);
  for (size_t at = 0; at + length <= size; at++)
    if (memcmp(data + at, word, length) == 0)
      return true;
  return false;
}

/* Whether the bytes of the tokens are the text. */
static bool is_plain(const char *json, size_t size)
{
  static const char *const words[] = {"NFC", "content", "true", "\\u"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (contains(json, size, words[i]))
      return false;
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const char fixed[] =
      " The  quick\xC2\xA0 fox's 12345 \xC3\xA9\xCC\x81\r\n\t'LL<|endoftext|>  ";
  struct error error = {0};
  struct tokenizer *tokenizer = NULL;
  const uint8_t *zero = memchr(data, 0, size);
  const char *json = (const char *)data;
  size_t bytes = zero ? (size_t)(zero - data) : size;
  if (tokenizer_parse("fuzz/tokenizer.json", json, bytes, &tokenizer, &error)) {
    check_line(&error);
    return 0;
  }
  bool plain = is_plain(json, bytes);
  encode(tokenizer, fixed, sizeof fixed - 1, plain);
  if (zero)
    encode(tokenizer, (const char *)zero + 1, size - bytes - 1, plain);
  tokenizer_free(tokenizer);
  return 0;
}
