#define _GNU_SOURCE
#include "base/memory.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define HUGE_PAGE ((size_t)2 << 20)

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
  if (!p) {
    error_set(error, EXIT_RUN, "%s: out of memory for %zu bytes; use a smaller --memory", what,
              bytes);
    return NULL;
  }
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

/* A file of the control group at `path` below the mount point; NULL if there is none. */
static FILE *cgroup_open(const char *path, const char *name)
{
  char file[PATH_MAX + 64];
  int length = snprintf(file, sizeof file, "/sys/fs/cgroup%s/%s", path, name);
  return length > 0 && (size_t)length < sizeof file ? fopen(file, "re") : NULL;
}

/* The page cache of mapped checkpoints counts as used, but gives way. */
static unsigned long long cgroup_cache(const char *path)
{
  FILE *f = cgroup_open(path, "memory.stat");
  unsigned long long sum = 0, bytes;
  char line[256];
  if (!f)
    return 0;
  while (fgets(line, sizeof line, f))
    if (sscanf(line, "active_file %llu", &bytes) == 1 ||
        sscanf(line, "inactive_file %llu", &bytes) == 1)
      sum += bytes;
  fclose(f);
  return sum;
}

static uint64_t cgroup_room(const char *path)
{
  unsigned long long limit = 0, used = 0;
  FILE *f = cgroup_open(path, "memory.max");
  if (!f)
    return UINT64_MAX;
  int have = fscanf(f, "%llu", &limit) == 1; /* the word "max" when there is no limit */
  fclose(f);
  f = have ? cgroup_open(path, "memory.current") : NULL;
  if (!f)
    return UINT64_MAX;
  have = fscanf(f, "%llu", &used) == 1;
  fclose(f);
  if (!have)
    return UINT64_MAX;
  unsigned long long cache = cgroup_cache(path);
  used = used > cache ? used - cache : 0;
  return limit > used ? limit - used : 0;
}

/* The least of this process's control group and all above it. */
static uint64_t cgroup_available(void)
{
  char line[PATH_MAX + 8], path[PATH_MAX] = "";
  FILE *f = fopen("/proc/self/cgroup", "re");
  while (f && fgets(line, sizeof line, f))
    if (strncmp(line, "0::/", 4) == 0) /* version 2 */
      snprintf(path, sizeof path, "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
  if (f)
    fclose(f);
  uint64_t least = UINT64_MAX;
  for (;;) {
    uint64_t room = cgroup_room(path);
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
  uint64_t cgroup = cgroup_available();
  struct rlimit limit;
  if (cgroup < available)
    available = cgroup;
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      limit.rlim_cur < available)
    available = limit.rlim_cur;
  return available;
}
