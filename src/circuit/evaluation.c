#include "circuit/evaluation.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/file_write.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAVE_SECONDS 20.0

static const char magic[24] = "attest circuit sizes 1";

/* The file: magic, identity, known[edges + 1], their XXH3-128. */
static size_t known_bytes(const struct evaluation *e)
{
  return (circuit_runs_graph(e->runs)->edges + 1) * sizeof *e->known;
}

static int save(struct evaluation *e, struct error *error)
{
  char hash[33];
  if (!e->file)
    return 0;
  digest_xxh3(e->known, known_bytes(e), hash);
  const struct file_part parts[] = {
      {magic, sizeof magic}, {e->identity, 32}, {e->known, known_bytes(e)}, {hash, 32}};
  int status = file_write_parts(e->file, parts, sizeof parts / sizeof *parts, error);
  e->saved = progress_clock();
  return status;
}

/* A file that is damaged, or of another run, is as good as none. */
static int load(struct evaluation *e, struct error *error)
{
  struct blob blob;
  char hash[33];
  size_t bytes = known_bytes(e), at = sizeof magic + 32;
  if (!e->file || !file_exists(e->file))
    return 0;
  if (file_map(e->file, &blob, error))
    return error->code;
  if (blob.size == at + bytes + 32 && memcmp(blob.data, magic, sizeof magic) == 0 &&
      memcmp(blob.data + sizeof magic, e->identity, 32) == 0) {
    digest_xxh3(blob.data + at, bytes, hash);
    if (memcmp(hash, blob.data + at + bytes, 32) == 0)
      memcpy(e->known, blob.data + at, bytes);
  }
  blob_free(&blob);
  return 0;
}

int evaluation_create(struct circuit_runs *runs, const size_t *order, const char *file,
                      const char *identity, struct evaluation *e, struct error *error)
{
  const struct graph *g = circuit_runs_graph(runs);
  size_t pairs = circuit_runs_pairs(runs);
  *e = (struct evaluation){.runs = runs, .order = order, .file = file, .identity = identity};
  e->clean = circuit_mean(circuit_runs_clean(runs), pairs);
  e->corrupted = circuit_mean(circuit_runs_corrupted(runs), pairs);
  e->kept = memory_alloc(g->edges, sizeof *e->kept, "circuits", error);
  e->nodes = memory_alloc(g->sources + 1, sizeof *e->nodes, "circuits", error);
  e->metric = memory_alloc(pairs, sizeof *e->metric, "circuits", error);
  e->known = memory_alloc(g->edges + 1, sizeof *e->known, "circuits", error);
  if (!e->kept || !e->nodes || !e->metric || !e->known)
    return error->code;
  for (size_t i = 0; i <= g->edges; i++)
    e->known[i] = NAN;
  e->saved = progress_clock();
  return load(e, error);
}

void evaluation_free(struct evaluation *e)
{
  free(e->kept);
  free(e->nodes);
  free(e->metric);
  free(e->known);
  *e = (struct evaluation){0};
}

/* Its edges; SIZE_MAX and the error without memory. */
static size_t take(struct evaluation *e, size_t n, struct error *error)
{
  const struct graph *g = circuit_runs_graph(e->runs);
  choice_take(g, e->order, n, e->kept);
  return choice_prune(g, e->kept, error);
}

static int check_interrupt(struct evaluation *e, struct error *error)
{
  if (!interrupt_requested() || save(e, error))
    return error->code;
  return interrupt_check(error);
}

static int know(struct evaluation *e, size_t edges, struct error *error)
{
  if (!isnan(e->known[edges]))
    return 0;
  if (check_interrupt(e, error))
    return error->code;
  if (circuit_patched_run(e->runs, e->kept, e->metric, error))
    return interrupt_requested() ? check_interrupt(e, error) : error->code;
  e->known[edges] = circuit_mean(e->metric, circuit_runs_pairs(e->runs));
  return progress_clock() - e->saved > SAVE_SECONDS ? save(e, error) : 0;
}

int evaluation_run(struct evaluation *e, size_t n, struct evaluated *evaluated, struct error *error)
{
  size_t edges = take(e, n, error);
  if (edges == SIZE_MAX || know(e, edges, error))
    return error->code;
  double metric = e->known[edges];
  *evaluated =
      (struct evaluated){.asked = n,
                         .edges = edges,
                         .nodes = choice_nodes(circuit_runs_graph(e->runs), e->kept, e->nodes),
                         .metric = metric,
                         .ratio = metric / e->clean,
                         .normalised = (metric - e->corrupted) / (e->clean - e->corrupted)};
  return 0;
}

int evaluation_ratio(void *evaluation, size_t n, double *ratio, struct error *error)
{
  struct evaluated evaluated = {0};
  int status = evaluation_run(evaluation, n, &evaluated, error);
  *ratio = evaluated.ratio;
  return status;
}

int evaluation_normalised(void *evaluation, size_t n, double *ratio, struct error *error)
{
  struct evaluated evaluated = {0};
  int status = evaluation_run(evaluation, n, &evaluated, error);
  *ratio = evaluated.normalised;
  return status;
}

int evaluation_pairs(struct evaluation *e, size_t n, double *metric, struct error *error)
{
  return take(e, n, error) == SIZE_MAX ? error->code
                                       : circuit_patched_run(e->runs, e->kept, metric, error);
}
