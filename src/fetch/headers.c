#include "fetch/headers.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* "bytes FIRST-LAST/TOTAL" */
static bool read_range(struct http_answer *answer, const char *value)
{
  if (strncasecmp(value, "bytes ", 6) != 0)
    return false;
  value += 6;
  size_t first = strcspn(value, "-");
  if (!text_to_u64(value, first, &answer->range_first) || !value[first])
    return false;
  value += first + 1;
  size_t last = strcspn(value, "/");
  return value[last] && text_to_u64(value, last, &answer->range_last) &&
         text_to_u64(value + last + 1, strlen(value + last + 1), &answer->range_total);
}

/* A weak tag ("W/...") does not promise equal bytes. */
static void read_etag(struct http_answer *answer, const char *value)
{
  size_t length = strlen(value);
  bool strong = length >= 2 && length < sizeof answer->etag && value[0] == '"' &&
                strchr(value + 1, '"') == value + length - 1;
  for (const char *p = value; strong && *p; p++)
    strong = *p > ' ' && *p <= '~';
  answer->etag[0] = 0;
  if (strong)
    memcpy(answer->etag, value, length + 1);
}

static void read_hub_digest(struct http_answer *answer, const char *value)
{
  if (strlen(value) == 66 && value[0] == '"' && value[65] == '"' &&
      strspn(value + 1, "0123456789abcdef") == 64)
    snprintf(answer->hub_sha256, sizeof answer->hub_sha256, "%.64s", value + 1);
}

static void read_field(struct http_answer *answer, bool hub, const char *name, const char *value)
{
  if (strcasecmp(name, "Content-Length") == 0)
    answer->has_length = text_to_u64(value, strlen(value), &answer->length);
  else if (strcasecmp(name, "Content-Range") == 0)
    answer->has_range = read_range(answer, value);
  else if (strcasecmp(name, "Content-Encoding") == 0)
    answer->encoded = strcasecmp(value, "identity") != 0;
  else if (strcasecmp(name, "ETag") == 0)
    read_etag(answer, value);
  else if (strcasecmp(name, "X-Error-Message") == 0)
    text_one_line(answer->said, sizeof answer->said, value);
  else if (hub && strcasecmp(name, "X-Linked-Size") == 0)
    answer->has_hub_length = text_to_u64(value, strlen(value), &answer->hub_length);
  else if (hub && strcasecmp(name, "X-Linked-ETag") == 0)
    read_hub_digest(answer, value);
}

/* What the hub said of the file stays. */
static void start_answer(struct http_answer *answer)
{
  struct http_answer fresh = {.has_hub_length = answer->has_hub_length,
                              .hub_length = answer->hub_length};
  memcpy(fresh.hub_sha256, answer->hub_sha256, sizeof fresh.hub_sha256);
  *answer = fresh;
}

void headers_read(struct http_answer *answer, bool hub, const char *line, size_t size)
{
  char copy[1024];
  while (size && (line[size - 1] == '\n' || line[size - 1] == '\r' || line[size - 1] == ' '))
    size--;
  if (size >= sizeof copy || memchr(line, 0, size))
    return; /* none of those that matter */
  memcpy(copy, line, size);
  copy[size] = 0;
  if (strncmp(copy, "HTTP/", 5) == 0) {
    start_answer(answer);
    return;
  }
  char *value = strchr(copy, ':');
  if (!value)
    return;
  *value++ = 0;
  value += strspn(value, " \t");
  read_field(answer, hub, copy, value);
}
