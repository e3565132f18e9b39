#include "command/bench_blas.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/* Left to itself OpenBLAS takes AVX2 kernels on AMD's CPUs with AVX-512. Zen's are Haswell's. */
static void choose_core(enum isa isa)
{
  if (isa == ISA_AVX512)
    setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
  if (isa == ISA_AVX2)
    setenv("OPENBLAS_CORETYPE", "Haswell", 0);
}

int blas_load(const char *path, enum isa isa, struct blas *blas, struct error *error)
{
  char *(*core)(void) = NULL;
  *blas = (struct blas){0};
  choose_core(isa);
  void *library = dlopen(path ? path : "libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  bool whole = library && symbol(library, "cblas_sgemm", &blas->sgemm) &&
               symbol(library, "openblas_set_num_threads", &blas->set_threads) &&
               symbol(library, "openblas_get_corename", &core);
  if (!whole && path) {
    const char *reason = dlerror();
    return error_set(error, EXIT_INPUT, "--openblas %s: is no OpenBLAS library: %s", path,
                     reason ? reason : "unknown reason");
  }
  if (whole) {
    blas->library = library;
    blas->core = core();
  }
  return 0;
}

void blas_product(const struct blas *blas, int threads, size_t m, size_t n, size_t k,
                  const float *a, const float *b, float *c)
{
  blas->set_threads(threads);
  blas->sgemm(ROW_MAJOR, PLAIN, TRANSPOSED, (int)m, (int)n, (int)k, 1.0f, a, (int)k, b, (int)k,
              0.0f, c, (int)n);
}

void blas_settle(int threads)
{
  if (threads > 1)
    nanosleep(&(struct timespec){.tv_nsec = SPIN_NS}, NULL);
}
