/* Which kernels run: one honest choice at start, after a check of the arithmetic. */
#include "kernels.h"

#include <fenv.h>
#include <float.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

/* A library linked with -ffast-math may have set flush-to-zero behind our back. */
static int check_arithmetic(struct error *error)
{
  volatile float tiny = FLT_MIN, half = 0.5f;
  volatile float subnormal = tiny * half;
  volatile float back = subnormal * 2.0f;
  if (fegetround() != FE_TONEAREST)
    return error_set(error, EXIT_RUN, "CPU: rounding is not to nearest; results would differ");
  if (back != tiny)
    return error_set(error, EXIT_RUN,
                     "CPU: subnormal numbers are flushed to zero; results would differ");
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("fma"))
    return error_set(error, EXIT_RUN,
                     "CPU: no fused multiply-add (FMA3); run on an x86-64-v3 or ARMv8 machine");
#endif
  return 0;
}

static bool cpu_has(enum isa isa)
{
  switch (isa) {
  case ISA_SCALAR:
    return true;
#if defined(__x86_64__)
  case ISA_AVX2:
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  case ISA_AVX512:
    return cpu_has(ISA_AVX2) && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq");
#endif
#if defined(__aarch64__)
  case ISA_NEON:
    return (getauxval(AT_HWCAP) & HWCAP_ASIMD) != 0;
#endif
  default:
    return false;
  }
}

/* In order of preference, the last the fastest. */
static const struct kernels *const compiled[] = {
    &kernels_scalar,
#if defined(__x86_64__)
    &kernels_avx2,
    &kernels_avx512,
#endif
#if defined(__aarch64__)
    &kernels_neon,
#endif
};

size_t kernels_available(const struct kernels *list[4])
{
  size_t count = 0;
  for (size_t i = 0; i < sizeof compiled / sizeof *compiled; i++)
    if (cpu_has(compiled[i]->isa))
      list[count++] = compiled[i];
  return count;
}

int kernels_select(enum isa isa, const struct kernels **kernels, struct error *error)
{
  const struct kernels *list[4];
  if (check_arithmetic(error))
    return error->code;
  size_t count = kernels_available(list);
  *kernels = isa == ISA_AUTO ? list[count - 1] : NULL;
  for (size_t i = 0; i < count; i++)
    if (list[i]->isa == isa)
      *kernels = list[i];
  if (!*kernels)
    return error_set(error, EXIT_RUN,
                     "--isa: this CPU or this build does not have it; use auto or scalar");
  return 0;
}

int kernels_parse_isa(const char *name, enum isa *isa, struct error *error)
{
  static const char *const names[] = {"auto", "scalar", "avx2", "avx512", "neon"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i]) == 0) {
      *isa = (enum isa)i;
      return 0;
    }
  return error_set(error, EXIT_INPUT, "--isa %s: must be auto, scalar, avx2, avx512 or neon", name);
}
