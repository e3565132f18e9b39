#define _GNU_SOURCE
#include "fetch/secrets.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHORTEST_PASSWORD 4 /* shorter ones occur in every text */
#define SHORTEST_USER 8     /* a user may be a token, but seldom a short one */

static void learn(struct secrets *secrets, const char *text, size_t length)
{
  for (size_t i = 0; i < secrets->count; i++)
    if (strlen(secrets->text[i]) == length && memcmp(secrets->text[i], text, length) == 0)
      return;
  bool room = secrets->count < sizeof secrets->text / sizeof *secrets->text;
  char *copy = room ? strndup(text, length) : NULL;
  if (copy)
    secrets->text[secrets->count++] = copy;
  else
    secrets->lost = true;
}

static void learn_pair(struct secrets *secrets, const char *encoded, size_t length)
{
  unsigned char *pair = malloc(length / 4 * 3 + 4);
  int size = pair ? EVP_DecodeBlock(pair, (const unsigned char *)encoded, (int)length) : -1;
  learn(secrets, encoded, length);
  if (size >= 0) {
    pair[size] = 0; /* "=" decodes to zeros */
    char *user = (char *)pair, *colon = strchr(user, ':');
    if (colon && strlen(colon + 1) >= SHORTEST_PASSWORD)
      learn(secrets, colon + 1, strlen(colon + 1));
    if (colon && colon - user >= SHORTEST_USER)
      learn(secrets, user, (size_t)(colon - user));
    explicit_bzero(pair, (size_t)size);
  }
  secrets->lost = secrets->lost || size < 0;
  free(pair);
}

static const char *skip(const char *line, const char *end, const char *words)
{
  size_t length = strlen(words);
  return (size_t)(end - line) >= length && strncasecmp(line, words, length) == 0 ? line + length
                                                                                 : NULL;
}

static size_t value_length(const char *value, const char *end)
{
  while (end > value && (end[-1] == '\n' || end[-1] == '\r' || end[-1] == ' '))
    end--;
  return (size_t)(end - value);
}

void secrets_learn(struct secrets *secrets, const char *request, size_t size)
{
  const char *end = request + size;
  for (const char *line = request, *next; line < end; line = next) {
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    next = newline ? newline + 1 : end;
    const char *value = skip(line, next, "Authorization: Basic ");
    if (!value)
      value = skip(line, next, "Proxy-Authorization: Basic ");
    if (value)
      learn_pair(secrets, value, value_length(value, next));
  }
}

bool secrets_in(const struct secrets *secrets, const char *text)
{
  bool in = secrets->lost && *text;
  for (size_t i = 0; i < secrets->count; i++)
    in = in || strstr(text, secrets->text[i]);
  return in;
}

void secrets_hide(const struct secrets *secrets, char *text)
{
  for (size_t i = 0; i < secrets->count; i++)
    for (char *at = text; (at = strstr(at, secrets->text[i]));)
      memset(at, '*', strlen(secrets->text[i]));
}

void secrets_free(struct secrets *secrets)
{
  for (size_t i = 0; i < secrets->count; i++) {
    explicit_bzero(secrets->text[i], strlen(secrets->text[i]));
    free(secrets->text[i]);
  }
  *secrets = (struct secrets){0};
}
