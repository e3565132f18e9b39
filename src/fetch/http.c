#include "fetch/http.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/reserve.h"
#include "base/text.h"
#include "base/version.h"
#include "fetch/headers.h"
#include "fetch/said.h"
#include "fetch/secrets.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_REDIRECTS 10
#define MOST_HEADER_BYTES ((size_t)256 << 10) /* of one request, "100 Continue" and all */
#define MOST_SPARE_BYTES ((size_t)256 << 10)  /* of a body that nobody wants */
#define MOST_WORDS 240                        /* bytes of what a server says of an error */
#define SLOWEST 1024L                         /* bytes a second */
#define LONGEST_WAIT 300                      /* seconds, whatever Retry-After says */

struct http {
  CURL *curl; /* NULL after a failure: the next request gets a new one */
  uint64_t stall_seconds;
  char reason[CURL_ERROR_SIZE];
  /* the request at hand */
  const struct http_request *request;
  struct http_answer *answer;
  bool hub; /* the first host is asked, and no other was in between */
  bool stopped;
  bool headed;       /* the headers are whole */
  const char *flood; /* what the server sends without end; NULL = nothing */
  size_t header_bytes, spare_bytes;
  char spare[4096];       /* the first of the spare bytes */
  struct secrets secrets; /* that were sent on this connection, whatever the request */
};

static const char *why(CURLcode code)
{
  return code == CURLE_OUT_OF_MEMORY ? "out of memory" : curl_easy_strerror(code);
}

int http_initialise(struct error *error)
{
  CURLcode code = curl_global_init_mem(CURL_GLOBAL_DEFAULT, reserve_malloc, reserve_free,
                                       reserve_realloc, reserve_strdup, reserve_calloc);
  if (!code && reserve_touched())
    code = CURLE_OUT_OF_MEMORY;
  return code
             ? error_set(error, EXIT_RUN, "libcurl: %s, or out of memory", curl_easy_strerror(code))
             : 0;
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
  return error_set(error, EXIT_RUN, "connection: out of memory");
}

void http_close(struct http *http)
{
  if (!http)
    return;
  curl_easy_cleanup(http->curl);
  secrets_free(&http->secrets);
  free(http);
}

static size_t take_header(char *line, size_t one, size_t size, void *context)
{
  struct http *http = context;
  (void)one;
  http->header_bytes += size;
  if (http->header_bytes > MOST_HEADER_BYTES) {
    http->flood = "headers";
    return 0;
  }
  http->headed = size <= 2; /* an empty line */
  headers_read(http->answer, http->hub, line, size);
  if (secrets_in(&http->secrets, http->answer->etag))
    http->answer->etag[0] = 0; /* it would be kept */
  return size;
}

static bool is_wanted(long status)
{
  return status == 200 || status == 206;
}

static bool is_redirect(long status)
{
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* The body of an error or a redirect is of no interest and might never end. It is read all the
 * same: libcurl tells only at its end where a redirect leads, and the connection can be kept. */
static bool skip(struct http *http, const char *data, size_t size)
{
  if (http->spare_bytes < sizeof http->spare) {
    size_t room = sizeof http->spare - http->spare_bytes;
    memcpy(http->spare + http->spare_bytes, data, size < room ? size : room);
  }
  http->spare_bytes += size;
  if (http->spare_bytes <= MOST_SPARE_BYTES)
    return true;
  if (is_redirect(http->answer->status))
    http->flood = "a redirect body";
  return false;
}

static size_t take_body(char *data, size_t one, size_t size, void *context)
{
  struct http *http = context;
  (void)one;
  curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &http->answer->status);
  if (!is_wanted(http->answer->status))
    return skip(http, data, size) ? size : 0;
  http->stopped = http->request->body(http->request->context, http->answer, data, size) != 0;
  return http->stopped ? 0 : size;
}

static int learn(CURL *curl, curl_infotype type, char *data, size_t size, void *context)
{
  struct http *http = context;
  (void)curl;
  if (type == CURLINFO_HEADER_OUT)
    secrets_learn(&http->secrets, data, size);
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

static CURLcode prepare(struct http *http, const char *url, bool credentials,
                        struct curl_slist *fields)
{
  CURLcode code = CURLE_OK;
  char range[32];
  curl_easy_reset(http->curl);
  SET(CURLOPT_URL, url);
  SET(CURLOPT_ERRORBUFFER, http->reason);
  SET(CURLOPT_USERAGENT, "attest/" ATTEST_VERSION);
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
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
  SET(CURLOPT_VERBOSE, 1L);
  SET(CURLOPT_DEBUGFUNCTION, learn);
  SET(CURLOPT_DEBUGDATA, http);
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

/* Whether the answer is known although the transfer broke: an error's body tells nothing more. */
static bool says_enough(const struct http *http)
{
  long status = http->answer->status;
  return http->headed && status >= 200 && !is_wanted(status) && !is_redirect(status);
}

/* The words of the header go before those of the body; a text with a secret in it is dropped, and
 * looked at before it is cut. */
static void read_words(struct http *http)
{
  struct http_answer *answer = http->answer;
  char words[sizeof http->spare + sizeof answer->said] = "";
  size_t kept = http->spare_bytes < sizeof http->spare ? http->spare_bytes : sizeof http->spare;
  if (is_wanted(answer->status) || is_redirect(answer->status))
    answer->said[0] = 0;
  else if (*answer->said)
    strcpy(words, answer->said);
  else if (!answer->encoded)
    said_read(words, sizeof words, http->spare, kept);
  if (secrets_in(&http->secrets, words))
    words[0] = 0;
  text_one_line(answer->said, MOST_WORDS, words);
}

/* libcurl quotes a proxy's address that it cannot use, password and all, and says that memory is
 * out where a header line is too long for it. */
static const char *reason_of(const struct http *http, CURLcode code)
{
  if (code == CURLE_OUT_OF_MEMORY && !http->headed)
    return "out of memory, or the server sends a header line without end";
  if (strchr(http->reason, '@') || strstr(http->reason, "nsupported proxy"))
    return "the address of the proxy cannot be used; see http_proxy, https_proxy and all_proxy in "
           "the environment";
  return *http->reason ? http->reason : curl_easy_strerror(code);
}

/* What to do about it; "" = nothing in particular. */
static const char *remedy_of(CURLcode code)
{
  if (code == CURLE_SSL_CACERT_BADFILE)
    return "; install the package ca-certificates (make deps does), which has the certificates of "
           "the authorities";
  if (code == CURLE_PEER_FAILED_VERIFICATION)
    return "; is the package ca-certificates installed and up to date (make deps)? A proxy that "
           "opens TLS needs its own certificate added, by update-ca-certificates";
  return "";
}

/* How one hop ended. */
static enum http_end judge(struct http *http, const char *url, CURLcode code, struct error *error)
{
  if (reserve_touched())
    code = CURLE_OUT_OF_MEMORY;
  else if (http->stopped || interrupt_requested())
    return HTTP_STOPPED;
  if (http->flood) {
    error_set(error, EXIT_RUN, "%.*s: the server sends %s without end", http_shown(url), url,
              http->flood);
    return HTTP_BROKEN;
  }
  if (code == CURLE_OK || (code != CURLE_OUT_OF_MEMORY && says_enough(http)))
    return HTTP_ANSWERED;
  error_set(error, EXIT_RUN, "%.*s: %s%s", http_shown(url), url,
            reserve_touched() ? why(code) : reason_of(http, code), remedy_of(code));
  bool lasting = code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
                 code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
                 code == CURLE_LOGIN_DENIED || reserve_touched();
  return lasting ? HTTP_REFUSED : HTTP_BROKEN;
}

static enum http_end hop(struct http *http, const char *url, bool credentials, struct error *error)
{
  struct curl_slist *fields = NULL;
  if (http->request->offset && http->request->if_range) {
    char field[300];
    snprintf(field, sizeof field, "If-Range: %s", http->request->if_range);
    fields = curl_slist_append(NULL, field);
    if (!fields) {
      error_set(error, EXIT_RUN, "%.*s: out of memory", http_shown(url), url);
      return HTTP_REFUSED;
    }
  }
  http->stopped = http->headed = false;
  http->flood = NULL;
  http->header_bytes = http->spare_bytes = 0;
  http->reason[0] = 0;
  curl_off_t wait = 0;
  CURLcode code = prepare(http, url, credentials, fields);
  if (!code)
    code = curl_easy_perform(http->curl);
  curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &http->answer->status);
  curl_easy_getinfo(http->curl, CURLINFO_RETRY_AFTER, &wait);
  http->answer->wait = wait < 0 ? 0 : wait > LONGEST_WAIT ? LONGEST_WAIT : (uint64_t)wait;
  curl_slist_free_all(fields);
  read_words(http);
  return judge(http, url, code, error);
}

static int most(int length, int limit)
{
  return length < limit ? length : limit;
}

/* The address that the answer leads to, if that may be followed; free(). NULL: none, or `end` and
 * `error` tell why not. */
static char *redirected(struct http *http, const char *url, int hops, enum http_end *end,
                        struct error *error)
{
  char *next = NULL;
  bool told = http->request->head && http->answer->has_hub_length; /* nothing else is asked */
  if (is_redirect(http->answer->status) && !told)
    curl_easy_getinfo(http->curl, CURLINFO_REDIRECT_URL, &next);
  if (!next)
    return NULL;
  next = http_plain(next); /* libcurl puts the credentials of ~/.netrc into it */
  if (next && hops < MOST_REDIRECTS && http_may_lead(url, next))
    return next;
  if (!next)
    error_set(error, EXIT_RUN, "%.*s: redirects to something that is not an address",
              http_shown(url), url);
  else if (hops == MOST_REDIRECTS)
    error_set(error, EXIT_RUN, "%s: more than %d redirects", http->request->url, MOST_REDIRECTS);
  else
    error_set(error, EXIT_RUN,
              "%.*s: redirects to %.*s, which is not followed: only http and https are, and from "
              "https only https",
              most(http_shown(url), 400), url, most(http_shown(next), 200), next);
  free(next);
  *end = HTTP_REFUSED;
  return NULL;
}

enum http_end http_get(struct http *http, const struct http_request *request,
                       struct http_answer *answer, struct error *error)
{
  char *url = strdup(request->url);
  enum http_end end = HTTP_REFUSED;
  *answer = (struct http_answer){0};
  http->request = request;
  http->answer = answer;
  http->hub = true;
  if (!http->curl)
    http->curl = curl_easy_init();
  if (!url || !http->curl) {
    free(url);
    url = NULL;
    error_set(error, EXIT_RUN, "%s: out of memory", request->url);
  }
  for (int hops = 0; url; hops++) {
    bool home = http_same_origin(request->url, url);
    http->hub = http->hub && home;
    end = hop(http, url, home, error);
    char *next = end == HTTP_ANSWERED ? redirected(http, url, hops, &end, error) : NULL;
    free(url);
    url = next;
  }
  if (end == HTTP_BROKEN) {
    /* after a host that was not found, libcurl 7.88 refuses everything else, too */
    curl_easy_cleanup(http->curl);
    http->curl = NULL;
  }
  secrets_hide(&http->secrets, error->text);
  return end;
}
