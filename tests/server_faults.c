/* The faults of the tests' server. */
#define _GNU_SOURCE
#include "server_call.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define ZEROS "00000000000000000000000000000000"

static bool flood(int fd, const char *text)
{
  while (call_put(fd, text, strlen(text)))
    ;
  return false;
}

static bool chunks_for_ever(int fd)
{
  char chunk[0x1000 + 16] = "1000\r\n";
  memcpy(chunk + 6 + 0x1000, "\r\n", 3);
  memset(chunk + 6, 'x', 0x1000);
  return flood(fd, chunk);
}

/* An error with a body: whole, broken off, or without end. */
static bool page(struct call *call, bool *done)
{
  int status;
  *done = true;
  if (sscanf(call->name, "page-%d", &status) == 1)
    return call_say(call->fd, "HTTP/1.1 %d Fault\r\nContent-Length: 10\r\n\r\n<p>No.</p>", status);
  if (sscanf(call->name, "torn-page-%d", &status) == 1)
    return call_say(call->fd, "HTTP/1.1 %d Fault\r\nContent-Length: 99\r\n\r\n<p>No", status) &&
           false;
  if (sscanf(call->name, "endless-page-%d", &status) == 1)
    return call_say(call->fd, "HTTP/1.1 %d Fault\r\nTransfer-Encoding: chunked\r\n\r\n", status) &&
           chunks_for_ever(call->fd);
  *done = false;
  return true;
}

/* Answers that are not about the file. */
static bool status_fault(struct call *call, bool *done)
{
  int status;
  *done = true;
  if (sscanf(call->name, "status-%d", &status) == 1) {
    char line[32];
    snprintf(line, sizeof line, "%d Fault", status);
    return call_empty(call->fd, line, "");
  }
  if (call_named(call, "busy") && call->count < 2)
    return call_empty(call->fd, "429 Too Many Requests", "Retry-After: 1\r\n");
  if (call_named(call, "busy-until") && call->count < 2) {
    char fields[64];
    time_t then = time(NULL) + 2;
    strftime(fields, sizeof fields, "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime(&then));
    return call_empty(call->fd, "503 Service Unavailable", fields);
  }
  if (strncmp(call->name, "recovers", 8) == 0 && call->count < 3)
    return call_empty(call->fd, "503 Service Unavailable", "");
  *done = false;
  return true;
}

/* A redirect with a body, as the real hub sends it. */
static bool found(struct call *call)
{
  static const char start[] = "HTTP/1.1 302 Found\r\nLocation: ../x/plain\r\n";
  static const char body[] = "Found. Redirecting to ../x/plain";
  if (call_named(call, "found"))
    return call_say(call->fd, "%sContent-Length: %zu\r\n\r\n%s", start, sizeof body - 1, body);
  call_say(call->fd, "%sTransfer-Encoding: chunked\r\n\r\n", start);
  if (call_named(call, "found-endless"))
    return chunks_for_ever(call->fd);
  return call_say(call->fd, "%zx\r\n%s\r\n0\r\n\r\n", sizeof body - 1, body);
}

/* Leads to a path on this server under one of its names: another name is another origin. */
static bool lead(struct call *call, const char *scheme, const char *host, const char *path)
{
  char fields[256];
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  getsockname(call->fd, (struct sockaddr *)&address, &length);
  snprintf(fields, sizeof fields, "Location: %s://%s:%d%s\r\n", scheme, host,
           ntohs(address.sin_port), path);
  return call_empty(call->fd, "302 Found", fields);
}

/* Locations that a careful hub would not send: a user, a password, a token in them. */
static bool careless(struct call *call, bool *done)
{
  static const char *const leads[][2] = {
      {"user-home", "http://" SERVER_USER "@127.0.0.1:%d/x/plain"},
      {"user-elsewhere", "http://" SERVER_USER "@localhost:%d/x/plain"},
      {"user-scheme", "ftp://" SERVER_USER "@127.0.0.1:%d/x/plain"},
      {"user-nonsense", "http://" SERVER_USER "@[127.0.0.1:%d/x/plain"},
      {"user-loop", "http://" SERVER_USER "@127.0.0.1:%d/x/user-loop"},
      {"user-401", "http://" SERVER_USER "@127.0.0.1:%d/x/status-401"},
      {"user-503", "http://" SERVER_USER "@localhost:%d/x/status-503"},
      {"user-continue", "http://" SERVER_USER "@localhost:%d/x/continue?" SERVER_USER},
      {"user-stall", "http://" SERVER_USER "@localhost:%d/x/stall#" SERVER_USER},
      {"user-closed", "http://" SERVER_USER "@localhost:1/%d?" SERVER_USER},
      {"user-query", "ftp://localhost:%d/x/plain?" SERVER_USER},
  };
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  getsockname(call->fd, (struct sockaddr *)&address, &length);
  *done = true;
  for (size_t i = 0; i < sizeof leads / sizeof *leads; i++)
    if (call_named(call, leads[i][0])) {
      char place[256], fields[300];
      snprintf(place, sizeof place, leads[i][1], ntohs(address.sin_port));
      snprintf(fields, sizeof fields, "Location: %s\r\n", place);
      return call_empty(call->fd, "302 Found", fields);
    }
  *done = false;
  return true;
}

static bool redirect_fault(struct call *call, bool *done)
{
  char scheme[16], fields[128];
  *done = true;
  if (call_named(call, "other-port") || call_named(call, "other-scheme")) {
    snprintf(fields, sizeof fields, "Location: http%s://127.0.0.1:%d/x/plain\r\n",
             call_named(call, "other-port") ? "" : "s", call->shared->other_port);
    return call_empty(call->fd, "302 Found", fields);
  }
  if (strncmp(call->name, "found", 5) == 0)
    return found(call);
  if (call_named(call, "loop"))
    return call_empty(call->fd, "302 Found", "Location: loop\r\n");
  if (call_named(call, "file-scheme"))
    return call_empty(call->fd, "302 Found", "Location: file:///etc/passwd\r\n");
  if (sscanf(call->name, "scheme-%15s", scheme) == 1)
    return lead(call, scheme, "127.0.0.1", "/x/plain");
  if (call_named(call, "lost-once"))
    return call_empty(call->fd, "302 Found",
                      call->count == 1 ? "Location: http://hub.invalid/x/plain\r\n"
                                       : "Location: ../x/plain\r\n");
  if (call_named(call, "relative"))
    return call_empty(call->fd, "302 Found", "Location: ../elsewhere/plain\r\n");
  if (call_named(call, "elsewhere"))
    return lead(call, "http", "localhost", "/x/plain");
  if (call_named(call, "hub-lies"))
    return call_empty(
        call->fd, "302 Found",
        "Location: ../x/plain\r\nX-Linked-Size: 300000\r\nX-Linked-ETag: \"" ZEROS ZEROS "\"\r\n");
  if (call_named(call, "renamed"))
    return call_empty(call->fd, "307 Temporary Redirect", "Location: ../x/hub-lies\r\n");
  if (call_named(call, "others-lie"))
    return lead(call, "http", "localhost", "/x/hub-lies");
  if (call_named(call, "there-and-back"))
    return lead(call, "http", "localhost", "/x/back");
  if (call_named(call, "back"))
    return lead(call, "http", "127.0.0.1", "/x/hub-lies");
  if (call_named(call, "hub-size"))
    return call_empty(call->fd, "302 Found",
                      "Location: ../x/status-500\r\nX-Linked-Size: 300000\r\n");
  *done = false;
  return true;
}

/* Answers whose form is wrong. */
static bool form_fault(struct call *call, bool *done)
{
  int fd = call->fd;
  *done = true;
  if (call_named(call, "stall")) {
    call_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\nx", SERVER_SIZE);
    call_nap(20000000);
    return false;
  }
  if (call_named(call, "headers"))
    return call_say(fd, "HTTP/1.1 200 OK\r\n") &&
           flood(fd, "X-Fault: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
  if (call_named(call, "long-header"))
    return call_say(fd, "HTTP/1.1 200 OK\r\nX-Fault: ") &&
           flood(fd, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
  if (call_named(call, "continue"))
    return flood(fd, "HTTP/1.1 100 Continue\r\n\r\n");
  if (call_named(call, "endless"))
    return call_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") &&
           chunks_for_ever(fd);
  if (call_named(call, "silent")) {
    call_nap(60000000);
    return false;
  }
  if (call_named(call, "shorter")) {
    call_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", SERVER_SIZE - 1);
    return call_serve(call, 0, SERVER_SIZE - 1, false);
  }
  if (call_named(call, "longer")) {
    call_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", SERVER_SIZE + 1);
    return call_serve(call, 0, SERVER_SIZE + 1, false);
  }
  if (call_named(call, "compressed"))
    return call_say(fd,
                    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc");
  if (call_named(call, "wrong-range") && *call->range) {
    call_say(fd,
             "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-%zu/%zu\r\nContent-Length: %zu"
             "\r\n\r\n",
             SERVER_SIZE - 1, SERVER_SIZE, SERVER_SIZE - 5);
    return call_serve(call, 5, SERVER_SIZE, false);
  }
  if (call_named(call, "unsatisfiable") && *call->range)
    return call_empty(fd, "416 Range Not Satisfiable", "Content-Range: bytes */300000\r\n");
  if (call_named(call, "huge"))
    return call_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\nx", 1ULL << 60);
  if (call_named(call, "noise"))
    return call_say(fd, "\x01\x02 not HTTP at all\r\n\r\n") && false;
  *done = false;
  return true;
}

bool call_answer(struct call *call)
{
  bool (*const faults[])(struct call *, bool *) = {call_page, status_fault,   page,
                                                   careless,  redirect_fault, form_fault};
  char tag[32];
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    bool done, on = faults[i](call, &done);
    if (done)
      return on;
  }
  snprintf(tag, sizeof tag, "\"version-%d\"", call->shared->version);
  if (call_named(call, "cut"))
    return call_honest(call, tag, false, 100000);
  if (call_named(call, "echo-tag"))
    return call_honest(call, "\"" SERVER_TOKEN "\"", false, 100000);
  if (call_named(call, "cut-once") || call_named(call, "wrong-range") ||
      call_named(call, "unsatisfiable"))
    return call_honest(call, tag, false, call->count == 1 ? 100000 : 0);
  if (strncmp(call->name, "no-tag", 6) == 0)
    return call_honest(call, "", false, call->count == 1 ? 100000 : 0);
  if (call_named(call, "weak"))
    return call_honest(call, "W/\"a\"", false, call->count == 1 ? 100000 : 0);
  if (call_named(call, "mixes") && call->count == 1)
    return call_honest(call, tag, false, 100000);
  if (call_named(call, "mixes")) { /* another version, whatever was asked for */
    call->version = 1;
    call->if_range[0] = 0;
    return call_honest(call, "", false, 0);
  }
  if (call_named(call, "wrong"))
    return call_honest(call, tag, true, 0);
  if (call_named(call, "wrong-once"))
    return call_honest(call, tag, call->count == 1, 0);
  return call_honest(call, tag, false, 0);
}
