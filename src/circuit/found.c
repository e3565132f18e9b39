#include "circuit/found.h"

#include "base/digest.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* One on its way. */
struct finding {
  struct circuit_runs *runs;
  const struct circuit_request *request;
  struct evaluation evaluation;
  struct found *found;
  struct {
    size_t size;
    double ratio;
  } * visits; /* [visit_count] of the published search; owned */
  size_t visit_count, visit_room;
  bool failed; /* no memory for a visit */
};

static size_t bound_of(const struct finding *f)
{
  size_t bound = f->request->bound;
  return bound && bound < f->found->graph.edges ? bound : f->found->graph.edges;
}

static void visited(void *context, size_t size, double ratio, enum size_phase phase)
{
  struct finding *f = context;
  void *visits = memory_room(f->visits, f->visit_count + 1, &f->visit_room, sizeof *f->visits);
  f->failed |= !visits;
  if (!visits)
    return;
  f->visits = visits;
  f->visits[f->visit_count].size = size;
  f->visits[f->visit_count++].ratio = ratio;
  if (f->request->visited)
    f->request->visited(f->request->context, size, ratio, phase);
}

static int take(struct finding *f, enum found_by by, size_t n, bool met, struct error *error)
{
  struct found_circuit *circuit = &f->found->by[by];
  circuit->met = met;
  circuit->kept = memory_alloc(f->found->graph.edges, 1, "circuits", error);
  if (!circuit->kept || evaluation_run(&f->evaluation, n, &circuit->is, error))
    return error->code;
  memcpy(circuit->kept, f->evaluation.kept, f->found->graph.edges);
  return 0;
}

/* How the ratio goes on above the size that was found. */
static void count_below(struct finding *f, size_t size)
{
  for (size_t i = 0; i < f->visit_count; i++) {
    bool seen = f->visits[i].size <= size;
    for (size_t k = 0; k < i && !seen; k++)
      seen = f->visits[k].size == f->visits[i].size;
    f->found->tried += !seen;
    f->found->below += !seen && f->visits[i].ratio < f->request->threshold;
  }
}

static int ratio_of(void *context, size_t size, double *ratio, struct error *error)
{
  struct finding *f = context;
  return evaluation_ratio(&f->evaluation, size, ratio, error);
}

static int normalised_of(void *context, size_t size, double *ratio, struct error *error)
{
  struct finding *f = context;
  return evaluation_normalised(&f->evaluation, size, ratio, error);
}

/* The published search goes on to its end: how the ratio goes on is worth knowing. */
static int search(struct finding *f, enum found_by by, struct error *error)
{
  bool published = by == FOUND_BY_RATIO;
  const struct size_search search = {.bound = bound_of(f),
                                     .threshold = f->request->threshold,
                                     .stop = !published,
                                     .ratio = published ? ratio_of : normalised_of,
                                     .visited = published ? visited : NULL,
                                     .context = f};
  struct size_found size;
  if (size_search_run(&search, &size, error))
    return error->code;
  if (f->failed)
    return error_set(error, EXIT_RUN, "size search: out of memory");
  if (published)
    count_below(f, size.size);
  return take(f, by, size.size, size.met, error);
}

static int scan(struct finding *f, struct error *error)
{
  const struct size_search search = {
      .bound = bound_of(f), .threshold = f->request->threshold, .ratio = ratio_of, .context = f};
  f->found->scanned = f->request->scan;
  return f->request->scan ? size_scan_run(&search, &f->found->least, error) : 0;
}

static int prepare(struct finding *f, float *scores, size_t *order, struct error *error)
{
  const struct circuit_request *r = f->request;
  struct found *found = f->found;
  const double *clean = circuit_runs_clean(f->runs);
  found->pairs = circuit_runs_pairs(f->runs);
  for (size_t i = 0; i < found->pairs; i++)
    found->correct += clean[i] > 0;
  found->scores = memory_alloc(found->graph.edges, sizeof *found->scores, "scores", error);
  if (!found->scores ||
      circuit_scores_run(f->runs, &r->method, r->scores_directory, r->identity, scores, error))
    return error->code;
  circuit_scores_mean(f->runs, &r->method, scores, NULL, found->scores);
  found->completeness = circuit_completeness(f->runs, &r->method, found->scores);
  if (choice_order(circuit_runs_graph(f->runs), found->scores, r->rule, order, error) ||
      evaluation_create(f->runs, order, r->sizes_file, r->identity, &f->evaluation, error))
    return error->code;
  found->clean = f->evaluation.clean;
  found->corrupted = f->evaluation.corrupted;
  return 0;
}

static size_t fixed_size(const struct finding *f)
{
  return f->request->n < f->found->graph.edges ? f->request->n : f->found->graph.edges;
}

int found_run(struct circuit_runs *runs, const struct circuit_request *request, float *scores,
              size_t *order, struct found *found, struct error *error)
{
  struct finding f = {.runs = runs, .request = request, .found = found};
  *found = (struct found){.graph = *circuit_runs_graph(runs)};
  if (!prepare(&f, scores, order, error) && !search(&f, FOUND_BY_RATIO, error) &&
      !search(&f, FOUND_BY_NORMALISED, error) &&
      !take(&f, FOUND_BY_SIZE, fixed_size(&f), true, error))
    (void)scan(&f, error);
  evaluation_free(&f.evaluation);
  free(f.visits);
  if (error->code)
    found_free(found);
  return error->code;
}

void found_free(struct found *found)
{
  free(found->scores);
  free(found->components);
  for (int by = 0; by < FOUND_WAYS; by++)
    free(found->by[by].kept);
  *found = (struct found){0};
}

void found_digest(const struct found *found, char hex[33])
{
  digest_xxh3(found->scores, found->graph.edges * sizeof *found->scores, hex);
}
