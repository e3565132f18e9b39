#include "base/file_use.h"

#include "base/temporary.h"
#include "base/text.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#define STRETCH ((size_t)8 << 20) /* bytes hashed and dropped at a time */
#define YOUNG_NS 100000000LL      /* clocks of file systems tick every 10 ms or faster */

/* What is known of a file. */
struct known {
  struct known *next;
  char *path;
  char shown[1024]; /* the path as it may be printed */
  struct stat info;
  bool distrusted; /* its times cannot tell, but `hash` can */
  XXH128_hash_t hash;
  size_t users;     /* mappings */
  char change[200]; /* what changed; "" = nothing */
};

/* Mapped bytes. The handler of SIGBUS walks this list: nodes are reused and never freed, and those
 * whose `size` is 0 are free. */
struct mapping {
  struct mapping *next;
  const uint8_t *data;
  atomic_size_t size;
  struct known *known;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool started;
static struct known *all;
static _Atomic(struct mapping *) mappings;

static XXH128_hash_t hash_of(const void *data, size_t size, bool mapped)
{
  XXH128_hash_t hash = {0};
  for (size_t at = 0; at < size; at += STRETCH) {
    const uint8_t *piece = (const uint8_t *)data + at;
    size_t length = size - at < STRETCH ? size - at : STRETCH;
    hash = XXH3_128bits_withSeed(piece, length, hash.low64 ^ hash.high64);
    if (mapped) /* page-aligned, as all mappings and STRETCH are */
      (void)madvise((void *)(uintptr_t)piece, length, MADV_DONTNEED);
  }
  return hash;
}

/* Whether another change could leave these times as they are. */
static bool times_can_lie(const struct stat *info)
{
  struct timespec now;
  if (info->st_ctim.tv_nsec % 1000000 == 0) /* no nanoseconds here */
    return true;
  clock_gettime(CLOCK_REALTIME, &now);
  int64_t seconds = (int64_t)now.tv_sec - (int64_t)info->st_ctim.tv_sec;
  if (seconds < 0 || seconds > 1)
    return seconds < 0; /* from the future: other clocks than this one are at work */
  return seconds * 1000000000 + now.tv_nsec - info->st_ctim.tv_nsec < YOUNG_NS;
}

static bool same_time(struct timespec a, struct timespec b)
{
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Writes what differs to `known`, once. */
static void compare(struct known *known, const struct stat *now)
{
  const struct stat *was = &known->info;
  char *change = known->change;
  if (*change)
    return;
  if (was->st_dev != now->st_dev || was->st_ino != now->st_ino)
    snprintf(change, sizeof known->change, "another file took its place");
  else if (was->st_size != now->st_size)
    snprintf(change, sizeof known->change, "it had %lld bytes and has %lld",
             (long long)was->st_size, (long long)now->st_size);
  else if (!same_time(was->st_mtim, now->st_mtim))
    snprintf(change, sizeof known->change, "it was written to");
  else if (!same_time(was->st_ctim, now->st_ctim))
    snprintf(change, sizeof known->change,
             "its content, permissions or links were changed, as its ctime shows");
}

static void compare_hash(struct known *known, XXH128_hash_t hash)
{
  if (!*known->change && !XXH128_isEqual(known->hash, hash))
    snprintf(known->change, sizeof known->change,
             "its bytes have changed, though its times have not");
}

static const struct mapping *mapping_of(const struct known *known)
{
  for (struct mapping *m = mappings; m; m = m->next)
    if (m->size && m->known == known)
      return m;
  return NULL;
}

static void tell_gone(struct known *known, int reason)
{
  if (!*known->change)
    snprintf(known->change, sizeof known->change, "it is no longer there (%s)",
             error_reason(reason));
}

/* Looks at a file that is mapped. Once it is old enough, its times can be relied on. */
static void look(struct known *known, bool hash)
{
  struct stat now;
  const struct mapping *mapping = mapping_of(known);
  if (stat(known->path, &now) != 0)
    tell_gone(known, errno);
  else
    compare(known, &now);
  if (*known->change || !hash || !known->distrusted || !mapping)
    return;
  bool still = times_can_lie(&now);
  compare_hash(known, hash_of(mapping->data, mapping->size, true));
  known->distrusted = still;
}

static int changed(const struct known *known, struct error *error)
{
  return error_set(error, EXIT_INPUT,
                   "%s: changed while attest used it: %s; nothing was kept: leave the file alone "
                   "and run again",
                   known->path, known->change);
}

static struct known *find(const char *path)
{
  struct known *known = all;
  while (known && strcmp(known->path, path) != 0)
    known = known->next;
  return known;
}

static int out_of_memory(const char *path, struct error *error)
{
  return error_set(error, EXIT_RUN, "%s: out of memory", path);
}

static struct known *add(const char *path, const struct stat *info)
{
  struct known *known = calloc(1, sizeof *known);
  if (!known || !(known->path = strdup(path))) {
    free(known);
    return NULL;
  }
  text_escape(known->shown, sizeof known->shown, path);
  known->info = *info;
  known->next = all;
  all = known;
  return known;
}

static bool add_mapping(struct known *known, const void *data, size_t size)
{
  struct mapping *m = mappings;
  while (m && m->size)
    m = m->next;
  if (!m) {
    m = calloc(1, sizeof *m);
    if (!m)
      return false;
    m->next = mappings;
    mappings = m;
  }
  m->data = data;
  m->known = known;
  m->size = size; /* last: it makes the node count */
  known->users++;
  return true;
}

static void end(const void *data)
{
  struct mapping *m = mappings;
  while (m && (m->size == 0 || m->data != data))
    m = m->next;
  if (!m)
    return;
  if (m->known->users == 1)
    look(m->known, true);
  m->known->users--;
  m->size = 0;
}

/* What is mapped is listed before its first byte is touched, for the handler of SIGBUS. */
static int begin(const char *path, const struct stat *info, const void *data, size_t size,
                 bool mapped, struct error *error)
{
  struct known *known = find(path);
  bool fresh = !known;
  if (fresh)
    known = add(path, info);
  if (!known || (mapped && !add_mapping(known, data, size)))
    return out_of_memory(path, error);
  compare(known, info);
  if (fresh) {
    known->distrusted = times_can_lie(info);
    if (known->distrusted)
      known->hash = hash_of(data, size, mapped);
  } else if (!*known->change && known->distrusted) {
    compare_hash(known, hash_of(data, size, mapped));
  }
  if (!*known->change)
    return 0;
  if (mapped)
    end(data);
  return changed(known, error);
}

int file_use_begin(const char *path, const struct stat *info, const void *data, size_t size,
                   bool mapped, struct error *error)
{
  pthread_mutex_lock(&lock);
  int status = started ? begin(path, info, data, size, mapped, error) : 0;
  pthread_mutex_unlock(&lock);
  return status;
}

int file_use_gone(const char *path, struct error *error)
{
  int status = 0;
  pthread_mutex_lock(&lock);
  struct known *known = find(path);
  if (known) {
    tell_gone(known, ENOENT);
    status = changed(known, error);
  }
  pthread_mutex_unlock(&lock);
  return status;
}

void file_use_end(const void *data)
{
  pthread_mutex_lock(&lock);
  end(data);
  pthread_mutex_unlock(&lock);
}

static int check(bool hash, struct error *error)
{
  int status = 0;
  pthread_mutex_lock(&lock);
  for (struct known *known = all; known && !status; known = known->next) {
    if (known->users)
      look(known, hash);
    if (*known->change)
      status = changed(known, error);
  }
  pthread_mutex_unlock(&lock);
  return status;
}

int file_use_check(struct error *error)
{
  return check(true, error);
}

int file_use_glance(struct error *error)
{
  return check(false, error);
}

static void forget(struct known *known)
{
  struct known **at = &all;
  while (*at != known)
    at = &(*at)->next;
  *at = known->next;
  free(known->path);
  free(known);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int replace(const char *path, struct error *error)
{
  struct stat now;
  struct known *known = find(path);
  bool there = stat(path, &now) == 0;
  for (const struct known *k = all; there && k; k = k->next)
    if (k->users && same_file(&k->info, &now))
      return error_set(error, EXIT_INPUT,
                       "%s: is the same file as %s, which is being read; name another output", path,
                       k->path);
  if (!known)
    return 0;
  if (there)
    compare(known, &now);
  if (*known->change)
    return changed(known, error);
  forget(known);
  return 0;
}

int file_use_replace(const char *path, struct error *error)
{
  pthread_mutex_lock(&lock);
  int status = replace(path, error);
  pthread_mutex_unlock(&lock);
  return status;
}

const char *file_use_find(const struct stat *info)
{
  const char *path = NULL;
  pthread_mutex_lock(&lock);
  for (const struct known *known = all; known && !path; known = known->next)
    if (same_file(&known->info, info))
      path = known->path;
  pthread_mutex_unlock(&lock);
  return path;
}

static void put(const char *text)
{
  ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
  (void)ignored;
}

/* Whoever holds the lock may be the thread that is interrupted here: lists are only walked. */
static void bus_handler(int number, siginfo_t *signal, void *context)
{
  const struct mapping *m = mappings;
  uintptr_t at = (uintptr_t)signal->si_addr;
  struct stat now;
  (void)number, (void)context;
  while (m && (at < (uintptr_t)m->data || at - (uintptr_t)m->data >= m->size))
    m = m->next;
  temporary_remove_all();
  bool shrank = m && stat(m->known->path, &now) == 0 && now.st_size < m->known->info.st_size;
  put("attest: ");
  put(m ? m->known->shown : "a file in use");
  put(shrank ? ": changed while attest used it: it shrank; nothing was kept: put the whole file "
               "back and run again\n"
             : ": cannot be read: its disk failed; nothing was kept: run again\n");
  _exit(shrank ? EXIT_INPUT : EXIT_RUN);
}

void file_use_start(void)
{
  struct sigaction action = {.sa_sigaction = bus_handler, .sa_flags = SA_SIGINFO};
  pthread_mutex_lock(&lock);
  started = true;
  pthread_mutex_unlock(&lock);
  sigaction(SIGBUS, &action, NULL);
}

void file_use_stop(void)
{
  pthread_mutex_lock(&lock);
  started = false;
  while (all)
    forget(all);
  pthread_mutex_unlock(&lock);
}
