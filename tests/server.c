#define _GNU_SOURCE
#include "server.h"

#include "support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE ((size_t)16384)
#define ZEROS "00000000000000000000000000000000"

struct call {
  int fd;
  volatile struct server_shared *shared;
  char target[256], name[128], range[64], if_range[128];
  bool head;
  int file;     /* what is served, -1 = pseudo-random bytes */
  size_t total; /* its size */
  int count;    /* requests for this name so far, on this server, this one included */
};

uint8_t server_byte(int version, size_t at)
{
  uint32_t x = (uint32_t)at * 2654435761u + (uint32_t)version * 40503u;
  return (uint8_t)(x >> 24 ^ x >> 11);
}

static bool put(int fd, const void *data, size_t size)
{
  const char *p = data;
  while (size) {
    ssize_t done = send(fd, p, size, MSG_NOSIGNAL);
    if (done <= 0)
      return false;
    p += done;
    size -= (size_t)done;
  }
  return true;
}

static __attribute__((format(printf, 2, 3))) bool say(int fd, const char *format, ...)
{
  char text[4096];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return put(fd, text, (size_t)length);
}

static void nap(long microseconds)
{
  nanosleep(&(struct timespec){microseconds / 1000000, microseconds % 1000000 * 1000}, NULL);
}

static void fill(const struct call *call, uint8_t *piece, size_t from, size_t size)
{
  if (call->file >= 0) {
    if (pread(call->file, piece, size, (off_t)from) != (ssize_t)size)
      _exit(1);
    return;
  }
  for (size_t i = 0; i < size; i++)
    piece[i] = server_byte(call->shared->version, from + i);
}

/* Bytes [from, to) of the file, some of them wrong if `flip`. */
static bool serve_bytes(struct call *call, size_t from, size_t to, bool flip)
{
  uint8_t piece[PIECE];
  while (from < to) {
    size_t size = to - from < PIECE ? to - from : PIECE;
    fill(call, piece, from, size);
    if (flip)
      piece[0] ^= 1;
    if (!put(call->fd, piece, size))
      return false;
    __atomic_add_fetch(&call->shared->served, (int64_t)size, __ATOMIC_SEQ_CST);
    if (call->shared->slow)
      nap(call->shared->slow);
    from += size;
  }
  return true;
}

static bool serve(struct call *call, size_t from, size_t to, bool flip)
{
  volatile struct server_shared *shared = call->shared;
  int now = __atomic_add_fetch(&shared->at_once, 1, __ATOMIC_SEQ_CST);
  if (now > shared->most_at_once)
    shared->most_at_once = now;
  bool whole = serve_bytes(call, from, to, flip);
  __atomic_sub_fetch(&shared->at_once, 1, __ATOMIC_SEQ_CST);
  return whole;
}

static bool named(const struct call *call, const char *name)
{
  return strcmp(call->name, name) == 0;
}

static bool empty(int fd, const char *status, const char *fields)
{
  return say(fd, "HTTP/1.1 %s\r\nContent-Length: 0\r\n%s\r\n", status, fields);
}

/* The file as an honest server gives it, ranges and all, but only `cut` bytes of it (0 = all);
 * `etag` "" = none. */
static bool honest(struct call *call, const char *etag, bool flip, size_t cut)
{
  size_t from = 0, total = call->total;
  bool range = sscanf(call->range, "bytes=%zu-", &from) == 1 &&
               (!*call->if_range || strcmp(call->if_range, etag) == 0);
  char field[160] = "";
  if (*etag)
    snprintf(field, sizeof field, "ETag: %s\r\n", etag);
  if (range && from >= total)
    return empty(call->fd, "416 Range Not Satisfiable", "");
  if (!range)
    from = 0;
  if (range)
    say(call->fd,
        "HTTP/1.1 206 Partial Content\r\n%sContent-Range: bytes %zu-%zu/%zu\r\n"
        "Content-Length: %zu\r\n\r\n",
        field, from, total - 1, total, total - from);
  else
    say(call->fd, "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n", field, total);
  if (call->head)
    return true;
  size_t end = cut && from + cut < total ? from + cut : total;
  return serve(call, from, end, flip) && end == total;
}

/* Answers that are not about the file. */
static bool status_fault(struct call *call, bool *done)
{
  int status;
  *done = true;
  if (sscanf(call->name, "status-%d", &status) == 1) {
    char line[32];
    snprintf(line, sizeof line, "%d Fault", status);
    return empty(call->fd, line, "");
  }
  if (named(call, "busy") && call->count < 2)
    return empty(call->fd, "429 Too Many Requests", "Retry-After: 1\r\n");
  if (named(call, "busy-until") && call->count < 2) {
    char fields[64];
    time_t then = time(NULL) + 2;
    strftime(fields, sizeof fields, "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime(&then));
    return empty(call->fd, "503 Service Unavailable", fields);
  }
  if (named(call, "recovers") && call->count < 3)
    return empty(call->fd, "503 Service Unavailable", "");
  if (named(call, "loop"))
    return empty(call->fd, "302 Found", "Location: loop\r\n");
  if (named(call, "file-scheme"))
    return empty(call->fd, "302 Found", "Location: file:///etc/passwd\r\n");
  if (named(call, "relative"))
    return empty(call->fd, "302 Found", "Location: ../elsewhere/plain\r\n");
  if (named(call, "elsewhere")) {
    char fields[128];
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    getsockname(call->fd, (struct sockaddr *)&address, &length);
    snprintf(fields, sizeof fields, "Location: http://localhost:%d/x/plain\r\n",
             ntohs(address.sin_port));
    return empty(call->fd, "302 Found", fields);
  }
  if (named(call, "hub-lies"))
    return empty(call->fd, "302 Found",
                 "Location: ../x/plain\r\nX-Linked-Size: 300000\r\nX-Linked-ETag: \"" ZEROS ZEROS
                 "\"\r\n");
  *done = false;
  return true;
}

static bool flood(int fd, const char *text)
{
  while (put(fd, text, strlen(text)))
    ;
  return false;
}

/* Answers whose form is wrong. */
static bool form_fault(struct call *call, bool *done)
{
  int fd = call->fd;
  *done = true;
  if (named(call, "stall")) {
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\nx", SERVER_SIZE);
    nap(20000000);
    return false;
  }
  if (named(call, "headers"))
    return say(fd, "HTTP/1.1 200 OK\r\n") && flood(fd, "X-Fault: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
  if (named(call, "continue"))
    return flood(fd, "HTTP/1.1 100 Continue\r\n\r\n");
  if (named(call, "endless")) {
    char chunk[0x1000 + 16] = "1000\r\n";
    memcpy(chunk + 6 + 0x1000, "\r\n", 3);
    memset(chunk + 6, 'x', 0x1000);
    return say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") && flood(fd, chunk);
  }
  if (named(call, "longer")) {
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", SERVER_SIZE + 1);
    return serve(call, 0, SERVER_SIZE + 1, false);
  }
  if (named(call, "compressed"))
    return say(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc");
  if (named(call, "wrong-range") && *call->range) {
    say(fd,
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-%zu/%zu\r\nContent-Length: %zu"
        "\r\n\r\n",
        SERVER_SIZE - 1, SERVER_SIZE, SERVER_SIZE - 5);
    return serve(call, 5, SERVER_SIZE, false);
  }
  if (named(call, "unsatisfiable") && *call->range)
    return empty(fd, "416 Range Not Satisfiable", "Content-Range: bytes */300000\r\n");
  if (named(call, "huge"))
    return say(fd, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\nx", 1ULL << 60);
  if (named(call, "noise"))
    return say(fd, "\x01\x02 not HTTP at all\r\n\r\n") && false;
  *done = false;
  return true;
}

/* A file of the test's own folder: REVISION/PATH of ".../resolve/REVISION/PATH". */
static bool answer_from_folder(struct call *call, const char *folder)
{
  char path[800], tag[64];
  struct stat info;
  const char *place = strstr(call->target, "/resolve/");
  snprintf(path, sizeof path, "%s/%s", folder, place ? place + 9 : "");
  call->file = open(path, O_RDONLY | O_CLOEXEC);
  if (call->file < 0 || fstat(call->file, &info) != 0 || !S_ISREG(info.st_mode))
    return empty(call->fd, "404 Not Found", "");
  call->total = (size_t)info.st_size;
  snprintf(tag, sizeof tag, "\"%zu-%zu\"", (size_t)info.st_ino, (size_t)info.st_mtim.tv_nsec);
  bool on = honest(call, tag, false, 0);
  close(call->file);
  return on;
}

/* Whether the connection goes on. */
static bool answer(struct call *call)
{
  char tag[32];
  bool done, on = status_fault(call, &done);
  if (!done)
    on = form_fault(call, &done);
  if (done)
    return on;
  snprintf(tag, sizeof tag, "\"version-%d\"", call->shared->version);
  if (named(call, "cut"))
    return honest(call, tag, false, 100000);
  if (named(call, "cut-once") || named(call, "wrong-range") || named(call, "unsatisfiable"))
    return honest(call, tag, false, call->count == 1 ? 100000 : 0);
  if (named(call, "no-tag"))
    return honest(call, "", false, call->count == 1 ? 100000 : 0);
  if (named(call, "weak"))
    return honest(call, "W/\"a\"", false, call->count == 1 ? 100000 : 0);
  if (named(call, "wrong"))
    return honest(call, tag, true, 0);
  if (named(call, "wrong-once"))
    return honest(call, tag, call->count == 1, 0);
  return honest(call, tag, false, 0);
}

static void read_field(struct call *call, const char *line)
{
  if (strncasecmp(line, "Range: ", 7) == 0)
    snprintf(call->range, sizeof call->range, "%.60s", line + 7);
  if (strncasecmp(line, "If-Range: ", 10) == 0)
    snprintf(call->if_range, sizeof call->if_range, "%.120s", line + 10);
  if (strncasecmp(line, "Authorization: ", 15) == 0)
    __atomic_add_fetch(&call->shared->authorized, 1, __ATOMIC_SEQ_CST);
}

/* How often a name was asked for: kept in the shared page by a hash of the name. */
static int *counters;

static int count_name(const char *name)
{
  unsigned slot = 0;
  for (const char *p = name; *p; p++)
    slot = slot * 31 + (unsigned char)*p;
  return __atomic_add_fetch(&counters[slot % 997], 1, __ATOMIC_SEQ_CST);
}

static bool read_call(FILE *in, struct call *call)
{
  char line[1024], method[16];
  if (!fgets(line, sizeof line, in))
    return false;
  line[strcspn(line, "\r\n")] = 0;
  snprintf((char *)(uintptr_t)call->shared->last, sizeof call->shared->last, "%.500s", line);
  if (sscanf(line, "%15s %255s", method, call->target) != 2)
    return false;
  call->head = strcmp(method, "HEAD") == 0;
  const char *slash = strrchr(call->target, '/');
  snprintf(call->name, sizeof call->name, "%.127s", slash ? slash + 1 : call->target);
  while (fgets(line, sizeof line, in)) {
    line[strcspn(line, "\r\n")] = 0;
    if (!*line)
      break;
    read_field(call, line);
  }
  __atomic_add_fetch(&call->shared->requests, 1, __ATOMIC_SEQ_CST);
  __atomic_add_fetch(&call->shared->ranges, *call->range ? 1 : 0, __ATOMIC_SEQ_CST);
  call->count = count_name(call->name);
  return true;
}

static void converse(int fd, const struct server *server)
{
  FILE *in = fdopen(fd, "r");
  for (bool on = true; on;) {
    struct call call = {.fd = fd, .shared = server->shared, .file = -1, .total = SERVER_SIZE};
    on = read_call(in, &call);
    if (on && server->look)
      server->look(call.target);
    on = on && (server->folder ? answer_from_folder(&call, server->folder) : answer(&call));
  }
  shutdown(fd, SHUT_RDWR);
}

static void listen_for_ever(int listener, const struct server *server)
{
  signal(SIGCHLD, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0)
      continue;
    __atomic_add_fetch(&server->shared->connections, 1, __ATOMIC_SEQ_CST);
    if (fork() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      close(listener);
      converse(fd, server);
      _exit(0);
    }
    close(fd);
  }
}

void server_start(struct server *server)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  size_t bytes = sizeof(struct server_shared) + 997 * sizeof(int);
  void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(page != MAP_FAILED && listener >= 0);
  server->shared = page;
  counters = (int *)(void *)((char *)page + sizeof(struct server_shared));
  assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(listener, 64), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
  server->port = ntohs(address.sin_port);
  server->child = fork();
  assert_true(server->child >= 0);
  if (server->child == 0) {
    listen_for_ever(listener, server);
    _exit(0);
  }
  close(listener);
}

void server_stop(struct server *server)
{
  kill(server->child, SIGKILL);
}
