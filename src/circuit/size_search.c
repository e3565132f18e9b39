#include "circuit/size_search.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

#define OFFSETS 5 /* on either side of a middle */

const char *size_phase_name(enum size_phase phase)
{
  return phase == SIZE_OUTER ? "outer" : "binary";
}

static int evaluate(const struct size_search *s, size_t size, enum size_phase phase, double *ratio,
                    struct error *error)
{
  if (s->ratio(s->context, size, ratio, error))
    return error->code;
  if (s->visited)
    s->visited(s->context, size, *ratio, phase);
  return 0;
}

/* A search inside one step. */
struct inside {
  const struct size_search *search;
  size_t low, high; /* the step */
  double *known;    /* [high - low + 1]; NAN = not evaluated yet */
  size_t lo, hi;    /* what is left; hi may go below low */
  size_t best;      /* 0 = none */
};

static int look(struct inside *in, size_t size, double *ratio, struct error *error)
{
  double *known = &in->known[size - in->low];
  if (isnan(*known) && evaluate(in->search, size, SIZE_BINARY, known, error))
    return error->code;
  *ratio = *known;
  return 0;
}

static int try_offsets(struct inside *in, size_t mid, struct error *error)
{
  double ratio = 0;
  for (int offset = -OFFSETS; offset <= OFFSETS; offset++) {
    size_t size = mid + (size_t)offset; /* wraps below 0, which is above high, too */
    if (offset == 0 || size < in->low || size > in->high)
      continue;
    if (look(in, size, &ratio, error))
      return error->code;
    if (ratio >= in->search->threshold && (!in->best || size < in->best)) {
      in->best = size;
      in->hi = size - 1;
      return 0;
    }
  }
  return 0;
}

static int halve(struct inside *in, struct error *error)
{
  const double t = in->search->threshold;
  double ratio = 0;
  while (in->lo <= in->hi) {
    size_t mid = in->lo + (in->hi - in->lo) / 2;
    if (look(in, mid, &ratio, error))
      return error->code;
    if (ratio >= t) {
      in->best = mid;
      in->hi = mid - 1;
    } else {
      in->lo = mid + 1;
    }
    if (fabs(ratio - t) <= .1 * t && try_offsets(in, mid, error))
      return error->code;
  }
  return 0;
}

static int search_inside(const struct size_search *s, size_t low, size_t high, size_t *size,
                         struct error *error)
{
  struct inside in = {.search = s, .low = low, .high = high, .lo = low, .hi = high};
  in.known = memory_alloc(high - low + 1, sizeof *in.known, "size search", error);
  if (!in.known)
    return error->code;
  for (size_t i = 0; i <= high - low; i++)
    in.known[i] = NAN;
  int status = halve(&in, error);
  *size = in.best ? in.best : high;
  free(in.known);
  return status;
}

/* How the step changes while nothing is found. */
static size_t next_step(size_t step, double ratio, double before, double threshold)
{
  if (step < SIZE_SEARCH_STEP && (ratio < .75 * threshold || ratio < before))
    step = 2 * step > SIZE_SEARCH_STEP ? 2 * step : SIZE_SEARCH_STEP;
  if (ratio > .75 * threshold)
    step = step > 1 ? step / 2 : 1;
  return step;
}

int size_search_run(const struct size_search *s, struct size_found *found, struct error *error)
{
  double ratio = 0, before = 0; /* of the size one step below, which was the one before */
  size_t step = SIZE_SEARCH_STEP;
  *found = (struct size_found){s->bound, false};
  for (size_t size = step; size < s->bound; size += step) {
    if (evaluate(s, size, SIZE_OUTER, &ratio, error))
      return error->code;
    if (ratio > s->threshold && !found->met) {
      if (search_inside(s, size > step ? size - step : 1, size, &found->size, error))
        return error->code;
      found->met = true;
      step = SIZE_SEARCH_STEP_AFTER;
      if (s->stop)
        return 0;
    }
    if (!found->met)
      step = next_step(step, ratio, before, s->threshold);
    before = ratio;
  }
  return 0;
}

int size_scan_run(const struct size_search *s, struct size_found *found, struct error *error)
{
  double ratio = 0;
  *found = (struct size_found){s->bound, false};
  for (size_t size = 1; size <= s->bound; size++) {
    if (s->ratio(s->context, size, &ratio, error))
      return error->code;
    if (ratio >= s->threshold) {
      *found = (struct size_found){size, true};
      return 0;
    }
  }
  return 0;
}
