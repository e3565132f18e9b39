/* The training runs of a manifest of arXiv 2404.07129: which there are, for how long, under which
 * clamps (its scripts ih_paper_runs.sh and ih_paper_appendix_runs.sh; docs/FORMATION.md). Clamped
 * runs name head 3 of layer 1 and head 2 of layer 0 for every seed, as the published ones of seed 5
 * do: nothing is chosen by its outcome. */
#ifndef ATTEST_STUDY_FORMATION_RUNS_H
#define ATTEST_STUDY_FORMATION_RUNS_H

#include "few_shot/recipe.h"
#include "manifest/manifest.h"

#define FORMATION_COMPARED 2

struct formation_run {
  char name[24];                            /* "unclamped", "classes100_B"; one of a seed */
  const char *figure;                       /* "5b" */
  const char *compared[FORMATION_COMPARED]; /* figures that show it, too; NULL: none */
  uint32_t seed;                            /* of the parameters */
  struct few_data_settings data;
  uint64_t sequences, evaluate_every, checkpoint_every; /* as in a recipe */
  struct few_clamp clamp;
  int64_t graft; /* the seed of the unclamped run that it takes layer 0 from; -1 = none */
  bool examined; /* at the end, and at every checkpoint */
  bool grafted;  /* others take from it */
  bool listed;   /* has a row; else it is there for others alone */
};

struct formation_runs {
  struct formation_run *runs; /* seed by seed; those that take from others last, owned */
  size_t count, capacity;
  size_t independent; /* so many do not */
};

/* Owner: the caller, formation_runs_free. Errors: EXIT_RUN. */
int formation_runs_of(const struct manifest_formation *formation, struct formation_runs *runs,
                      struct error *error);
void formation_runs_free(struct formation_runs *runs);

/* Whether the items have what every run needs, before the first begins. Errors: EXIT_INPUT (which
 * figures need how many classes), EXIT_RUN. */
int formation_runs_check(const struct manifest_formation *formation,
                         const struct formation_runs *runs, const struct few_items *items,
                         struct error *error);

/* Its recipe, with the items of the manifest. Borrows from both. */
struct few_recipe formation_recipe(const struct manifest_formation *formation,
                                   const struct formation_run *run);

/* "F", "gaussian" or "file". */
const char *formation_data_name(enum few_items_kind items);

/* "F-seed5" */
void formation_model_name(const struct manifest_formation *formation, uint32_t seed, char out[32]);

#endif
