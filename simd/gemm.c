#include "gemm.h"

#include "f32.h"

#include <string.h>

/* Operands of 4 MiB and more are written past the caches. */
#define FAR_FLOATS ((size_t)1 << 20)

static size_t round_up(size_t x, size_t multiple)
{
  return (x + multiple - 1) / multiple * multiple;
}

static size_t min_size(size_t a, size_t b)
{
  return a < b ? a : b;
}

size_t gemm_packed_floats(size_t rows, size_t k, int multiple)
{
  return round_up(rows, (size_t)multiple) * k;
}

struct pack_job {
  const struct kernels *kernels;
  bool far;
  const float *x;
  size_t stride, rows, k, multiple;
  float *out;
};

/* One panel, all blocks of k. */
static void pack_task(void *context, size_t panel, int worker)
{
  const struct pack_job *job = context;
  size_t first = panel * job->multiple, padded = round_up(job->rows, job->multiple);
  size_t count = min_size(job->multiple, job->rows - first);
  const void *rows[GEMM_MAX_NR];
  enum gemm_type types[GEMM_MAX_NR];
  (void)worker;
  for (size_t i = 0; i < count; i++) {
    rows[i] = job->x + (first + i) * job->stride;
    types[i] = GEMM_F32;
  }
  for (size_t k0 = 0; k0 < job->k; k0 += GEMM_BLOCK) {
    size_t kc = min_size(GEMM_BLOCK, job->k - k0);
    float *out = job->out + k0 * padded + first * kc;
    bool far = job->far && kc == GEMM_BLOCK; /* after a shorter block panels may be unaligned */
    (far ? job->kernels->pack_far : job->kernels->pack)(types, rows, (int)count, k0, kc,
                                                        (int)job->multiple, out);
  }
  job->kernels->pack_settle();
}

void gemm_pack_rows(const struct kernels *kernels, const float *x, size_t stride, size_t rows,
                    size_t k, int multiple, float *out)
{
  struct pack_job job = {kernels, false, x, stride, rows, k, (size_t)multiple, out};
  for (size_t panel = 0; panel * job.multiple < rows; panel++)
    pack_task(&job, panel, 0);
}

void gemm_pack_rows_threaded(const struct kernels *kernels, struct threads *threads, const float *x,
                             size_t stride, size_t rows, size_t k, int multiple, float *out)
{
  bool far = gemm_packed_floats(rows, k, multiple) >= FAR_FLOATS;
  struct pack_job job = {kernels, far, x, stride, rows, k, (size_t)multiple, out};
  threads_run(threads, round_up(rows, job.multiple) / job.multiple, pack_task, &job);
}

void gemm_pack_values(const float *x, size_t stride, size_t k, size_t columns, int nr, float *out)
{
  size_t width = (size_t)nr, padded = round_up(columns, width);
  for (size_t kb = 0; kb * GEMM_BLOCK < k; kb++) {
    size_t k0 = kb * GEMM_BLOCK, kc = min_size(GEMM_BLOCK, k - k0);
    for (size_t j0 = 0; j0 < padded; j0 += width) {
      size_t count = min_size(width, columns - j0);
      float *panel = out + k0 * padded + j0 * kc;
      for (size_t kk = 0; kk < kc; kk++) {
        memcpy(panel + kk * width, x + (k0 + kk) * stride + j0, count * sizeof *x);
        memset(panel + kk * width + count, 0, (width - count) * sizeof *x);
      }
    }
  }
}

/* A tile that reaches past the last row or column is computed beside and its valid part copied. */
static void edge_tile(const struct gemm *g, size_t kc, const float *a, const float *b,
                      const float *sum, float *c, size_t rows, size_t columns, const float *bias,
                      const void *ahead)
{
  _Alignas(64) float whole[GEMM_MAX_MR * GEMM_MAX_NR];
  size_t nr = (size_t)g->kernels->nr;
  g->kernels->tile(kc, a, b, sum, whole, nr, bias, ahead);
  for (size_t i = 0; i < rows; i++)
    memcpy(c + i * g->ldc, whole + i * nr, columns * sizeof *c);
}

/* A task's operands for one block fit the second-level cache: 128 rows and 384 columns of 256. */
#define TASK_ROWS 128
#define TASK_COLUMNS 384

/* Row panels [p0, p1) times column panels [q0, q1), at most TASK_ROWS x TASK_COLUMNS, all blocks of
 * k in order. Sums stay in a compact buffer until the last block: rows of C are often a power of
 * two apart and would evict each other from the cache. */
static void region(const struct gemm *g, size_t p0, size_t p1, size_t q0, size_t q1)
{
  static const float zeros[GEMM_MAX_NR];
  _Alignas(64) float sums[TASK_ROWS * TASK_COLUMNS];
  size_t mr = (size_t)g->kernels->mr, nr = (size_t)g->kernels->nr;
  size_t m_padded = round_up(g->m, mr), n_padded = round_up(g->b_n, nr);
  for (size_t k0 = 0; k0 < g->k; k0 += GEMM_BLOCK) {
    size_t kc = min_size(GEMM_BLOCK, g->k - k0);
    size_t b_kc = min_size(GEMM_BLOCK, g->b_k - k0);
    bool last = k0 + kc == g->k;
    size_t share = round_up(nr * kc * sizeof(float) / (p1 - p0), 64);
    float *tile = sums;
    for (size_t q = q0; q < q1; q++) {
      const float *b = g->b + k0 * n_padded + q * nr * b_kc;
      const float *bias = g->bias ? g->bias + q * nr : zeros;
      size_t columns = min_size(nr, g->n - q * nr);
      for (size_t p = p0; p < p1; p++, tile += mr * nr) {
        const float *a = g->a + k0 * m_padded + p * mr * kc, *before = k0 ? tile : NULL;
        float *c = g->c + p * mr * g->ldc + q * nr;
        size_t rows = min_size(mr, g->m - p * mr);
        /* Each tile fetches its share of the next panel of B. */
        const char *ahead = (const char *)(b + nr * b_kc) + (p - p0) * share;
        if (!last)
          g->kernels->tile(kc, a, b, before, tile, nr, NULL, ahead);
        else if (rows == mr && columns == nr)
          g->kernels->tile(kc, a, b, before, c, g->ldc, bias, ahead);
        else
          edge_tile(g, kc, a, b, before, c, rows, columns, bias, ahead);
      }
    }
  }
}

struct run {
  const struct gemm *gemm;
  size_t p_panels, q_panels, p_step, q_step, p_tasks, q_tasks;
};

static struct run plan(const struct gemm *g)
{
  size_t mr = (size_t)g->kernels->mr, nr = (size_t)g->kernels->nr;
  struct run run = {.gemm = g,
                    .p_panels = round_up(g->m, mr) / mr,
                    .q_panels = round_up(g->n, nr) / nr,
                    .p_step = TASK_ROWS / mr,
                    .q_step = TASK_COLUMNS / nr};
  run.p_tasks = round_up(run.p_panels, run.p_step) / run.p_step;
  run.q_tasks = round_up(run.q_panels, run.q_step) / run.q_step;
  return run;
}

static void gemm_task(void *context, size_t index, int worker)
{
  const struct run *run = context;
  size_t p0 = index % run->p_tasks * run->p_step, q0 = index / run->p_tasks * run->q_step;
  (void)worker;
  region(run->gemm, p0, min_size(run->p_panels, p0 + run->p_step), q0,
         min_size(run->q_panels, q0 + run->q_step));
}

void gemm_run(const struct gemm *gemm, struct threads *threads)
{
  struct run run = plan(gemm);
  threads_run(threads, run.p_tasks * run.q_tasks, gemm_task, &run);
}

void gemm_run_here(const struct gemm *gemm)
{
  struct run run = plan(gemm);
  for (size_t i = 0; i < run.p_tasks * run.q_tasks; i++)
    gemm_task(&run, i, 0);
}
