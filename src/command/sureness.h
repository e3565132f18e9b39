/* What a screen that ended early says of itself, and which heads it left undecided. */
#ifndef ATTEST_COMMAND_SURENESS_H
#define ATTEST_COMMAND_SURENESS_H

#include "base/table.h"
#include "study/screening.h"

/* {"confidence", "full", "seen", "saved", "looks", "pr_n", "undecided": a row an open question};
 * json_decref. NULL without memory. */
json_t *sureness_json(const struct screening *screening, const struct revision *revision);

/* The same for a terminal. text->failed without memory. */
void sureness_text(const struct screening *screening, const struct revision *revision,
                   struct text *text);

#endif
