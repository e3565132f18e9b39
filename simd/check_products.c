/* Products against the contract written down as three loops, and against double precision. */
#include "check_part.h"

#include "base/memory.h"
#include "gemm.h"
#include "pack_c.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The bench's cases are cut to these sizes. */
#define MOST_ROWS 70
#define MOST_COLUMNS 210
#define MOST_DEPTH 600

struct operands {
  size_t m, n, k;
  float *a;     /* [m][k], or [k][m] */
  void *b;      /* [n][k], or [k][n], as stored */
  float *wide;  /* the same, widened */
  float *bias;  /* [n], and zeros */
  float *start; /* [m][n]: C before */
  float *want, *got, *packed_a, *packed_b;
};

static size_t least(size_t a, size_t b)
{
  return a < b ? a : b;
}

/* The contract: blocks of 256, one chain a block, plain adds, bias or +0 last; then what C held. */
static void contract(struct check *check, const struct product_case *p, const struct operands *o)
{
  bool close = true;
  size_t a_row = p->transposed_a ? 1 : o->k, a_step = p->transposed_a ? o->m : 1;
  size_t b_row = p->transposed_b ? 1 : o->k, b_step = p->transposed_b ? o->n : 1;
  for (size_t i = 0; i < o->m; i++)
    for (size_t j = 0; j < o->n; j++) {
      const float *a = o->a + i * a_row, *b = o->wide + j * b_row;
      float total = 0, bias = p->bias ? o->bias[j] : 0.0f, before = o->start[i * o->n + j];
      double want = (double)bias, size = fabs(want);
      for (size_t k0 = 0; k0 < o->k; k0 += GEMM_BLOCK) {
        float sum = 0;
        for (size_t l = k0; l < o->k && l < k0 + GEMM_BLOCK; l++) {
          double term = (double)a[l * a_step] * (double)b[l * b_step];
          sum = fmaf(a[l * a_step], b[l * b_step], sum);
          want += term;
          size += fabs(term);
        }
        total = k0 == 0 ? sum : total + sum;
      }
      total = total + bias;
      o->want[i * o->n + j] = p->accumulate ? before + total : total;
      if (p->accumulate)
        close &=
            check_error(check, before + total, want + (double)before, size + fabs((double)before));
      else
        close &= check_error(check, total, want, size);
    }
  check_count(check, close);
}

static const void *stored_row(void *context, size_t index, enum gemm_type *type)
{
  struct {
    const struct product_case *product;
    const struct operands *operands;
  } *source = context;
  *type = source->product->type;
  return (const char *)source->operands->b + index * source->operands->k * gemm_type_size(*type);
}

/* Random weights as they are stored; 16 bits of a finite number are the upper half of a float, or
 * a half below 2. */
static void fill_stored(struct check *check, enum gemm_type type, const struct operands *o)
{
  size_t elements = o->n * o->k;
  check_fill(check, false, o->wide, elements);
  for (size_t i = 0; i < elements && type != GEMM_F32; i++) {
    uint32_t bits;
    memcpy(&bits, o->wide + i, sizeof bits);
    ((uint16_t *)o->b)[i] = (uint16_t)(type == GEMM_BF16 ? bits >> 16 : bits >> 8 & 0xBFFF);
  }
  if (type == GEMM_F32)
    memcpy(o->b, o->wide, elements * sizeof(float));
  widen_c(type, o->b, elements, o->wide);
}

static void pack_operands(struct check *check, const struct product_case *p,
                          const struct operands *o)
{
  const struct kernels *kernels = check->k;
  if (p->transposed_a)
    check_count(check, gemm_pack_transposed(kernels, GEMM_F32, o->a, o->m, o->m, o->k, kernels->mr,
                                            o->packed_a));
  else
    gemm_pack_rows(kernels, o->a, o->k, o->m, o->k, kernels->mr, o->packed_a);
  if (p->transposed_b)
    check_count(check, gemm_pack_transposed(kernels, p->type, o->b, o->n, o->n, o->k,
                                            gemm_nr(kernels, o->n), o->packed_b));
  else
    gemm_pack_rows(kernels, o->wide, o->k, o->n, o->k, gemm_nr(kernels, o->n), o->packed_b);
}

static void compare(struct check *check, const struct operands *o)
{
  check_count(check, memcmp(o->got, o->want, o->m * o->n * sizeof(float)) == 0);
  memcpy(o->got, o->start, o->m * o->n * sizeof(float));
}

/* B packed beforehand, and packed by the product. */
static void run(struct check *check, const struct product_case *p, struct operands *o,
                struct threads *alone)
{
  struct gemm gemm = {.kernels = check->k,
                      .m = o->m,
                      .n = o->n,
                      .k = o->k,
                      .a = o->packed_a,
                      .b = o->packed_b,
                      .b_n = o->n,
                      .b_k = o->k,
                      .bias = p->bias ? o->bias : NULL,
                      .c = o->got,
                      .ldc = o->n,
                      .accumulate = p->accumulate};
  struct {
    const struct product_case *product;
    const struct operands *operands;
  } source = {p, o};
  check_fill(check, false, o->a, o->m * o->k);
  check_fill(check, false, o->bias, o->n);
  check_fill(check, false, o->start, o->m * o->n);
  fill_stored(check, p->type, o);
  memcpy(o->got, o->start, o->m * o->n * sizeof(float));
  contract(check, p, o);
  pack_operands(check, p, o);
  gemm_run_here(&gemm);
  compare(check, o);
  if (p->transposed_b)
    return;
  check_count(check, gemm_run_direct(&gemm, &(struct gemm_source){&source, stored_row}, alone));
  compare(check, o);
}

bool check_product(struct check *check, const struct product_case *p)
{
  struct error error;
  struct threads *alone = NULL;
  bool whole = p->bench == CASE_CHECK_ONLY;
  struct operands o = {.m = whole ? p->m : least(p->m, MOST_ROWS),
                       .n = whole ? p->n : least(p->n, MOST_COLUMNS),
                       .k = whole ? p->k : least(p->k, MOST_DEPTH)};
  size_t packed_a = gemm_packed_floats(o.m, o.k, check->k->mr);
  size_t packed_b = gemm_packed_floats(o.n, o.k, gemm_nr(check->k, o.n));
  size_t bias = gemm_round_up(o.n, (size_t)gemm_nr(check->k, o.n));
  /* Panels need an alignment that all sizes before them keep. */
  size_t sizes[] = {packed_a,  packed_b,  o.m * o.k, o.n * o.k, o.n * o.k,
                    o.m * o.n, o.m * o.n, o.m * o.n, bias};
  size_t floats = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    floats += sizes[i] = gemm_round_up(sizes[i], 16);
  float *memory = memory_zeroed(floats, sizeof *memory, "check", &error), *next = memory;
  float **parts[] = {&o.packed_a, &o.packed_b, &o.a,   &o.wide, (float **)&o.b,
                     &o.start,    &o.want,     &o.got, &o.bias};
  for (size_t i = 0; memory && i < sizeof sizes / sizeof *sizes; next += sizes[i++])
    *parts[i] = next;
  bool good = memory && threads_start(1, &alone, &error) == 0;
  if (good)
    run(check, p, &o, alone);
  threads_stop(alone);
  free(memory);
  return good;
}
