#define _GNU_SOURCE
#include "server_call.h"

#include "support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE ((size_t)16384)

uint8_t server_byte(int version, size_t at)
{
  uint32_t x = (uint32_t)at * 2654435761u + (uint32_t)version * 40503u;
  return (uint8_t)(x >> 24 ^ x >> 11);
}

bool call_put(int fd, const void *data, size_t size)
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

bool call_say(int fd, const char *format, ...)
{
  char text[4096];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return call_put(fd, text, (size_t)length);
}

void call_nap(long microseconds)
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
    piece[i] = server_byte(call->version, from + i);
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
    if (!call_put(call->fd, piece, size))
      return false;
    __atomic_add_fetch(&call->shared->served, (int64_t)size, __ATOMIC_SEQ_CST);
    if (call->shared->slow)
      call_nap(call->shared->slow);
    from += size;
  }
  return true;
}

bool call_serve(struct call *call, size_t from, size_t to, bool flip)
{
  volatile struct server_shared *shared = call->shared;
  int now = __atomic_add_fetch(&shared->at_once, 1, __ATOMIC_SEQ_CST);
  if (now > shared->most_at_once)
    shared->most_at_once = now;
  bool whole = serve_bytes(call, from, to, flip);
  __atomic_sub_fetch(&shared->at_once, 1, __ATOMIC_SEQ_CST);
  return whole;
}

bool call_named(const struct call *call, const char *name)
{
  return strcmp(call->name, name) == 0;
}

bool call_empty(int fd, const char *status, const char *fields)
{
  return call_say(fd, "HTTP/1.1 %s\r\nContent-Length: 0\r\n%s\r\n", status, fields);
}

bool call_honest(struct call *call, const char *etag, bool flip, size_t cut)
{
  size_t from = 0, total = call->total;
  bool range = sscanf(call->range, "bytes=%zu-", &from) == 1 &&
               (!*call->if_range || strcmp(call->if_range, etag) == 0);
  char field[160] = "";
  if (*etag)
    snprintf(field, sizeof field, "ETag: %s\r\n", etag);
  if (range && from >= total)
    return call_empty(call->fd, "416 Range Not Satisfiable", "");
  if (!range)
    from = 0;
  if (range)
    call_say(call->fd,
             "HTTP/1.1 206 Partial Content\r\n%sContent-Range: bytes %zu-%zu/%zu\r\n"
             "Content-Length: %zu\r\n\r\n",
             field, from, total - 1, total, total - from);
  else
    call_say(call->fd, "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n", field, total);
  if (call->head)
    return true;
  size_t end = cut && from + cut < total ? from + cut : total;
  return call_serve(call, from, end, flip) && end == total;
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
    return call_empty(call->fd, "404 Not Found", "");
  call->total = (size_t)info.st_size;
  snprintf(tag, sizeof tag, "\"%zu-%zu\"", (size_t)info.st_ino, (size_t)info.st_mtim.tv_nsec);
  bool on = call_honest(call, tag, false, 0);
  close(call->file);
  return on;
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
  call->name[strcspn(call->name, "?")] = 0;
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
    call.version = server->shared->version;
    on = read_call(in, &call);
    if (on && server->look)
      server->look(call.target);
    on = on && (server->folder ? answer_from_folder(&call, server->folder) : call_answer(&call));
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
