/* One way to read or replace a value of a forward pass.
 *
 * A pass computes what its hooks read, and what that depends on, and nothing else: the last layer's
 * MLP, queries other than the last, the LM head, whole layers and sequences are skipped when no
 * hook reads anything that follows from them. A hook that only writes asks for nothing: it is
 * called where the value is computed because somebody reads it or what follows from it.
 *
 * Hooks of one value are called in the order of their list, before anything else reads it: one that
 * reads in front of one that writes sees what the pass computed, one behind it what was written.
 * Every value comes once, some of them at the same time on several threads. Nobody writes: the bits
 * are those of a pass without hooks.
 *
 * Several conditions in one pass: give every condition copies of the sequences (forks.h) and its
 * hooks their range. A sequence's figures depend on its own tokens and hooks only. */
#ifndef ATTEST_PASS_HOOK_H
#define ATTEST_PASS_HOOK_H

#include "model/config.h"
#include "pass/forks.h"
#include "pass/site.h"

enum positions_kind { POSITIONS_ALL, POSITIONS_LAST, POSITIONS_LIST, POSITIONS_EACH };

/* Which positions of a sequence. */
struct positions {
  enum positions_kind kind;
  const size_t *list; /* [count], from 0, ascending; borrowed. EACH: one of every sequence, in any
                         order; with forks, of every copy the same */
  size_t count;
};

/* What a hook is shown: a value at one position of one sequence. */
struct hook_value {
  struct site site; /* with numbers, never SITE_ALL */
  size_t sequence;  /* of the pass, as numbered there */
  size_t position;
  size_t first, count; /* elements [first, first + count); all but logits come whole */
};

/* Exactly one of `read` and `write` is set. What is written must be finite. */
struct hook {
  struct site site;
  struct positions positions;
  size_t first, end; /* sequences [first, end) of the pass; end 0 = to the last */
  void (*read)(void *context, const struct hook_value *value, const float *data);
  void (*write)(void *context, const struct hook_value *value, float *data);
  void *context;
};

struct hooks {
  const struct hook *list; /* borrowed */
  size_t count;
};

/* Whether the model and its sequences have the sites and positions, and no hook would write to
 * copies what is not their own yet. Errors: EXIT_INPUT, naming the site. */
int hooks_check(const struct hooks *hooks, const struct model_config *config, size_t seq_len,
                struct error *error);
int hooks_check_forks(const struct hooks *hooks, const struct model_config *config,
                      const struct forks *forks, size_t n, struct error *error);

/* The hooks of one layer, or those outside the layers, that see some of a part of the pass. */
struct hook_set {
  const struct hook **list; /* owned: hook_set_free */
  size_t count, seq_len;
  struct portion portion;
};

/* Room for `hooks`. Errors: EXIT_RUN. */
int hook_set_create(const struct hooks *hooks, size_t seq_len, struct hook_set *set,
                    struct error *error);
void hook_set_free(struct hook_set *set);

#define HOOKS_OUTSIDE SIZE_MAX /* for `layer`: embedding, final norm, logits */

void hook_set_choose(struct hook_set *set, const struct hooks *hooks, size_t layer,
                     const struct portion *portion);
bool hook_set_has(const struct hook_set *set, enum site_kind kind);

/* Values of one site and sequence at positions [position, position + rows). */
struct hook_rows {
  struct site site;
  size_t sequence; /* index in the set's portion */
  size_t position, rows;
  size_t first, count; /* as in struct hook_value; count 0 = position + 1 */
  float *data;         /* [rows], `stride` floats apart */
  size_t stride;
};

/* Calls the hooks of the set that want some of them, by the numbers that sequences have in the
 * pass. */
void hook_set_show(const struct hook_set *set, const struct hook_rows *rows);

#endif
