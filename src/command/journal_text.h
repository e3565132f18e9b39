/* The journal of a run for people: each entry as it is made, and what they read last. */
#ifndef ATTEST_COMMAND_JOURNAL_TEXT_H
#define ATTEST_COMMAND_JOURNAL_TEXT_H

#include "study/journal.h"
#include "study/reproduction.h"

struct journal_text {
  bool text;   /* to standard output; else failures alone are told, if quiet */
  bool quiet;  /* failures go to standard error: --quiet is not silence */
  bool every;  /* every reading of each figure */
  bool failed; /* memory ran out */
};

/* A journal_watcher, with a struct journal_text as its context. Notices go to standard error. */
void journal_text_watch(void *context, const struct journal *journal,
                        const struct journal_entry *entry);

/* What was compared, then the answer on one screen, then whether the checks held; `json` is where
 * the evidence goes, NULL = nowhere. Errors: EXIT_RUN. */
int journal_text_end(const struct journal *journal, const struct reproduction *reproduction,
                     struct error *error);

#endif
