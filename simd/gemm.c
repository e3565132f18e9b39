#include "gemm.h"

#include "f32.h"

#include <stdatomic.h>
#include <string.h>

/* Operands of 4 MiB and more are written past the caches. */
#define STREAMING_FLOATS ((size_t)1 << 20)

static size_t min_size(size_t a, size_t b)
{
  return a < b ? a : b;
}

size_t gemm_packed_floats(size_t rows, size_t k, int multiple)
{
  return gemm_round_up(rows, (size_t)multiple) * k;
}

static size_t tile_cost(const struct tile *tile, size_t columns)
{
  return gemm_round_up(columns, (size_t)tile->nr) * (size_t)tile->cost;
}

const struct tile *gemm_tile(const struct kernels *kernels, size_t columns)
{
  const struct tile *best = &kernels->tiles[0];
  for (const struct tile *tile = best + 1; tile < kernels->tiles + MOST_TILES && tile->nr; tile++)
    if (tile_cost(tile, columns) < tile_cost(best, columns))
      best = tile;
  return best;
}

int gemm_nr(const struct kernels *kernels, size_t columns)
{
  return gemm_tile(kernels, columns)->nr;
}

struct pack_job {
  const struct kernels *kernels;
  bool streaming;
  enum gemm_type type;
  const void *x;
  size_t stride, rows, k, multiple;
  float *out;
  atomic_bool damaged;
};

/* One panel, all blocks of k. */
static void pack_task(void *context, size_t panel, int worker)
{
  struct pack_job *job = context;
  size_t first = panel * job->multiple, padded = gemm_round_up(job->rows, job->multiple);
  size_t count = min_size(job->multiple, job->rows - first);
  const void *rows[GEMM_MAX_NR];
  enum gemm_type types[GEMM_MAX_NR];
  (void)worker;
  for (size_t i = 0; i < count; i++) {
    rows[i] = (const float *)job->x + (first + i) * job->stride;
    types[i] = GEMM_F32;
  }
  for (size_t k0 = 0; k0 < job->k; k0 += GEMM_BLOCK) {
    size_t kc = min_size(GEMM_BLOCK, job->k - k0);
    float *out = job->out + k0 * padded + first * kc;
    bool streaming =
        job->streaming && kc == GEMM_BLOCK; /* after a shorter block panels may be unaligned */
    (streaming ? job->kernels->pack_streaming : job->kernels->pack)(types, rows, (int)count, k0, kc,
                                                                    (int)job->multiple, out);
  }
  job->kernels->pack_fence();
}

void gemm_pack_rows(const struct kernels *kernels, const float *x, size_t stride, size_t rows,
                    size_t k, int multiple, float *out)
{
  struct pack_job job = {kernels, false, GEMM_F32,         x,   stride,
                         rows,    k,     (size_t)multiple, out, false};
  for (size_t panel = 0; panel * job.multiple < rows; panel++)
    pack_task(&job, panel, 0);
}

void gemm_pack_rows_threaded(const struct kernels *kernels, struct threads *threads, const float *x,
                             size_t stride, size_t rows, size_t k, int multiple, float *out)
{
  bool streaming = gemm_packed_floats(rows, k, multiple) >= STREAMING_FLOATS;
  struct pack_job job = {kernels, streaming, GEMM_F32,         x,   stride,
                         rows,    k,         (size_t)multiple, out, false};
  threads_run(threads, gemm_round_up(rows, job.multiple) / job.multiple, pack_task, &job);
}

/* Columns of a matrix that is stored the other way round are taken together: panels share its
 * lines. */
#define TRANSPOSED_COLUMNS 64

static size_t panels_together(const struct pack_job *job)
{
  return (TRANSPOSED_COLUMNS + job->multiple - 1) / job->multiple;
}

static bool pack_transposed_panel(const struct pack_job *job, size_t panel, size_t k0)
{
  size_t first = panel * job->multiple, padded = gemm_round_up(job->rows, job->multiple);
  size_t count = min_size(job->multiple, job->rows - first), kc = min_size(GEMM_BLOCK, job->k - k0);
  const char *from = (const char *)job->x + (k0 * job->stride + first) * gemm_type_size(job->type);
  return job->kernels->pack_transposed(job->type, from, job->stride, (int)count, kc,
                                       (int)job->multiple, job->out + k0 * padded + first * kc);
}

/* A group of panels, block by block. */
static void pack_transposed_task(void *context, size_t group, int worker)
{
  struct pack_job *job = context;
  size_t first = group * panels_together(job), panels = gemm_round_up(job->rows, job->multiple);
  size_t end = min_size(first + panels_together(job), panels / job->multiple);
  bool finite = true;
  (void)worker;
  for (size_t k0 = 0; k0 < job->k; k0 += GEMM_BLOCK)
    for (size_t panel = first; panel < end; panel++)
      finite &= pack_transposed_panel(job, panel, k0);
  if (!finite)
    atomic_store(&job->damaged, true);
}

static size_t groups_of(const struct pack_job *job)
{
  size_t panels = gemm_round_up(job->rows, job->multiple) / job->multiple;
  return (panels + panels_together(job) - 1) / panels_together(job);
}

bool gemm_pack_transposed(const struct kernels *kernels, enum gemm_type type, const void *x,
                          size_t stride, size_t rows, size_t k, int multiple, float *out)
{
  struct pack_job job = {kernels, false, type, x, stride, rows, k, (size_t)multiple, out, false};
  for (size_t group = 0; group < groups_of(&job); group++)
    pack_transposed_task(&job, group, 0);
  return !atomic_load(&job.damaged);
}

bool gemm_pack_transposed_threaded(const struct kernels *kernels, struct threads *threads,
                                   enum gemm_type type, const void *x, size_t stride, size_t rows,
                                   size_t k, int multiple, float *out)
{
  struct pack_job job = {kernels, false, type, x, stride, rows, k, (size_t)multiple, out, false};
  threads_run(threads, groups_of(&job), pack_transposed_task, &job);
  return !atomic_load(&job.damaged);
}

/* A tile that reaches past the last row or column, or whose result is added to C, is computed
 * beside and its valid part copied or added. */
static void edge_tile(const struct gemm *g, size_t kc, const float *a, const float *b,
                      const float *sum, float *c, size_t rows, size_t columns, const float *bias,
                      const void *ahead)
{
  _Alignas(64) float whole[GEMM_MAX_MR * GEMM_MAX_NR];
  const struct tile *tile = gemm_tile(g->kernels, g->b_n);
  size_t nr = (size_t)tile->nr;
  tile->run(kc, a, b, sum, whole, nr, bias, ahead);
  for (size_t i = 0; i < rows; i++) {
    if (g->accumulate)
      g->kernels->add(whole + i * nr, c + i * g->ldc, columns);
    else
      memcpy(c + i * g->ldc, whole + i * nr, columns * sizeof *c);
  }
}

/* A task's operands for one block fit the second-level cache: 128 rows and 384 columns of 256. */
#define TASK_ROWS 128
#define TASK_COLUMNS 384

/* Row panels [p0, p1) times column panels [q0, q1); its outputs fit TASK_ROWS x TASK_COLUMNS. Sums
 * stay in a compact buffer until the last block: rows of C are often a power of two apart and would
 * evict each other from the cache. */
struct region {
  size_t p0, p1, q0, q1;
};

/* What the tiles of a block fetch meanwhile: `step` bytes each from `ahead` on, but those of the
 * last panel of B from `last` on, unless it is NULL. */
struct fetch {
  const char *ahead, *last;
  size_t step;
};

/* A block of k for a region. b: the first panel of B, the next one `b_panel` floats on. */
static void region_block(const struct gemm *g, const struct region *r, size_t k0, const float *b,
                         size_t b_panel, const struct fetch *fetch, float *sums)
{
  static const float zeros[GEMM_MAX_NR];
  const struct tile *tile = gemm_tile(g->kernels, g->b_n);
  size_t mr = (size_t)g->kernels->mr, nr = (size_t)tile->nr;
  size_t kc = min_size(GEMM_BLOCK, g->k - k0);
  bool last = k0 + kc == g->k;
  const char *ahead = fetch->ahead;
  for (size_t q = r->q0; q < r->q1; q++, b += b_panel) {
    const float *a = g->a + k0 * gemm_round_up(g->m, mr) + r->p0 * mr * kc;
    const float *bias = g->bias ? g->bias + q * nr : zeros;
    size_t columns = min_size(nr, g->n - q * nr);
    if (fetch->last && q + 1 == r->q1)
      ahead = fetch->last;
    for (size_t p = r->p0; p < r->p1; p++, a += mr * kc, sums += mr * nr, ahead += fetch->step) {
      const float *before = k0 ? sums : NULL;
      float *c = g->c + p * mr * g->ldc + q * nr;
      size_t rows = min_size(mr, g->m - p * mr);
      if (!last)
        tile->run(kc, a, b, before, sums, nr, NULL, ahead);
      else if (rows == mr && columns == nr && !g->accumulate)
        tile->run(kc, a, b, before, c, g->ldc, bias, ahead);
      else
        edge_tile(g, kc, a, b, before, c, rows, columns, bias, ahead);
    }
  }
}

/* The first panel of a region in a block of k; `floats`: of a panel. */
static const float *first_panel(const struct gemm *g, const struct region *r, size_t k0,
                                size_t *floats)
{
  size_t nr = (size_t)gemm_nr(g->kernels, g->b_n);
  *floats = nr * min_size(GEMM_BLOCK, g->b_k - k0);
  return g->b + k0 * gemm_round_up(g->b_n, nr) + r->q0 * *floats;
}

/* All blocks of k in order; each tile fetches its share of the next panel of B: of the next block
 * after the last column, of the first one for the next rows after the last block. */
static void region(const struct gemm *g, const struct region *r)
{
  _Alignas(64) float sums[TASK_ROWS * TASK_COLUMNS];
  for (size_t k0 = 0; k0 < g->k; k0 += GEMM_BLOCK) {
    size_t panel, other;
    const float *b = first_panel(g, r, k0, &panel);
    const float *next = first_panel(g, r, k0 + GEMM_BLOCK < g->k ? k0 + GEMM_BLOCK : 0, &other);
    struct fetch fetch = {(const char *)(b + panel), (const char *)next,
                          gemm_round_up(panel * sizeof(float) / (r->p1 - r->p0), 64)};
    region_block(g, r, k0, b, panel, &fetch, sums);
  }
}

struct run {
  const struct gemm *gemm;
  size_t p_panels, q_panels, p_step, q_step, p_tasks, q_tasks;
};

static struct run plan(const struct gemm *g)
{
  size_t mr = (size_t)g->kernels->mr, nr = (size_t)gemm_nr(g->kernels, g->b_n);
  struct run run = {.gemm = g,
                    .p_panels = gemm_round_up(g->m, mr) / mr,
                    .q_panels = gemm_round_up(g->n, nr) / nr,
                    .p_step = TASK_ROWS / mr,
                    .q_step = TASK_COLUMNS / nr};
  run.p_tasks = gemm_round_up(run.p_panels, run.p_step) / run.p_step;
  run.q_tasks = gemm_round_up(run.q_panels, run.q_step) / run.q_step;
  return run;
}

static void gemm_task(void *context, size_t index, int worker)
{
  const struct run *run = context;
  size_t p0 = index % run->p_tasks * run->p_step, q0 = index / run->p_tasks * run->q_step;
  struct region r = {p0, min_size(run->p_panels, p0 + run->p_step), q0,
                     min_size(run->q_panels, q0 + run->q_step)};
  (void)worker;
  region(run->gemm, &r);
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

/* Columns a task packs and multiplies with all rows: its sums fill the buffer of a region. */
#define DIRECT_COLUMNS 96 /* whole panels of every instruction set */
_Static_assert(GEMM_DIRECT_ROWS *DIRECT_COLUMNS == TASK_ROWS * TASK_COLUMNS, "one buffer");

struct direct {
  const struct gemm *gemm;
  const struct gemm_source *source;
  size_t stride; /* tasks from one of a thread to its next, about */
  atomic_bool damaged;
};

/* The panels of a task, as their rows are stored. */
struct stored {
  const void *rows[DIRECT_COLUMNS];
  enum gemm_type types[DIRECT_COLUMNS];
};

static void find_rows(const struct direct *d, size_t first, size_t columns, struct stored *stored)
{
  for (size_t j = 0; j < columns; j++)
    stored->rows[j] = d->source->row(d->source->context, first + j, &stored->types[j]);
}

static void direct_task(void *context, size_t index, int worker)
{
  struct direct *d = context;
  const struct gemm *g = d->gemm;
  _Alignas(64) float sums[TASK_ROWS * TASK_COLUMNS], packed[GEMM_BLOCK * DIRECT_COLUMNS];
  size_t mr = (size_t)g->kernels->mr, nr = (size_t)gemm_nr(g->kernels, g->b_n),
         first = index * DIRECT_COLUMNS;
  size_t columns = min_size(DIRECT_COLUMNS, g->n - first), panels = gemm_round_up(columns, nr) / nr;
  struct region r = {0, gemm_round_up(g->m, mr) / mr, first / nr, first / nr + panels};
  struct stored stored;
  bool finite = true;
  (void)worker;
  find_rows(d, first, columns, &stored);
  /* The rows of a later task, one after the other in most matrices, are fetched meanwhile. */
  size_t later = first + d->stride * DIRECT_COLUMNS;
  struct fetch fetch = {(const char *)packed, NULL, 0};
  if (later < g->n) {
    enum gemm_type type;
    fetch.ahead = d->source->row(d->source->context, later, &type);
    size_t bytes = min_size(DIRECT_COLUMNS, g->n - later) * g->k * gemm_type_size(type);
    size_t tiles = panels * r.p1 * (gemm_round_up(g->k, GEMM_BLOCK) / GEMM_BLOCK);
    fetch.step = gemm_round_up(bytes / tiles + 1, 64);
  }
  for (size_t k0 = 0; k0 < g->k; k0 += GEMM_BLOCK) {
    size_t kc = min_size(GEMM_BLOCK, g->k - k0);
    for (size_t j = 0; j < columns; j += nr)
      finite &= g->kernels->pack(stored.types + j, stored.rows + j, (int)min_size(nr, columns - j),
                                 k0, kc, (int)nr, packed + j * kc);
    region_block(g, &r, k0, packed, nr * kc, &fetch, sums);
    fetch.ahead += panels * r.p1 * fetch.step;
  }
  if (!finite)
    atomic_store(&d->damaged, true);
}

bool gemm_run_direct(const struct gemm *gemm, const struct gemm_source *source,
                     struct threads *threads)
{
  struct gemm narrow = *gemm;
  narrow.b_n = gemm->n;
  struct direct direct = {&narrow, source, (size_t)threads_count(threads), false};
  threads_run(threads, gemm_round_up(gemm->n, DIRECT_COLUMNS) / DIRECT_COLUMNS, direct_task,
              &direct);
  return !atomic_load(&direct.damaged);
}
