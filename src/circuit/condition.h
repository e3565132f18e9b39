/* The conditions of an ablation: nothing ablated, circuits, and the controls of each. */
#ifndef ATTEST_CIRCUIT_CONDITION_H
#define ATTEST_CIRCUIT_CONDITION_H

#include "circuit/control.h"

#include <stdint.h>

struct condition {
  char *name; /* "none", "induction>=10", ...; owned */
  enum control control;
  bool published;         /* drawn from the published stream over thresholds */
  uint32_t seed;          /* of a random control */
  struct head_set heads;  /* what is ablated, in the order of the circuit or of the draw */
  struct head_set beyond; /* what the model lacks */
};

/* All zero but for the grid: none yet. Release with conditions_free. */
struct conditions {
  struct head_grid grid;
  struct condition *list;
  size_t count, capacity;
};

/* A condition without heads is not run: nothing could be chosen or drawn. The baseline is. */
bool condition_runs(const struct condition *condition);

/* Errors, of all below: EXIT_RUN. */
int conditions_add_baseline(struct conditions *conditions, struct error *error);

/* Which controls a circuit gets: the random ones with each seed. */
struct control_choice {
  bool wanted[CONTROLS];
  const uint32_t *seeds; /* [seed_count]; borrowed */
  size_t seed_count;
};

/* Adds the circuit and its controls. */
int conditions_add_circuit(struct conditions *conditions, const char *name,
                           const struct head_set *circuit, const struct control_choice *choice,
                           struct error *error);

/* The same of a circuit by threshold, named like "induction>=10"; `published`: its matched-random
 * controls come from the published stream, which has to know the threshold. Errors: EXIT_INPUT for
 * another threshold, too. */
int conditions_add_threshold(struct conditions *conditions, const struct circuit_rule *rule,
                             double threshold, bool published, const struct control_choice *choice,
                             struct error *error);

void conditions_free(struct conditions *conditions);

/* The first condition with heads that the model lacks; conditions->count: none. */
size_t conditions_find_beyond(const struct conditions *conditions);

#endif
