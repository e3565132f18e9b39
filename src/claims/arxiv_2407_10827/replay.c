/* The published size searches, replayed on the ratios that they saw, and the circuits' sizes. */
#include "circuit/size_search.h"
#include "claims/arxiv_2407_10827/paper.h"

#include <math.h>
#include <string.h>

#define BOUND 1600 /* of the published searches */

struct replay {
  struct series known; /* edges, ratio */
  bool visited[SERIES_MOST];
  size_t foreign; /* sizes that were asked for and are not published */
};

static int ratio_of(void *context, size_t size, double *ratio, struct error *error)
{
  struct replay *replay = context;
  (void)error;
  for (size_t i = 0; i < replay->known.count; i++)
    if (replay->known.at[i] == (double)size) {
      replay->visited[i] = true;
      *ratio = replay->known.value[i];
      return 0;
    }
  replay->foreign++;
  *ratio = 0;
  return 0;
}

/* false, and outcome->missing, where there is no search to replay. */
static bool replay_run(const struct question *question, struct replay *replay,
                       struct size_found *found, struct outcome *outcome)
{
  struct error error;
  const struct size_search search = {
      .bound = BOUND, .threshold = SIZE_SEARCH_THRESHOLD, .ratio = ratio_of, .context = replay};
  *replay = (struct replay){.foreign = 0};
  if (!series_read(question, "ratio_by_size", question->assertion->model, "ioi|143000", "edges",
                   "ratio", &replay->known, outcome))
    return false;
  if (!size_search_run(&search, found, &error))
    return true;
  outcome_missing(outcome, "%.100s", error.text);
  return false;
}

static double ratio_at(const struct replay *replay, size_t size)
{
  double ratio = NAN;
  for (size_t i = 0; i < replay->known.count; i++)
    if (replay->known.at[i] == (double)size)
      ratio = replay->known.value[i];
  return ratio;
}

/* A circuit that keeps 0.8 of the metric is found. */
void search_answer(const struct question *question, struct outcome *outcome)
{
  struct replay replay;
  struct size_found found;
  if (!replay_run(question, &replay, &found, outcome))
    return;
  if (!found.met)
    outcome_words(outcome, false, "never met below %d edges", BOUND);
  else
    outcome_words(outcome, true, "yes: %zu edges keep %.3f", found.size,
                  ratio_at(&replay, found.size));
}

/* How many of the published sizes the search visits; any other one is said. */
void search_visits(const struct question *question, struct outcome *outcome)
{
  struct replay replay;
  struct size_found found;
  size_t count = 0;
  if (!replay_run(question, &replay, &found, outcome))
    return;
  for (size_t i = 0; i < replay.known.count; i++)
    count += replay.visited[i];
  if (replay.foreign)
    outcome_words(outcome, false, "%zu, and %zu others", count, replay.foreign);
  else
    outcome_add(outcome, (double)count);
}

/* Larger circuits keep 0.8, too: the ratio does not fall with more edges. */
void search_keeps(const struct question *question, struct outcome *outcome)
{
  struct replay replay;
  struct size_found found;
  size_t larger = 0, below = 0;
  if (!replay_run(question, &replay, &found, outcome))
    return;
  for (size_t i = 0; i < replay.known.count; i++) {
    larger += replay.known.at[i] > (double)found.size;
    below +=
        replay.known.at[i] > (double)found.size && replay.known.value[i] < SIZE_SEARCH_THRESHOLD;
  }
  outcome_words(outcome, !below, "%s: %zu of %zu larger sizes are below 0.8", below ? "no" : "yes",
                below, larger);
}

/* All circuits are at most so many percent of the graph's edges. Argument: the percentage. */
void circuit_share(const struct question *question, struct outcome *outcome)
{
  const char *model = question->assertion->model;
  const struct pythia *pythia = pythia_find(model);
  struct series edges;
  double most = 0;
  if (!series_read(question, "circuit_edges", model, "ioi", "step", "edges", &edges, outcome))
    return;
  for (size_t i = 0; i < edges.count; i++)
    most = fmax(most, edges.value[i]);
  double share = 100 * most / pythia_edges(pythia);
  bool holds = share <= question_number(question, 0) && most < BOUND;
  outcome_words(outcome, holds, "%s: %.0f edges at most, %.2f %%, at %zu steps",
                holds ? "yes" : "no", most, share, edges.count);
}
