#include "fetch/http.h"

#include "base/reserve.h"
#include "base/text.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool has_part(CURLU *url, CURLUPart part)
{
  char *text = NULL;
  bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;
  curl_free(text);
  return has;
}

char *http_plain(const char *address)
{
  static const CURLUPart parts[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                    CURLUPART_FRAGMENT};
  CURLU *url = curl_url();
  char *text = NULL, *plain = NULL;
  bool good =
      url && curl_url_set(url, CURLUPART_URL, address, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
  for (size_t i = 0; good && i < sizeof parts / sizeof *parts; i++)
    good = curl_url_set(url, parts[i], NULL, 0) == CURLUE_OK;
  if (good && curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK)
    plain = strdup(text);
  curl_free(text);
  curl_url_cleanup(url);
  return plain;
}

int http_shown(const char *address)
{
  return (int)strcspn(address, "?#");
}

static bool has_scheme(const char *address, const char *scheme)
{
  size_t length = strlen(scheme);
  return strncasecmp(address, scheme, length) == 0 && address[length] == ':';
}

bool http_may_lead(const char *from, const char *to)
{
  return has_scheme(to, "https") || (has_scheme(to, "http") && has_scheme(from, "http"));
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
  char *x = NULL, *y = NULL;
  bool same = curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
              curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK && strcmp(x, y) == 0;
  curl_free(x);
  curl_free(y);
  return same;
}

bool http_same_origin(const char *a, const char *b)
{
  CURLU *x = curl_url(), *y = curl_url();
  bool same = x && y && curl_url_set(x, CURLUPART_URL, a, 0) == CURLUE_OK &&
              curl_url_set(y, CURLUPART_URL, b, 0) == CURLUE_OK &&
              same_part(x, y, CURLUPART_SCHEME) && same_part(x, y, CURLUPART_HOST) &&
              same_part(x, y, CURLUPART_PORT);
  curl_url_cleanup(x);
  curl_url_cleanup(y);
  return same;
}

int http_check_base(const char *base, struct error *error)
{
  CURLU *url = curl_url();
  char *scheme = NULL;
  CURLUcode code =
      url && !reserve_touched() ? curl_url_set(url, CURLUPART_URL, base, 0) : CURLUE_OUT_OF_MEMORY;
  if (!code)
    code = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
  bool good = !code && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
              !has_part(url, CURLUPART_USER) && !has_part(url, CURLUPART_PASSWORD) &&
              !has_part(url, CURLUPART_QUERY) && !has_part(url, CURLUPART_FRAGMENT);
  curl_free(scheme);
  curl_url_cleanup(url);
  if (code == CURLUE_OUT_OF_MEMORY)
    return error_set(error, EXIT_RUN, "--base: out of memory");
  if (good)
    return 0;
  char *plain = http_plain(base);
  error_set(error, EXIT_INPUT,
            "--base%s%.*s: must be http://HOST[:PORT][/PATH] or https://..., without user (that "
            "belongs in ~/.netrc), query and fragment",
            plain ? " " : "", plain ? http_shown(plain) : 0, plain ? plain : "");
  free(plain);
  return error->code;
}

static void add_escaped(struct text *text, const char *part, size_t length)
{
  char *escaped = curl_easy_escape(NULL, part, (int)length);
  if (escaped)
    text_add(text, "/%s", escaped);
  else
    text->failed = true;
  curl_free(escaped);
}

char *http_address(const char *base, const char *repository, const char *revision, const char *path,
                   struct error *error)
{
  struct text text = {0};
  size_t length = strlen(base), owner = strcspn(repository, "/");
  while (length && base[length - 1] == '/')
    length--;
  text_add(&text, "%.*s", (int)length, base);
  add_escaped(&text, repository, owner);
  if (repository[owner])
    add_escaped(&text, repository + owner + 1, strlen(repository + owner + 1));
  text_add(&text, "/resolve");
  add_escaped(&text, revision, strlen(revision));
  add_escaped(&text, path, strlen(path));
  if (text.failed) {
    text_free(&text);
    error_set(error, EXIT_RUN, "%s: out of memory", path);
    return NULL;
  }
  return text.data;
}
