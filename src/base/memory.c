#define _GNU_SOURCE
#include "base/memory.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define FIRST_ROOM 64 /* elements of a list */

static void *short_of(size_t bytes, const char *what, struct error *error)
{
  error_set(error, EXIT_RUN, "%s: out of memory for %zu bytes; use a smaller --memory", what,
            bytes);
  return NULL;
}

void *memory_alloc(size_t count, size_t size, const char *what, struct error *error)
{
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2) {
    error_set(error, EXIT_RUN, "%s: %zu x %zu bytes are more than can be addressed", what, count,
              size);
    return NULL;
  }
  size_t alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
  size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void *p = aligned_alloc(alignment, rounded ? rounded : alignment);
  if (!p)
    return short_of(bytes, what, error);
  if (bytes >= HUGE_PAGE)
    (void)madvise(p, rounded, MADV_HUGEPAGE);
  return p;
}

void *memory_zeroed(size_t count, size_t size, const char *what, struct error *error)
{
  void *p = memory_alloc(count, size, what, error);
  if (p)
    memset(p, 0, count * size);
  return p;
}

/* The bytes of a list that is to hold `count` elements; SIZE_MAX where that cannot be. */
static size_t list_bytes(size_t count, size_t room, size_t size, size_t *wanted)
{
  size_t bytes;
  *wanted = room < FIRST_ROOM ? FIRST_ROOM : 2 * room;
  *wanted = *wanted < count ? count : *wanted;
  return __builtin_mul_overflow(*wanted, size, &bytes) || bytes > SIZE_MAX / 2 ? SIZE_MAX : bytes;
}

void *memory_room(void *list, size_t count, size_t *room, size_t size)
{
  if (list && count <= *room)
    return list;
  size_t wanted, bytes = list_bytes(count, *room, size, &wanted);
  void *larger = bytes < SIZE_MAX ? realloc(list, bytes) : NULL;
  if (larger)
    *room = wanted;
  return larger;
}

void *memory_grow(void *list, size_t count, size_t *room, size_t size, const char *what,
                  struct error *error)
{
  size_t wanted;
  void *larger = memory_room(list, count, room, size);
  return larger ? larger : short_of(list_bytes(count, *room, size, &wanted), what, error);
}

static uint64_t meminfo_available(void)
{
  FILE *f = fopen("/proc/meminfo", "re");
  if (!f)
    return 0;
  char line[256];
  unsigned long long kib = 0;
  while (fgets(line, sizeof line, f))
    if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
      break;
  fclose(f);
  return (uint64_t)kib * 1024;
}

/* The two versions of control groups: where they are, what the line of a process starts with in
 * /proc/self/cgroup (after its number), and what their files and counts are called. */
static const struct cgroup {
  const char *root, *line, *limit, *used, *active, *inactive;
} cgroups[] = {
    {"/sys/fs/cgroup", "::", "memory.max", "memory.current", "active_file %llu",
     "inactive_file %llu"},
    {"/sys/fs/cgroup/memory", ":memory:", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_active_file %llu", "total_inactive_file %llu"},
};

static FILE *cgroup_open(const struct cgroup *cgroup, const char *path, const char *name)
{
  char file[PATH_MAX + 64];
  int length = snprintf(file, sizeof file, "%s%s/%s", cgroup->root, path, name);
  return length > 0 && (size_t)length < sizeof file ? fopen(file, "re") : NULL;
}

/* A number alone in a file; false for the word "max", too. */
static bool cgroup_number(const struct cgroup *cgroup, const char *path, const char *name,
                          unsigned long long *number)
{
  FILE *f = cgroup_open(cgroup, path, name);
  bool have = f && fscanf(f, "%llu", number) == 1;
  if (f)
    fclose(f);
  return have;
}

/* The page cache of mapped checkpoints counts as used, but gives way. */
static unsigned long long cgroup_cache(const struct cgroup *cgroup, const char *path)
{
  FILE *f = cgroup_open(cgroup, path, "memory.stat");
  unsigned long long sum = 0, bytes;
  char line[256];
  if (!f)
    return 0;
  while (fgets(line, sizeof line, f))
    if (sscanf(line, cgroup->active, &bytes) == 1 || sscanf(line, cgroup->inactive, &bytes) == 1)
      sum += bytes;
  fclose(f);
  return sum;
}

static uint64_t cgroup_room(const struct cgroup *cgroup, const char *path)
{
  unsigned long long limit = 0, used = 0;
  if (!cgroup_number(cgroup, path, cgroup->limit, &limit) ||
      !cgroup_number(cgroup, path, cgroup->used, &used))
    return UINT64_MAX;
  unsigned long long cache = cgroup_cache(cgroup, path);
  used = used > cache ? used - cache : 0;
  return limit > used ? limit - used : 0;
}

/* The path of this process's group below the root; "" when it is not said. */
static void cgroup_path(const struct cgroup *cgroup, char path[PATH_MAX])
{
  char line[PATH_MAX + 64];
  FILE *f = fopen("/proc/self/cgroup", "re");
  *path = 0;
  while (f && fgets(line, sizeof line, f)) {
    const char *rest = line + strspn(line, "0123456789");
    size_t length = strlen(cgroup->line);
    if (strncmp(rest, cgroup->line, length) == 0 && rest[length] == '/')
      snprintf(path, PATH_MAX, "%.*s", (int)strcspn(rest + length, "\n"), rest + length);
  }
  if (f)
    fclose(f);
}

/* The least of this process's control group and all above it. */
static uint64_t cgroup_available(const struct cgroup *cgroup)
{
  char path[PATH_MAX];
  uint64_t least = UINT64_MAX;
  cgroup_path(cgroup, path);
  for (;;) {
    uint64_t room = cgroup_room(cgroup, path);
    least = room < least ? room : least;
    char *slash = strrchr(path, '/');
    if (!slash)
      return least;
    *slash = 0;
  }
}

uint64_t memory_available(void)
{
  uint64_t available = meminfo_available();
  struct rlimit limit;
  for (size_t i = 0; i < sizeof cgroups / sizeof *cgroups; i++) {
    uint64_t room = cgroup_available(&cgroups[i]);
    available = room < available ? room : available;
  }
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      limit.rlim_cur < available)
    available = limit.rlim_cur;
  return available;
}
