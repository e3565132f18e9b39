#include "check_part.h"

#include "base/memory.h"
#include "pack_c.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 1100        /* of a row */
#define LONGEST_OF_ROWS 300 /* of a row among many */
#define FLOATS (CASE_MOST_ROWS * LONGEST_OF_ROWS + 16)
#define ARRAYS 4 /* x, y, z, w */

uint32_t check_random(struct check *check)
{
  check->state = check->state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(check->state >> 32);
}

size_t check_size(struct check *check, size_t least, size_t most)
{
  return least + check_random(check) % (most - least + 1);
}

static float wild(uint32_t kind, float unit)
{
  switch (kind) {
  case 0:
    return 0.0f;
  case 1:
    return -0.0f;
  case 2:
    return unit * 0x1p-140f;
  case 3:
    return unit * 0x1p40f;
  case 4:
    return unit * 100.0f;
  default:
    return unit * 4.0f;
  }
}

void check_fill(struct check *check, bool tame, float *x, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = check_random(check), kind = check_random(check) % 64;
    x[i] = wild(tame ? 64 : kind, (float)(int32_t)bits * 0x1p-31f);
  }
}

void check_count(struct check *check, bool good)
{
  check->outcome.cases++;
  check->outcome.failures += !good;
}

bool check_error(struct check *check, float result, double want, double size)
{
  /* Far below the smallest normal number, what is lost is not relative. */
  double error = fabs((double)result - want) / (0x1p-24 * size + 0x1p-146);
  if (!(error <= check->outcome.error)) /* or not a number */
    check->outcome.error = error;
  return error <= check->outcome.bound;
}

/* Panels of every width, all element types mixed, unaligned rows, odd depths, missing rows. */
struct panel {
  float source[GEMM_MAX_NR * 2 * GEMM_BLOCK + 4];
  float got[GEMM_BLOCK * GEMM_MAX_NR + 1], want[GEMM_BLOCK * GEMM_MAX_NR + 1];
};

/* `floats` of a panel and one past the end, which must stay as it is. */
static void compare_panels(struct check *check, struct panel *p, size_t floats, bool finite,
                           bool reference)
{
  for (size_t j = 0; j < floats; j++) /* the payload of a NaN does not matter */
    if (!isfinite(p->want[j]) && !isfinite(p->got[j]))
      p->got[j] = p->want[j] = 0;
  check_count(check, memcmp(p->got, p->want, (floats + 1) * sizeof(float)) == 0);
  check_count(check, finite == reference);
}

/* Of operand A, or of operand B for one of the tiles. */
static int panel_width(const struct kernels *k, int i)
{
  int nr = k->tiles[i / 2 % MOST_TILES].nr;
  return i % 2 ? k->mr : nr ? nr : k->tiles[0].nr;
}

static void check_pack(struct check *check, struct panel *p, int i)
{
  int width = panel_width(check->k, i);
  int count = i % 3 ? width : (int)check_size(check, 1, (size_t)width);
  size_t k0 = check_random(check) % 40, kc = check_size(check, 1, GEMM_BLOCK);
  const void *rows[GEMM_MAX_NR];
  enum gemm_type types[GEMM_MAX_NR];
  check_fill(check, false, p->source, sizeof p->source / sizeof *p->source);
  for (int j = 0; j < count; j++) {
    types[j] = (enum gemm_type)(i < 30 ? i % 3 : (int)(check_random(check) % 3));
    rows[j] = (const char *)(p->source + (size_t)j * 2 * GEMM_BLOCK) + (i % 4);
  }
  memset(p->got, 0x55, sizeof p->got);
  memset(p->want, 0x55, sizeof p->want);
  bool finite = (i % 4 < 2 ? check->k->pack_streaming : check->k->pack)(types, rows, count, k0, kc,
                                                                        width, p->got);
  bool reference = pack_c(types, rows, count, k0, kc, width, p->want);
  compare_panels(check, p, kc * (size_t)width, finite, reference);
}

static void check_pack_transposed(struct check *check, struct panel *p, int i)
{
  int width = panel_width(check->k, i);
  int count = i % 3 ? width : (int)check_size(check, 1, (size_t)width);
  size_t kc = check_size(check, 1, GEMM_BLOCK), stride = check_size(check, (size_t)count, 90);
  enum gemm_type type = (enum gemm_type)(i / 2 % 3);
  const char *source = (const char *)p->source + i % 4;
  check_fill(check, i % 5 == 0, p->source, sizeof p->source / sizeof *p->source);
  memset(p->got, 0x55, sizeof p->got);
  memset(p->want, 0x55, sizeof p->want);
  bool finite = check->k->pack_transposed(type, source, stride, count, kc, width, p->got);
  bool reference = pack_transposed_c(type, source, stride, count, kc, width, p->want);
  compare_panels(check, p, kc * (size_t)width, finite, reference);
}

/* One call's data; before it, after the reference, and after the candidate. */
struct rows {
  struct case_data before, want, got;
  struct case_exact exact;
};

static void copy_arrays(struct case_data *to, const struct case_data *from)
{
  size_t bytes = (from->rows * from->n + 1) * sizeof(float);
  to->rows = from->rows;
  to->n = from->n;
  for (const char *name = "xyzw"; *name; name++)
    memcpy(case_array(to, *name), case_array(from, *name), bytes);
}

static void check_precision(struct check *check, const struct row_case *c, struct rows *r)
{
  size_t n = r->before.rows * r->before.n;
  for (const char *result = c->results; result && *result; result++) {
    for (size_t i = 0; i < n; i++)
      r->exact.size[i] = -1;
    bool good = true;
    row_case_exact(c, &r->before, *result, &r->exact);
    for (size_t i = 0; i < n; i++)
      if (r->exact.size[i] >= 0)
        good &=
            check_error(check, case_array(&r->got, *result)[i], r->exact.want[i], r->exact.size[i]);
    check_count(check, good);
  }
}

static void check_row(struct check *check, const struct row_case *c, struct rows *r, bool tame)
{
  size_t n = r->before.rows * r->before.n;
  for (const char *name = "xyzw"; *name; name++) {
    float *x = case_array(&r->before, *name);
    check_fill(check, tame, x, n);
    for (size_t i = 0; i < n && *name == c->positive; i++)
      x[i] = fabsf(x[i]);
    x[n] = 12345.0f; /* one past the end: must stay as it is */
  }
  check_fill(check, tame, (float *)(uintptr_t)r->before.a, r->before.n);
  check_fill(check, tame, (float *)(uintptr_t)r->before.b, r->before.n);
  copy_arrays(&r->want, &r->before);
  copy_arrays(&r->got, &r->before);
  c->run(&kernels_scalar, &r->want);
  c->run(check->k, &r->got);
  bool same = true;
  for (const char *name = "xyzw"; *name; name++)
    same &= memcmp(case_array(&r->want, *name), case_array(&r->got, *name),
                   (n + 1) * sizeof(float)) == 0;
  check_count(check, same);
  if (tame)
    check_precision(check, c, r);
}

static void check_rows(struct check *check, const struct row_case *c, struct rows *r)
{
  static const size_t longer[] = {100, 255, 256, 300, 511, 1024, LONGEST};
  size_t longest = c->rows > 1 ? LONGEST_OF_ROWS : LONGEST;
  check->outcome.bound = c->bound;
  for (size_t i = 1; i <= 67 + sizeof longer / sizeof *longer; i++) {
    r->before.n = i <= 67 ? i : longer[i - 68];
    if (r->before.n > longest)
      break;
    r->before.rows = i % 8 ? check_size(check, 1, c->rows) : c->rows;
    check_row(check, c, r, false);
    check_row(check, c, r, true);
  }
}

static size_t finish(struct check *check, const char *name, kernels_check_report *report,
                     void *context)
{
  size_t failures = check->outcome.failures;
  check->outcome.kernel = name;
  report(context, &check->outcome);
  check->outcome = (struct kernels_outcome){0};
  return failures;
}

static bool check_products(struct check *check)
{
  bool good = true;
  check->outcome.bound = PRODUCT_BOUND;
  for (size_t i = 0; good && i < product_case_count; i++)
    good = check_product(check, &product_cases[i]);
  for (unsigned i = 0; good && i < 24; i++)
    good = check_product(check, &(struct product_case){
                                    "random", (enum gemm_type)(i / 2 % 3), check_size(check, 1, 70),
                                    check_size(check, 1, 210), check_size(check, 1, 600),
                                    CASE_CHECK_ONLY, i & 4, i & 2, i & 1, i & 8});
  return good;
}

static void lay_out(struct case_data *data, float **memory, const float *a, const float *b)
{
  data->a = a;
  data->b = b;
  data->x = *memory;
  data->y = data->x + FLOATS;
  data->z = data->y + FLOATS;
  data->w = data->z + FLOATS;
  *memory += ARRAYS * FLOATS;
}

static size_t check_all_rows(struct check *check, float *memory, double *exact,
                             kernels_check_report *report, void *context)
{
  struct rows r = {.exact = {exact, exact + FLOATS}};
  const struct row_case *c;
  const float *a = memory, *b = memory + FLOATS;
  size_t failures = 0;
  memory += 2 * FLOATS;
  lay_out(&r.before, &memory, a, b);
  lay_out(&r.want, &memory, a, b);
  lay_out(&r.got, &memory, a, b);
  for (size_t i = 0; (c = row_case_at(i)); i++) {
    check_rows(check, c, &r);
    failures += finish(check, c->name, report, context);
  }
  return failures;
}

size_t kernels_check(const struct kernels *kernels, kernels_check_report *report, void *context)
{
  struct error error;
  struct check check = {.k = kernels, .state = 20260609};
  size_t failures = 0;
  struct panel *panel = memory_alloc(1, sizeof *panel, "check", &error);
  float *memory = memory_zeroed((2 + 3 * ARRAYS) * FLOATS, sizeof *memory, "check", &error);
  double *exact = memory_alloc(2 * FLOATS, sizeof *exact, "check", &error);
  bool good = panel && memory && exact && check_products(&check);
  if (good) {
    failures += finish(&check, "matrix product", report, context);
    for (int i = 0; i < 60; i++)
      check_pack(&check, panel, i);
    failures += finish(&check, "pack", report, context);
    for (int i = 0; i < 60; i++)
      check_pack_transposed(&check, panel, i);
    failures += finish(&check, "pack, transposed", report, context);
    failures += check_all_rows(&check, memory, exact, report, context);
  }
  free(panel);
  free(memory);
  free(exact);
  return good ? failures : SIZE_MAX;
}
