/* Replacements at the sites of a pass, as operations. */
#ifndef ATTEST_TAPE_REPLACING_H
#define ATTEST_TAPE_REPLACING_H

#include "tape/pass.h"

/* What a replacement's operations work with as long as the tape runs. */
struct replacing {
  const struct model_config *config;
  size_t seq_len, sequences;
  size_t count, room;
  struct written **list; /* owned */
};

void replacing_free(struct replacing *replacing);

/* The site's value after the replacements of `input` that name it; `layer` counts where the site
 * has one. On lack of memory a fault of the tape, told by tape_plan. */
size_t replacing_apply(struct replacing *replacing, struct tape *tape,
                       const struct tape_pass_input *input, enum site_kind kind, size_t layer,
                       size_t value);

#endif
