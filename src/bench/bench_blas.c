#define _GNU_SOURCE
#include "bench/bench_blas.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROW_MAJOR 101
#define PLAIN 111
#define TRANSPOSED 112
#define SPIN_NS 60000000 /* twice what OpenBLAS spins at 2.5 GHz: 2^26 cycles */

/* Function pointers do not convert from void * in ISO C; their bytes do (POSIX, dlsym). */
static bool symbol(void *library, const char *name, void *function)
{
  void *address = dlsym(library, name);
  memcpy(function, &address, sizeof address);
  return address != NULL;
}

/* Which kernels to try: those for AVX-512 are not always the faster ones, and left to itself
 * OpenBLAS takes AVX2 kernels on AMD's CPUs with AVX-512. Zen's are Haswell's. NULL = its choice.
 */
static size_t choose_cores(enum isa isa, const char *cores[BLAS_MOST])
{
  size_t count = 0;
  bool forced = getenv("OPENBLAS_CORETYPE") != NULL;
  if (isa == ISA_AVX512 && !forced)
    cores[count++] = "SkylakeX";
  if ((isa == ISA_AVX512 || isa == ISA_AVX2) && !forced)
    cores[count++] = "Haswell";
  if (count == 0)
    cores[count++] = NULL;
  return count;
}

/* The same file once more: the loader tells libraries apart by their inodes. NULL = not possible.
 */
static void *open_copy(void *library)
{
  struct link_map *map = NULL;
  void *copy = NULL;
  char path[64];
  if (dlinfo(library, RTLD_DI_LINKMAP, &map) != 0)
    return NULL;
  int from = open(map->l_name, O_RDONLY | O_CLOEXEC), to = memfd_create("openblas", MFD_CLOEXEC);
  struct stat info;
  if (from >= 0 && to >= 0 && fstat(from, &info) == 0) {
    off_t left = info.st_size;
    for (ssize_t sent = 1; left > 0 && sent > 0; left -= sent)
      sent = sendfile(to, from, NULL, (size_t)left);
    snprintf(path, sizeof path, "/proc/self/fd/%d", to);
    if (left == 0)
      copy = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  }
  if (from >= 0)
    close(from);
  if (to >= 0)
    close(to);
  return copy;
}

static bool bind(void *library, struct blas *blas)
{
  char *(*core)(void) = NULL;
  *blas = (struct blas){0};
  if (!library || !symbol(library, "cblas_sgemm", &blas->sgemm) ||
      !symbol(library, "openblas_set_num_threads", &blas->set_threads) ||
      !symbol(library, "openblas_get_corename", &core))
    return false;
  snprintf(blas->core, sizeof blas->core, "%s", core());
  return true;
}

int blas_load(const char *path, enum isa isa, struct blas blas[BLAS_MOST], size_t *count,
              struct error *error)
{
  const char *cores[BLAS_MOST];
  size_t wanted = choose_cores(isa, cores);
  void *first = NULL;
  *count = 0;
  for (size_t i = 0; i < wanted; i++) {
    if (cores[i])
      setenv("OPENBLAS_CORETYPE", cores[i], 1);
    void *library =
        i ? open_copy(first) : dlopen(path ? path : "libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (i == 0)
      first = library;
    *count += bind(library, &blas[*count]);
    if (i == 0 && *count == 0)
      break;
  }
  if (cores[0]) /* it was not set before */
    unsetenv("OPENBLAS_CORETYPE");
  if (*count || !path)
    return 0;
  const char *reason = dlerror();
  return error_set(error, EXIT_INPUT, "--openblas %s: is not an OpenBLAS library: %s", path,
                   reason ? reason : "it lacks its functions");
}

void blas_product(const struct blas *blas, int threads, const struct product_case *p,
                  const float *a, const float *b, float *c)
{
  int m = (int)p->m, n = (int)p->n, k = (int)p->k;
  blas->set_threads(threads);
  blas->sgemm(ROW_MAJOR, p->transposed_a ? TRANSPOSED : PLAIN, p->transposed_b ? PLAIN : TRANSPOSED,
              m, n, k, 1.0f, a, p->transposed_a ? m : k, b, p->transposed_b ? n : k,
              p->accumulate ? 1.0f : 0.0f, c, n);
}

void blas_settle(int threads)
{
  if (threads > 1)
    nanosleep(&(struct timespec){.tv_nsec = SPIN_NS}, NULL);
}
