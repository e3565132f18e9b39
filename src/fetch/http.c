#include "fetch/http.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/version.h"
#include "fetch/headers.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_REDIRECTS 10
#define MOST_HEADER_BYTES ((size_t)256 << 10) /* of one request, "100 Continue" and all */
#define SLOWEST 1024L                         /* bytes a second */
#define LONGEST_WAIT 300                      /* seconds, whatever Retry-After says */

struct http {
  CURL *curl;
  uint64_t stall_seconds;
  char reason[CURL_ERROR_SIZE];
  /* the request at hand */
  const struct http_request *request;
  struct http_answer *answer;
  bool hub; /* the first host is asked */
  bool stopped, flooded;
  size_t header_bytes;
};

int http_initialise(struct error *error)
{
  CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  return code ? error_set(error, EXIT_RUN, "libcurl: %s", curl_easy_strerror(code)) : 0;
}

int http_open(uint64_t stall_seconds, struct http **http, struct error *error)
{
  *http = memory_zeroed(1, sizeof **http, "a connection", error);
  if (!*http)
    return error->code;
  (*http)->stall_seconds = stall_seconds;
  (*http)->curl = curl_easy_init();
  if ((*http)->curl)
    return 0;
  free(*http);
  *http = NULL;
  return error_set(error, EXIT_RUN, "a connection: out of memory");
}

void http_close(struct http *http)
{
  if (http)
    curl_easy_cleanup(http->curl);
  free(http);
}

static size_t take_header(char *line, size_t one, size_t size, void *context)
{
  struct http *http = context;
  (void)one;
  http->header_bytes += size;
  if (http->header_bytes > MOST_HEADER_BYTES) {
    http->flooded = true;
    return 0;
  }
  headers_read(http->answer, http->hub, line, size);
  return size;
}

/* The body of an error or a redirect is of no interest and might never end. */
static size_t take_body(char *data, size_t one, size_t size, void *context)
{
  struct http *http = context;
  (void)one;
  curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &http->answer->status);
  bool wanted = http->answer->status == 200 || http->answer->status == 206;
  if (wanted && http->request->body(http->request->context, http->answer, data, size) == 0)
    return size;
  http->stopped = wanted;
  return 0;
}

static int look(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                curl_off_t up_now)
{
  struct http *http = context;
  (void)total, (void)now, (void)up_total, (void)up_now;
  if (interrupt_requested())
    http->stopped = true;
  return http->stopped;
}

/* libcurl's option macros take any type; one that fails leaves the request unsafe. */
#define SET(option, value) (code = code ? code : curl_easy_setopt(http->curl, option, value))

static CURLcode prepare(struct http *http, const char *url, bool secure, bool credentials,
                        struct curl_slist *fields)
{
  CURLcode code = CURLE_OK;
  char range[32];
  curl_easy_reset(http->curl);
  SET(CURLOPT_URL, url);
  SET(CURLOPT_ERRORBUFFER, http->reason);
  SET(CURLOPT_USERAGENT, "attest/" ATTEST_VERSION);
  SET(CURLOPT_PROTOCOLS_STR, secure ? "https" : "http,https");
  SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  SET(CURLOPT_NETRC, credentials ? (long)CURL_NETRC_OPTIONAL : (long)CURL_NETRC_IGNORED);
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_BUFFERSIZE, 256L << 10);
  SET(CURLOPT_CONNECTTIMEOUT, (long)http->stall_seconds);
  SET(CURLOPT_LOW_SPEED_LIMIT, SLOWEST);
  SET(CURLOPT_LOW_SPEED_TIME, (long)http->stall_seconds);
  SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  SET(CURLOPT_HTTPHEADER, fields);
  SET(CURLOPT_HEADERFUNCTION, take_header);
  SET(CURLOPT_HEADERDATA, http);
  SET(CURLOPT_WRITEFUNCTION, take_body);
  SET(CURLOPT_WRITEDATA, http);
  SET(CURLOPT_NOPROGRESS, 0L);
  SET(CURLOPT_XFERINFOFUNCTION, look);
  SET(CURLOPT_XFERINFODATA, http);
  if (http->request->head)
    SET(CURLOPT_NOBODY, 1L);
  if (http->request->offset) {
    snprintf(range, sizeof range, "%llu-", (unsigned long long)http->request->offset);
    SET(CURLOPT_RANGE, range); /* copied */
  }
  return code;
}

static bool is_redirect(long status)
{
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* How one hop ended. */
static enum http_end judge(struct http *http, const char *url, CURLcode code, struct error *error)
{
  long status = http->answer->status;
  if (http->stopped || interrupt_requested())
    return HTTP_STOPPED;
  if (http->flooded) {
    error_set(error, EXIT_RUN, "%s: the server sends headers without end", url);
    return HTTP_BROKEN;
  }
  if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && status >= 400))
    return HTTP_ANSWERED;
  const char *reason = *http->reason ? http->reason : curl_easy_strerror(code);
  error_set(error, EXIT_RUN, "%s: %s", url, reason);
  bool lasting = code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
                 code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_LOGIN_DENIED;
  return lasting ? HTTP_REFUSED : HTTP_BROKEN;
}

static enum http_end hop(struct http *http, const char *url, bool secure, bool credentials,
                         struct error *error)
{
  struct curl_slist *fields = NULL;
  if (http->request->offset && http->request->if_range) {
    char field[300];
    snprintf(field, sizeof field, "If-Range: %s", http->request->if_range);
    fields = curl_slist_append(NULL, field);
    if (!fields) {
      error_set(error, EXIT_RUN, "%s: out of memory", url);
      return HTTP_REFUSED;
    }
  }
  http->stopped = http->flooded = false;
  http->header_bytes = 0;
  http->reason[0] = 0;
  curl_off_t wait = 0;
  CURLcode code = prepare(http, url, secure, credentials, fields);
  if (!code)
    code = curl_easy_perform(http->curl);
  curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &http->answer->status);
  curl_easy_getinfo(http->curl, CURLINFO_RETRY_AFTER, &wait);
  http->answer->wait = wait < 0 ? 0 : wait > LONGEST_WAIT ? LONGEST_WAIT : (uint64_t)wait;
  curl_slist_free_all(fields);
  return judge(http, url, code, error);
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

/* Scheme, host and port: what a password may be sent to. */
static bool same_origin(const char *a, const char *b)
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

/* The address that the answer leads to; free(). NULL: none, or no memory. */
static char *redirected(struct http *http)
{
  char *next = NULL;
  if (is_redirect(http->answer->status))
    curl_easy_getinfo(http->curl, CURLINFO_REDIRECT_URL, &next);
  return next ? strdup(next) : NULL;
}

enum http_end http_get(struct http *http, const struct http_request *request,
                       struct http_answer *answer, struct error *error)
{
  char *url = strdup(request->url);
  enum http_end end = HTTP_REFUSED;
  *answer = (struct http_answer){0};
  http->request = request;
  http->answer = answer;
  for (int hops = 0; url; hops++) {
    http->hub = hops == 0;
    bool secure = hops > 0 && strncmp(request->url, "https:", 6) == 0;
    end = hop(http, url, secure, same_origin(request->url, url), error);
    char *next = end == HTTP_ANSWERED ? redirected(http) : NULL;
    if (next && hops == MOST_REDIRECTS) {
      error_set(error, EXIT_RUN, "%s: more than %d redirects", request->url, MOST_REDIRECTS);
      end = HTTP_REFUSED;
      free(next);
      next = NULL;
    }
    free(url);
    url = next;
    if (!url)
      return end;
  }
  error_set(error, EXIT_RUN, "%s: out of memory", request->url);
  return end;
}
